"""Full-scale ranges of the ADCs: measured (calibrated), safe (max) or exact.

Currents are in units of one cell at Gmax driven at full scale.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from simulator.converters.adc import ADC
from simulator.converters.spans import Span
from simulator.errors import ModelError, ParameterError

# Steps of floats that are alike to this are one.
SAME = 1e-9


@dataclass(frozen=True)
class ConverterRange:
    """What the full-scale range of an ADC follows from, besides the inputs of its array.

    Args:
        adc_bits: Resolution of the ADC.
        dac_bits: Resolution of the DAC; 0 where inputs are not quantised.
        signed_inputs: Whether inputs have both signs.
        weight_bits: Bits of a weight in all its slices.
        slice_bits: Bits of one slice; None for weights in one slice.
        paired: Whether a weight is a differential pair of cells.
        bipolar: Whether a current can have both signs although the inputs have one, as that of
            pairs does whose currents are subtracted in the array.
        step: Smallest difference of currents that must not be lost; None where currents are
            continuous.
    """

    adc_bits: int
    dac_bits: int
    signed_inputs: bool
    weight_bits: int
    slice_bits: int | None
    paired: bool
    bipolar: bool
    step: float | None = None

    @property
    def both_signs(self) -> bool:
        """Whether a current can have either sign."""
        return self.signed_inputs or self.bipolar

    @property
    def input_headroom(self) -> float:
        """How many times the range of integers of a quantised input exceeds its largest value."""
        if self.dac_bits == 0:
            return 1.0
        if self.signed_inputs:
            half = 2 ** (self.dac_bits - 1)
            return half / (half - 1)
        return 2**self.dac_bits / (2**self.dac_bits - 1)

    def maximum(self, inputs: int) -> tuple[float, float]:
        """The range that no current can leave (option MAX).

        Args:
            inputs: Number of inputs of the array.

        Returns:
            Lower and upper end.
        """
        if self.slice_bits is None:
            return (-float(inputs) if self.both_signs else 0.0), float(inputs)
        if self.paired:
            return -float(inputs), float(inputs)
        digit_steps = 2**self.slice_bits
        top = 2 ** round(math.log2(inputs)) * digit_steps / (digit_steps - 1) * self.input_headroom
        codes = 2**self.adc_bits
        if self.signed_inputs:
            top *= (codes - 2) / codes
            return -top, top
        return 0.0, top * (codes - 1) / codes

    def granular(self) -> tuple[float, float]:
        """The range of a step that CrossSim calls the smallest of the current (option GRANULAR).

        It takes inputs for integers that end below their full scale, cells for ones that are fully
        off at zero, and a weight for one of ``weight_bits``. ``exact`` has the step of the currents
        as they are.

        Returns:
            Lower and upper end.
        """
        both = self.both_signs
        if self.slice_bits is None:
            step = 2.0**-self.weight_bits * self.input_headroom
            if not both:
                return 0.0, step * (2**self.adc_bits - 1)
        else:
            step = self.input_headroom / (2**self.slice_bits - 1)
            if not (self.signed_inputs or self.paired):
                return 0.0, step * (2**self.adc_bits - 1)
        top = step * (2 ** (self.adc_bits - 1) - 1)
        return -top, top

    def lost_by_granular(self, adc: ADC) -> bool:
        """Whether currents become codes that are not theirs with the range of ``granular``.

        They do where the last code lies half a step from the current that it stands for; a step
        that is a little too wide does no harm to a converter of few codes.
        """
        if self.step is None:
            return False
        low, high = self.granular()
        codes = 2**self.adc_bits - 1
        levels = adc.levels(low, high) or (low, high, codes - (low < 0))
        step = (levels[1] - levels[0]) / levels[2]
        zero = levels[0] / step
        last = codes // 2 if low < 0 else codes
        return abs(zero - round(zero)) + last * abs(1 - step / self.step) >= 0.5

    def exact(self, adc: ADC, where: str) -> tuple[float, float]:
        """The range in which codes are currents: a step apart, with one at zero (option EXACT).

        Args:
            adc: The converter.
            where: Path of the option, for messages.

        Returns:
            Lower and upper end; where currents have both signs, zero lies in the middle.

        Raises:
            ParameterError: Currents that are continuous.
            ModelError: A converter without a level at zero, or of which no levels are known.
        """
        if self.step is None:
            raise ParameterError(
                f"{where} = EXACT needs currents with a smallest difference: cells with levels "
                "(xbar.device.cell_bits, or core.style = BITSLICED), and inputs with levels (a DAC "
                "of some bits, whose range ends at zero or is symmetric)"
            )
        count = adc.level_count
        # Of an even number of levels, one more lies below zero than above.
        below = count // 2 if self.both_signs else 0
        low, high = -below * self.step, (count - 1 - below) * self.step
        fits = adc.span is Span.FREE or low == (-high if self.both_signs else 0)
        if not (fits and _has_steps(adc.levels(low, high), self.step)):
            raise ModelError(
                f"{where} = EXACT needs an ADC with a level at zero and equal steps; "
                f"{type(adc).__name__} has none here. Choose SignMagnitudeADC for currents of both "
                "signs, or QuantizerADC"
            )
        return low, high

    def exact_bits(self, inputs: int) -> int:
        """Bits of a converter whose exact range no current leaves.

        Args:
            inputs: Number of inputs of the array.

        Returns:
            Bits, with one for the sign where currents have both; 0 where they are continuous.
        """
        if self.step is None:
            return 0
        # The code of the largest current counts from zero.
        return math.ceil(math.log2(inputs / self.step * (1 - SAME) + 1)) + self.both_signs


def _has_steps(levels: tuple[float, float, int] | None, step: float) -> bool:
    """Whether zero is among the levels, and their neighbours are a step apart."""
    if levels is None:
        return False
    low, high, count = levels
    zero = low / step
    return abs((high - low) / count / step - 1) < SAME and abs(zero - round(zero)) < SAME
