"""All physical arrays of one real matrix: programmed together, multiplied together."""

from __future__ import annotations

import math
import operator
import threading
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from simulator.backend import Backend
from simulator.chip.cells import State
from simulator.chip.tiles import TileStack
from simulator.errors import InputError, ParameterError
from simulator.hardware.build import build_hardware
from simulator.hardware.hardware import Hardware, at_time
from simulator.hardware.layout import Axis, Grid, matrix_axes
from simulator.mapping import WeightScaling
from simulator.multiply.products import Product
from simulator.multiply.recorder import Recorder
from simulator.parameters import CrossSimParameters
from simulator.randomness import RandomSource

WHOLE_MATRIX = (
    "core.rows_max", "core.cols_max", "core.complex_matrix", "core.complex_input",
    "core.output_dtype", "core.mapping.weights", "simulation.seed", "simulation.useGPU",
    "simulation.gpu_id", "simulation.drift_compensation", "xbar.device.time",
)  # fmt: skip
# Two threads that multiply one core must not get the same numbers.
NUMBERING = threading.Lock()
# Programmings with a name of their own draw apart from the counted ones.
NAMED_DRAW = 1 << 31


class Arrays:
    """The arrays of a matrix of ``shape``: one stack of tiles that share their parameters.

    Where every array has parameters of its own, each is a stack of one tile. ``numbering``, where
    there is one, is asked for the number of the first vector of every call that draws; what it is
    given takes the next number in the life of the matrix. Raises ParameterError for a list of
    parameters of the wrong length, ModelError for a model that does not exist.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        trees: list[CrossSimParameters],
        several: bool,
        backend: Backend,
        random: RandomSource,
        numbering: Callable[[Callable[[], int]], int] | None = None,
    ) -> None:
        self.backend = backend
        self.numbering = numbering
        self.rows, self.cols = matrix_axes(*shape, trees[0].core)
        self.programmings = 0
        self.vectors = 0
        count = len(self.rows.sizes) * len(self.cols.sizes)
        if several and count == 1:
            raise ParameterError("params is a list, but the matrix fits one array; give one object")
        if several and len(trees) != count:
            raise ParameterError(
                f"params is a list of {len(trees)}; the matrix needs {count} arrays"
            )
        _require_common(trees)
        self.trees = trees
        grids = [Grid(self.rows, self.cols)]
        if any(tree != trees[0] for tree in trees):
            grids = [
                Grid(Axis((row_end - row,), row), Axis((col_end - col,), col))
                for row, row_end in self.rows.bounds
                for col, col_end in self.cols.bounds
            ]
        self.stacks = [
            TileStack(backend, build_hardware(tree), grid, random)
            for tree, grid in zip(trees, grids, strict=False)
        ]

    @property
    def scaling(self) -> WeightScaling | None:
        """Range of the programmed weights; None before the first programming."""
        return self.stacks[0].scaling

    def program(self, weights: Any, scaling: WeightScaling, draw: int | None = None) -> None:
        """Program every cell; if one array fails, all stay as they were.

        ``draw`` names the random numbers of this programming; None is the next.
        """
        event = self.programmings + 1 if draw is None else NAMED_DRAW + _checked_draw(draw)
        states = [s.programmed(weights[s.grid.slices], scaling, event) for s in self.stacks]
        self._store(states, scaling)

    def reprogram(self, blocks: list[tuple[range, range, Any]]) -> None:
        """Program the cells of some blocks (rows, columns, values); all others stay."""
        scaling = self.scaling
        assert scaling is not None  # the core asks for the whole matrix first
        states = [stack.held for stack in self.stacks]
        for block in blocks:
            for i, stack in enumerate(self.stacks):
                states[i] = stack.reprogrammed(states[i], *block, self.programmings + 1)
        self._store(states, scaling)

    def _store(self, states: list[State], scaling: WeightScaling) -> None:
        for stack, state in zip(self.stacks, states, strict=True):
            stack.store(state, scaling)
        self.programmings += 1
        self.compensate()

    def get_state(self) -> dict[str, Any]:
        """Conductances on the host, range and counters."""
        assert self.scaling is not None
        host = self.backend.to_host
        held = [stack.held for stack in self.stacks]
        return {
            "cells": [np.array(host(state.cells)) for state in held],
            # Of arrays without a unit column an empty one, so that each stack has its own.
            "unit": [np.zeros(0) if s.unit is None else np.array(host(s.unit)) for s in held],
            "born": [[np.array(host(part)) for part in _beginnings(state)] for state in held],
            "time": self.time,
            "served": [[s.served.get(side, 0) for side in (False, True)] for s in self.stacks],
            "codes": [_code_numbers(stack) for stack in self.stacks],
            "range": [self.scaling.low, self.scaling.high],
            "clipping": self.scaling.clipping,
            "programmings": self.programmings,
            "vectors": self.vectors,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Take over conductances, range and counters. Raises InputError where they do not fit."""
        try:
            cells = list(state["cells"])
            units = [column if np.size(column) else None for column in state["unit"]]
            born = [list(parts) for parts in state["born"]]
            time = float(state["time"])
            served = [[int(n) for n in pair] for pair in state["served"]]
            low, high = state["range"]
            codes = [[float(number) for number in code] for code in state["codes"]]
            scaling = WeightScaling(float(low), float(high), bool(state["clipping"]))
            counters = int(state["programmings"]), int(state["vectors"])
            if not (math.isfinite(low) and math.isfinite(high) and low < high):
                raise ValueError(f"range {state['range']}")
            hardware = self._at(time)
            if min(counters) < 0:
                raise ValueError(f"counters {counters}")
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise InputError(f"not the state of a core: {error!r}") from None
        states = [
            stack.state_from(*parts)
            for stack, parts in zip(
                self.stacks, zip(cells, units, born, strict=False), strict=False
            )
        ]
        if len(states) != len(self.stacks) or len(cells) != len(states):
            raise InputError(
                f"the state holds {len(cells)} stacks of arrays; the core has {len(self.stacks)}"
            )
        if codes != [_code_numbers(stack) for stack in self.stacks]:
            raise InputError("the conductances stand for weights in another way than this core's")
        self._use(hardware)
        self._store(states, scaling)
        self.programmings, self.vectors = counters
        for stack, pair in zip(self.stacks, served, strict=False):
            stack.served.update(zip((False, True), pair, strict=True))

    @property
    def time(self) -> float:
        """Time since programming, in the time unit of the drift model."""
        return self.stacks[0].hardware.cell.time

    def set_time(self, time: float) -> None:
        """Look at the same cells at another time; nothing changes if a model refuses it."""
        hardware = self._at(time)
        states = [
            stack.at(new) if stack.state is not None else None
            for stack, new in zip(self.stacks, hardware, strict=True)
        ]
        self._use(hardware)
        for stack, state in zip(self.stacks, states, strict=True):
            if state is not None and stack.scaling is not None:
                stack.store(state, stack.scaling)
        self.compensate()

    def compensate(self) -> None:
        """Find the gains that make up for drift, from a readout of all weights then and now."""
        mode = self.trees[0].simulation.drift_compensation
        if mode == "none" or self.stacks[0].state is None:
            return
        readouts = [stack.magnitudes() for stack in self.stacks]
        xp = self.backend.xp
        if mode == "global":
            then, now = (sum(float(r[i].sum()) for r in readouts) for i in range(2))
            for stack in self.stacks:
                stack.gain = then / now if now > 0 else 1.0
                stack.renew()
            return
        for stack, readout in zip(self.stacks, readouts, strict=True):
            then, now = readout
            there = now > 0
            stack.tile_gains = xp.where(there, then / xp.where(there, now, 1.0), 1.0)
            stack.renew()

    @property
    def compensation(self) -> Any:
        """What products are multiplied by: one number, or one for each weight."""
        if self.stacks[0].tile_gains is None:
            return self.stacks[0].gain
        full = self.backend.xp.empty((self.rows.length, self.cols.length))
        for stack in self.stacks:
            full[stack.grid.slices] = stack.weight_gains()
        return full

    def _at(self, time: float) -> list[Hardware]:
        return [at_time(stack.hardware, time) for stack in self.stacks]

    def _use(self, hardware: list[Hardware]) -> None:
        for stack, new in zip(self.stacks, hardware, strict=True):
            stack.hardware = new

    def weights(self) -> Any:
        """The weights the cells hold, float64."""
        if len(self.stacks) == 1:
            return self.stacks[0].weights()
        full = self.backend.xp.empty((self.rows.length, self.cols.length))
        for stack in self.stacks:
            full[stack.grid.slices] = stack.weights()
        return full

    def effective(self, dtype: Any) -> Any:
        """The matrix that MVM products are taken with, in ``dtype``; a new array."""
        parts = [stack.path(False).merged_matrix(dtype)[0] for stack in self.stacks]
        if len(parts) == 1:
            return parts[0].copy()
        full = self.backend.xp.empty((self.rows.length, self.cols.length), dtype=dtype)
        for stack, part in zip(self.stacks, parts, strict=True):
            full[stack.grid.slices] = part
        return full

    def apply(self, inputs: Any, transposed: bool, product: Product | None = None) -> Any:
        """Products with ``inputs`` (lines, batch), or what ``product`` takes: (outputs, *rest)."""
        paths = [stack.path(transposed) for stack in self.stacks]
        rest = inputs.shape[1:] if product is None else product.rest(inputs)
        vectors = self._number(rest, any(path.draws for path in paths))

        def values() -> Any:
            # A percentile range covers the whole input, also where an array takes part of it.
            return inputs if product is None else product.unrolled(inputs)

        if len(paths) == 1:
            scaling = paths[0].line.scaling(values, self.backend)
            bound = None if product is None else product.bound(paths[0].direction.inputs)
            return paths[0].multiply(inputs, scaling, vectors, bound)
        outputs = self.cols.length if transposed else self.rows.length
        out = self.backend.xp.zeros((outputs, *rest), dtype=inputs.dtype)
        for path in paths:
            driven, read = path.direction.inputs, path.direction.outputs
            part = inputs[driven.slice] if product is None else inputs
            bound = None if product is None else product.bound(driven)
            scaling = path.line.scaling(values, self.backend)
            out[read.slice] += path.multiply(part, scaling, vectors, bound)
        return out

    def _number(self, rest: tuple[int, ...], random: bool) -> Any:
        """Numbers of the next vectors; they name what is drawn for each."""
        if not random:
            return _no_numbers(self.backend, rest)
        count = math.prod(rest)

        def count_on() -> int:
            with NUMBERING:
                first = self.vectors
                self.vectors += count
            return first

        first = count_on() if self.numbering is None else self.numbering(count_on)
        return self.backend.xp.arange(first, first + count).reshape(rest)

    def one_matrix(self, dtype: Any) -> Any:
        """The matrix that ``A @ x`` is, where nothing else is left of the path; else None."""
        path = self.stacks[0].path(False)
        if len(self.stacks) > 1 or not path.is_one_matrix or path.draws or path.is_waiting:
            return None
        return path.merged_matrix(dtype)[0]

    def tree(self, r: int, c: int) -> CrossSimParameters:
        """The parameters of one part."""
        return self.trees[r * len(self.cols.sizes) + c if len(self.trees) > 1 else 0]

    def place(self, r: int, c: int) -> tuple[TileStack, slice, slice]:
        """The stack that holds a part, and the rows and columns of its cells."""
        stack = self.stacks[r * len(self.cols.sizes) + c if len(self.stacks) > 1 else 0]
        rows, cols = (
            slice(first - axis.start, end - axis.start)
            for (first, end), axis in (
                (self.rows.bounds[r], stack.grid.rows),
                (self.cols.bounds[c], stack.grid.cols),
            )
        )
        return stack, rows, cols

    def recorders(self, transposed: bool) -> list[Recorder]:
        """What was recorded at the ADCs of one direction, for each stack."""
        return [s.recorders[transposed] for s in self.stacks if transposed in s.recorders]


@lru_cache(maxsize=16)
def _no_numbers(backend: Backend, rest: tuple[int, ...]) -> Any:
    """Zero for every vector, where nothing is drawn for them."""
    return backend.xp.broadcast_to(backend.asarray(0), rest)


def _checked_draw(draw: Any) -> int:
    try:
        number = operator.index(draw)
    except TypeError:
        number = -1
    if not 0 <= number < NAMED_DRAW:
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


def _beginnings(state: State) -> list[Any]:
    """Start and draws of cells that drift, then of their unit columns."""
    return [part for born in state.born or () if born for part in (born.start, born.normal)]


def _code_numbers(stack: TileStack) -> list[float]:
    """What the conductances of a stack mean: states of other hardware do not fit."""
    code = stack.hardware.code
    return [code.levels.lowest, code.zero, *map(float, code.merge.ravel())]
