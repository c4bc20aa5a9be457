"""Random numbers for currents and results, named by line, tile, vector and digit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simulator.backend import Backend
from simulator.kernels.naming import LineNames
from simulator.randomness.addresses import UNIT_LINES
from simulator.randomness.streams import Purpose, RandomSource

# Axes of currents: phase, output part, input part, slice, side, line, and the vectors.
LINE, REST = 5, 6


@dataclass(frozen=True)
class LineDraws:
    """Draws for the lines of a stack of tiles in one direction.

    ``outputs``: numbers of the outputs in the whole matrix; ``parts``: number of the first output
    of each output part, and how many it has; ``tiles``: a number for each input part; ``lines``:
    output of every line of every part, counted from the first, (parts, lines); ``has_unit`` where
    line 0 of each part is a unit column.
    """

    backend: Backend
    random: RandomSource
    outputs: range
    parts: tuple[list[int], tuple[int, ...]]
    tiles: Any
    lines: Any
    has_unit: bool

    def for_lines(self, purpose: Purpose, law: str, shape: tuple[int, ...], vectors: Any) -> Any:
        """One number of ``law`` ("normal", "uniform") for every current of ``shape``."""
        xp = self.backend.xp
        phases, _, _, slices, sides = shape[:LINE]
        slot = xp.arange(phases * slices * sides).reshape(phases, 1, slices, sides, 1)
        tile = xp.asarray(self.tiles).reshape(1, -1, 1, 1, 1)
        draw = getattr(self.random(purpose), law)
        numbers, lines = vectors.reshape(-1), xp.asarray(self.lines)
        values = draw(self.outputs, tile, numbers, slot)[..., lines]
        if self.has_unit:
            units = draw(self.outputs, tile, numbers, slot + UNIT_LINES)
            values[..., 0] = units[..., lines[:, 0]]
        values = values.transpose(0, 5, 1, 2, 3, 6, 4)
        return values.reshape(*values.shape[:REST], *vectors.shape)

    def with_normals(self, purpose: Purpose, amps: Any, spread: float, vectors: Any) -> Any:
        """Currents with normals times ``spread``; they may be overwritten.

        The normals are those of ``for_lines``.
        """
        unit = UNIT_LINES if self.has_unit else None
        names = LineNames(self.random(purpose).key, *self.parts, self.tiles, vectors, unit)
        noisy = self.backend.kernels.with_normals(amps, spread, names)
        if noisy is not None:
            return noisy
        normals = self.for_lines(purpose, "normal", amps.shape, vectors).astype(amps.dtype)
        normals *= amps.dtype.type(spread)
        # Memory order stays as it is: sums of codes follow it.
        noisy = amps.copy(order="K")
        noisy += normals
        return noisy

    def for_outputs(self, vectors: Any, dtype: Any) -> Any:
        """One normal for every result, (outputs, *rest)."""
        stream = self.random(Purpose.READ_NOISE)
        normals = stream.normal(self.outputs, int(self.tiles[0]), vectors.reshape(-1), 0)
        return normals.T.astype(dtype).reshape(-1, *vectors.shape)
