"""Mid-tread converters: levels at whole multiples of a step, so that zero is exact.

The number of steps is free, where ``bits`` gives powers of two: 126 steps are the 127 levels of 7
bits with a sign.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator.converters.adc import ADC
from simulator.converters.dac import DAC
from simulator.errors import ModelError
from simulator.quantities import Amps, Volts
from simulator.schema import parameter

RESOLUTION = "step as a fraction of the range from minus to plus full scale; 0 = ideal"


def _even_steps(resolution: float) -> int | None:
    """Steps between the full scales, where both of them are levels."""
    half = round(0.5 / resolution) if resolution > 0 else 0
    return 2 * half if half and abs(2 * half * resolution - 1) < 1e-12 else None


def _level_count(resolution: float) -> int:
    return 1 + round(1 / resolution) if resolution > 0 else 1


def _nearest(values: Any, full: Any, resolution: float, xp: Any) -> Any:
    """The nearest multiple of the step, then clipped: the last step may be a shorter one."""
    step = 2 * resolution * full
    return xp.clip(xp.rint(values / step) * step, -full, full)


@dataclass(frozen=True)
class MidTreadDAC(DAC):
    """Multiples of ``resolution`` times twice the full scale; ``bits`` is ignored."""

    resolution: float = parameter(0.0, low=0, high=0.5, doc=RESOLUTION)

    @property
    def is_ideal(self) -> bool:
        """True without a resolution."""
        return self.resolution == 0

    @property
    def level_count(self) -> int:
        """Steps between the full scales, rounded, and one."""
        return _level_count(self.resolution)

    def levels(self, low: float, high: float) -> tuple[float, float, int] | None:
        """Between full scales, where both of them are levels."""
        steps = _even_steps(self.resolution)
        plain = type(self).convert is MidTreadDAC.convert
        return (-1.0, 1.0, steps) if steps is not None and plain else None

    def convert(self, volts: Volts, low: float, high: float, kernels: Any) -> Any:
        """The nearest level between minus and plus full scale."""
        steps = _even_steps(self.resolution)
        if steps is not None:
            return kernels.quantize_magnitude(volts, 1.0, steps // 2)
        return _nearest(volts, 1.0, self.resolution, kernels.xp).astype(volts.dtype, copy=False)


@dataclass(frozen=True)
class MidTreadADC(ADC):
    """Multiples of ``resolution`` times twice ``high``; ``bits`` is ignored."""

    resolution: float = parameter(0.0, low=0, high=0.5, doc=RESOLUTION)

    def __post_init__(self) -> None:
        if self.resolution and not self.signed:
            raise ModelError("MidTreadADC: signed = False; its levels are those of both signs")

    @property
    def is_ideal(self) -> bool:
        """True without a resolution."""
        return self.resolution == 0

    @property
    def level_count(self) -> int:
        """Steps between the full scales, rounded, and one."""
        return _level_count(self.resolution)

    @property
    def codes(self) -> int:
        """Levels and, where they are none of these, both full scales."""
        return 2 * math.ceil(0.5 / self.resolution) + 1 if self.resolution else 1

    def bound(self, params: Any, adc_node: Any, dac_node: Any) -> ADC:
        """Itself. Raises ModelError for a range that counts codes or is not symmetric."""
        option, core = adc_node.adc_range_option.name, params.core
        if self.is_ideal:
            return self
        counted = core.style.name == "BITSLICED" and core.bit_sliced.style.name == "OFFSET"
        if option == "GRANULAR" or (option == "MAX" and counted):
            raise ModelError(
                f"{adc_node._where('adc_range_option')} = {option} counts codes here, and "
                "MidTreadADC has steps instead of bits; use CALIBRATED"
            )
        ranges = np.reshape(adc_node.calibrated_range if option == "CALIBRATED" else [], (-1, 2))
        for low, high in ranges:
            if abs(low + high) > 1e-12 * abs(high):
                raise ModelError(
                    f"{adc_node._where('calibrated_range')}: [{low:g}, {high:g}]; MidTreadADC "
                    "needs a symmetric range"
                )
        return self

    def levels(self, low: Any, high: Any) -> tuple[Any, Any, int] | None:
        """From ``-high`` to ``high``, where both of them are levels."""
        steps = _even_steps(self.resolution)
        plain = type(self).convert is MidTreadADC.convert
        return (-high, high, steps) if steps is not None and plain else None

    def convert(self, amps: Amps, low: Any, high: Any, kernels: Any, dither: Any = None) -> Any:
        """The nearest level between ``-high`` and ``high``."""
        steps = _even_steps(self.resolution)
        if steps is not None:
            return kernels.quantize_magnitude(amps, high, steps // 2, dither)
        values = amps
        if dither is not None:
            values = amps + (dither - 0.5) * (2 * self.resolution * high)
        converted = _nearest(values, high, self.resolution, kernels.xp)
        return converted.astype(amps.dtype, copy=False)
