"""How kernels and images of Keras lie on arrays, in NumPy: outputs first, channels first."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from adapters.neutral import (
    AnalogConvolution1D,
    AnalogConvolution2D,
    AnalogConvolution3D,
    AnalogLayer,
    AnalogLinear,
)
from adapters.shared.lowering import stream_of
from simulator import NotSupportedError

CONVOLUTIONS = {1: AnalogConvolution1D, 2: AnalogConvolution2D, 3: AnalogConvolution3D}


class Layout(ABC):
    """The matrix of a layer: one array for each of ``groups`` groups of outputs."""

    groups: int

    @property
    @abstractmethod
    def weight_shape(self) -> tuple[int, ...]:
        """Shape of what ``weight`` returns."""

    @abstractmethod
    def weight(self, kernel: np.ndarray) -> np.ndarray:
        """The kernel as arrays hold it, (outputs, inputs of one group, *window)."""

    @abstractmethod
    def kernel(self, weight: np.ndarray) -> np.ndarray:
        """The weight as Keras holds it; inverts the above."""

    @abstractmethod
    def group(self, params: Any, bias_rows: int, stream: int) -> AnalogLayer:
        """The arrays of one group, not yet programmed."""

    @abstractmethod
    def multiply(self, groups: list[Any], x: np.ndarray) -> np.ndarray:
        """Products of inputs as Keras has them, without digital bias."""

    def build(self, params: Any, bias_rows: int, stream: str, chip: int) -> list[AnalogLayer]:
        """The arrays of all groups; name and number of the chip choose their random streams."""
        names = [stream] if self.groups == 1 else [f"{stream}/{g}" for g in range(self.groups)]
        again = f"#{chip}" if chip else ""
        return [self.group(params, bias_rows, stream_of(name + again)) for name in names]


@dataclass(frozen=True)
class DenseLayout(Layout):
    """Kernel (inputs, units), inputs (..., inputs)."""

    inputs: int
    units: int
    groups = 1

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """(units, inputs)"""
        return (self.units, self.inputs)

    def weight(self, kernel: np.ndarray) -> np.ndarray:
        """(units, inputs)"""
        return kernel.T

    def kernel(self, weight: np.ndarray) -> np.ndarray:
        """(inputs, units)"""
        return weight.T

    def group(self, params: Any, bias_rows: int, stream: int) -> AnalogLayer:
        """One array for the whole layer."""
        return AnalogLinear(params, self.inputs, self.units, bias_rows, stream=stream)

    def multiply(self, groups: list[Any], x: np.ndarray) -> np.ndarray:
        """(..., units)"""
        return groups[0].apply(x)


@dataclass(frozen=True)
class ConvLayout(Layout):
    """Kernel (*window, channels of a group, filters), or (*window, channels, multiplier).

    The latter where ``depthwise``: then every channel is a group. Inputs are (batch, *space,
    channels), or (batch, channels, *space) where not ``channels_last``. ``padding`` is "valid",
    "same" or "causal".
    """

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int
    padding: str
    channels_last: bool
    depthwise: bool

    @property
    def window(self) -> tuple[int, ...]:
        """Size of the kernel in space."""
        return self.shape[:-2]

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """(filters, channels of a group, *window)"""
        inputs, outputs = self.shape[-2:]
        first = (inputs * outputs, 1) if self.depthwise else (outputs, inputs)
        return (*first, *self.window)

    def weight(self, kernel: np.ndarray) -> np.ndarray:
        """(filters, channels of a group, *window)"""
        if not self.depthwise:
            return np.moveaxis(kernel, (-1, -2), (0, 1))
        return np.moveaxis(kernel, (-2, -1), (0, 1)).reshape(self.weight_shape)

    def kernel(self, weight: np.ndarray) -> np.ndarray:
        """As the layer holds it."""
        if not self.depthwise:
            return np.moveaxis(weight, (0, 1), (-1, -2))
        outputs = weight.reshape(*self.shape[-2:], *self.window)
        return np.moveaxis(outputs, (0, 1), (-2, -1))

    def group(self, params: Any, bias_rows: int, stream: int) -> AnalogLayer:
        """The array of some channels and their filters."""
        channels = 1 if self.depthwise else self.shape[-2]
        filters = self.shape[-1] if self.depthwise else self.shape[-1] // self.groups
        made = CONVOLUTIONS[len(self.window)](
            params, channels, filters, self.window, self.strides, self.dilation,
            bias_rows=bias_rows, stream=stream,
        )  # fmt: skip
        if made.core.backend.xp is not np:
            raise NotSupportedError(
                "convolutions of Keras layers run on the CPU; set simulation.useGPU = False, or "
                "use adapters.torch, which has them on the GPU"
            )
        return made

    def multiply(self, groups: list[Any], x: np.ndarray) -> np.ndarray:
        """(batch, *positions, filters), or with the channels where the inputs have them."""
        images = np.moveaxis(x, -1, 1) if self.channels_last else x
        space = images.shape[2:]
        pads = [(0, 0), (0, 0), *self._pads(space)] if len(space) == len(self.window) else None
        if pads and np.any(pads):
            images = np.pad(images, pads)
        width = images.shape[1] // self.groups
        parts = [
            group.apply(images[:, g * width : (g + 1) * width]) for g, group in enumerate(groups)
        ]
        y = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
        return np.moveaxis(y, 1, -1) if self.channels_last else y

    def _pads(self, space: tuple[int, ...]) -> list[tuple[int, int]]:
        """Zeros before and after every axis of space; with "same" the odd one is behind."""
        reach = [d * (k - 1) for d, k in zip(self.dilation, self.window, strict=True)]
        if self.padding == "valid":
            return [(0, 0)] * len(space)
        if self.padding == "causal":
            return [(n, 0) for n in reach]
        total = [
            max(0, n - (size - 1) % stride)
            for n, size, stride in zip(reach, space, self.strides, strict=True)
        ]
        return [(n // 2, n - n // 2) for n in total]
