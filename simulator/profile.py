"""Converter ranges from recorded currents.

Set ``simulation.analytics.profile_adc_inputs = True``, multiply calibration inputs, and ask for
ranges; they are in units of one device at Gmax with full-scale input, as ``calibrated_range`` is.
"""

from __future__ import annotations

import math

import numpy as np

from simulator.core import AnalogCore
from simulator.errors import InputError, ParameterError


def adc_inputs(core: AnalogCore, transposed: bool = False) -> list[np.ndarray]:
    """Recorded currents at the ADCs, one array for each weight slice.

    ``transposed`` asks for products from the left. Raises InputError where nothing was recorded.
    """
    recorders = core.recorders(transposed)
    if not recorders or not all(recorder.values(0).size for recorder in recorders):
        raise InputError(
            "no currents were recorded; set simulation.analytics.profile_adc_inputs = True and "
            "multiply calibration inputs first"
        )
    slices = recorders[0].slices
    return [np.concatenate([r.values(i) for r in recorders]) for i in range(slices)]


def adc_ranges(core: AnalogCore, percentile: float = 99.99, transposed: bool = False) -> np.ndarray:
    """Proposed ``calibrated_range``: shape (2,), or (num_slices, 2) for bit-sliced weights.

    The range covers ``percentile`` % of the recorded currents on either side. Currents of both
    signs get a symmetric range, others one that starts at the lowest current. Ranges of bit slices
    are the number of inputs over a power of two, so that their codes can be merged by shifting.
    Raises InputError, ParameterError.
    """
    if not 50 < percentile <= 100:
        raise ParameterError(f"percentile: got {percentile!r}; allowed is a number in (50, 100]")
    currents = adc_inputs(core, transposed)
    ranges = [_covering(values, percentile) for values in currents]
    if core.params.core.style.name != "BITSLICED":
        return np.asarray(ranges[0])
    sizes = core.NrowsVec if transposed else core.NcolsVec
    return np.asarray([_shiftable(low, high, max(sizes)) for low, high in ranges])


def _covering(values: np.ndarray, percentile: float) -> tuple[float, float]:
    low, high = np.percentile(values, [100 - percentile, percentile])
    largest = max(abs(low), abs(high), float(np.finfo(np.float32).tiny))
    if low < 0:
        return -largest, largest
    return (float(low), largest) if low < largest else (0.0, largest)


def _shiftable(low: float, high: float, inputs: int) -> tuple[float, float]:
    """The smallest range ``inputs / 2**k`` that contains [low, high]."""
    power = math.floor(math.log2(inputs / max(abs(low), abs(high))))
    limit = inputs / 2.0**power
    return (-limit if low < 0 else 0.0), limit
