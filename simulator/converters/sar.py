"""Successive-approximation converter: one bit after the other, the most significant first.

J. L. McCreary and P. R. Gray, "All-MOS charge redistribution analog-to-digital conversion
techniques", IEEE J. Solid-State Circuits 10 (1975) 371; the formulas are those of CrossSim 3.2.
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
from simulator.converters.ramp import signed_levels
from simulator.errors import ModelError
from simulator.quantities import Array
from simulator.schema import parameter

if TYPE_CHECKING:
    from simulator.kernels import ReferenceKernels as Kernels


@dataclass(frozen=True)
class SarADC(CircuitADC):
    """One capacitive DAC and one comparator for each group of neighbouring outputs of an array."""

    sigma_capacitor: float = parameter(
        0,
        low=0,
        usual=(0, 1),
        doc="standard deviation of a unit capacitor, relative to its nominal value",
    )
    split_cdac: bool = parameter(
        True, type=bool, doc="two small DACs joined by a bridge capacitor; False: one large DAC"
    )
    group_size: int = parameter(8, type=int, low=1, doc="outputs that share one converter")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.bits == 1 and self.split_cdac:
            raise ModelError("SarADC: bits = 1 leaves nothing to split; set split_cdac = False")

    def fabricate(
        self, shape: tuple[int, ...], draw: FabricationDraw, kernels: Kernels
    ) -> Decisions:
        """Thresholds and comparator offset of each group."""
        xp, size = kernels.xp, self.group_size
        deviations = deviations_of(self.sigma_capacitor, draw, range(self.bits + 1), size, xp)
        offsets = deviations_of(
            self.sigma_comparator, draw, range(COMPARATOR, COMPARATOR + 1), size, xp
        )
        return decisions(
            deviations, lambda rows: self._tables(rows, xp), self.bits, size,
            offsets[..., 0], size, xp,
        )  # fmt: skip

    def _codes(self, values: Array, made: Decisions, xp: ModuleType) -> Array:
        return made.find(values, xp)

    def _levels(self, deviations: Array, xp: ModuleType) -> Array:
        """The level that an input has to exceed to reach each code, (tables, 2**bits)."""
        levels = self._split_levels if self.split_cdac else self._whole_levels
        return levels(deviations, xp) - 0.5**self.bits

    def _whole_levels(self, deviations: Array, xp: ModuleType) -> Array:
        nominal = 2.0 ** xp.arange(self.bits + 1)
        nominal[self.bits] /= 2
        capacitors = capacitor(nominal, deviations * xp.sqrt(nominal), xp)
        return signed_levels(capacitors, self._inverse_gain, xp)

    def _split_levels(self, deviations: Array, xp: ModuleType) -> Array:
        bits, half = self.bits, self.bits // 2
        place = xp.arange(bits + 1)
        nominal = 2.0 ** xp.where(place < half, place, place - half)
        # Behind the binary capacitors a dummy, and the bridge.
        nominal[bits - 1], nominal[bits] = 1.0, 2**half / (2**half - 1)
        capacitors = capacitor(nominal, deviations * xp.sqrt(nominal), xp)
        dummy, bridge = capacitors[:, bits - 1 : bits], capacitors[:, bits:]
        low = dummy + capacitors[:, :half].sum(axis=1, keepdims=True) + bridge
        high = capacitors[:, half : bits - 1].sum(axis=1, keepdims=True) + bridge
        steps = xp.arange(2**bits) - 2 ** (bits - 1)
        digits = digits_of(abs(steps), bits, xp).T
        fine = capacitors[:, :half] @ digits[:half]
        coarse = capacitors[:, half:bits] @ digits[half:]
        total = (fine * bridge + coarse * low) / (low * high - bridge * bridge)
        total[:, 0] = 1.0
        levels = total * xp.where(steps < 0, -1.0, 1.0) + 0.5**bits
        return levels / (1 + self._inverse_gain)

    def _tables(self, deviations: Array, xp: ModuleType) -> tuple[Array, Array]:
        """Thresholds as the search meets them: a code that an earlier bit rules out has no width.

        The code of an input is at least c where it passes the comparison that sets the last bit
        of c, as far as the comparisons before it allow.
        """
        size = 2**self.bits
        levels, codes = self._levels(deviations, xp), xp.arange(size)
        thresholds = levels.copy()
        for bit in range(self.bits):
            earlier = (codes >> (bit + 1) << (bit + 1)) + (1 << bit)
            level = xp.take(levels, earlier, axis=1)
            met_later = codes % (1 << bit) != 0
            bounded = xp.where(
                codes < earlier, xp.minimum(thresholds, level), xp.maximum(thresholds, level)
            )
            thresholds = xp.where(met_later, bounded, thresholds)
        thresholds[:, 0] = -xp.inf
        return thresholds, codes
