"""Pipeline and cyclic converters: each stage takes 1.5 bits and amplifies what is left.

S. H. Lewis et al., "A 10-b 20-Msample/s analog-to-digital converter", IEEE J. Solid-State Circuits
27 (1992) 351 (pipeline); P. W. Li et al., "A ratio-independent algorithmic analog-to-digital
conversion technique", ibid. 19 (1984) 828 (cyclic). The formulas are those of CrossSim 3.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING

from simulator.converters.adc import FabricationDraw
from simulator.converters.circuit import (
    COMPARATOR,
    SMALLEST_CAPACITOR,
    CircuitADC,
    capacitor,
    deviations_of,
    lines_of,
)
from simulator.quantities import Array
from simulator.schema import parameter

if TYPE_CHECKING:
    from simulator.kernels import ReferenceKernels as Kernels


@dataclass(frozen=True)
class Stages:
    """Amplifying stages, (..., groups, stages), or (stages,) where all converters are alike.

    A stage multiplies its input by ``gain`` and adds or subtracts ``step``; ``above`` and ``below``
    are the thresholds of its two comparators. ``last`` (..., groups) is the threshold of the
    comparator that decides the last bit.
    """

    above: Array
    below: Array
    gain: Array
    step: Array
    last: Array


@dataclass(frozen=True)
class PipelineADC(CircuitADC):
    """``bits - 1`` stages and a last comparator, for each group of neighbouring outputs."""

    sigma_C1: float = parameter(
        0,
        low=0,
        usual=(0, 1),
        doc="standard deviation of the feedback capacitor, relative to its value",
    )
    sigma_C2: float = parameter(
        0,
        low=0,
        usual=(0, 1),
        doc="standard deviation of the sampling capacitor, relative to its value",
    )
    sigma_Cpar: float = parameter(
        0,
        low=0,
        usual=(0, 1),
        doc="standard deviation of the parasitic capacitance, relative to a capacitor",
    )
    group_size: int = parameter(8, type=int, low=1, doc="outputs that share one converter")

    @property
    def _stages(self) -> int:
        """Number of stages that are built."""
        return self.bits - 1

    def fabricate(self, shape: tuple[int, ...], draw: FabricationDraw, kernels: Kernels) -> Stages:
        """Thresholds and gains of every stage of each group."""
        xp, count = kernels.xp, self._stages

        def missed(sigma: float, first: int, number: int) -> Array:
            return deviations_of(sigma, draw, range(first, first + number), self.group_size, xp)

        offsets = missed(self.sigma_comparator, COMPARATOR, 2 * count + 1)
        one = capacitor(1.0, missed(self.sigma_C1, 0, count), xp)
        two = capacitor(1.0, missed(self.sigma_C2, count, count), xp)
        parasitic = missed(self.sigma_Cpar, 2 * count, count)
        total = xp.maximum(one + two + parasitic, SMALLEST_CAPACITOR)
        settled = 1 + self._inverse_gain * total / one
        return Stages(
            above=0.25 + offsets[..., 0:-1:2],
            below=-0.25 + offsets[..., 1::2],
            gain=(1 + two / one) / settled,
            step=two / one / settled,
            last=offsets[..., -1],
        )

    def _codes(self, values: Array, made: Stages, xp: ModuleType) -> Array:
        lines = values.shape[5] if values.ndim > 5 else 1

        def of(value: Array) -> Array:
            return lines_of(value, lines, self.group_size, values.ndim, xp)

        codes = xp.zeros(values.shape, dtype=xp.int32)
        left = values.astype(xp.float64)
        for place in range(self.bits - 1):
            stage = min(place, self._stages - 1)
            above = left > of(made.above[..., stage])
            # What is not above is in the middle or below, also exactly at a threshold.
            digit = above * 2 + (~above & (left > of(made.below[..., stage])))
            codes += digit.astype(xp.int32) << (self.bits - 2 - place)
            left = left * of(made.gain[..., stage]) + (1 - digit) * of(made.step[..., stage])
        return codes + (left > of(made.last))


@dataclass(frozen=True)
class CyclicADC(PipelineADC):
    """One stage used ``bits - 1`` times and a last comparator, for each group of outputs."""

    @property
    def _stages(self) -> int:
        return 1
