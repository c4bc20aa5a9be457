"""The circuit of a stack of tiles: tiles of every size, from either side, slice by slice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from simulator.backend import Backend
from simulator.circuits import CellState, Circuit, LineNoise
from simulator.circuits.line_noise import noise_axes, zones_of
from simulator.hardware import Axis, Grid


@dataclass(frozen=True)
class TileCircuit:
    """Voltages to currents for tiles (row parts, column parts, slices, sides, rows, columns).

    Output 0 of a tile is its unit column, where it has one. ``wired`` tells for every slice
    whether its arrays have wires; the cells of others meet ideal ones.
    """

    circuit: Circuit
    backend: Backend
    grid: Grid
    has_unit: bool
    is_vmm: bool
    wired: tuple[bool, ...]

    @cached_property
    def is_ideal(self) -> bool:
        """True where every current is a conductance times a voltage."""
        return self.circuit.is_ideal or (self.circuit.is_linear and not any(self.wired))

    @property
    def solves_each_input(self) -> bool:
        """True where there is no matrix of effective conductances, or it is not wanted."""
        return not self.is_ideal and self.circuit.solves_each_input

    def prefers_currents(self, tiles: Any, vectors: int) -> bool:
        """True where ``currents`` of so many vectors costs less than ``effective``."""
        return not self.is_ideal and self.circuit.prefers_currents(tiles, vectors)

    def effective(self, tiles: Any) -> Any:
        """Tiles of effective conductances, in the shape of ``tiles``."""
        if self.is_ideal:
            return tiles
        xp = self.backend.xp
        out = tiles.copy()
        for place, circuit in self._places():
            out[place] = circuit.effective(tiles[place], self.is_vmm, xp)
        return out

    def line_noise(self, tiles: Any, variances: Any, gains: Any) -> LineNoise:
        """Means and variances of all lines as functions of the inputs.

        ``tiles`` and ``variances`` of the cells in one read, ``gains`` the effective conductances.
        The axes of the result are (out parts, in parts, slices, sides, outputs, inputs or zones);
        a unit column that a VMM could drive is not among the inputs.
        """
        xp, driven = self.backend.xp, self._inputs.widest
        zones = zones_of(driven)
        if self.is_vmm and self.has_unit:
            zones = np.concatenate([[-1], zones])
        sides = 1 if self._carries_pairs(tiles) else tiles.shape[3]
        shape = (*tiles.shape[:3], sides, self._outputs(tiles))
        out = LineNoise(*(xp.zeros((*shape, *last)) for last in noise_axes(len(zones))))
        for place, circuit in self._places():
            *index, rows, columns = place
            lines, outputs = (rows, columns) if self.is_vmm else (columns, rows)
            found = circuit.line_noise(
                tiles[place], variances[place], gains[place], zones[lines], self.is_vmm, xp
            )
            for name in ("gains", "squares"):
                getattr(out, name)[(*index, outputs, lines)] = getattr(found, name)
            for name in ("shift", "form"):
                getattr(out, name)[(*index, outputs)] = getattr(found, name)
        if not self.is_vmm:
            return out
        first = int(self.has_unit)
        gains, squares, *rest = (part.swapaxes(0, 1) for part in out.arrays)
        return LineNoise(gains[..., first:], squares[..., first:], *rest)

    def currents(self, tiles: Any, phases: Any) -> Any:
        """Currents (phases, out parts, in parts, slices, sides, outputs, batch).

        ``phases`` (phases, lines, batch) drive the columns of the matrix; the rows for a VMM.
        """

        def solved(circuit: Circuit, place: Any, volts: Any) -> tuple[Any, ...]:
            return (circuit.currents(tiles[place], volts, self.is_vmm, self.backend.xp),)

        return self._of_lines(solved, 1, tiles, phases)[0]

    def moments(self, tiles: Any, variances: Any, phases: Any) -> tuple[Any, Any]:
        """Means and variances of currents, where each input is solved on its own.

        ``tiles`` and ``variances`` of the cells in one read; ``phases``, and the results, as in
        ``currents``.
        """

        def solved(circuit: Circuit, place: Any, volts: Any) -> tuple[Any, ...]:
            cells = tiles[place], variances[place]
            return circuit.moments(*cells, volts, self.is_vmm, self.backend.xp)

        mean, variance = self._of_lines(solved, 2, tiles, phases)
        return mean, variance

    def _of_lines(self, solved: Any, count: int, tiles: Any, phases: Any) -> list[Any]:
        """What ``solved`` gives for the tiles of one circuit at a time: ``count`` arrays."""
        xp, (pulses, _, batch) = self.backend.xp, phases.shape
        drive = self._drive(phases)
        shape = (*tiles.shape[:4], self._outputs(tiles), pulses * batch)
        values = [xp.zeros(shape) for _ in range(count)]
        for place, circuit in self._places():
            *index, rows, columns = place
            lines, outputs = (rows, columns) if self.is_vmm else (columns, rows)
            part = index[0] if self.is_vmm else index[1]
            volts = drive[part][..., None, lines, :]  # for every side
            for value, found in zip(values, solved(circuit, place, volts), strict=True):
                value[(*index, outputs)] = found
        if self.is_vmm:
            values = [value.swapaxes(0, 1) for value in values]
        values = [value.reshape(*value.shape[:-1], pulses, batch) for value in values]
        return [xp.moveaxis(v, -2, 0).astype(phases.dtype, copy=False) for v in values]

    def tile_state(
        self, tiles: Any, phases: Any, part: tuple[int, int], weight_slice: int
    ) -> tuple[CellState, CellState]:
        """Cells and nodes of the arrays of one slice of one tile, with wires and without.

        Each (1, sides, rows, columns, batch); ``part`` is row part and column part, ``phases`` as
        in ``currents``.
        """
        rows, columns = self.grid.rows.sizes[part[0]], self.grid.cols.sizes[part[1]]
        cells = tiles[(*part, weight_slice)][:, : rows + self.has_unit, :columns]
        lines = rows + self.has_unit if self.is_vmm else columns
        volts = self._drive(phases)[part[0] if self.is_vmm else part[1], :lines]
        wired = self.wired[weight_slice]
        ideal = self.circuit.without_wires
        given = (cells, volts[None], self.is_vmm, self.backend.xp)
        circuit = self.circuit if wired else ideal
        return circuit.cell_state(*given), ideal.cell_state(*given)

    def _drive(self, phases: Any) -> Any:
        """Voltages (parts, lines of a tile, vectors): phases are further vectors."""
        xp, axis = self.backend.xp, self._inputs
        parts = xp.moveaxis(axis.split(phases, self.backend), 0, -2)
        parts = parts.reshape(*parts.shape[:2], -1).astype(xp.float64, copy=False)
        if not (self.is_vmm and self.has_unit):
            return parts
        # The line of the unit column is there, with its driver at zero.
        return xp.concatenate([xp.zeros_like(parts[:, :1]), parts], axis=1)

    @property
    def _inputs(self) -> Axis:
        return self.grid.rows if self.is_vmm else self.grid.cols

    def _outputs(self, tiles: Any) -> int:
        return tiles.shape[-1] if self.is_vmm else tiles.shape[-2]

    def _carries_pairs(self, tiles: Any) -> bool:
        """Whether the lines that are read carry both cells of a pair."""
        return self.circuit.shares_lines and not self.is_vmm and tiles.shape[3] == 2

    def _places(self) -> Iterator[tuple[tuple[Any, ...], Circuit]]:
        """Tiles of one size with one circuit at a time: an index of the stack.

        Tiles that pad the stack have wires of their own length, not of the widest tile.
        """
        xp = self.backend.xp
        for wired, circuit in ((True, self.circuit), (False, self.circuit.without_wires)):
            slices = np.flatnonzero(np.asarray(self.wired) == wired)
            if not slices.size:
                continue
            for height, rows in _by_size(self.grid.rows):
                for width, columns in _by_size(self.grid.cols):
                    index = (rows[:, None, None], columns[:, None], slices)
                    tiles = (*(xp.asarray(i) for i in index), slice(None))
                    yield (*tiles, slice(height + self.has_unit), slice(width)), circuit


def _by_size(axis: Axis) -> list[tuple[int, np.ndarray]]:
    """Parts of each size."""
    sizes = np.asarray(axis.sizes)
    return [(int(size), np.flatnonzero(sizes == size)) for size in np.unique(sizes)]
