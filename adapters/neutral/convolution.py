"""Convolutions in one, two and three dimensions, of inputs that are already padded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from adapters.neutral.layer import AnalogLayer, count, shaped, with_ones
from adapters.neutral.windows import WindowProduct
from adapters.shared.lowering import layer_matrix
from adapters.shared.per_layer import LayerParams
from simulator import InputError, ParameterError, ShapeError


class AnalogConvolution(AnalogLayer):
    """Convolution on one matrix (Noc, Nic * kernel + bias_rows); the bias is on the last columns.

    Columns are in the order of the weight: channel, then kernel. With groups the matrix is as wide,
    and zero between the channels of different groups.

    Args:
        params: the hardware; one tree, or a list with one for each array.
        Nic: channels of the input.
        Noc: channels of the output.
        kernel_size: a number, or one per dimension of space; so are ``stride`` and ``dilation``.
        stride: steps between windows, in pixels.
        dilation: steps between taps of a window, in pixels.
        groups: into how many groups channels are cut; it divides both numbers of channels.
        bias_rows: input lines that hold the bias; 0 for none.
        stream: tells layers of one ``simulation.seed`` apart.

    Raises:
        ParameterError: sizes that are no counts, or parameters that no array can have.
    """

    dimensions: ClassVar[int] = 0

    def __init__(
        self,
        params: LayerParams,
        Nic: int,
        Noc: int,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] = 1,
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
        bias_rows: int = 0,
        *,
        stream: int = 0,
    ) -> None:
        self.Nic, self.Noc = count("Nic", Nic), count("Noc", Noc)
        self.groups, self.bias_rows = count("groups", groups), count("bias_rows", bias_rows, 0)
        if self.Nic % self.groups or self.Noc % self.groups:
            raise ParameterError(f"groups = {groups} does not divide Nic = {Nic} and Noc = {Noc}")
        self.kernel_size = self._sizes("kernel_size", kernel_size)
        self.stride = self._sizes("stride", stride)
        self.dilation = self._sizes("dilation", dilation)
        lines = self.Nic * int(np.prod(self.kernel_size))
        rows = slice(0, self.Noc)
        self.weight_mask = (rows, slice(0, lines))
        self.bias_mask = (rows, slice(lines, lines + self.bias_rows)) if self.bias_rows else None
        self._build((self.Noc, lines + self.bias_rows), _of_convolution(params), stream)
        self._windows = WindowProduct(
            self.kernel_size, self.stride, self.dilation, self.bias_rows, backend=self.core.backend
        )

    def _sizes(self, name: str, value: Any) -> tuple[int, ...]:
        values = value if isinstance(value, tuple | list) else [value] * self.dimensions
        if len(values) != self.dimensions:
            raise ParameterError(f"{name}: got {value!r}; allowed are {self.dimensions} sizes")
        return tuple(count(name, size) for size in values)

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """Shape of the weight: (Noc, Nic / groups, *kernel)."""
        return (self.Noc, self.Nic // self.groups, *self.kernel_size)

    def form_matrix(self, weight: ArrayLike, bias: ArrayLike | None = None) -> np.ndarray:
        """The target matrix of weights.

        Args:
            weight: (Noc, Nic / groups, *kernel).
            bias: (Noc,); None for zeros. Without bias rows it is left out.

        Returns:
            (Noc, Nic * kernel + bias_rows), in the dtype of the weight.

        Raises:
            ShapeError: weights of another shape.
        """
        weight = shaped("weight", weight, self.weight_shape)
        bias = np.zeros(self.Noc, weight.dtype) if bias is None else np.asarray(bias)
        full = np.zeros((self.Noc, self.Nic, *self.kernel_size), weight.dtype)
        for rows, channels in self._blocks():
            full[rows, channels] = weight[rows]
        return layer_matrix(full, shaped("bias", bias, (self.Noc,)), self.bias_rows, np)

    def get_core_weights(self) -> tuple[np.ndarray, np.ndarray | None]:
        """The weights that the cells hold, with all their errors.

        Returns:
            Weight (Noc, Nic / groups, *kernel) and bias (Noc,), None without bias rows.
        """
        matrix = self.get_matrix()
        full = matrix[self.weight_mask].reshape(self.Noc, self.Nic, *self.kernel_size)
        weight = np.concatenate([full[rows, channels] for rows, channels in self._blocks()])
        return weight, matrix[self.bias_mask].sum(axis=1) if self.bias_mask else None

    def _blocks(self) -> list[tuple[slice, slice]]:
        """Outputs and channels of every group."""
        rows, channels = self.Noc // self.groups, self.Nic // self.groups
        return [
            (slice(g * rows, (g + 1) * rows), slice(g * channels, (g + 1) * channels))
            for g in range(self.groups)
        ]

    def apply(self, inputs: ArrayLike) -> np.ndarray:
        """Products with the windows of images that are already padded.

        Args:
            inputs: (batch, Nic, *space), or (Nic, *space) of one image.

        Returns:
            (batch, Noc, *positions), or without the batch. Positions along an axis are
            ``floor((size - dilation * (kernel - 1) - 1) / stride) + 1``.

        Raises:
            ShapeError: inputs of another shape, or smaller than the kernel.
            InputError: inputs that are complex or not finite, or arrays that are not programmed.
        """
        x = np.asarray(inputs)
        if x.dtype.kind == "c":
            raise InputError("inputs are complex; give the real and the imaginary part in turn")
        x = x if x.dtype.kind == "f" else x.astype(np.float64)
        if x.ndim not in (self.dimensions + 1, self.dimensions + 2) or (
            x.shape[-self.dimensions - 1] != self.Nic
        ):
            raise ShapeError(
                f"inputs of shape {x.shape}; needed is (batch, {self.Nic}, *space) or "
                f"({self.Nic}, *space) with {self.dimensions} dimension(s) of space"
            )
        images = x if x.ndim == self.dimensions + 2 else x[None]
        batch, *positions = self._windows.rest(images)
        if min(positions) < 1:
            raise ShapeError(f"inputs of shape {x.shape} are smaller than the kernel")
        if not batch:
            return np.empty((0, self.Noc, *positions), x.dtype)
        out = self.core.multiply(with_ones(images, self.bias_rows, axis=1), self._windows)
        out = np.ascontiguousarray(np.moveaxis(out, 0, 1))
        return out if x.ndim == self.dimensions + 2 else out[0]


class AnalogConvolution1D(AnalogConvolution):
    """Over inputs (Nic, length)."""

    dimensions = 1


class AnalogConvolution2D(AnalogConvolution):
    """Over inputs (Nic, height, width)."""

    dimensions = 2


class AnalogConvolution3D(AnalogConvolution):
    """Over inputs (Nic, depth, height, width)."""

    dimensions = 3


def _of_convolution(params: LayerParams) -> LayerParams:
    """Copies of the parameters that say what they are for."""
    if isinstance(params, list | tuple):
        return [_of_convolution(each) for each in params]
    copy = params.copy()
    copy.simulation.convolution.is_conv_core = True
    return copy
