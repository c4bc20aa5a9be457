"""Full-scale ranges of the ADCs: measured (calibrated), safe (max) or exact (granular).

All in units of one device at Gmax with full-scale input.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class ConverterRange:
    """What the range of a current depends on, besides the number of inputs of the array.

    Args:
        adc_bits, dac_bits: bits of the converters; 0 for ideal ones.
        signed_inputs: inputs have both signs.
        weight_bits: bits of a weight.
        slice_bits: bits of one slice; None for weights in one slice.
        paired: weights are pairs of cells.
        bipolar: a current can have both signs although the inputs have one: pairs whose currents
            are subtracted in the array.
    """

    adc_bits: int
    dac_bits: int
    signed_inputs: bool
    weight_bits: int
    slice_bits: int | None
    paired: bool
    bipolar: bool

    @property
    def input_headroom(self) -> float:
        """How much a quantised input's integer range exceeds its largest value."""
        if self.dac_bits == 0:
            return 1.0
        if self.signed_inputs:
            half = 2 ** (self.dac_bits - 1)
            return half / (half - 1)
        return 2**self.dac_bits / (2**self.dac_bits - 1)

    def maximum(self, inputs: int) -> tuple[float, float]:
        """The range no current of ``inputs`` full cells can leave (option MAX)."""
        if self.slice_bits is None:
            return (-float(inputs) if self.signed_inputs or self.bipolar else 0.0), float(inputs)
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
        """The range in which one code is the smallest step of the current (option GRANULAR)."""
        both = self.signed_inputs or self.bipolar
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
