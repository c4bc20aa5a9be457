"""Random numbers for currents and results, named by line, tile, vector and digit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simulator.backend import Backend
from simulator.kernels.naming import LineNames
from simulator.randomness.addresses import UNIT_LINES
from simulator.randomness.streams import Purpose, RandomSource


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
        """One number of ``law`` ("normals", "uniforms") for every current of ``shape``."""
        return self.backend.kernels.line_numbers(law, self._names(purpose, vectors), shape)

    def with_normals(self, purpose: Purpose, amps: Any, spread: float, vectors: Any) -> Any:
        """Currents with normals times ``spread``; they may be overwritten.

        The normals are those of ``for_lines``.
        """
        return self.backend.kernels.with_normals(amps, spread, self._names(purpose, vectors))

    def for_outputs(self, vectors: Any, dtype: Any) -> Any:
        """One normal for every result, (outputs, *rest)."""
        key, kernels = self.random.keys[Purpose.READ_NOISE], self.backend.kernels
        place = self.outputs, int(self.tiles[0]), vectors.reshape(-1), 0
        normals = kernels.named("normals", key, *place)
        return normals.T.astype(dtype).reshape(-1, *vectors.shape)

    def _names(self, purpose: Purpose, vectors: Any) -> LineNames:
        unit = UNIT_LINES if self.has_unit else None
        return LineNames(
            self.random.keys[purpose], self.outputs, *self.parts, self.lines, self.tiles, vectors,
            unit,
        )  # fmt: skip
