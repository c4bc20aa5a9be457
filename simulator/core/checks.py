"""What a core refuses to be programmed with, and what it warns of."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.backend import Backend
from simulator.core.arraylike import numeric_array, require_finite
from simulator.errors import InputError, ShapeError, warn_user
from simulator.mapping import WeightScaling
from simulator.parameters import CoreParameters, CrossSimParameters
from simulator.parameters.core_parameters import BalancedCoreStyle, CoreStyle


def checked_matrix(matrix: Any, core: CoreParameters, backend: Backend) -> Any:
    """``matrix`` as an array of the backend. Raises ShapeError or InputError for what it is not."""
    matrix = numeric_array(matrix, "matrix", backend)
    if matrix.ndim != 2 or matrix.size == 0:
        raise ShapeError(f"matrix of shape {matrix.shape}; needed are two dimensions, not empty")
    require_finite(matrix, "matrix", backend)
    refuse_complex(matrix, core)
    return matrix


def refuse_complex(matrix: Any, core: CoreParameters) -> None:
    """Raise InputError for complex numbers where the parameters say nothing of them."""
    if matrix.dtype.kind == "c" and not (core.complex_matrix or core.complex_input):
        raise InputError("the matrix is complex; set core.complex_matrix = True in the parameters")


def warn_two_sided(params: CrossSimParameters, dtype: Any) -> None:
    """Warn where no pair of levels stands for the weight zero."""
    core, cell_bits = params.core, params.xbar.device.cell_bits
    two_sided = core.balanced.style == BalancedCoreStyle.TWO_SIDED
    if core.style == CoreStyle.BALANCED and two_sided and cell_bits > 0 and dtype != np.int8:
        warn_user(
            "core.balanced.style is TWO_SIDED with xbar.device.cell_bits > 0: no pair of "
            "levels stands for the weight zero"
        )


def warn_range(weights: Any, scaling: WeightScaling | None) -> None:
    """Warn of weights that the programmed range does not hold."""
    assert scaling is not None  # the core is programmed
    low, high = scaling.low, scaling.high
    parts = [weights.real, weights.imag] if weights.dtype.kind == "c" else [weights]
    if any(bool((p < low).any() or (p > high).any()) for p in parts):
        warn_user(
            f"weights outside the programmed range [{low:g}, {high:g}] of the core; "
            "program the whole matrix to change the range"
        )
