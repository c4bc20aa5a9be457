"""Tiles of one part of a matrix, and their life: programmed, programmed in part, read back, aged.

Every step gives a new `Programmed`; nothing here changes in place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from simulator.backend import Backend
from simulator.chip.cells import Cells, History, checked_cells, with_history, with_values
from simulator.chip.programmed import Programmed
from simulator.chip.programming import CellModels, Place
from simulator.chip.verifying import Rule, Verified, verify
from simulator.errors import InputError
from simulator.hardware import Direction, Grid, Hardware, Plan, make_plan
from simulator.hardware.layout import clip_range
from simulator.hardware.values import Value
from simulator.mapping import WeightScaling
from simulator.quantities import Array, Conductances, Weights
from simulator.randomness import Purpose, RandomSource
from simulator.randomness.addresses import UNIT_ROWS


@dataclass(frozen=True)
class Tiles(Value):
    """Tiles that share their parameters: all that is fixed before they are programmed.

    ``hardware`` is that of a fresh chip; later hardware differs in its time alone.
    """

    backend: Backend
    hardware: Hardware
    grid: Grid
    random: RandomSource

    def __post_init__(self) -> None:
        made = self.hardware.mvm, self.hardware.vmm, self.hardware.programming
        if any(part.has_mismatch for part in made):
            # The seed is taken as these are made: copies of an unused core are this chip.
            self.random(Purpose.FABRICATION)

    @cached_property
    def mvm(self) -> Plan:
        """The plan of A @ x."""
        direction = Direction.mvm(self.grid, self.hardware.code.unit_column)
        return make_plan(self.hardware, self.hardware.mvm, direction)

    @cached_property
    def vmm(self) -> Plan:
        """The plan of x @ A."""
        return make_plan(self.hardware, self.hardware.vmm, Direction.vmm(self.grid))

    # -- programming -------------------------------------------------------------------------

    def program(
        self,
        weights: Weights,
        scaling: WeightScaling,
        dtype: np.dtype,
        event: int,
        hardware: Hardware,
    ) -> Programmed:
        """All cells programmed with ``weights`` (rows, columns)."""
        models, (place, unit_place) = self.models(hardware), self.names
        cells, unit = models.fresh(weights, scaling, place, event), None
        if self.hardware.code.unit_column:
            unit = models.programmed(self._unit_target, unit_place, event)
        return Programmed(self, hardware, self._now(cells, unit, hardware), scaling, dtype)

    def write_verify(
        self,
        weights: Weights,
        scaling: WeightScaling,
        dtype: np.dtype,
        event: int,
        hardware: Hardware,
        rule: Rule,
    ) -> tuple[Programmed, Verified, int]:
        """All cells programmed until they are near enough, and how many programmings that took.

        Unit columns are verified too.
        """
        models, (place, unit_place) = self.models(hardware), self.names
        cells = verify(models, models.targets(weights, scaling), place, event, rule)
        used, unit = int(cells.writes.max()), None
        if self.hardware.code.unit_column:
            units = verify(models, self._unit_target, unit_place, event, rule)
            used, unit = max(used, int(units.writes.max())), units.history
        chip = Programmed(self, hardware, self._now(cells.history, unit, hardware), scaling, dtype)
        return chip, cells, used

    @property
    def _unit_target(self) -> Conductances:
        """What unit columns are programmed to, (slices, sides, row parts, columns)."""
        xp, code, grid = self.backend.xp, self.hardware.code, self.grid
        shape = (*code.merge.shape, len(grid.rows.sizes), grid.cols.length)
        return xp.broadcast_to(code.unit(xp)[:, :, None, None], shape)

    def reprogram(
        self, chip: Programmed, rows: range, cols: range, block: Weights, event: int
    ) -> Programmed:
        """The cells of ``block`` programmed that lie here; all others stay.

        ``rows`` and ``cols`` count in the whole matrix.
        """
        grid, models = self.grid, self.models(chip.hardware)
        row_part, rows = clip_range(rows, grid.rows.start, grid.rows.length)
        col_part, cols = clip_range(cols, grid.cols.start, grid.cols.length)
        if not rows or not cols:
            return chip.with_cells(chip.cells)
        target = models.targets(block[row_part, col_part], chip.scaling)
        place = Place(self._row_names(rows), _shifted(cols, grid.cols.start))
        new = models.programmed(target, place, event)
        row_index = self.backend.asarray(np.asarray(rows))[:, None]
        where = (slice(None), slice(None), row_index, self.backend.asarray(np.asarray(cols)))
        history = chip.cells.history_with(where, new)
        if history is None:
            matrix = with_values(chip.cells.matrix, where, new.start)
        else:
            matrix = models.aged(history[0])
        return chip.with_cells(replace(chip.cells, matrix=matrix, history=history))

    def at(self, chip: Programmed, hardware: Hardware) -> Programmed:
        """The same cells on ``hardware``, which differs in its time alone."""
        cells = chip.cells
        if cells.history is not None:
            cells = self._now(*cells.history, hardware)
        return replace(chip.with_cells(cells), hardware=hardware)

    def with_values(self, chip: Programmed, where: Any, values: Conductances) -> Programmed:
        """Conductances in units of Gmax put into some cells."""
        values = self.backend.asarray(values)
        # A cell that was put somewhere has no history: it stays there.
        put = History(values, self.backend.xp.full_like(values, np.nan))
        matrix = with_values(chip.cells.matrix, where, values)
        history = chip.cells.history_with(where, put)
        return chip.with_cells(replace(chip.cells, matrix=matrix, history=history))

    def cells_from(
        self,
        matrix: Conductances,
        unit: Conductances | None,
        history: Sequence[Array] = (),
        physical: bool = True,
    ) -> Cells:
        """Cells of given conductances. Raises InputError where their shapes do not fit.

        ``history`` are start and draws of cells that drift, and of their unit columns; negative
        conductances are refused with ``physical``.
        """
        if self.hardware.drift.is_ideal != (not history):
            raise InputError("cells of the state drift and those of the core do not, or reversely")
        (rows, cols), merge = self.grid.shape, self.hardware.code.merge
        wanted = (*merge.shape, rows, cols)
        wanted_unit = (*merge.shape, len(self.grid.rows.sizes), cols)
        has_unit = self.hardware.code.unit_column
        cells = checked_cells(
            matrix, unit, wanted, wanted_unit if has_unit else None, self.backend, physical
        )
        return cells if not history else with_history(cells, history, self.backend)

    def _now(self, cells: History, unit: History | None, hardware: Hardware) -> Cells:
        """Cells at the time of ``hardware``, from how they began."""
        aged = self.models(hardware).aged
        drifts = not hardware.drift.is_ideal
        return Cells(
            aged(cells), None if unit is None else aged(unit), (cells, unit) if drifts else None
        )

    # -- the device models and the names of cells --------------------------------------------

    def models(self, hardware: Hardware) -> CellModels:
        """The device models at the time of ``hardware``."""
        return CellModels(self.backend, hardware, self.random)

    @cached_property
    def names(self) -> tuple[Place, Place]:
        """Names of all cells, and of those of unit columns, for random draws."""
        rows, cols = self.grid.rows, _shifted(range(self.grid.cols.length), self.grid.cols.start)
        unit_rows = UNIT_ROWS + rows.start + self.backend.xp.arange(len(rows.sizes))
        return Place(self._row_names(range(rows.length)), cols, {}), Place(unit_rows, cols, {})

    def _row_names(self, rows: range) -> Array:
        names = _shifted(rows, self.grid.rows.start)
        return self.backend.xp.arange(names.start, names.stop, names.step)


def _shifted(lines: range, first: int) -> range:
    return range(lines.start + first, lines.stop + first, lines.step)
