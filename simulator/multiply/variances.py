"""Variances of currents whose inputs are so small or large that squares leave the range of floats.

A variance is a product with squared voltages. Of vectors whose peak is far from one it is found in
a unit of their own, a power of two, by which the spread is multiplied again: nothing is rounded
otherwise, so a vector draws the noise of its power-of-two multiple, whatever that is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from simulator.backend import Backend
from simulator.multiply.currents import Call
from simulator.quantities import Array, Volts

VarianceOf = Callable[[Volts, Call], Array]
# Vectors whose exponents differ by less than this share a unit.
TOGETHER = 32


def variance_in_range(
    variance_of: VarianceOf, volts: Volts, call: Call, backend: Backend
) -> tuple[Array, Any]:
    """Variances (..., *rest), and the exponents of their units.

    Args:
        variance_of: The product with squares, of voltages and their call.
        volts: What the product of the call takes.
        call: Of these voltages.
        backend: Where they are. On a GPU, where a look would wait, squares stay as they are.

    Returns:
        Variances in units of ``4**exponent``, and the exponents, (batch, 1, ...), which broadcast
        against ``rest``; None where all are zero.
    """
    # What leaves the range here is found anew below.
    with np.errstate(all="ignore"):
        variance = variance_of(volts, call)
    if backend.is_asynchronous or _is_in_range(variance):
        return variance, None
    exponents = _exponents(call.product.peaks(volts), variance.dtype)
    if not exponents.any():
        return variance, None
    rest = call.vectors.ndim
    for exponent in np.unique(exponents[exponents != 0]):
        chosen = exponents == exponent
        some, part = call.part(volts, chosen)
        place = (Ellipsis, chosen, *[slice(None)] * (rest - 1))
        variance[place] = variance_of(np.ldexp(some, -exponent), part)
    return variance, exponents.reshape(-1, *[1] * (rest - 1))


def scaled(spread: Array, exponents: Any) -> Array:
    """Spreads, or the noise made of them, in the unit of the currents."""
    return spread if exponents is None else np.ldexp(spread, exponents)


def _is_in_range(variance: Array) -> bool:
    if not variance.size:
        return True
    limits = np.finfo(variance.dtype)
    # Below, a number has fewer digits.
    least = limits.tiny / limits.eps
    return least < float(variance.min()) and float(variance.max()) <= float(limits.max)


def _exponents(peaks: Array, dtype: Any) -> np.ndarray:
    """The exponent of each peak, (batch,); zero for vectors that need no unit of their own."""
    exponents = np.frexp(peaks)[1] // TOGETHER * TOGETHER
    # A quarter of the range of the exponents on either side of one is left to the cells.
    fits = np.abs(exponents) <= np.finfo(dtype).maxexp // 4
    return np.where(fits | (peaks == 0), 0, exponents)
