"""Large matrices on arrays of limited size: which part of a matrix sits on which tile.

All tiles of a core are one stacked array. Parts may differ in size; smaller tiles are padded with
cells that do not conduct, which changes no current.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from simulator.backend import Backend
from simulator.hardware.values import Value
from simulator.parameters.core_parameters import PartitionStrategy
from simulator.randomness import RandomSource
from simulator.randomness.draws import LineDraws


def part_sizes(
    length: int, limit: int, priority: Sequence[int] = (), maximal: bool = False
) -> list[int]:
    """Sizes of the parts of ``length`` lines on arrays of at most ``limit`` (0: no limit).

    Equal parts if possible; full parts and a remainder if ``maximal`` or if ``length`` is a
    multiple of ``limit / d`` for a divisor d of ``priority``; otherwise parts of the rounded mean
    with the rest in the last. Where that rest would exceed the limit, parts differ by at most one,
    the larger first.
    """
    if limit <= 0 or length <= limit:
        return [length]
    parts = -(-length // limit)
    if length % parts == 0:
        return [length // parts] * parts
    if maximal or any(length % (limit / divisor) == 0 for divisor in priority):
        return [limit] * (parts - 1) + [length - limit * (parts - 1)]
    even = round(length / parts)
    last = length - even * (parts - 1)
    if last <= limit:
        return [even] * (parts - 1) + [last]
    size, larger = divmod(length, parts)
    return [size + 1] * larger + [size] * (parts - larger)


@dataclass(frozen=True)
class Axis(Value):
    """The lines of one matrix dimension, cut into parts; ``start`` is the first line's number."""

    sizes: tuple[int, ...]
    start: int = 0

    @cached_property
    def length(self) -> int:
        """Lines in all parts together."""
        return sum(self.sizes)

    @cached_property
    def slice(self) -> slice:
        """The lines in the whole matrix."""
        return slice(self.start, self.start + self.length)

    @cached_property
    def widest(self) -> int:
        """Lines of the largest part: what every tile of the stack has."""
        return max(self.sizes)

    @cached_property
    def uniform(self) -> bool:
        """True where all parts are equal, so that cutting is a reshape."""
        return len(set(self.sizes)) == 1

    @cached_property
    def bounds(self) -> list[tuple[int, int]]:
        """First line and end of every part, counted from zero."""
        ends = np.cumsum(self.sizes)
        return [(int(end) - size, int(end)) for end, size in zip(ends, self.sizes, strict=True)]

    @cached_property
    def part(self) -> np.ndarray:
        """Part of every line."""
        return np.repeat(np.arange(len(self.sizes)), self.sizes)

    @cached_property
    def place(self) -> np.ndarray:
        """Position of every line within its part."""
        return np.concatenate([np.arange(size) for size in self.sizes])

    def split(self, lines: Any, backend: Backend) -> Any:
        """Cut the lines of ``(..., length, batch)`` to ``(..., parts, widest, batch)``."""
        head, batch = lines.shape[:-2], lines.shape[-1]
        if self.uniform:
            return lines.reshape(*head, len(self.sizes), self.widest, batch)
        xp = backend.xp
        shape = (*head, len(self.sizes), self.widest, batch)
        out = xp.zeros(shape, dtype=lines.dtype)
        out[..., backend.asarray(self.part), backend.asarray(self.place), :] = lines
        return out

    def join(self, tiles: Any, backend: Backend) -> Any:
        """Put ``(parts, widest, ...)`` back to ``(length, ...)``."""
        if self.uniform:
            return tiles.reshape(self.length, *tiles.shape[2:])
        return tiles[backend.asarray(self.part), backend.asarray(self.place)]


def matrix_axes(rows: int, cols: int, core: Any) -> tuple[Axis, Axis]:
    """Parts of a matrix under the limits of the ``core`` node of the parameters.

    ``cols_max`` limits the outputs of an array, which are matrix rows; ``rows_max`` its inputs.
    """
    weights = core.mapping.weights
    return (
        Axis(tuple(part_sizes(
            rows, core.cols_max, weights.row_partition_priority,
            weights.row_partition_strategy == PartitionStrategy.MAX,
        ))),
        Axis(tuple(part_sizes(
            cols, core.rows_max, weights.col_partition_priority,
            weights.col_partition_strategy == PartitionStrategy.MAX,
        ))),
    )  # fmt: skip


def clip_range(lines: range, start: int, length: int) -> tuple[slice, range]:
    """Lines inside [start, start + length): their positions, and their numbers from start."""
    inside = [i for i, line in enumerate(lines) if start <= line < start + length]
    if not inside:
        return slice(0, 0), range(0)
    first, last = inside[0], inside[-1]
    kept = lines[first : last + 1]
    return slice(first, last + 1), range(kept.start - start, kept.stop - start, kept.step)


@dataclass(frozen=True)
class Grid(Value):
    """The tiles of a matrix: parts of its rows times parts of its columns."""

    rows: Axis
    cols: Axis

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the matrix."""
        return self.rows.length, self.cols.length

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns in the whole matrix."""
        return self.rows.slice, self.cols.slice

    def scatter(self, cells: Any, unit: Any, backend: Backend) -> Any:
        """Cells of the matrix to the stack of tiles.

        ``cells`` (slices, sides, rows, columns) and ``unit`` (slices, sides, row parts, columns),
        or None without a unit column, to (row parts, column parts, slices, sides, rows, columns)
        of a tile. The unit column is output 0 of its tile.
        """
        if unit is None and self.rows.uniform and self.cols.uniform:
            slices, sides = cells.shape[:2]
            blocks = cells.reshape(
                slices, sides, len(self.rows.sizes), self.rows.widest,
                len(self.cols.sizes), self.cols.widest,
            )  # fmt: skip
            return blocks.transpose(2, 4, 0, 1, 3, 5)
        return self._scatter_ragged(cells, unit, backend)

    def gather(self, tiles: Any, has_unit: bool, backend: Backend) -> tuple[Any, Any]:
        """Cells and unit columns (None without) of a stack of tiles; inverts ``scatter``."""
        shift = int(has_unit)
        row_part, row_place = (
            backend.asarray(a)[:, None] for a in (self.rows.part, self.rows.place)
        )
        col_part, col_place = (backend.asarray(a) for a in (self.cols.part, self.cols.place))
        cells = tiles[row_part, col_part, :, :, row_place + shift, col_place]
        if not has_unit:
            return cells.transpose(2, 3, 0, 1), None
        parts = backend.asarray(np.arange(len(self.rows.sizes)))[:, None]
        unit = tiles[parts, col_part, :, :, 0, col_place]
        return cells.transpose(2, 3, 0, 1), unit.transpose(2, 3, 0, 1)

    def _scatter_ragged(self, cells: Any, unit: Any, backend: Backend) -> Any:
        xp, shift = backend.xp, 0 if unit is None else 1
        parts = (len(self.rows.sizes), len(self.cols.sizes))
        size = (self.rows.widest + shift, self.cols.widest)
        out = xp.zeros((*parts, *cells.shape[:2], *size), dtype=cells.dtype)
        row_part, row_place = (
            backend.asarray(a)[:, None] for a in (self.rows.part, self.rows.place)
        )
        col_part, col_place = (backend.asarray(a) for a in (self.cols.part, self.cols.place))
        out[row_part, col_part, :, :, row_place + shift, col_place] = cells.transpose(2, 3, 0, 1)
        if unit is not None:
            tiles = backend.asarray(np.arange(parts[0]))[:, None]
            out[tiles, col_part, :, :, 0, col_place] = unit.transpose(2, 3, 0, 1)
        return out


@dataclass(frozen=True)
class Direction(Value):
    """One way through an array: what is driven, what is read, and names for random draws.

    An "mvm" (y = A x) drives the columns of the matrix and reads its rows, and the unit columns
    where the arrays have them; a "vmm" (y = x A) drives rows and reads columns.
    """

    name: Literal["mvm", "vmm"]
    inputs: Axis
    outputs: Axis
    has_unit: bool = False

    @classmethod
    def mvm(cls, grid: Grid, has_unit: bool) -> Direction:
        """A @ x with the tiles of a grid; ``has_unit`` where they have unit columns."""
        return cls("mvm", grid.cols, grid.rows, has_unit)

    @classmethod
    def vmm(cls, grid: Grid) -> Direction:
        """x @ A with the tiles of a grid."""
        return cls("vmm", grid.rows, grid.cols)

    def draws(self, backend: Backend, random: RandomSource) -> LineDraws:
        """Random numbers for the lines that are read, and for their results."""
        first = [self.outputs.start + begin for begin, _ in self.outputs.bounds]
        return LineDraws(
            backend, random, self.output_names, (first, self.outputs.sizes), self.input_names,
            self.lines, self.has_unit,
        )  # fmt: skip

    @property
    def is_vmm(self) -> bool:
        """True where the rows are driven."""
        return self.name == "vmm"

    @cached_property
    def lines(self) -> np.ndarray:
        """Output of every line of every part, (parts, lines); a unit column goes by the first."""
        axis, shift = self.outputs, int(self.has_unit)
        lines = np.zeros((len(axis.sizes), axis.widest + shift), dtype=np.int64)
        lines[axis.part, axis.place + shift] = np.arange(axis.length)
        if self.has_unit:
            lines[:, 0] = [first for first, _ in axis.bounds]
        return lines

    @cached_property
    def real_lines(self) -> np.ndarray:
        """Which lines of every part are there, (parts, lines); the others only pad the stack."""
        axis, shift = self.outputs, int(self.has_unit)
        real = np.zeros((len(axis.sizes), axis.widest + shift), dtype=bool)
        real[axis.part, axis.place + shift] = True
        real[:, :shift] = True
        return real

    @cached_property
    def input_names(self) -> np.ndarray:
        """Number of the first input of every part in the whole matrix, (parts,)."""
        return np.asarray([self.inputs.start + first for first, _ in self.inputs.bounds])

    @cached_property
    def output_names(self) -> range:
        """Numbers of the outputs in the whole matrix."""
        return range(self.outputs.start, self.outputs.start + self.outputs.length)
