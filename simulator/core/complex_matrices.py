"""Complex numbers on real arrays: the matrix [[Re, -Im], [Im, Re]] and the order of its lines.

The order in which real and imaginary parts drive the lines is physical: it decides which cells a
part of the input meets.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any


def expand_matrix(matrix: Any, xp: ModuleType) -> Any:
    """The real (2m, 2n) matrix of a complex (m, n) one."""
    re, im = _parts(matrix, xp)
    upper, lower = xp.concatenate([re, -im], axis=1), xp.concatenate([im, re], axis=1)
    return xp.concatenate([upper, lower])


def expand_block(
    rows: range, cols: range, block: Any, shape: tuple[int, int], xp: ModuleType
) -> list[tuple[range, range, Any]]:
    """The four real blocks (rows, columns, values) of a block of a complex matrix of ``shape``."""
    re, im = _parts(block, xp)
    lower, right = _moved(rows, shape[0]), _moved(cols, shape[1])
    return [(rows, cols, re), (rows, right, -im), (lower, cols, im), (lower, right, re)]


def collapse_matrix(expanded: Any) -> Any:
    """The complex matrix of an expanded real one: its left half is read."""
    m, n = (length // 2 for length in expanded.shape)
    return expanded[:m, :n] + 1j * expanded[m:, :n]


def expand_inputs(inputs: Any, transposed: bool, single: bool, xp: ModuleType) -> Any:
    """Voltages on the lines, (2 lines, batch); ``single`` for one vector from the left."""
    re, im = _parts(inputs, xp)
    if not transposed:
        return xp.concatenate([re, im])
    return xp.concatenate([im, re] if single else [re, -im])


def collapse_outputs(outputs: Any, transposed: bool, single: bool) -> Any:
    """Complex results (lines, batch) from the real outputs of ``expand_inputs``."""
    half = len(outputs) // 2
    first, second = outputs[:half], outputs[half:]
    if not transposed:
        return first + 1j * second
    return second + 1j * first if single else first - 1j * second


def _parts(values: Any, xp: ModuleType) -> tuple[Any, Any]:
    """Real and imaginary part as floats: unsigned integers and booleans have no negative."""
    if values.dtype.kind not in "fc":
        values = values.astype(xp.float64)
    return xp.real(values), xp.imag(values)


def _moved(lines: range, by: int) -> range:
    return range(lines.start + by, lines.stop + by, lines.step)
