"""From the parameter tree to frozen models: everything a core needs to know about its hardware.

Read once, when a core is built. After that nothing of the engine looks at the tree.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simulator.backend import Backend
from simulator.circuits import Circuit
from simulator.converters import ADC, DAC, CircuitADC, ConverterRange
from simulator.devices import Cell, Device
from simulator.devices.generic import spread_of
from simulator.hardware.values import Value
from simulator.kernels.programming import Programming
from simulator.mapping import (
    InputDigits,
    InputScaling,
    WeightCode,
)
from simulator.parameters.core_parameters import (
    CoreStyle,
)
from simulator.parameters.xbar_parameters import ADCRangeLimits

# A level this close to zero, in steps, is one at zero.
CLOSE = 1e-3


@dataclass(frozen=True)
class Periphery(Value):
    """The converters of one direction: DACs that drive the input lines, ADCs that read outputs.

    Inputs from ``input_low`` to ``input_high`` are the full scale; with ``percentile`` each call
    has a full scale of its own, and with ``each_vector`` each of its vectors. ``given``: ADC limits
    (slices, 2) that are the same for arrays of any size; None where they follow from the ``range``.
    """

    dac: DAC
    adc: ADC
    digits: InputDigits | None
    adc_per_digit: bool
    range_option: ADCRangeLimits
    given: np.ndarray | None
    range: ConverterRange
    input_low: float
    input_high: float
    percentile: float | None
    each_vector: bool = False

    @cached_property
    def unset(self) -> tuple[str, ...]:
        """Which ranges are still to be found, so that nothing can be multiplied."""
        inputs = self.percentile is None and math.isnan(self.input_low)
        outputs = self.given is not None and bool(np.isnan(self.given).any())
        return ("inputs",) * inputs + ("outputs",) * outputs

    @cached_property
    def fixed_scaling(self) -> InputScaling | None:
        """Scaling by fixed limits; None where each call has its own."""
        if self.percentile is not None:
            return None
        return InputScaling(self.input_low, self.input_high, self.dac.signed)

    @cached_property
    def dac_limits(self) -> tuple[float, float]:
        """Voltages of the lowest and the highest level of the DAC, in units of full scale."""
        scaling = self.fixed_scaling
        if scaling is None:
            return (-1.0 if self.dac.signed else 0.0), 1.0
        return scaling.encode(scaling.low), scaling.encode(scaling.high)

    @cached_property
    def dac_levels(self) -> tuple[float, float, int] | None:
        """Lowest and highest level of the DAC and the steps between; None for other laws."""
        return None if self.dac.is_ideal else self.dac.levels(*self.dac_limits)

    @cached_property
    def largest_volt(self) -> float:
        """A voltage that no line is driven above, whatever the inputs; infinite without a DAC."""
        if self.dac_levels is None:
            return math.inf
        low, high, _ = self.dac_levels
        # A digit is at full scale, whatever the value it is of.
        return max(abs(low), abs(high), 0.0 if self.digits is None else 1.0)

    def keeps_zero(self, backend: Backend) -> bool:
        """True where the DAC turns an input of zero into a voltage of exactly zero."""
        if self.dac.is_ideal:
            return True
        converted = self.dac.convert(backend.xp.zeros(1), *self.dac_limits, backend.kernels)
        return float(converted[0]) == 0.0

    def reads_zero(self, inputs: tuple[int, ...]) -> bool:
        """True where a current of zero becomes a code of zero, in tiles of so many inputs.

        Of a model whose levels are not known, also; but circuits have none at zero. Rounding by
        chance has a code of zero in the mean.
        """
        if self.adc.is_ideal or self.adc.stochastic_rounding:
            return True
        levels = self.adc.levels(*self.adc_limits(inputs))
        if levels is None:
            return not isinstance(self.adc, CircuitADC)
        low, high, steps = levels
        zero = low * steps / (high - low)
        return bool((np.abs(zero - np.rint(zero)) < CLOSE).all())

    @cached_property
    def has_mismatch(self) -> bool:
        """True where converters differ from one another, by random numbers."""
        return not self.adc.is_ideal and self.adc.has_mismatch

    @cached_property
    def digits_exact(self) -> bool:
        """True where cutting a converted input into digits and merging them gives it back."""
        return self.digits is None or self.dac.on_digit_grid(*self.dac_limits)

    @cached_property
    def digit_weights(self) -> np.ndarray:
        """What each input digit counts in the sum, (phases,); one for whole inputs."""
        return np.asarray((1.0,) if self.digits is None else self.digits.merge)

    def adc_limits(self, inputs: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Full-scale limits for tiles of so many inputs, two arrays of shape (tiles, slices)."""
        if self.given is not None:
            pairs = [self.given] * len(inputs)
        elif self.range_option == ADCRangeLimits.MAX:
            pairs = [np.atleast_2d(self.range.maximum(count)) for count in inputs]
        else:
            pairs = [np.atleast_2d(self.range.granular())] * len(inputs)
        limits = np.stack(pairs)
        return limits[..., 0], limits[..., 1]


@dataclass(frozen=True)
class Hardware(Value):
    """Frozen models and choices of one core."""

    style: CoreStyle
    code: WeightCode
    cell: Cell
    programming: Device
    drift: Device
    read: Device
    circuit: Circuit
    wired_slices: tuple[bool, ...]
    mvm: Periphery
    vmm: Periphery
    pair_in_array: bool
    shared_line: bool
    column_limit: float
    noise: str | None
    folding: bool
    record: bool
    memory_limit: int

    @cached_property
    def in_one_pass(self) -> Programming | None:
        """Programming as numbers for one pass; None where a model has a law of its own."""
        error, cell = spread_of(self.programming), self.cell
        if error is None or not self.drift.is_ideal:
            return None
        high = math.inf if cell.high is None else cell.high
        return Programming(self.code.as_numbers, *error, cell.Gmax, cell.low, high)

    @cached_property
    def ideal_wires(self) -> bool:
        """True where every current is a conductance times a voltage."""
        return is_ideal(self.circuit, self.wired_slices)

    @property
    def solves_each_input(self) -> bool:
        """True where the network has no effective conductances, or they are not wanted."""
        return not self.ideal_wires and self.circuit.solves_each_input


def is_ideal(circuit: Circuit, wired: tuple[bool, ...]) -> bool:
    """True where every current is a conductance times a voltage, in every slice."""
    return circuit.is_ideal or (circuit.is_linear and not any(wired))
