"""What a programming gives: one frozen value, and what follows from it.

Whoever multiplies takes the value once and keeps to it; programming again makes another one.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from simulator.backend import Backend
from simulator.chip.cells import Cells
from simulator.chip.conductances import Conductances, Solved, merged
from simulator.chip.programming import CellModels
from simulator.hardware import Grid, Hardware
from simulator.hardware.values import Value
from simulator.mapping import WeightScaling
from simulator.quantities import Array, Weights

if TYPE_CHECKING:
    from simulator.chip.tiles import Tiles


def nothing_solved() -> dict[str, Solved]:
    """The count of a fresh programming, for each direction."""
    return {"mvm": Solved(), "vmm": Solved()}


@dataclass(frozen=True)
class Programmed(Value):
    """Programmed tiles: cells, the weights they stand for, and gains that make up for drift.

    ``hardware`` is that of the tiles at the present time. Results are multiplied by ``gain``, and
    those of each tile by ``tile_gains`` (row parts, column parts), None for ones. ``dtype`` is
    that of the programmed matrix.
    """

    tiles: Tiles
    hardware: Hardware
    cells: Cells
    scaling: WeightScaling
    dtype: np.dtype
    gain: float = 1.0
    tile_gains: Array | None = None
    solved: dict[str, Solved] = field(default_factory=nothing_solved)

    @property
    def backend(self) -> Backend:
        """Where the tiles compute."""
        return self.tiles.backend

    @property
    def grid(self) -> Grid:
        """Which part of the matrix lies on which tile."""
        return self.tiles.grid

    @cached_property
    def mvm(self) -> Conductances:
        """The cells as A @ x meets them."""
        return Conductances(self, self.tiles.mvm)

    @cached_property
    def vmm(self) -> Conductances:
        """The cells as x @ A meets them."""
        return Conductances(self, self.tiles.vmm)

    def with_cells(self, cells: Cells) -> Programmed:
        """The same programming with other cells."""
        return replace(self, cells=cells, solved=nothing_solved())

    def with_gains(self, gain: float, tile_gains: Array | None) -> Programmed:
        """The same cells with other gains."""
        return replace(self, gain=gain, tile_gains=tile_gains)

    # -- weights -----------------------------------------------------------------------------

    @cached_property
    def weight_limit(self) -> float:
        """The weight that one full cell stands for in results, drift made up for."""
        return self.scaling.limit * self.gain

    @property
    def weights(self) -> Weights:
        """Weights the cells hold, (rows, columns), in units of the algorithm; float64."""
        unit = self.unit_of_rows(self.cells)
        w = self.hardware.code.decode(self.cells.matrix, unit, self.backend.xp)
        return self.scaling.decode(w)

    @cached_property
    def weight_gains(self) -> Array:
        """Gain of the tile of every weight, (rows, columns)."""
        assert self.tile_gains is not None  # asked for only where there are some
        rows, cols = (self.backend.asarray(a.part) for a in (self.grid.rows, self.grid.cols))
        return self.tile_gains[rows[:, None], cols]

    def unit_of_rows(self, cells: Cells) -> Array | None:
        """The unit column that each row is compared with; None without one."""
        if cells.unit is None:
            return None
        return cells.unit[:, :, self.backend.asarray(self.grid.rows.part)]

    # -- cells -------------------------------------------------------------------------------

    def tiles_of(self, cells: Cells) -> Array:
        """Cells as a stack of tiles (row parts, column parts, slices, sides, rows, columns)."""
        return self.grid.scatter(cells.matrix, cells.unit, self.backend)

    @property
    def _models(self) -> CellModels:
        return self.tiles.models(self.hardware)

    def read_moments(self) -> tuple[Cells, Cells]:
        """Mean and variance of every cell in one read, after the limits of the cell."""
        mean, variance = self._models.read_moments(self.cells.matrix)
        if self.cells.unit is None:
            return Cells(mean), Cells(variance)
        unit_mean, unit_variance = self._models.read_moments(self.cells.unit)
        return Cells(mean, unit_mean), Cells(variance, unit_variance)

    @cached_property
    def noisy_matrix(self) -> tuple[Weights, Array]:
        """Mean weights of one read and their variances, (rows, columns)."""
        return merged(self, False, *self.read_moments())

    def read(self, vector: int, phase: int) -> Array:
        """Tiles as one vector meets them in one phase, the noise of every cell drawn."""
        place, unit_place = (replace(names, ahead=None) for names in self.tiles.names)
        models, unit = self._models, None
        matrix = models.noisy(self.cells.matrix, place, vector, phase)
        if self.cells.unit is not None:
            unit = models.noisy(self.cells.unit, unit_place, vector, phase)
        return self.tiles_of(Cells(matrix, unit))
