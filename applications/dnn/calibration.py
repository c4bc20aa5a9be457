"""Ranges of converters from profiled values, one layer after the other.

They take what ``get_profiled_xbar_inputs`` and ``get_profiled_adc_inputs`` return. A model that is
at hand is calibrated in one call by ``adapters.torch.calibrate``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import optimize

from simulator.errors import InputError, ParameterError

# Shares of values outside a range are searched as powers of ten, from here and so closely.
FIRST_EXPONENT, TOLERANCE = -4.0, 0.1
# Currents that reach less far below zero than this, relative to the highest, count as positive.
BELOW_ZERO = 0.01


def calibrate_input_limits(
    all_xbar_inputs: Sequence[Any], Nbits: int = 0, norm_ord: float = 1.0
) -> np.ndarray:
    """Input ranges (layers, 2) of layers behind a rectifier: from zero to a high percentile.

    The percentile is the one with the least L_p norm, p = ``norm_ord``, of the error of ``Nbits``
    bits; with 0 bits the range ends at the largest input. Raises InputError for a layer without
    values.
    """
    limits = np.zeros((len(all_xbar_inputs), 2))
    for place, inputs in enumerate(all_xbar_inputs):
        values = _values(inputs, place).ravel()
        limits[place, 1] = values.max()
        if Nbits > 0 and limits[place, 1] > 0:
            limits[place, 1] = _optimised(
                values, lambda e, v=values: (0.0, _percentile(v, 100 * (1 - 10.0**e[0]))),
                1, Nbits, norm_ord,
            )[1]  # fmt: skip
    return limits


def calibrate_adc_limits(
    analog_layers: Sequence[Any],
    all_adc_inputs: Sequence[Any],
    Nbits: int = 0,
    norm_ord: float = 1.0,
    bitslice_pct: float = 99.99,
) -> Any:
    """Ranges of the ADCs, in currents of one full cell at full input.

    Of whole weights an array (layers, 2): between the two percentiles with the least L_p norm,
    p = ``norm_ord``, of the error of ``Nbits`` bits, or between the extremes with 0 bits. Where
    weights are bit-sliced a list with an array (slices, 2) for each layer: the inputs of an array
    over the largest power of two that leaves ``bitslice_pct`` % of the currents inside, on either
    side; without a sign where there are no negative currents.

    Raises InputError for a layer without values, ParameterError for lists of different length.
    """
    if len(analog_layers) != len(all_adc_inputs):
        raise ParameterError(
            f"all_adc_inputs: {len(all_adc_inputs)} entries for {len(analog_layers)} layers"
        )
    limits = [
        _sliced(layer, _values(amps, place), bitslice_pct)
        if _is_sliced(layer)
        else _whole(_values(amps, place).ravel(), Nbits, norm_ord)
        for place, (layer, amps) in enumerate(zip(analog_layers, all_adc_inputs, strict=True))
    ]
    return limits if any(map(_is_sliced, analog_layers)) else np.asarray(limits).reshape(-1, 2)


def _is_sliced(layer: Any) -> bool:
    return layer.core.params.core.style.name == "BITSLICED"


def _values(given: Any, place: int) -> np.ndarray:
    values = np.asarray([] if given is None else given)
    if not values.size:
        raise InputError(f"layer {place} has no profiled values")
    return values


def _whole(values: np.ndarray, bits: int, norm: float) -> np.ndarray:
    if bits <= 0 or values.min() == values.max():
        return np.asarray([values.min(), values.max()], dtype=np.float64)

    def ends(exponents: Any) -> tuple[float, float]:
        below, above = (10.0**e for e in exponents)
        return _percentile(values, 100 * below), _percentile(values, 100 * (1 - above))

    return np.asarray(_optimised(values, ends, 2, bits, norm))


def _percentile(values: np.ndarray, percentile: float) -> float:
    return float(np.percentile(values, min(max(percentile, 0.0), 100.0)))


def _optimised(
    values: np.ndarray, ends: Callable[[Any], tuple[float, float]], count: int, bits: int,
    norm: float,
) -> tuple[float, float]:  # fmt: skip
    """The ends of the range with the least error, over ``count`` exponents."""

    def error(exponents: Any) -> float:
        low, high = ends(exponents)
        if low >= high:
            return math.inf
        steps = (2**bits - 1) / (high - low)
        rounded = np.rint((np.clip(values, low, high) - low) * steps) / steps + low
        return float(np.linalg.norm(values - rounded, ord=norm))

    start = [FIRST_EXPONENT] * count
    found = optimize.minimize(error, start, method="nelder-mead", tol=TOLERANCE)
    return ends(found.x)


def _sliced(layer: Any, amps: np.ndarray, percentile: float) -> np.ndarray:
    """A range for each slice, (slices, 2); ``amps`` (slices, ...)."""
    inputs = max(layer.core.NcolsVec)
    flat = amps.reshape(len(amps), -1)
    ends = np.percentile(flat, [100 - percentile, percentile], axis=1).T
    signed = layer.core.params.core.bit_sliced.style.name == "BALANCED" or bool(
        ends[:, 0].min() < -BELOW_ZERO * np.abs(ends).max()
    )
    tops = [_shiftable(max(abs(low), abs(high)), inputs) for low, high in ends]
    return np.asarray([(-top if signed else 0.0, top) for top in tops])


def _shiftable(reach: float, inputs: int) -> float:
    """The smallest ``inputs / 2**k`` that contains ``reach``."""
    return inputs / 2.0 ** math.floor(math.log2(inputs / reach)) if reach > 0 else float(inputs)
