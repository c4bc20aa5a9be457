"""Exact effective conductances of arrays with wire resistance, by merging blocks of cells.

A block is a rectangle of an array. Its input lines enter at the top and leave at the bottom, its
output lines enter at the left and leave at the right. A matrix describes it, which maps

    volts at the top, amps in at the left, volts at the right, amps out at the bottom   to
    amps in at the top, volts at the left, amps out at the right, volts at the bottom.

So described, wires without resistance and cells without conductance are nothing special, and
joining two blocks solves ``(1 + Y Z) c = b`` with Y and Z positive semidefinite: no large numbers
are subtracted, however small or large the resistances. Blocks are merged pairwise from single cells
to the whole array, which takes O(n^3) operations for n x n cells, most of them in products of
matrices, and equal blocks are merged side by side, on any array module.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType
from typing import Any

import numpy as np

from simulator.circuits.wires import Wires
from simulator.quantities import Conductances

# Sides of a block, in the order of the rows (what it answers) and columns (what it is given).
SIDES = TOP, LEFT, RIGHT, BOTTOM = range(4)
ACROSS, DOWN = (RIGHT, LEFT), (BOTTOM, TOP)
# Patches of at most this many rows and columns of cells are merged all at once; what remains is
# merged pair by pair, without the rows and columns that mean nothing at the edges of the array.
PATCH_SIZES = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32)
# Cells whose blocks stay in a processor's cache, and limits to the memory of what is in work.
HOST_PLACES, HOST_AT_ONCE, DEVICE_AT_ONCE = 1 << 12, 1 << 18, 1 << 20

Counts = tuple[int, ...]
Run = Callable[[Callable[[slice], Any], list[slice]], list[Any]]


@dataclass(frozen=True)
class _Block:
    """Matrices (..., rows, columns) of equal blocks, with the number of lines on each side.

    At the edge of the array a side has no rows where its answer is of no use, and no columns where
    what it is given is zero.
    """

    matrix: Any
    rows: Counts
    columns: Counts

    def part(self, rows: Iterable[int], columns: Iterable[int], xp: ModuleType) -> Any:
        """The rows and columns of some sides."""
        matrix = _taken(self.matrix, _places(self.rows, tuple(rows)), -2, xp)
        return _taken(matrix, _places(self.columns, tuple(columns)), -1, xp)


@lru_cache(maxsize=4096)
def _places(counts: Counts, sides: tuple[int, ...]) -> Any:
    """Positions of the lines of some sides, as a slice where possible."""
    starts = np.concatenate([[0], np.cumsum(counts)])
    index = np.concatenate([np.arange(starts[s], starts[s + 1]) for s in sides] + [[]]).astype(int)
    return _as_slice(index)


def _as_slice(index: np.ndarray) -> Any:
    if len(index) == 0:
        return slice(0, 0)
    if (np.diff(index) == 1).all():
        return slice(int(index[0]), int(index[-1]) + 1)
    return index


def _taken(matrix: Any, index: Any, axis: int, xp: ModuleType) -> Any:
    if isinstance(index, slice):
        return matrix[..., index, :] if axis == -2 else matrix[..., index]
    return xp.take(matrix, xp.asarray(index), axis=axis)


@lru_cache(maxsize=4096)
def _joined(first: Counts, second: Counts, outgoing: int, incoming: int) -> tuple[Any, Counts]:
    """Order of the lines of two blocks on the sides of the merged one, and their counts.

    ``outgoing`` of the first block meets ``incoming`` of the second; neither is left. Lines come
    as those of the first block, then those of the second, each by sides.
    """
    sizes = [0 if s == outgoing else first[s] for s in SIDES]
    sizes += [0 if s == incoming else second[s] for s in SIDES]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    lines = [np.arange(starts[i], starts[i + 1]) for i in range(8)]
    index = np.concatenate([np.concatenate([lines[s], lines[s + 4]]) for s in SIDES])
    counts = tuple(sizes[s] + sizes[s + 4] for s in SIDES)
    return _as_slice(index), counts


def _merged(first: _Block, second: _Block, sides: tuple[int, int], xp: ModuleType) -> _Block:
    """Two blocks as one: one side of the first joined to one of the second."""
    outgoing, incoming = sides
    rest = [s for s in SIDES if s != outgoing]
    others = [s for s in SIDES if s != incoming]
    near, far = first.part([outgoing], [outgoing], xp), second.part([incoming], [incoming], xp)
    given, beyond = first.part([outgoing], rest, xp), second.part([incoming], others, xp)
    split = given.shape[-1]
    # What the second block returns to the first, and what the first passes on.
    returned = xp.linalg.solve(
        xp.eye(near.shape[-1]) - far @ near, xp.concatenate([far @ given, beyond], axis=-1)
    )
    passed = near @ returned
    passed[..., :split] += given
    upper = first.part(rest, [outgoing], xp) @ returned
    upper[..., :split] += first.part(rest, rest, xp)
    lower = second.part(others, [incoming], xp) @ passed
    lower[..., split:] += second.part(others, others, xp)
    row_order, rows = _joined(first.rows, second.rows, outgoing, incoming)
    column_order, columns = _joined(first.columns, second.columns, outgoing, incoming)
    matrix = _taken(xp.concatenate([upper, lower], axis=-2), row_order, -2, xp)
    return _Block(_taken(matrix, column_order, -1, xp), rows, columns)


def _cells(g: Any, r: Any, s: Any, xp: ModuleType) -> _Block:
    """Blocks of one place: p cells (..., p) with segments ``r`` before them and ``s`` after.

    All terms of a sum have one sign, also where the block's resistances nearly cancel its answer.
    """
    p = g.shape[-1]
    alone = 1 / (1 + r[..., None] * g)
    y = g * alone
    total = y.sum(axis=-1)
    w = 1 / (1 + s * total)
    matrix = xp.zeros((*w.shape, 2 * p + 2, 2 * p + 2))
    left, right = p, p + 1
    for k in range(p):
        under = p + 2 + k
        for other in range(p):
            if other == k:
                rivals = 1 + s * sum(y[..., i] for i in range(p) if i != k)
                conducted = y[..., k] * rivals * w
                kept = (alone[..., k] * rivals + s * y[..., k]) * w
            else:
                conducted = -s * y[..., k] * y[..., other] * w
                kept = -r * conducted
            matrix[..., k, other] = conducted
            matrix[..., k, p + 2 + other] = matrix[..., under, other] = kept
            matrix[..., under, p + 2 + other] = -r * kept
        flow = y[..., k] * w
        matrix[..., k, left], matrix[..., k, right] = -s * flow, -flow
        matrix[..., under, left], matrix[..., under, right] = r * s * flow, r * flow
        matrix[..., left, k], matrix[..., right, k] = s * flow, flow
        matrix[..., left, under], matrix[..., right, under] = -r * s * flow, -r * flow
    matrix[..., left, left], matrix[..., right, right] = s * w, -total * w
    matrix[..., left, right] = matrix[..., right, left] = w
    return _Block(matrix, (p, 1, 1, p), (p, 1, 1, p))


def _patch(size: int) -> int:
    """Rows or columns of cells in a patch: little padding, and two patches at least."""
    if size <= 2 * PATCH_SIZES[-1]:
        return min(s for s in PATCH_SIZES if 2 * s >= size)
    return min(PATCH_SIZES[-5:], key=lambda s: (-(-size // s) * s, -s))


def _merged_cells(g: Any, r: Any, s: Any, xp: ModuleType) -> _Block:
    """One block for each patch of cells (..., rows, columns, p); r, s are (..., rows, columns)."""
    block = _cells(g, r, s, xp)
    rows, columns = g.shape[-3:-1]
    while rows * columns > 1:
        across = columns >= rows
        count = columns if across else rows
        # Odd factors first: a chain of blocks is cheap only while they are small.
        step = count & -count
        step = 2 if step == count else count // step
        every = [
            (..., slice(i, None, step), *[slice(None)] * (2 if across else 3)) for i in range(step)
        ]
        merged = _Block(block.matrix[every[0]], block.rows, block.columns)
        for part in every[1:]:
            other = _Block(block.matrix[part], block.rows, block.columns)
            merged = _merged(merged, other, ACROSS if across else DOWN, xp)
        block = merged
        rows, columns = (rows, columns // step) if across else (rows // step, columns)
    return _Block(block.matrix[..., 0, 0, :, :], block.rows, block.columns)


def _trimmed(block: _Block, edges: set[int], xp: ModuleType) -> _Block:
    """A block on some edges of the array, without what is not asked for or is zero there."""
    rows = [s for s in SIDES if s not in edges or s == RIGHT]
    columns = [s for s in SIDES if s not in edges or s == TOP]
    return _Block(
        block.part(rows, columns, xp),
        tuple(block.rows[s] * (s in rows) for s in SIDES),
        tuple(block.columns[s] * (s in columns) for s in SIDES),
    )


def _merged_grid(matrices: Any, counts: Counts, xp: ModuleType) -> Any:
    """Effective conductances (..., outputs, inputs) from a grid (..., rows, columns) of patches."""
    rows, columns = matrices.shape[-4:-2]
    grid: list[list[_Block]] = [[] for _ in range(rows)]
    for i in range(rows):
        for j in range(columns):
            at_edge = {TOP: i == 0, LEFT: j == 0, RIGHT: j == columns - 1, BOTTOM: i == rows - 1}
            block = _Block(matrices[..., i, j, :, :], counts, counts)
            grid[i].append(_trimmed(block, {s for s in SIDES if at_edge[s]}, xp))
    while len(grid) > 1 or len(grid[0]) > 1:
        if len(grid[0]) >= len(grid):
            grid = [_merged_pairs(row, ACROSS, xp) for row in grid]
        else:
            lines = [_merged_pairs(line, DOWN, xp) for line in zip(*grid)]
            grid = [list(row) for row in zip(*lines)]
    return grid[0][0].matrix


def _merged_pairs(blocks: Sequence[_Block], sides: tuple[int, int], xp: ModuleType) -> list[_Block]:
    pairs = [_merged(a, b, sides, xp) for a, b in zip(blocks[0::2], blocks[1::2])]
    return pairs + list(blocks[2 * len(pairs) :])


def _of_arrays(g: Any, wires: Wires, places: int, run: Run, xp: ModuleType) -> Any:
    """Effective conductances of arrays (count, p, m, n)."""
    count, p, m, n = g.shape
    height, width = _patch(m), _patch(n)
    tall, wide = -(-m // height), -(-n // width)
    # Wires without resistance and cells without conductance change nothing: they fill the patches.
    padded = xp.zeros((count, tall * height, wide * width, p))
    padded[:, :m, :n] = xp.moveaxis(g, 1, -1)
    before, after = np.zeros((tall * height, 1, 1)), np.zeros((wide * width, 1))
    before[:m, 0, 0], after[:n, 0] = wires.input_profile(m), wires.output_profile(n)

    def patches(values: Any) -> Any:
        values = xp.broadcast_to(values, (*padded.shape[:-1], values.shape[-1]))
        values = values.reshape(count, tall, height, wide, width, values.shape[-1])
        return xp.moveaxis(values, 3, 2).reshape(-1, height, width, values.shape[-1])

    cells, r, s = patches(padded), patches(xp.asarray(before)), patches(xp.asarray(after))
    blocks = run(
        lambda part: _merged_cells(cells[part], r[part][..., 0], s[part][..., 0], xp),
        _pieces(len(cells), places // (height * width)),
    )
    matrices = xp.concatenate([block.matrix for block in blocks])
    matrices = matrices.reshape(count, tall, wide, *matrices.shape[1:])
    merged = run(
        lambda part: _merged_grid(matrices[part], blocks[0].rows, xp),
        _pieces(count, places // (m * n)),
    )
    result = xp.concatenate(merged)[:, :m, : n * p].reshape(count, m, n, p)
    return xp.moveaxis(result, -1, 1)


def _pieces(count: int, size: int) -> list[slice]:
    return [slice(i, i + max(size, 1)) for i in range(0, count, max(size, 1))]


def _in_turn(function: Callable[[slice], Any], pieces: list[slice]) -> list[Any]:
    return [function(piece) for piece in pieces]


class _OneBlasThread:
    """While anyone is inside, BLAS uses one thread: many small products would wait on each other.

    The limit belongs to the process, so the first to enter sets it and the last to leave lifts it.
    Entering gives the number of threads that BLAS had.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._blas: Any = None
        self._limit: Any = None
        self._threads = 1

    def __enter__(self) -> int:
        with self._lock:
            if self._blas is None:
                from threadpoolctl import ThreadpoolController

                self._blas = ThreadpoolController().select(user_api="blas")
            if self._inside == 0:
                pools = self._blas.lib_controllers
                self._threads = max((pool.num_threads for pool in pools), default=1)
                self._limit = self._blas.limit(limits=1)
            self._inside += 1
            return self._threads

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._limit.restore_original_limits()


_one_blas_thread = _OneBlasThread()


def _on_host(g: np.ndarray, wires: Wires) -> np.ndarray:
    if g.size <= HOST_PLACES:
        return _of_arrays(g, wires, HOST_PLACES, _in_turn, np)
    with _one_blas_thread as threads, ThreadPoolExecutor(threads) as executor:
        return _of_arrays(
            g, wires, HOST_PLACES, lambda f, pieces: list(executor.map(f, pieces)), np
        )


def effective(conductances: Conductances, wires: Wires, xp: ModuleType = np) -> Conductances:
    """Conductances (..., p, m, n) that draw the same currents on ideal wires, for an MVM.

    The entry (k, o, j) is the current into ground at output o for one volt on line k of input j;
    its dtype is that of ``conductances``, its accuracy that of float64. What a VMM sees is
    `effective_vmm`. Memory beyond the result is that of a few million cells, or of one array.
    """
    if wires.is_zero or conductances.size == 0:
        return conductances
    g = conductances.reshape(-1, *conductances.shape[-3:])
    result = xp.empty(g.shape, dtype=g.dtype)
    at_once = HOST_AT_ONCE if xp is np else DEVICE_AT_ONCE
    for piece in _pieces(len(g), at_once // int(np.prod(g.shape[1:]))):
        if xp is np:
            result[piece] = _on_host(g[piece], wires)
        else:
            result[piece] = _of_arrays(g[piece], wires, at_once, _in_turn, xp)
    return result.reshape(conductances.shape)


def effective_vmm(conductances: Conductances, wires: Wires, xp: ModuleType = np) -> Any:
    """Conductances (..., p, m, n) that a VMM would see on ideal wires.

    Drivers of the output lines before input 0, grounds of the input lines after output m-1. The
    network is that of the MVM with both orders reversed, driven from the other ports, and a network
    of resistances is reciprocal.
    """
    return effective(conductances[..., ::-1, ::-1], wires, xp)[..., ::-1, ::-1]


def predicted_seconds(p: int, m: int, n: int, arrays: int = 1, vectors: int = 1) -> float:
    """Rough time of `effective`, and of the product with so many vectors each, on one core.

    Meant for a comparison with `iterative.predicted_seconds` of the same machine.
    """
    size = ((p + 1) / 2) ** 2 * m * n
    merging = 0.6e-3 + arrays * size * (1.4e-6 + 4.5e-9 * math.sqrt(size))
    return merging + 0.1e-9 * arrays * p * m * n * vectors
