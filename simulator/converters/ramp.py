"""Ramp converter: all outputs of an array are compared with one rising voltage.

The circuit and its formulas are those of CrossSim 3.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING

from simulator.converters.adc import FabricationDraw
from simulator.converters.circuit import (
    COMPARATOR,
    CircuitADC,
    Decisions,
    capacitor,
    decisions,
    deviations_of,
    digits_of,
)
from simulator.quantities import Array
from simulator.schema import parameter

if TYPE_CHECKING:
    from simulator.kernels import ReferenceKernels as Kernels


def signed_levels(capacitors: Array, inverse_gain: float, xp: ModuleType) -> Array:
    """Levels of a DAC that switches binary capacitors for either sign, (tables, 2**bits).

    ``capacitors`` (tables, bits + 1), the last across the amplifier; in units of the reference.
    """
    bits = capacitors.shape[1] - 1
    steps = xp.arange(2**bits) - 2 ** (bits - 1)
    total = capacitors[:, :bits] @ digits_of(abs(steps), bits, xp).T
    across = capacitors[:, bits:]
    levels = total / capacitors[:, bits - 1 : bits] * xp.where(steps < 0, -1.0, 1.0) + 0.5**bits
    return levels / (1 + inverse_gain * (across + total) / across)


@dataclass(frozen=True)
class RampADC(CircuitADC):
    """One capacitive DAC for each array, one comparator for each output.

    The code is that of the level nearest to the input; of two as near the lower one.
    """

    sigma_capacitor: float = parameter(
        0,
        low=0,
        usual=(0, 1),
        doc="standard deviation of a unit capacitor, relative to its nominal value",
    )
    symmetric_cdac: bool = parameter(
        True, type=bool, doc="the DAC switches to either reference; False: it counts from below"
    )

    def fabricate(
        self, shape: tuple[int, ...], draw: FabricationDraw, kernels: Kernels
    ) -> Decisions:
        """Levels of the DAC of each array, offsets of all comparators."""
        xp = kernels.xp
        deviations = deviations_of(self.sigma_capacitor, draw, range(self.bits + 1), shape[-1], xp)
        offsets = deviations_of(
            self.sigma_comparator, draw, range(COMPARATOR, COMPARATOR + 1), 1, xp
        )
        return decisions(
            deviations, lambda rows: self._tables(rows, xp), self.bits, shape[-1],
            offsets[..., 0], 1, xp,
        )  # fmt: skip

    def _codes(self, values: Array, made: Decisions, xp: ModuleType) -> Array:
        return made.find(values, xp)

    def _levels(self, deviations: Array, xp: ModuleType) -> Array:
        """Levels of every count in units of the reference, (tables, 2**bits)."""
        bits = self.bits
        nominal = 2.0 ** xp.arange(bits + 1)
        if self.symmetric_cdac:
            nominal[bits] /= 2
        capacitors = capacitor(nominal, deviations * xp.sqrt(nominal), xp)
        if self.symmetric_cdac:
            return signed_levels(capacitors, self._inverse_gain, xp)
        total = capacitors[:, :bits] @ digits_of(xp.arange(2**bits), bits, xp).T
        across = capacitors[:, bits:]
        levels = 2 * total / across - (1 - 0.5**bits)
        return levels / (1 + self._inverse_gain * (across + total) / across)

    def _tables(self, deviations: Array, xp: ModuleType) -> tuple[Array, Array]:
        """Thresholds halfway between levels in their order, and the counts in that order."""
        levels = self._levels(deviations, xp)
        order = xp.argsort(levels, axis=1, kind="stable")
        levels = xp.take_along_axis(levels, order, axis=1)
        thresholds = xp.full(levels.shape, -xp.inf)
        thresholds[:, 1:] = (levels[:, :-1] + levels[:, 1:]) / 2
        return thresholds, order
