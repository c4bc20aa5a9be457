"""Random numbers for currents and results, named by line, tile, vector and digit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from simulator.backend import Backend
from simulator.chip.converters import UNIT_SLOT
from simulator.hardware.layout import Direction
from simulator.kernels.naming import LineNames
from simulator.multiply.currents import OUTPUT, REST
from simulator.randomness import Purpose, Stream


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

    def with_normals(self, purpose: Purpose, amps: Any, spread: float, vectors: Any) -> Any:
        """Currents with normals times ``spread``; they may be overwritten.

        The normals are those of ``for_lines``.
        """
        unit = UNIT_SLOT if self.direction.has_unit else None
        names = LineNames(self.streams(purpose).key, *self._arrays, vectors, unit)
        noisy = self.backend.kernels.with_normals(amps, spread, names)
        if noisy is not None:
            return noisy
        normals = self.for_lines(purpose, "normal", amps.shape, vectors).astype(amps.dtype)
        normals *= amps.dtype.type(spread)
        # Memory order stays as it is: sums of codes follow it.
        noisy = amps.copy(order="K")
        noisy += normals
        return noisy

    @cached_property
    def _arrays(self) -> tuple[Any, Any, Any]:
        """First outputs and numbers of outputs of all parts, and names of the parts of inputs."""
        axis = self.direction.outputs
        first = [axis.start + begin for begin, _ in axis.bounds]
        return first, axis.sizes, self.direction.input_names

    def for_outputs(self, vectors: Any, dtype: Any) -> Any:
        """One normal for every result, (outputs, *rest)."""
        direction, stream = self.direction, self.streams(Purpose.READ_NOISE)
        first_input = int(direction.input_names[0])
        normals = stream.normal(direction.output_names, first_input, vectors.reshape(-1), 0)
        return normals.T.astype(dtype).reshape(-1, *vectors.shape)
