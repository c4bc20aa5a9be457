"""Random numbers for currents and results, named by line, tile, vector and digit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulator.backend import Backend, Purpose, Stream
from simulator.currents import OUTPUT, REST
from simulator.fold import Direction

# Draws of unit columns have slots of their own.
UNIT_SLOT = 1 << 12


@dataclass(frozen=True)
class LineDraws:
    """Draws for one direction of a stack of tiles."""

    backend: Backend
    direction: Direction
    streams: Callable[[Purpose], Stream]

    def for_lines(self, purpose: Purpose, law: str, shape: tuple[int, ...], vectors: Any) -> Any:
        """One number of ``law`` ("normal", "uniform") for every current of ``shape``."""
        xp, direction = self.backend.xp, self.direction
        phases, _, _, slices, sides = shape[:OUTPUT]
        slot = xp.arange(phases * slices * sides).reshape(phases, 1, slices, sides, 1)
        tile = self.backend.asarray(direction.input_names).reshape(1, -1, 1, 1, 1)
        draw, outputs = getattr(self.streams(purpose), law), direction.output_names
        numbers, lines = vectors.reshape(-1), self.backend.asarray(direction.lines)
        values = draw(outputs, tile, numbers, slot)[..., lines]
        if direction.has_unit:
            units = draw(outputs, tile, numbers, slot + UNIT_SLOT)
            values[..., 0] = units[..., lines[:, 0]]
        values = values.transpose(0, 5, 1, 2, 3, 6, 4)
        return values.reshape(*values.shape[:REST], *vectors.shape)

    def for_outputs(self, vectors: Any, dtype: Any) -> Any:
        """One normal for every result, (outputs, *rest)."""
        direction, stream = self.direction, self.streams(Purpose.READ_NOISE)
        first_input = int(direction.input_names[0])
        normals = stream.normal(direction.output_names, first_input, vectors.reshape(-1), 0)
        return normals.T.astype(dtype).reshape(-1, *vectors.shape)
