"""Fourier transforms as products with analog arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from simulator import AnalogCore, CrossSimParameters
from simulator.errors import ParameterError, ShapeError


class DFT:
    """The discrete Fourier transform of length `N_ft`, its matrix held by an analog core.

    The matrix is that of :func:`numpy.fft.fft`, or with `inverse` its conjugate, which is
    ``N_ft`` times that of :func:`numpy.fft.ifft`; with `normalize` both are divided by
    ``sqrt(N_ft)`` and become unitary. The parts of its entries fill the range of the cells either
    way.

    Args:
        N_ft: length, at least 2.
        params: the hardware, or a list with one entry per array. They are copied; the copy is set
            to complex numbers and to the range of the matrix.
        normalize: divide by ``sqrt(N_ft)``.
        inverse: conjugate.
        dtype: complex dtype of the matrix; complex64 computes in single precision.
        stream: number that tells cores of the same ``simulation.seed`` apart.

    Raises:
        ParameterError: no parameters, an impossible length or dtype, parameters that contradict
            each other.
    """

    def __init__(
        self,
        N_ft: int,
        params: CrossSimParameters | Sequence[CrossSimParameters] | None = None,
        normalize: bool = False,
        inverse: bool = False,
        *,
        dtype: Any = np.complex128,
        stream: int = 0,
    ) -> None:
        if params is None:
            raise ParameterError("DFT: params is None; give the parameters of the core")
        if isinstance(N_ft, bool) or not isinstance(N_ft, int | np.integer) or N_ft < 2:
            raise ParameterError(f"DFT: N_ft = {N_ft!r}; allowed is an integer from 2 on")
        if np.dtype(dtype).kind != "c":
            raise ParameterError(f"DFT: dtype = {dtype!r}; allowed are complex64 and complex128")
        self.N_ft = int(N_ft)
        scale = self.N_ft**-0.5 if normalize else 1.0
        matrix = (scale * dft_matrix(self.N_ft, inverse)).astype(dtype)
        self.core = AnalogCore(matrix, _for_matrix(params, scale), stream=stream)
        self.params = self.core.params

    @property
    def Ncores(self) -> int:
        """Number of arrays the matrix is cut into."""
        return self.core.Ncores

    @property
    def cores(self) -> Any:
        """The arrays, ``cores[row part][column part]``."""
        return self.core.cores

    def get_matrix(self) -> Any:
        """The complex matrix that the cells hold, (N_ft, N_ft)."""
        return self.core.get_matrix()

    def dft_1d(self, x: Any) -> Any:
        """The transform of `x` along its last axis, (..., N_ft), or of a column (N_ft, 1).

        The vectors of a batch are converted with one range. Raises ShapeError.
        """
        x = self._numbers(x)
        if x.shape == (self.N_ft, 1) or (x.ndim == 1 and len(x) == self.N_ft):
            return self.core.matvec(x)
        if x.ndim < 2 or x.shape[-1] != self.N_ft:
            raise ShapeError(f"signals of shape {x.shape}; allowed is (..., {self.N_ft})")
        vectors = x.reshape(-1, self.N_ft)
        return self.core.matmat(vectors.T).T.reshape(x.shape)

    def dft_2d(self, X: Any) -> Any:
        """The transform of `X` along its last two axes, (..., N_ft, N_ft): ``core @ X @ core``.

        Columns are driven from one side of the arrays and rows from the other. Raises ShapeError.
        """
        X = self._numbers(X)
        if X.ndim < 2 or X.shape[-2:] != (self.N_ft, self.N_ft):
            raise ShapeError(
                f"images of shape {X.shape}; allowed is (..., {self.N_ft}, {self.N_ft})"
            )
        return (self.core @ X) @ self.core

    def _numbers(self, x: Any) -> Any:
        return x if hasattr(x, "shape") else np.asarray(x)


def dft_matrix(length: int, inverse: bool = False) -> np.ndarray:
    """Return the matrix ``exp(-2 pi i j k / length)``, or its conjugate; complex128.

    Each phase is reduced to one turn as an integer, so that entries are exact to rounding.
    """
    turns = np.arange(length)
    circle = np.exp((2j if inverse else -2j) * np.pi * turns / length)
    return circle[np.outer(turns, turns) % length]


def _for_matrix(params: Any, limit: float) -> Any:
    """Return a copy of `params`, one or several, for matrices whose parts lie within `limit`."""
    if isinstance(params, list | tuple):
        return [_for_matrix(each, limit) for each in params]
    if not isinstance(params, CrossSimParameters):
        raise ParameterError(
            f"DFT: params is a {type(params).__name__}; allowed is a CrossSimParameters, or a list"
            " of them"
        )
    copy = params.copy()
    copy.core.complex_matrix = True
    weights = copy.core.mapping.weights
    weights.min, weights.max, weights.percentile = -limit, limit, None
    return copy
