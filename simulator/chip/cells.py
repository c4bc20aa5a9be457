"""What the cells of a stack of tiles hold, and states that come from outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from simulator.backend import Backend
from simulator.chip.programming import Born
from simulator.errors import InputError


@dataclass(frozen=True)
class State:
    """Programmed conductances in units of Gmax.

    ``cells`` (slices, sides, rows, columns); ``unit`` (slices, sides, row parts, columns) for the
    unit columns, None without. ``born`` is how cells that drift began, with the cells and with the
    unit columns; None where nothing drifts.
    """

    cells: Any
    unit: Any
    born: tuple[Born, Born | None] | None = None


def reborn(state: State, where: Any, new: Born) -> tuple[Born, Born | None] | None:
    """How cells began, after some were programmed anew."""
    if state.born is None:
        return None
    cells, unit = state.born
    return cells.replaced(where, new), unit


def checked_state(
    cells: Any,
    unit: Any,
    shape: tuple[int, ...],
    unit_shape: tuple[int, ...] | None,
    backend: Backend,
) -> State:
    """A state of given conductances on the device.

    ``unit_shape`` is None for arrays without unit columns. Raises InputError for other shapes, and
    for values that are no conductances.
    """
    for values in (cells,) if unit is None else (cells, unit):
        values = _real(values)
        if not np.isfinite(values).all() or (values < 0).any():
            raise InputError("conductances must be finite real numbers, not negative")
    cells = backend.asarray(cells, dtype=backend.xp.float64)
    if cells.shape != shape or (unit_shape is None) != (unit is None):
        raise InputError(f"conductances of shape {cells.shape}; the core needs {shape}")
    if unit is None:
        return State(cells, None)
    unit = backend.asarray(unit, dtype=backend.xp.float64)
    if unit.shape != unit_shape:
        raise InputError(f"unit columns of shape {unit.shape}; the core needs {unit_shape}")
    return State(cells, unit)


def _real(values: Any) -> np.ndarray:
    """``values`` as an array on the host. Raises InputError for what are no real numbers."""
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise InputError(f"conductances must be an array ({error})") from None
    if array.dtype.kind != "f":
        raise InputError(f"conductances must be real numbers; got the dtype {array.dtype}")
    return array


def with_beginnings(state: State, born: Sequence[Any], backend: Backend) -> State:
    """``state`` with ``born``: start and draws of the cells, then of the unit columns.

    Raises InputError for other shapes, and for values that are no conductances or draws.
    """
    born = [_real(part) for part in born]
    xp = backend.xp
    starts, draws = (
        [backend.asarray(b, dtype=xp.float64) for b in part] for part in (born[0::2], born[1::2])
    )
    held = [state.cells] if state.unit is None else [state.cells, state.unit]
    shapes = [part.shape for part in held]
    finite = all(bool(xp.isfinite(part).all()) for part in starts)
    finite = finite and not any(bool(xp.isinf(part).any()) for part in draws)
    if [s.shape for s in starts] != shapes or [d.shape for d in draws] != shapes or not finite:
        raise InputError("the beginnings of the cells do not have the shape of the cells")
    pairs = [Born(*pair) for pair in zip(starts, draws, strict=True)]
    return replace(state, born=(pairs[0], None if state.unit is None else pairs[1]))
