"""What is computed digitally about an analog product: scaling of the inputs, and what is done when
an output leaves the range of the ADC.

Vectors are columns: inputs (lines, vectors), outputs (outputs, vectors). Formulas are those that
Gokmen, Onen and Haensch (Front. Neurosci. 11:538, 2017) name noise and bound management.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from adapters.aihwkit.engine.configuration.enums import (
    AnalogMVType,
    BoundManagementType,
    NoiseManagementType,
)
from adapters.aihwkit.engine.configuration.io import IOParameters
from simulator import InputError

# Largest weight that the worst case of a sum of inputs reckons with.
ASSUMED_WEIGHT = 0.6
# A level that is rounded is not beyond a bound that is another one.
ROUNDING = 1e-5
Multiply = Callable[[Any], Any]


def is_exact(io: IOParameters) -> bool:
    """True where nothing of the signal path is simulated."""
    return io.is_perfect or io.mv_type == AnalogMVType.IDEAL


def resolution(value: float) -> float:
    """Step as a fraction of the full range; 0 = none. Above 1 it counts the steps."""
    if value <= 0:
        return 0.0
    return 1 / value if value > 1 else value


def out_bound(io: IOParameters) -> float:
    """Largest output that the ADC gives; infinity without a bound."""
    return io.out_bound if io.out_bound > 0 else math.inf


def managed(multiply: Multiply, x: Any, io: IOParameters, bounded: bool) -> Any:
    """``multiply`` of (lines, vectors), scaled for the converters and back.

    ``bounded`` applies bound management. The result may be written to.
    """
    if is_exact(io):
        y = multiply(x)
        return y if io.out_scale == 1 else y * x.dtype.type(io.out_scale)
    divisors = _divisors(x, io)
    if divisors is not None:
        if not np.isfinite(divisors).all():
            raise InputError("inputs of a tile: got nan or inf; allowed are finite numbers")
        there = divisors > 0
        # Where nothing is applied nothing is read, not even noise.
        x = x * np.where(there, 1 / np.where(there, divisors, 1), 0).astype(x.dtype)
    caps = None
    if divisors is not None and io.nm_thres > 0:
        caps = io.nm_thres / np.where(there, divisors, 1)
    if io.inp_bound < math.inf and resolution(io.inp_res) == 0:
        # There is no DAC that would clip them.
        product, bound = multiply, io.inp_bound

        def multiply(x: Any) -> Any:
            return product(np.clip(x, -bound, bound))

    y = _within_bound(multiply, x, io, bounded, caps)
    if divisors is not None:
        y *= np.where(there, divisors, 0).astype(y.dtype)
    if io.out_scale != 1:
        y *= y.dtype.type(io.out_scale)
    return y


def largest(x: Any) -> Any:
    """Largest magnitude of each column."""
    return np.maximum(x.max(axis=0), -x.min(axis=0))


def _divisors(x: Any, io: IOParameters) -> Any:
    """What the inputs of each vector are divided by; None for nothing."""
    kind, cap = io.noise_management, io.nm_thres
    if kind == NoiseManagementType.NONE:
        return None
    if kind == NoiseManagementType.CONSTANT:
        return np.full(x.shape[1], cap if cap > 0 else 1.0, x.dtype)
    top = x.max(axis=0) if kind == NoiseManagementType.MAX else largest(x)
    if cap > 0:
        top = np.minimum(top, x.dtype.type(cap))
    return _worst_case(x, top, io) if kind == NoiseManagementType.ABS_MAX_NP_SUM else top


def _worst_case(x: Any, top: Any, io: IOParameters) -> Any:
    """A divisor that keeps the outputs of cells at the assumed weight within the bound.

    Inputs keep ``1 / max_bm_res`` steps of the DAC at least.
    """
    total = np.maximum(np.maximum(x, 0).sum(axis=0), np.maximum(-x, 0).sum(axis=0))
    wanted = total * (ASSUMED_WEIGHT / out_bound(io))
    width = _input_step(io)
    if width > 0:
        wanted = np.minimum(wanted, top / width * io.max_bm_res)
    return np.maximum(top, wanted)


def _input_step(io: IOParameters) -> float:
    width = 2 * resolution(io.inp_res) * io.inp_bound
    return width if math.isfinite(width) else 0.0


def _within_bound(multiply: Multiply, x: Any, io: IOParameters, bounded: bool, caps: Any) -> Any:
    """Products; vectors whose outputs exceed the bound are repeated with smaller inputs.

    ``caps`` limit what the worst case takes for the largest input of each vector.
    """
    bound, y = out_bound(io), multiply(x)
    if bound == math.inf or not max(y.max(initial=0), -y.min(initial=0)) > _limit(bound):
        return y
    again = _beyond(y, bound)
    np.clip(y, -bound, bound, out=y)
    kind = io.bound_management if bounded else BoundManagementType.NONE
    if kind == BoundManagementType.NONE:
        return y
    back = np.ones(len(again), y.dtype)
    if kind == BoundManagementType.ITERATIVE_WORST_CASE and _may_reduce(1, io):
        top = largest(x[:, again])
        top = top if caps is None else np.minimum(top, caps[again].astype(top.dtype))
        back = _worst_case(x[:, again], top, io)
        again, back = _repeat(multiply, x, y, again, back, bound)
    reduction = 1
    while len(again) and _may_reduce(reduction, io):
        reduction, back = 2 * reduction, 2 * back
        again, back = _repeat(multiply, x, y, again, back, bound)
    return y


def _repeat(multiply: Multiply, x: Any, y: Any, again: Any, back: Any, bound: float) -> Any:
    """Multiply the vectors ``again`` with inputs divided by ``back``; which are still beyond."""
    some = multiply(x[:, again] / back)
    still = _beyond(some, bound)
    y[:, again] = np.clip(some, -bound, bound) * back
    return again[still], back[still]


def _may_reduce(reduction: int, io: IOParameters) -> bool:
    width = _input_step(io)
    if reduction > io.max_bm_factor:
        return False
    return not (width > 0 and reduction > io.max_bm_res / width)


def _beyond(y: Any, bound: float) -> Any:
    """Numbers of the vectors with an output beyond the bound."""
    return np.flatnonzero(largest(y) > _limit(bound))


def _limit(bound: float) -> float:
    return bound * (1 + ROUNDING)
