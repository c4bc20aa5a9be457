"""Random numbers for currents, results and converters, named by line, tile, vector and digit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulator.backend import Backend
from simulator.converters import ADC
from simulator.hardware.layout import Direction
from simulator.randomness import Purpose, Stream

# Draws of unit columns have slots of their own, and converters of the other side of an array.
UNIT_SLOT = 1 << 12
OTHER_SIDE_SLOT = 1 << 13


@dataclass
class ConverterBank:
    """The converters of one direction of a stack: made when first used, kept as long as it.

    Their random numbers follow from the seed and the place alone, so copies of a core, and a core
    whose state is restored, have the same ones.
    """

    backend: Backend
    adc: ADC
    direction: Direction
    streams: Callable[[Purpose], Stream]
    other_side: bool

    def __post_init__(self) -> None:
        self._kept: tuple[tuple[int, ...], Stream | None, Any] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_kept": None}

    def __call__(self, shape: tuple[int, ...]) -> Any:
        """What ``fabricate`` gave for converters of ``shape``."""
        if self._kept is not None:
            kept_shape, stream, made = self._kept
            same_chip = stream is None or stream == self.streams(Purpose.FABRICATION)
            if kept_shape == shape and same_chip:
                return made
        used: list[Stream] = []

        def draw(numbers: range, group_size: int) -> Any:
            used.append(self.streams(Purpose.FABRICATION))
            return self._normals(used[0], shape, numbers, group_size)

        made = self.adc.fabricate(shape, draw, self.backend.kernels)
        self._kept = shape, used[0] if used else None, made
        return made

    def _normals(
        self, stream: Stream, shape: tuple[int, ...], numbers: range, group_size: int
    ) -> Any:
        """Normals (output part, input part, slice, side, group, number); see ``ADC.fabricate``.

        A group goes by the first of its outputs.
        """
        xp, direction = self.backend.xp, self.direction
        slices, sides = shape[2:4]
        first = self.backend.asarray(direction.lines[:, ::group_size])
        slot = xp.arange(slices * sides).reshape(slices, sides, 1)
        slot = slot + OTHER_SIDE_SLOT * int(self.other_side)
        if direction.has_unit:
            slot = slot + UNIT_SLOT * (xp.arange(first.shape[1]) == 0)
        tile = self.backend.asarray(direction.input_names).reshape(-1, 1, 1, 1)
        start = direction.outputs.start
        return stream.normal(numbers, tile, first[:, None, None, None, :] + start, slot)
