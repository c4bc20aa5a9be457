"""From the parameter tree to frozen models: everything a core needs to know about its hardware.

Read once, when a core is built. After that nothing of the engine looks at the tree.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from simulator.backend import Backend
from simulator.circuits import Circuit
from simulator.converters import ADC, DAC, ConverterRange
from simulator.devices import Cell, CellLaw, Device
from simulator.devices.generic import spread_of
from simulator.errors import ParameterError
from simulator.kernels.programming import Programming
from simulator.mapping import (
    InputDigits,
    InputScaling,
    WeightCode,
    symmetric_limit,
)
from simulator.parameters.core_parameters import (
    CoreStyle,
)
from simulator.parameters.xbar_parameters import ADCRangeLimits


@dataclass(frozen=True)
class Line:
    """The converters of one direction: drivers of the input lines, readers of the output lines."""

    dac: DAC
    adc: ADC
    digits: InputDigits | None
    adc_per_digit: bool
    range_option: ADCRangeLimits
    calibrated: np.ndarray | None
    range: ConverterRange
    input_low: float
    input_high: float
    percentile: float | None

    def scaling(self, values: Callable[[], Any], backend: Backend) -> InputScaling:
        """Scaling of one call: fixed limits, or a percentile over all ``values()`` of the input."""
        if self.fixed_scaling is not None:
            return self.fixed_scaling
        assert self.percentile is not None
        limit = symmetric_limit(values(), self.percentile, backend.xp)
        return InputScaling(-limit, limit, self.dac.signed)

    @cached_property
    def fixed_scaling(self) -> InputScaling | None:
        """Scaling by fixed limits; None where each call has its own."""
        if self.percentile is not None:
            return None
        return InputScaling(self.input_low, self.input_high, self.dac.signed)

    def keeps_zero(self, backend: Backend) -> bool:
        """True where the DAC turns an input of zero into a voltage of exactly zero."""
        if self.dac.is_ideal:
            return True
        limits = self.dac_limits(self._any_scaling)
        converted = self.dac.convert(backend.xp.zeros(1), *limits, backend.kernels)
        return float(converted[0]) == 0.0

    @property
    def _any_scaling(self) -> InputScaling:
        """The fixed limits, or any for a percentile: DAC limits then do not depend on them."""
        return self.fixed_scaling or InputScaling(-1.0, 1.0, self.dac.signed)

    def dac_limits(self, scaling: InputScaling) -> tuple[float, float]:
        """Voltages of the lowest and the highest level of the DAC."""
        if self.percentile is not None:
            return (-1.0 if self.dac.signed else 0.0), 1.0
        return scaling.encode(scaling.low), scaling.encode(scaling.high)

    @cached_property
    def largest_volt(self) -> float:
        """A voltage that no line is driven above, whatever the inputs; infinite without a DAC."""
        ideal, limits = self.dac.is_ideal, self.dac_limits(self._any_scaling)
        levels = None if ideal else self.dac.levels(*limits)
        if levels is None:
            return math.inf
        # A digit is at full scale, whatever the value it is of.
        return max(abs(levels[0]), abs(levels[1]), 0.0 if self.digits is None else 1.0)

    @property
    def has_mismatch(self) -> bool:
        """True where converters differ from one another, by random numbers."""
        return not self.adc.is_ideal and self.adc.has_mismatch

    @property
    def digits_exact(self) -> bool:
        """True where cutting a converted input into digits and merging them gives it back."""
        limits = self.dac_limits(self._any_scaling)
        return self.digits is None or self.dac.on_digit_grid(*limits)

    def adc_limits(self, inputs: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Full-scale limits for tiles of so many inputs, two arrays of shape (tiles, slices)."""
        if self.range_option == ADCRangeLimits.CALIBRATED:
            assert self.calibrated is not None  # read with the line
            pairs = [self.calibrated] * len(inputs)
        elif self.range_option == ADCRangeLimits.MAX:
            pairs = [np.atleast_2d(self.range.maximum(count)) for count in inputs]
        else:
            pairs = [np.atleast_2d(self.range.granular())] * len(inputs)
        limits = np.stack(pairs)
        return limits[..., 0], limits[..., 1]


@dataclass(frozen=True)
class Hardware:
    """Frozen models and choices of one core."""

    style: CoreStyle
    code: WeightCode
    cell: Cell
    programming: Device
    drift: Device
    read: Device
    circuit: Circuit
    wired_slices: tuple[bool, ...]
    mvm: Line
    vmm: Line
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

    @property
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


def at_time(hardware: Hardware, time: float) -> Hardware:
    """The same hardware at another time since programming.

    Raises ParameterError for a time that is not a number >= 0, ModelError where a model has
    nothing to say about it.
    """
    try:
        number = math.nan if isinstance(time, (bool, str, bytes)) else float(time)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not 0 <= number < math.inf:
        raise ParameterError(f"time: got {time!r}; allowed is a finite number >= 0")
    cell, circuit = dataclasses.replace(hardware.cell, time=number), hardware.circuit
    for model in (hardware.programming, hardware.drift, hardware.read):
        model.check_cell(cell)
    law = getattr(circuit, "law", None)
    if isinstance(law, CellLaw):
        law.model.check_cell(cell)
        circuit = dataclasses.replace(circuit, law=dataclasses.replace(law, cell=cell))  # type: ignore[call-arg]
    return dataclasses.replace(hardware, cell=cell, circuit=circuit)
