"""Cells that are programmed again until they are near enough to their targets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from simulator.chip.cells import History
from simulator.chip.programming import CellModels, Place
from simulator.quantities import Array, Conductances


@dataclass(frozen=True)
class Rule:
    """When a cell is near enough, as a fraction of Gmax, and how often it is programmed at most."""

    tolerance: float
    most: int


@dataclass(frozen=True)
class Verified:
    """Cells (slices, sides, rows, columns) after write and verify.

    ``writes`` is how often each was programmed, ``errors`` what it misses its target by, as a
    fraction of Gmax.
    """

    history: History
    writes: Array
    errors: Conductances


def verify(
    models: CellModels, target: Conductances, place: Place, event: int, rule: Rule
) -> Verified:
    """Program cells, and those that miss their target by too much again.

    A cell is looked at right after it was programmed and without read noise; where drift contains
    the programming error, at the time of the hardware. The first programming is that of
    ``models.programmed``; ``event`` is its number, and each one after it has the next.
    """
    xp = models.backend.xp
    held = models.programmed(target, place, event)
    errors = models.as_verified(held) - target
    writes = xp.ones(target.shape, dtype=xp.int64)
    for again in range(1, rule.most):
        off = abs(errors) > rule.tolerance
        rows = xp.flatnonzero(off.any(axis=(0, 1, 3)))
        if not len(rows):
            break
        some, off = (slice(None), slice(None), rows), off[:, :, rows]
        names = replace(place, rows=place.rows[rows], ahead=None)
        new = models.programmed(target[some], names, event + again)
        errors[some] = xp.where(off, models.as_verified(new) - target[some], errors[some])
        writes[some] += off
        held = _replaced(held, some, off, new, xp)
    return Verified(held, writes, errors)


def _replaced(held: History, some: Any, off: Array, new: History, xp: Any) -> History:
    """``held`` with the cells of ``new`` that were ``off``."""
    start = held.start.copy()
    start[some] = xp.where(off, new.start, start[some])
    if held.normal is None:
        return History(start)
    normal = held.normal.copy()
    normal[some] = xp.where(off, new.normal, normal[some])
    return History(start, normal)
