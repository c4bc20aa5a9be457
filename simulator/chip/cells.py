"""What the cells of a stack of tiles hold, and cells that come from outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from simulator.backend import Backend
from simulator.errors import InputError
from simulator.quantities import Array, Conductances


@dataclass(frozen=True)
class History:
    """A block of cells (slices, sides, rows, columns) as it was programmed.

    ``start`` is its conductance then, in units of Gmax; ``normal`` what each cell drew for its
    drift: NaN for one that was put where it is and stays there, None where no cell drifts.
    """

    start: Conductances
    normal: Array | None = None

    def replaced(self, where: Any, new: History) -> History:
        """These cells with ``new`` ones at some place."""
        start = with_values(self.start, where, new.start)
        return History(start, with_values(self.normal, where, new.normal))


@dataclass(frozen=True)
class Cells:
    """Conductances in units of Gmax, as they are now.

    ``matrix`` (slices, sides, rows, columns) in the order of the matrix; ``unit`` (slices, sides,
    row parts, columns) for the unit columns, None without. ``history`` is how cells that drift
    began, those of the matrix and those of unit columns; None where nothing drifts.
    """

    matrix: Conductances
    unit: Conductances | None = None
    history: tuple[History, History | None] | None = None

    @property
    def largest(self) -> float:
        """The highest conductance."""
        cells = float(self.matrix.max())
        return cells if self.unit is None else max(cells, float(self.unit.max()))

    def history_with(self, where: Any, new: History) -> tuple[History, History | None] | None:
        """How the cells began, after some of the matrix were programmed anew."""
        if self.history is None:
            return None
        cells, unit = self.history
        return cells.replaced(where, new), unit


def with_values(array: Array, where: Any, values: Array) -> Array:
    """A copy of ``array`` with ``values`` at some place."""
    array = array.copy()
    array[where] = values
    return array


def checked_cells(
    matrix: Conductances,
    unit: Conductances | None,
    shape: tuple[int, ...],
    unit_shape: tuple[int, ...] | None,
    backend: Backend,
    physical: bool = True,
) -> Cells:
    """Given conductances as cells on the device; they are copied.

    ``unit_shape`` is None for arrays without unit columns. With ``physical`` False conductances may
    be negative: those of weights beyond a range that does not clip are. Raises InputError for
    other shapes, and for values that are no conductances.
    """
    for values in (matrix,) if unit is None else (matrix, unit):
        values = _real(values)
        if not np.isfinite(values).all() or (physical and (values < 0).any()):
            raise InputError("conductances must be finite real numbers, not negative")
    matrix = backend.xp.array(matrix, dtype=backend.xp.float64)
    if matrix.shape != shape or (unit_shape is None) != (unit is None):
        raise InputError(f"conductances of shape {matrix.shape}; the core needs {shape}")
    if unit is None:
        return Cells(matrix)
    unit = backend.xp.array(unit, dtype=backend.xp.float64)
    if unit.shape != unit_shape:
        raise InputError(f"unit columns of shape {unit.shape}; the core needs {unit_shape}")
    return Cells(matrix, unit)


def _real(values: Any) -> np.ndarray:
    """``values`` as an array on the host. Raises InputError for what are no real numbers."""
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise InputError(f"conductances must be an array ({error})") from None
    if array.dtype.kind != "f":
        raise InputError(f"conductances must be real numbers; got the dtype {array.dtype}")
    return array


def with_history(cells: Cells, parts: Sequence[Any], backend: Backend) -> Cells:
    """``cells`` that began as ``parts``: start and draws of the matrix, then of unit columns.

    Raises InputError for other shapes, and for values that are no conductances or draws.
    """
    parts = [_real(part) for part in parts]
    xp = backend.xp
    starts, draws = (
        [xp.array(b, dtype=xp.float64) for b in part] for part in (parts[0::2], parts[1::2])
    )
    held = [cells.matrix] if cells.unit is None else [cells.matrix, cells.unit]
    shapes = [part.shape for part in held]
    finite = all(bool(xp.isfinite(part).all()) for part in starts)
    finite = finite and not any(bool(xp.isinf(part).any()) for part in draws)
    if [s.shape for s in starts] != shapes or [d.shape for d in draws] != shapes or not finite:
        raise InputError("the beginnings of the cells do not have the shape of the cells")
    pairs = [History(*pair) for pair in zip(starts, draws, strict=True)]
    return replace(cells, history=(pairs[0], None if cells.unit is None else pairs[1]))
