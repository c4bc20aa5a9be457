"""A stack of tiles that share their hardware: programmed once, multiplied many times.

The state of a stack is the conductance of every cell in the order of the matrix. What a multiply
needs (tiles, merged pairs, one matrix) is derived from it when first asked for, and dropped when
cells change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from simulator.backend import Backend
from simulator.chip.cells import State, checked_state, reborn, with_beginnings
from simulator.chip.conductances import Operand, merge_noise, output_side
from simulator.chip.converters import ConverterBank
from simulator.chip.programming import UNIT_SHIFT, Born, CellPhysics, Place, with_values
from simulator.chip.tile_circuit import NetworkSolution, TileNetwork
from simulator.errors import InputError
from simulator.hardware.hardware import Hardware
from simulator.hardware.layout import Direction, Grid, clip_range
from simulator.hardware.plan import Plan, make_plan
from simulator.mapping import WeightScaling
from simulator.multiply.path import SignalPath
from simulator.multiply.recorder import Recorder
from simulator.randomness import Purpose, Stream

# Rows of unit columns are named beyond all rows of the matrix, for random draws.
UNIT_ROW = 1 << UNIT_SHIFT


@dataclass
class TileStack:
    """Tiles of one part of a matrix, and the weights they hold."""

    backend: Backend
    hardware: Hardware
    grid: Grid
    streams: Callable[[Purpose], Stream]
    scaling: WeightScaling | None = None
    state: State | None = None

    # What results are multiplied by to make up for drift: all, and those of each tile (row parts,
    # column parts).
    gain: float = 1.0
    tile_gains: Any = None

    def __post_init__(self) -> None:
        self._paths: dict[bool, SignalPath] = {}
        # Weights and their variances, of noisy cells; empty until they are found.
        self._noise: list[tuple[Any, Any]] = []
        self._solutions: dict[bool, NetworkSolution] = {}
        self.served: dict[bool, int] = {}
        self._plans: dict[bool, tuple[Direction, Plan, ConverterBank]] = {}
        if any(line.has_mismatch for line in (self.hardware.mvm, self.hardware.vmm)):
            # The seed is taken as converters are made: copies of an unused core are this chip.
            self.streams(Purpose.FABRICATION)
        slices = len(self.hardware.code.merge)
        directions = (False, True) if self.hardware.record else ()
        self.recorders = {transposed: Recorder(slices) for transposed in directions}

    # -- programming -------------------------------------------------------------------------

    def programmed(self, weights: Any, scaling: WeightScaling, event: int) -> State:
        """State after programming ``weights`` (rows, columns); nothing is stored yet."""
        xp, code, grid = self.backend.xp, self.hardware.code, self.grid
        physics, (place, unit_place) = self._physics, self._places
        cells, unit = physics.fresh(weights, scaling, place, event), None
        if code.unit_column:
            shape = (*cells.start.shape[:2], len(grid.rows.sizes), grid.cols.length)
            target = xp.broadcast_to(code.unit(xp)[:, :, None, None], shape)
            unit = physics.programmed(target, unit_place, event)
        return self._state_of(cells, unit)

    @cached_property
    def _places(self) -> tuple[Place, Place]:
        """Names of all cells, and of those of unit columns."""
        rows, cols = self.grid.rows, _shifted(range(self.grid.cols.length), self.grid.cols.start)
        unit_rows = UNIT_ROW + rows.start + self.backend.xp.arange(len(rows.sizes))
        return Place(self._row_names(range(rows.length)), cols, {}), Place(unit_rows, cols, {})

    @property
    def _physics(self) -> CellPhysics:
        return CellPhysics(self.backend, self.hardware, self.streams)

    def _state_of(self, cells: Born, unit: Born | None) -> State:
        """Cells as they are now, from how they began."""
        aged = self._physics.aged
        drifts = not self.hardware.drift.is_ideal
        return State(
            aged(cells), None if unit is None else aged(unit), (cells, unit) if drifts else None
        )

    def reprogrammed(self, state: State, rows: range, cols: range, block: Any, event: int) -> State:
        """``state`` with the cells of ``block`` programmed that lie here; all others stay.

        ``rows`` and ``cols`` count in the whole matrix.
        """
        assert self.scaling is not None
        grid = self.grid
        row_part, rows = clip_range(rows, grid.rows.start, grid.rows.length)
        col_part, cols = clip_range(cols, grid.cols.start, grid.cols.length)
        if not rows or not cols:
            return state
        block = block[row_part, col_part]
        target = self._physics.targets(block, self.scaling)
        place = Place(self._row_names(rows), _shifted(cols, grid.cols.start))
        new = self._physics.programmed(target, place, event)
        row_index = self.backend.asarray(np.asarray(rows))[:, None]
        where = (slice(None), slice(None), row_index, self.backend.asarray(np.asarray(cols)))
        born = reborn(state, where, new)
        if born is None:
            return replace(state, cells=with_values(state.cells, where, new.start))
        return replace(state, cells=self._physics.aged(born[0]), born=born)

    def at(self, hardware: Hardware) -> State:
        """The present cells as they are on ``hardware``, which differs in its time alone."""
        state = self.held
        if state.born is None:
            return state
        physics = CellPhysics(self.backend, hardware, self.streams)
        cells, unit = state.born
        return replace(
            state, cells=physics.aged(cells), unit=None if unit is None else physics.aged(unit)
        )

    def state_from(self, cells: Any, unit: Any, born: Any = ()) -> State:
        """A state made of given conductances. Raises InputError where their shapes do not fit.

        ``born`` are start and draws of cells that drift, and of their unit columns.
        """
        if self.hardware.drift.is_ideal != (not born):
            raise InputError("cells of the state drift and those of the core do not, or reversely")
        (rows, cols), merge = self.grid.shape, self.hardware.code.merge
        wanted = (*merge.shape, rows, cols)
        wanted_unit = (*merge.shape, len(self.grid.rows.sizes), cols)
        has_unit = self.hardware.code.unit_column
        state = checked_state(cells, unit, wanted, wanted_unit if has_unit else None, self.backend)
        return state if not born else with_beginnings(state, born, self.backend)

    def store(self, state: State, scaling: WeightScaling) -> None:
        """Make ``state`` the programmed one; drops everything derived from the one before."""
        self.state, self.scaling = state, scaling
        self._solutions, self.served = {}, {}
        self.renew()

    def renew(self) -> None:
        """Drop what products follow from, after cells or gains changed."""
        # New ones, so that a multiply in another thread keeps nothing of before here.
        self._noise = []
        self._paths = {side: path.renewed() for side, path in self._paths.items()}

    def _row_names(self, rows: range) -> Any:
        names = _shifted(rows, self.grid.rows.start)
        return self.backend.xp.arange(names.start, names.stop, names.step)

    # -- reading back ------------------------------------------------------------------------

    def weights(self) -> Any:
        """Weights the cells hold, (rows, columns), in units of the algorithm; float64."""
        assert self.scaling is not None
        state = self.held
        unit = self._unit_of_rows(state)
        w = self.hardware.code.decode(state.cells, unit, self.backend.xp)
        return self.scaling.decode(w)

    def _unit_of_rows(self, state: State) -> Any:
        """The unit column that each row is compared with; None without one."""
        if state.unit is None:
            return None
        return state.unit[:, :, self.backend.asarray(self.grid.rows.part)]

    @property
    def held(self) -> State:
        """The programmed conductances. Raises InputError before the first programming."""
        if self.state is None:
            raise InputError("the core has not been programmed")
        return self.state

    def replace_cells(self, where: Any, values: Any) -> None:
        """Put conductances in units of Gmax into cells; drops everything derived from them."""
        assert self.scaling is not None
        state, values = self.held, self.backend.asarray(values)
        # A cell that was put somewhere has no history: it stays there.
        born = Born(values, self.backend.xp.full_like(values, np.nan))
        cells = with_values(state.cells, where, values)
        self.store(replace(state, cells=cells, born=reborn(state, where, born)), self.scaling)

    def magnitudes(self) -> tuple[Any, Any]:
        """Sum of |weight| of each tile (row parts, column parts), at programming and now.

        What a readout of each column by itself would add up to.
        """
        state = self.held
        if state.born is None:
            now = self._tile_sums(state)
            return now, now
        cells, unit = state.born
        began = State(cells.start, None if unit is None else unit.start)
        return self._tile_sums(began), self._tile_sums(state)

    def _tile_sums(self, state: State) -> Any:
        xp, unit = self.backend.xp, self._unit_of_rows(state)
        weights = xp.abs(self.hardware.code.decode(state.cells, unit, xp))
        rows, cols = (
            self.backend.asarray(np.equal.outer(np.arange(len(axis.sizes)), axis.part) * 1.0)
            for axis in (self.grid.rows, self.grid.cols)
        )
        return rows @ weights @ cols.T

    def __getstate__(self) -> dict[str, Any]:
        kept = {name: value for name, value in self.__dict__.items() if name != "_places"}
        return {**kept, "_paths": {}, "_solutions": {}, "_noise": []}

    # -- multiplying -------------------------------------------------------------------------

    def path(self, transposed: bool) -> SignalPath:
        """The signal path of one direction: MVM drives columns, VMM (``transposed``) rows."""
        path = self._paths.get(transposed)
        if path is None or path.hardware is not self.hardware:
            path = self._paths[transposed] = self._make_path(transposed)
        return path

    def _plan(self, transposed: bool) -> tuple[Direction, Plan, ConverterBank]:
        """Geometry, plan and converters of one direction; they do not depend on the cells."""
        if transposed not in self._plans:
            hardware = self.hardware
            line = hardware.vmm if transposed else hardware.mvm
            direction = Direction.of(self.grid, hardware.code.unit_column, transposed)
            bank = ConverterBank(self.backend, line.adc, direction, self.streams, transposed)
            self._plans[transposed] = direction, make_plan(hardware, line, direction), bank
        return self._plans[transposed]

    def _make_path(self, transposed: bool) -> SignalPath:
        line = self.hardware.vmm if transposed else self.hardware.mvm
        direction, plan, bank = self._plan(transposed)
        return SignalPath(
            backend=self.backend,
            hardware=self.hardware,
            line=line,
            plan=plan,
            direction=direction,
            streams=self.streams,
            weight_limit=self._weight_limit,
            solution=partial(self._solution, transposed),
            operand=lambda: self._operand(transposed, with_noise=plan.noise == "per_output"),
            largest_cell=self._largest_cell,
            matrix=lambda: self._matrix(transposed, with_noise=plan.noise == "per_output"),
            resample=self._resampled,
            recorder=self.recorders.get(transposed),
            converters=bank,
            tile_gains=partial(self._gains, transposed),
        )

    def _weight_limit(self) -> float:
        assert self.scaling is not None
        return self.scaling.limit * self.gain

    def weight_gains(self) -> Any:
        """Gain of the tile of every weight, (rows, columns)."""
        rows, cols = (self.backend.asarray(a.part) for a in (self.grid.rows, self.grid.cols))
        return self.tile_gains[rows[:, None], cols]

    def _gains(self, transposed: bool) -> Any:
        gains = self.tile_gains
        return gains.T if transposed and gains is not None else gains

    def _largest_cell(self) -> float:
        state = self.held
        cells = float(state.cells.max())
        return cells if state.unit is None else max(cells, float(state.unit.max()))

    def _network(self, transposed: bool) -> TileNetwork:
        hardware = self.hardware
        return TileNetwork(
            hardware.circuit, self.backend, self.grid, hardware.code.unit_column, transposed,
            hardware.wired_slices,
        )  # fmt: skip

    def _tiles(self, state: State) -> Any:
        return self.grid.scatter(state.cells, state.unit, self.backend)

    def _solution(self, transposed: bool) -> NetworkSolution:
        solutions, served = self._solutions, self.served
        if transposed not in solutions:
            tiles = partial(self._tiles, self.held)
            solutions[transposed] = NetworkSolution(self._network(transposed), tiles, served)
        return solutions[transposed]

    def _linear_tiles(self, transposed: bool) -> Any:
        """Effective conductances; of nonlinear cells those that small voltages meet."""
        network, circuit = self._network(transposed), self.hardware.circuit
        if circuit.is_linear:
            return self._solution(transposed).effective()
        linear = replace(network, circuit=circuit.small_signals)
        return linear.effective(circuit.slopes(self._tiles(self.held)))

    def _operand(self, transposed: bool, with_noise: bool) -> Operand:
        if not with_noise:
            operand = Operand(self._solution(transposed).effective())
        else:
            mean, variance = self._read_moments()
            operand = Operand(self._tiles(mean), self._tiles(variance))
        return output_side(operand, self.hardware.code.unit_column, transposed)

    def _matrix(self, transposed: bool, with_noise: bool) -> tuple[Any, Any]:
        """``_merged``; both sides read the same cells, whose noise may take long to find."""
        if not with_noise or self.held.unit is not None:
            return self._merged(transposed, with_noise)
        found = self._noise
        if not found:
            found.append(self._merged(False, True))
        weights, variance = found[0]
        return (weights.T, variance.T) if transposed else (weights, variance)

    def _merged(self, transposed: bool, with_noise: bool) -> tuple[Any, Any]:
        """The whole path as one matrix of weights, and their variances; in driven order.

        Variances are those of normalised weights: the square of a weight may not be a number.
        """
        assert self.scaling is not None
        code, xp = self.hardware.code, self.backend.xp
        mean, variance = self.held, None
        if not self.hardware.ideal_wires:
            tiles = self._linear_tiles(transposed)
            mean = State(*self.grid.gather(tiles, code.unit_column, self.backend))
        if with_noise:
            mean, spread = self._read_moments()
            merged = merge_noise(code, spread.cells, self.backend)
            variance = merged * code.product_gain**2
        # From the other side unit columns are not read, so the offset is taken off digitally.
        unit = None if transposed else self._unit_of_rows(mean)
        weights = self.scaling.decode(code.product_matrix(mean.cells, unit, xp))
        if self.gain != 1.0:
            weights *= self.gain
        if self.tile_gains is not None:
            gains = self.weight_gains()
            weights *= gains
            variance = None if variance is None else variance * gains**2
        if transposed:
            weights, variance = weights.T, None if variance is None else variance.T
        return weights, variance

    def _read_moments(self) -> tuple[State, State]:
        """Mean and variance of every cell in one read, after the limits of the cell."""
        state = self.held
        mean, variance = self._physics.read_moments(state.cells)
        if state.unit is None:
            return State(mean, None), State(variance, None)
        unit_mean, unit_variance = self._physics.read_moments(state.unit)
        return State(mean, unit_mean), State(variance, unit_variance)

    def _resampled(self, vector: int, phase: int) -> Any:
        """Tiles as one vector sees them in one phase, every cell drawn."""
        state, unit = self.held, None
        place, unit_place = (replace(names, ahead=None) for names in self._places)
        cells = self._physics.noisy(state.cells, place, vector, phase)
        if state.unit is not None:
            unit = self._physics.noisy(state.unit, unit_place, vector, phase)
        return self._tiles(State(cells, unit))


def _shifted(lines: range, first: int) -> range:
    return range(lines.start + first, lines.stop + first, lines.step)
