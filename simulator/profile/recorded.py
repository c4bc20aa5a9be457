"""Currents that were recorded at the ADCs of cores, and ranges that cover them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from simulator.core import AnalogCore
from simulator.errors import InputError
from simulator.profile.ranges import Sample, checked_percentile, percentiles


def adc_samples(cores: Sequence[AnalogCore], transposed: bool = False) -> list[Sample]:
    """What the ADCs of several cores saw together, for each weight slice.

    Args:
        cores: cores of one hardware, built with ``simulation.analytics.profile_adc_inputs``.
        transposed: look at the ADCs of products from the left.

    Returns:
        One sample for each slice, least significant first, in currents of one full cell at full
        input; empty ones where no core has multiplied yet.

    Raises:
        InputError: cores that record nothing.
    """
    recorders = [recorder for core in cores for recorder in core.recorders(transposed)]
    if not recorders:
        raise _nothing_recorded()
    return [
        Sample(
            min(float(r.low[i]) for r in recorders),
            max(float(r.high[i]) for r in recorders),
            np.concatenate([r.values(i) for r in recorders]),
        )
        for i in range(recorders[0].slices)
    ]


def adc_inputs(core: AnalogCore, transposed: bool = False) -> list[np.ndarray]:
    """Recorded currents at the ADCs, one array for each weight slice.

    Args:
        core: built with ``simulation.analytics.profile_adc_inputs``.
        transposed: ask for products from the left.

    Returns:
        One-dimensional float32 arrays, least significant slice first, in currents of one full cell
        at full input; of very many currents an evenly thinned part.

    Raises:
        InputError: nothing was recorded.
    """
    recorders = core.recorders(transposed)
    if not recorders or not all(recorder.values(0).size for recorder in recorders):
        raise _nothing_recorded()
    return [sample.values for sample in adc_samples([core], transposed)]


def _nothing_recorded() -> InputError:
    return InputError(
        "no currents were recorded; set simulation.analytics.profile_adc_inputs = True and "
        "multiply calibration inputs first"
    )


def adc_ranges(core: AnalogCore, percentile: float = 99.99, transposed: bool = False) -> np.ndarray:
    """Proposed ``calibrated_range`` that covers the recorded currents.

    Currents of both signs get a symmetric range, others one that starts at the lowest current.
    Ranges of bit slices are the number of inputs over a power of two, so that their codes can be
    merged by shifting.

    Args:
        core: built with ``simulation.analytics.profile_adc_inputs``.
        percentile: so many percent of the currents lie inside, on either side; in (50, 100].
        transposed: ask for products from the left.

    Returns:
        (low, high) of shape (2,), or (num_slices, 2) for bit-sliced weights, in currents of one
        full cell at full input.

    Raises:
        InputError: nothing was recorded.
        ParameterError: a percentile that is none.
    """
    checked_percentile(percentile)
    currents = adc_inputs(core, transposed)
    ranges = [_covering(values, percentile) for values in currents]
    if core.params.core.style.name != "BITSLICED":
        return np.asarray(ranges[0])
    sizes = core.NrowsVec if transposed else core.NcolsVec
    return np.asarray([_shiftable(low, high, max(sizes)) for low, high in ranges])


def _covering(values: np.ndarray, percentile: float) -> tuple[float, float]:
    low, high = percentiles(values, percentile)
    largest = max(abs(low), abs(high), float(np.finfo(np.float32).tiny))
    if low < 0:
        return -largest, largest
    return (float(low), largest) if low < largest else (0.0, largest)


def _shiftable(low: float, high: float, inputs: int) -> tuple[float, float]:
    """The smallest range ``inputs / 2**k`` that contains [low, high]."""
    power = math.floor(math.log2(inputs / max(abs(low), abs(high))))
    limit = inputs / 2.0**power
    return (-limit if low < 0 else 0.0), limit
