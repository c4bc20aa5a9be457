"""From weights to cells, step by step, as array code: range, digits, cells, levels, error, limits.

`simulator.mapping` gives each step its parameters and its inverse; the arithmetic stands here, in
the order of operations that compiled kernels repeat. ``xp`` is the module of the arrays.
"""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

import numpy as np

from simulator.kernels.programming import CellCode, Programming, Sides, Spread
from simulator.quantities import Conductances, Siemens, Weights


def fractions_of(weights: Weights, scale: tuple[float, float, float], xp: ModuleType) -> Any:
    """Weights within ``scale`` = (low, high, limit), as fractions of the limit; float64."""
    low, high, limit = scale
    weights = xp.asarray(weights, dtype=xp.float64)
    if low > -math.inf or high < math.inf:
        weights = xp.maximum(weights, low)
        xp.minimum(weights, high, out=weights)
    return weights / limit


def cells_of(w: Any, code: CellCode, xp: ModuleType) -> Any:
    """Conductances G / Gmax (slices, sides, *w.shape) of weights in [-1, 1]."""
    if code.sides == Sides.OFFSET:
        # In the order of operations in which the weights of published results were rounded.
        width = (1.0 - code.lowest) * code.span
        conductances = width * (w / 2 + 0.5) + (1.0 - width)
        return nearest_level(conductances, code.lowest, code.level_steps, xp)[None, None]
    values = sliced(w, code, xp) if code.slices else w[None]
    cells = SIDES[code.sides](values, xp)
    return on_levels(cells, code.lowest, code.level_steps, xp)


def sliced(w: Any, code: CellCode, xp: ModuleType) -> Any:
    """Digits of weights, (slices, *w.shape), as fractions of the largest digit."""
    whole = xp.rint(w * code.steps)
    sign: Any = 1.0
    if code.signed:
        sign, whole = xp.sign(whole), xp.abs(whole)
    else:
        whole = whole + code.shift
    digits = []
    for _ in range(code.slices - 1):
        # Exact for a power of two, and several times as fast as divmod.
        rest = xp.floor(whole / code.base)
        digits.append(whole - rest * code.base)
        whole = rest
    return xp.stack([*digits, whole]) * (sign / (code.base - 1))


def one_sided(values: Any, xp: ModuleType) -> Any:
    """Two cells for each value: the sign picks the cell, the magnitude its conductance."""
    cells = xp.empty((len(values), 2, *values.shape[1:]), dtype=values.dtype)
    xp.maximum(values, 0.0, out=cells[:, 0])
    xp.maximum(-values, 0.0, out=cells[:, 1])
    return cells


def two_sided(values: Any, xp: ModuleType) -> Any:
    """Two cells for each value: half the range, plus and minus half the value."""
    return xp.stack([(1.0 + values) / 2, (1.0 - values) / 2], axis=1)


def single(values: Any, xp: ModuleType) -> Any:
    """One cell for each value: the value itself."""
    return values[:, None]


SIDES = {Sides.ONE_SIDED: one_sided, Sides.TWO_SIDED: two_sided, Sides.SINGLE: single}


def on_levels(values: Any, lowest: float, steps: int, xp: ModuleType) -> Any:
    """Conductances G / Gmax of cell values in [0, 1], each on the nearest of its levels."""
    conductances = (1.0 - lowest) * values
    conductances += lowest
    return nearest_level(conductances, lowest, steps, xp)


def nearest_level(conductances: Conductances, lowest: float, steps: int, xp: ModuleType) -> Any:
    """The nearest of ``steps + 1`` levels from ``lowest`` to 1 (halves to the even one).

    ``steps`` 0 means that cells are continuous.
    """
    if steps <= 0:
        return conductances
    width = 1.0 - lowest
    # In one buffer: new memory costs as much as the arithmetic.
    level = conductances - lowest
    level *= steps / width
    xp.rint(level, out=level)
    level /= steps
    level *= width
    level += lowest
    return level


def spread_scale(siemens: Siemens, spread: Spread, full_scale: float) -> Any:
    """Standard deviation of an error, in siemens, for each unit of its magnitude."""
    if spread == Spread.CONSTANT:
        return full_scale + 0.0 * siemens
    if spread == Spread.CONDUCTANCE:
        return siemens
    # None for a cell that does not conduct.
    conducting = siemens > 0
    return conducting * full_scale**2 / (conducting * siemens + (1 - conducting) * full_scale)


def with_error(
    target: Any, normals: Any, programming: Programming, xp: ModuleType
) -> tuple[Any, bool]:
    """Cells G / Gmax with their error, within limits; and whether all of them are numbers."""
    full = programming.full_scale
    siemens = target * full
    sigma = programming.magnitude * spread_scale(siemens, programming.spread, full)
    siemens = siemens + sigma * normals
    finite = xp.isfinite(siemens).all()
    limited = xp.maximum(siemens, programming.low)
    if programming.high < math.inf:
        xp.minimum(limited, programming.high, out=limited)
    with np.errstate(over="ignore"):
        limited /= full
    return limited, bool(finite and xp.isfinite(limited).all())
