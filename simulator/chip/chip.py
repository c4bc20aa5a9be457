"""All physical arrays of one real matrix: programmed together, saved together, aged together."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from simulator.backend import Backend
from simulator.chip.cells import Cells
from simulator.chip.drift import at_time, compensated
from simulator.chip.programmed import Programmed
from simulator.chip.tiles import Tiles
from simulator.chip.verifying import Rule
from simulator.devices.generic import spread_of
from simulator.errors import InputError, ParameterError
from simulator.hardware import Axis, Grid, build_hardware, matrix_axes
from simulator.mapping import WeightScaling
from simulator.parameters import CrossSimParameters
from simulator.randomness import RandomSource
from simulator.randomness.addresses import NAMED_EVENTS

WHOLE_MATRIX = (
    "core.rows_max", "core.cols_max", "core.complex_matrix", "core.complex_input",
    "core.output_dtype", "core.mapping.weights", "simulation.seed", "simulation.useGPU",
    "simulation.gpu_id", "simulation.drift_compensation", "xbar.device.time",
)  # fmt: skip
DIRECTIONS = ("mvm", "vmm")
# What a saved state has for the vectors that were solved one by one, once that is over.
BOUGHT = 1 << 62


class Chip:
    """The arrays of a matrix of ``shape``: one stack of tiles that share their parameters.

    Where every array has parameters of its own, each is a stack of one tile. What the cells hold
    is ``programmed``, one value for each stack, all replaced at once; None before the first
    programming. Raises ParameterError for a list of parameters of the wrong length, ModelError for
    a model that does not exist.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        trees: list[CrossSimParameters],
        several: bool,
        backend: Backend,
        random: RandomSource,
    ) -> None:
        self.backend, self.trees = backend, trees
        self.rows, self.cols = matrix_axes(*shape, trees[0].core)
        self._require_fitting(several)
        self.tiles = tuple(
            Tiles(backend, build_hardware(tree), grid, random)
            for tree, grid in zip(trees, self._grids(), strict=False)
        )
        # At the present time, also before the first programming.
        self.hardware = tuple(tiles.hardware for tiles in self.tiles)
        self.programmed: tuple[Programmed, ...] | None = None
        self.programmings = 0

    def _require_fitting(self, several: bool) -> None:
        trees, count = self.trees, len(self.rows.sizes) * len(self.cols.sizes)
        if several and count == 1:
            raise ParameterError("params is a list, but the matrix fits one array; give one object")
        if several and len(trees) != count:
            raise ParameterError(
                f"params is a list of {len(trees)}; the matrix needs {count} arrays"
            )
        _require_common(trees)

    def _grids(self) -> list[Grid]:
        if all(tree == self.trees[0] for tree in self.trees):
            return [Grid(self.rows, self.cols)]
        return [
            Grid(Axis((row_end - row,), row), Axis((col_end - col,), col))
            for row, row_end in self.rows.bounds
            for col, col_end in self.cols.bounds
        ]

    # -- programming -------------------------------------------------------------------------

    def program(
        self, weights: Any, scaling: WeightScaling, dtype: Any, draw: int | None = None
    ) -> None:
        """Program every cell; if one array fails, all stay as they were.

        ``draw`` names the random numbers of this programming; None is the next.
        """
        event = self.programmings + 1 if draw is None else NAMED_EVENTS + _checked_draw(draw)
        self._store(
            [
                tiles.program(weights[tiles.grid.slices], scaling, dtype, event, hardware)
                for tiles, hardware in zip(self.tiles, self.hardware, strict=True)
            ]
        )
        self.programmings += 1

    def write_verify(
        self, weights: Any, scaling: WeightScaling, dtype: Any, rule: Rule
    ) -> tuple[np.ndarray, np.ndarray]:
        """Program cells until they are near enough.

        Returns how often each was programmed and what it misses its target by, as a fraction of
        Gmax, both (slices, sides, rows, columns) on the host.
        """
        done = [
            tiles.write_verify(
                weights[tiles.grid.slices], scaling, dtype, self.programmings + 1, hardware, rule
            )
            for tiles, hardware in zip(self.tiles, self.hardware, strict=True)
        ]
        self._store([chip for chip, _, _ in done])
        # No number is drawn twice.
        self.programmings += max(used for _, _, used in done)
        shape = (*self.tiles[0].hardware.code.merge.shape, self.rows.length, self.cols.length)
        writes, errors = np.empty(shape, dtype=np.int64), np.empty(shape)
        for tiles, (_, cells, _) in zip(self.tiles, done, strict=True):
            where = (..., *tiles.grid.slices)
            writes[where] = self.backend.to_host(cells.writes)
            errors[where] = self.backend.to_host(cells.errors)
        return writes, errors

    def reprogram(self, blocks: list[tuple[range, range, Any]]) -> None:
        """Program the cells of some blocks (rows, columns, values); all others stay."""
        chips = list(self.held)
        for block in blocks:
            chips = [
                tiles.reprogram(chip, *block, self.programmings + 1)
                for tiles, chip in zip(self.tiles, chips, strict=True)
            ]
        self._store(chips)
        self.programmings += 1

    def put(self, index: int, where: Any, values: Any) -> None:
        """Put conductances in units of Gmax into cells of one stack."""
        chips = list(self.held)
        chips[index] = self.tiles[index].with_values(chips[index], where, values)
        self._store(chips)

    def put_all(self, values: Sequence[Any]) -> None:
        """Put conductances in units of Gmax into all cells of every stack, unit columns apart."""
        everywhere = (slice(None),) * 4
        self._store(
            [
                tiles.with_values(chip, everywhere, part)
                for tiles, chip, part in zip(self.tiles, self.held, values, strict=True)
            ]
        )

    def _store(self, chips: Sequence[Programmed]) -> None:
        self.programmed = compensated(self.trees[0].simulation.drift_compensation, chips)

    # -- reading back ------------------------------------------------------------------------

    @property
    def held(self) -> tuple[Programmed, ...]:
        """What the stacks hold. Raises InputError before the first programming."""
        if self.programmed is None:
            raise InputError("the core has not been programmed")
        return self.programmed

    @property
    def scaling(self) -> WeightScaling | None:
        """Range of the programmed weights; None before the first programming."""
        return None if self.programmed is None else self.programmed[0].scaling

    def weights(self) -> Any:
        """The weights the cells hold, float64."""
        return self._assembled([chip.weights for chip in self.held], None)

    def effective(self, dtype: Any) -> Any:
        """The matrix that MVM products are taken with, in ``dtype``; a new array."""
        parts = [chip.mvm.matrix[dtype][0] for chip in self.held]
        return parts[0].copy() if len(parts) == 1 else self._assembled(parts, dtype)

    @property
    def compensation(self) -> Any:
        """What products are multiplied by: one number, or one for each weight."""
        chips = self.programmed
        if chips is None or chips[0].tile_gains is None:
            return 1.0 if chips is None else chips[0].gain
        return self._assembled([chip.weight_gains for chip in chips], None, copy=True)

    def _assembled(self, parts: list[Any], dtype: Any, copy: bool = False) -> Any:
        """The whole matrix from the parts that the stacks hold."""
        if len(parts) == 1 and not copy:
            return parts[0]
        full = self.backend.xp.empty((self.rows.length, self.cols.length), dtype=dtype or float)
        for tiles, part in zip(self.tiles, parts, strict=True):
            full[tiles.grid.slices] = part
        return full

    # -- time --------------------------------------------------------------------------------

    @property
    def time(self) -> float:
        """Time since programming, in the time unit of the drift model."""
        return self.hardware[0].cell.time

    @property
    def ages(self) -> bool:
        """Whether time changes anything: cells that drift, or noise of a model that knows time."""
        return any(
            not (hardware.drift.is_ideal and (hardware.read.is_ideal or spread_of(hardware.read)))
            for hardware in self.hardware
        )

    def set_time(self, time: float) -> None:
        """Look at the same cells at another time; nothing changes if a model refuses it."""
        hardware = tuple(at_time(old, time) for old in self.hardware)
        if self.programmed is not None:
            chips = zip(self.tiles, self.programmed, hardware, strict=True)
            self._store([tiles.at(chip, new) for tiles, chip, new in chips])
        self.hardware = hardware

    # -- saving ------------------------------------------------------------------------------

    def get_state(self) -> dict[str, Any]:
        """Conductances on the host, range and counters."""
        host, chips = self.backend.to_host, self.held
        cells = [chip.cells for chip in chips]
        return {
            "cells": [np.array(host(part.matrix)) for part in cells],
            # Of arrays without a unit column an empty one, so that each stack has its own.
            "unit": [np.zeros(0) if c.unit is None else np.array(host(c.unit)) for c in cells],
            "born": [[np.array(host(part)) for part in _beginnings(c)] for c in cells],
            "time": self.time,
            "served": [[_served(chip, name) for name in DIRECTIONS] for chip in chips],
            "codes": [_code_numbers(tiles) for tiles in self.tiles],
            "range": [chips[0].scaling.low, chips[0].scaling.high],
            "clipping": chips[0].scaling.clipping,
            "programmings": self.programmings,
        }

    def set_state(self, state: dict[str, Any], dtype: Any) -> None:
        """Take over conductances, range and counters. Raises InputError where they do not fit."""
        try:
            matrices = list(state["cells"])
            units = [column if np.size(column) else None for column in state["unit"]]
            histories = [list(parts) for parts in state["born"]]
            served = [[int(n) for n in pair] for pair in state["served"]]
            low, high = state["range"]
            codes = [[float(number) for number in code] for code in state["codes"]]
            scaling = WeightScaling(float(low), float(high), bool(state["clipping"]))
            programmings = int(state["programmings"])
            if not (math.isfinite(low) and math.isfinite(high) and low < high):
                raise ValueError(f"range {state['range']}")
            hardware = tuple(at_time(old, float(state["time"])) for old in self.hardware)
            if programmings < 0:
                raise ValueError(f"{programmings} programmings")
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise InputError(f"not the state of a core: {error!r}") from None
        parts = zip(matrices, units, histories, strict=False)
        cells = [
            tiles.cells_from(*given, physical=scaling.clipping)
            for tiles, given in zip(self.tiles, parts, strict=False)
        ]
        if len(cells) != len(self.tiles) or len(matrices) != len(cells):
            raise InputError(
                f"the state holds {len(matrices)} stacks of arrays; the core has {len(self.tiles)}"
            )
        if codes != [_code_numbers(tiles) for tiles in self.tiles]:
            raise InputError("the conductances stand for weights in another way than this core's")
        chips = [
            Programmed(tiles, new, held, scaling, dtype)
            for tiles, new, held in zip(self.tiles, hardware, cells, strict=True)
        ]
        for chip, pair in zip(chips, served, strict=False):
            for name, count in zip(DIRECTIONS, pair, strict=True):
                _resume(chip, name, count)
        self._store(chips)
        self.hardware, self.programmings = hardware, programmings

    # -- single arrays -----------------------------------------------------------------------

    def tree(self, r: int, c: int) -> CrossSimParameters:
        """The parameters of one part."""
        return self.trees[r * len(self.cols.sizes) + c if len(self.trees) > 1 else 0]

    def place(self, r: int, c: int) -> tuple[int, slice, slice]:
        """Number of the stack that holds a part, and the rows and columns of its cells there."""
        index = r * len(self.cols.sizes) + c if len(self.tiles) > 1 else 0
        grid = self.tiles[index].grid
        rows, cols = (
            slice(first - axis.start, end - axis.start)
            for (first, end), axis in (
                (self.rows.bounds[r], grid.rows),
                (self.cols.bounds[c], grid.cols),
            )
        )
        return index, rows, cols


def _served(chip: Programmed, name: str) -> int:
    solved = chip.solved[name]
    return BOUGHT if solved.bought else solved.vectors


def _resume(chip: Programmed, name: str, served: int) -> None:
    solved = chip.solved[name]
    solved.bought = served >= BOUGHT
    solved.vectors = 0 if solved.bought else served


def _checked_draw(draw: Any) -> int:
    try:
        number = operator.index(draw)
    except TypeError:
        number = -1
    if not 0 <= number < NAMED_EVENTS:
        raise ParameterError(f"draw: got {draw!r}; allowed is an integer in [0, 2**31)")
    return number


def _require_common(trees: list[CrossSimParameters]) -> None:
    """What belongs to the matrix as a whole must not differ from array to array."""
    for i, tree in enumerate(trees[1:], start=1):
        for path in WHOLE_MATRIX:
            first, other = (_field(t, path) for t in (trees[0], tree))
            if first != other:
                raise ParameterError(
                    f"params[{i}].{path} is {other!r}, params[0].{path} is {first!r}; it belongs "
                    "to the matrix as a whole and must be the same for all arrays"
                )


def _field(tree: Any, path: str) -> Any:
    for name in path.split("."):
        tree = getattr(tree, name)
    return tree


def _beginnings(cells: Cells) -> list[Any]:
    """Start and draws of cells that drift, then of their unit columns."""
    return [part for block in cells.history or () if block for part in (block.start, block.normal)]


def _code_numbers(tiles: Tiles) -> list[float]:
    """What the conductances of a stack mean: states of other hardware do not fit."""
    code = tiles.hardware.code
    return [code.levels.lowest, code.zero, *map(float, code.merge.ravel())]
