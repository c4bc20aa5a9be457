"""The full-scale ranges of the converters of a core, for whoever asks what they do to values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator.converters import Span
from simulator.hardware.hardware import Hardware


@dataclass(frozen=True, eq=False)
class DACRange:
    """Levels and limits of the DACs of one direction.

    ``levels`` is 1 for DACs that are ideal. ``span`` says what limits they may have. ``low`` and
    ``high`` are in units of the inputs; None for ideal ones, and where each call has limits of its
    own (``core.mapping.inputs`` with a percentile).
    """

    levels: int
    span: Span
    low: float | None
    high: float | None


@dataclass(frozen=True, eq=False)
class ADCRange:
    """Levels and limits of the ADCs of one direction.

    ``levels`` is 1 for ADCs that are ideal. ``span`` says what limits they may have. ``low`` and
    ``high`` have the shape (slices,), least significant first, in currents of one full cell at full
    input; None for ideal ones. They cannot be written.
    """

    levels: int
    span: Span
    low: np.ndarray | None
    high: np.ndarray | None


@dataclass(frozen=True, eq=False)
class ConverterRanges:
    """The ranges of the converters of one direction of a core."""

    dac: DACRange
    adc: ADCRange


def converter_ranges(
    tiles: Sequence[tuple[Hardware, tuple[int, ...]]], transposed: bool
) -> ConverterRanges:
    """The ranges of arrays, given as their hardware and how many inputs each of their tiles has.

    Where arrays differ, levels are those of the first that has a converter, and the ADC limits
    those of the widest range.
    """
    lines = [(h.vmm if transposed else h.mvm, inputs) for h, inputs in tiles]
    slices = len(tiles[0][0].code.merge)
    drivers = [line for line, _ in lines if not line.dac.is_ideal]
    readers = [(line, inputs) for line, inputs in lines if not line.adc.is_ideal]
    return ConverterRanges(
        _dac_range((drivers or [lines[0][0]])[0], bool(drivers)),
        _adc_range(readers, slices) if readers else _unlimited(lines[0][0].adc),
    )


def _dac_range(line: Any, has_limits: bool) -> DACRange:
    scaling = line.fixed_scaling if has_limits else None
    low, high = (None, None) if scaling is None else (float(scaling.low), float(scaling.high))
    return DACRange(line.dac.level_count, line.dac.span, low, high)


def _adc_range(readers: Sequence[tuple[Any, tuple[int, ...]]], slices: int) -> ADCRange:
    adc = readers[0][0].adc
    limits = [line.adc_limits(inputs) for line, inputs in readers]
    # One range may stand for those of all slices.
    low = np.concatenate([low for low, _ in limits]).min(axis=0)
    high = np.concatenate([high for _, high in limits]).max(axis=0)
    return ADCRange(adc.level_count, adc.span, _fixed(low, slices), _fixed(high, slices))


def _unlimited(adc: Any) -> ADCRange:
    return ADCRange(adc.level_count, adc.span, None, None)


def _fixed(values: np.ndarray, slices: int) -> np.ndarray:
    # A view of that kind cannot be written.
    return np.broadcast_to(values, (slices,))
