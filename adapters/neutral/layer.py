"""What all layers without a framework share: one core, and where its weights lie in the matrix."""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from adapters.shared.per_layer import LayerParams
from simulator import AnalogCore, CrossSimParameters, ParameterError, ShapeError

Mask = tuple[slice, slice]


class AnalogLayer(ABC):
    """A matrix of weights and bias lines on analog arrays.

    ``weight_mask`` and ``bias_mask`` are rows and columns of weight and bias in the matrix;
    ``bias_mask`` is None without bias lines. ``params`` is a copy of the parameters of the core,
    which programs nothing until ``set_matrix``; ``stream`` tells layers of one seed apart.
    """

    core: AnalogCore
    weight_mask: Mask
    bias_mask: Mask | None

    def _build(self, shape: tuple[int, int], params: LayerParams, stream: int) -> None:
        self.core = AnalogCore(np.zeros(shape), params, empty_matrix=True, stream=stream)

    @property
    def params(self) -> CrossSimParameters:
        """The parameters of the core."""
        return self.core.params

    @abstractmethod
    def form_matrix(self, *args: Any, **kwargs: Any) -> np.ndarray:
        """The target matrix of weights and bias, in the shape of the core, unit of the weights."""

    @abstractmethod
    def get_core_weights(self) -> tuple[Any, ...]:
        """Weights and bias that the cells hold, with all their errors; None without a bias."""

    @abstractmethod
    def apply(self, *args: Any) -> Any:
        """Products with the arrays."""

    def set_matrix(
        self, matrix: ArrayLike, verbose: bool = False, error_mask: Mask | None = None
    ) -> None:
        """Program a matrix: new programming errors.

        Args:
            matrix: what ``form_matrix`` returned, of the shape of the core.
            verbose: log the range of the matrix.
            error_mask: (rows, columns) that are programmed; all other cells stay. None for all.

        Raises:
            ShapeError: a matrix of another shape.
            InputError: values that are not finite.
        """
        self.core.set_matrix(matrix, verbose=verbose, error_mask=error_mask)

    def get_matrix(self) -> np.ndarray:
        """The matrix that the cells hold, errors included, in the shape of ``form_matrix``.

        Raises:
            InputError: nothing has been programmed yet.
        """
        return self.core.get_matrix()

    def __setitem__(self, key: Any, value: Any) -> None:
        self.core[key] = value

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the matrix."""
        return self.core.shape

    @property
    def min(self) -> float:
        """Lower end of the range of weights."""
        return self.core.min

    @property
    def max(self) -> float:
        """Upper end of the range of weights."""
        return self.core.max

    @property
    def absmax(self) -> float:
        """Larger magnitude of the range of weights."""
        return max(abs(self.min), abs(self.max))

    @property
    def dtype(self) -> Any:
        """Dtype of the programmed matrix."""
        return self.core.dtype

    @property
    def cores(self) -> Any:
        """The physical arrays, ``cores[row part][column part]``."""
        return self.core.cores

    @property
    def Ncores(self) -> int:
        """Number of arrays."""
        return self.core.Ncores

    @property
    def num_cores_row(self) -> int:
        """Number of parts the rows are cut into."""
        return self.core.num_cores_row

    @property
    def num_cores_col(self) -> int:
        """Number of parts the columns are cut into."""
        return self.core.num_cores_col


def count(name: str, value: Any, least: int = 1) -> int:
    """``value`` as an integer of at least ``least``. Raises ParameterError naming ``name``."""
    try:
        number = least - 1 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = least - 1
    if number < least:
        raise ParameterError(f"{name}: got {value!r}; allowed is an integer from {least} on")
    return number


def shaped(name: str, values: ArrayLike, shape: tuple[int, ...]) -> np.ndarray:
    """``values`` as an array of ``shape``. Raises ShapeError naming ``name``."""
    array = np.asarray(values)
    if array.shape != shape:
        raise ShapeError(f"{name} of shape {array.shape}; needed is {shape}")
    return array


def with_ones(inputs: np.ndarray, lines: int, axis: int) -> np.ndarray:
    """``inputs`` and the constant inputs of ``lines`` bias lines along ``axis``."""
    if lines == 0:
        return inputs
    shape = list(inputs.shape)
    shape[axis] = lines
    return np.concatenate([inputs, np.ones(shape, inputs.dtype)], axis=axis)
