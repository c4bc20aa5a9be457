"""What was fixed when converters were made: the mismatch of every ADC."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from simulator.backend import Backend
from simulator.converters import ADC
from simulator.hardware import Direction
from simulator.hardware.values import Kept, Value
from simulator.randomness import Purpose, RandomSource
from simulator.randomness.addresses import UNIT_LINES, VMM_CONVERTERS


@dataclass(frozen=True)
class ConverterBank(Value):
    """The converters of one direction of a stack: made when first used, kept as long as it.

    Their random numbers follow from the seed and the place alone, so copies of a core, and a core
    whose state is restored, have the same ones.
    """

    backend: Backend
    adc: ADC
    direction: Direction
    random: RandomSource

    def __call__(self, shape: tuple[int, ...]) -> Any:
        """What ``fabricate`` gave for converters of ``shape``."""
        return self._made[shape, self._seed]

    @property
    def _seed(self) -> Any:
        # Without mismatch nothing is drawn, and no seed taken.
        return self.random(Purpose.FABRICATION).key if self.adc.has_mismatch else None

    @cached_property
    def _made(self) -> Kept:
        def make(shape_and_seed: tuple[tuple[int, ...], Any]) -> Any:
            shape = shape_and_seed[0]

            def draw(numbers: range, group_size: int) -> Any:
                return self._normals(shape, numbers, group_size)

            return self.adc.fabricate(shape, draw, self.backend.kernels)

        return Kept(make)

    def _normals(self, shape: tuple[int, ...], numbers: range, group_size: int) -> Any:
        """Normals (output part, input part, slice, side, group, number); see ``ADC.fabricate``.

        A group goes by the first of its outputs.
        """
        xp, direction = self.backend.xp, self.direction
        stream = self.random(Purpose.FABRICATION)
        slices, sides = shape[2:4]
        first = self.backend.asarray(direction.lines[:, ::group_size])
        slot = xp.arange(slices * sides).reshape(slices, sides, 1)
        slot = slot + VMM_CONVERTERS * int(direction.is_vmm)
        if direction.has_unit:
            slot = slot + UNIT_LINES * (xp.arange(first.shape[1]) == 0)
        tile = self.backend.asarray(direction.input_names).reshape(-1, 1, 1, 1)
        start = direction.outputs.start
        return stream.normal(numbers, tile, first[:, None, None, None, :] + start, slot)
