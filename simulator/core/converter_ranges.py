"""The full-scale ranges of the converters of a core, for whoever asks what they do to values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulator.converters import ADC, Span
from simulator.hardware import Periphery, Plan


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


def converter_ranges(plans: Sequence[Plan], slices: int) -> ConverterRanges:
    """The ranges of one direction, given the plans of all stacks of tiles.

    Where stacks differ, levels are those of the first that has a converter, and the ADC limits
    those of the widest range.
    """
    driven = [plan.periphery for plan in plans if not plan.periphery.dac.is_ideal]
    read = [plan for plan in plans if not plan.periphery.adc.is_ideal]
    return ConverterRanges(
        _dac_range((driven or [plans[0].periphery])[0], bool(driven)),
        _adc_range(read, slices) if read else _unlimited(plans[0].periphery.adc),
    )


def _dac_range(periphery: Periphery, has_limits: bool) -> DACRange:
    scaling = periphery.fixed_scaling if has_limits else None
    low, high = (None, None) if scaling is None else (float(scaling.low), float(scaling.high))
    return DACRange(periphery.dac.level_count, periphery.dac.span, low, high)


def _adc_range(plans: Sequence[Plan], slices: int) -> ADCRange:
    adc = plans[0].periphery.adc
    limits = [plan.periphery.adc_limits(plan.direction.inputs.sizes) for plan in plans]
    # One range may stand for those of all slices.
    low = np.concatenate([low for low, _ in limits]).min(axis=0)
    high = np.concatenate([high for _, high in limits]).max(axis=0)
    return ADCRange(adc.level_count, adc.span, _fixed(low, slices), _fixed(high, slices))


def _unlimited(adc: ADC) -> ADCRange:
    return ADCRange(adc.level_count, adc.span, None, None)


def _fixed(values: np.ndarray, slices: int) -> np.ndarray:
    # A view of that kind cannot be written.
    return np.broadcast_to(values, (slices,))
