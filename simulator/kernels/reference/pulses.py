"""Pulse trains that meet at cells, and the steps they cause, in array code.

Vectors of a batch are applied one after the other, each pulse to what the one before left.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.quantities import Weights

if TYPE_CHECKING:
    from simulator.kernels.reference.kernels import ReferenceKernels

# Numbers that are drawn at a time.
MOST_NUMBERS = 1 << 22
# Columns of a cell: steps up and down at weight zero, slopes, bounds, mean steps.
UP, DOWN, SLOPE_UP, SLOPE_DOWN, HIGH, LOW, MEAN_UP, MEAN_DOWN = range(8)


def vectors_at_a_time(slots: Any, shape: tuple[int, int]) -> int:
    """Vectors whose trains are drawn together."""
    return max(1, MOST_NUMBERS // (max(int(slots.max()), 1) * sum(shape)))


def firing(values: Any, scale: Any, xp: ModuleType) -> Any:
    """Probability that a line fires in one slot, (vectors, lines), float64; above 1 it always does.

    ``values`` (vectors, lines), ``scale`` (vectors,).
    """
    with np.errstate(over="ignore"):
        return scale[:, None] * xp.abs(values).astype(xp.float64)


def trains(
    kernels: ReferenceKernels, p: Any, slots: Any, side: int, first: int, key: tuple[int, int]
) -> Any:
    """Which lines fire in which slot, (vectors, slots, lines).

    ``p`` (vectors, lines) their probabilities, ``slots`` (vectors,) the lengths of the trains,
    ``side`` the kind of the lines in the names of draws, ``first`` the number of the first vector.
    """
    xp = kernels.xp
    events = xp.arange(first, first + len(p))[:, None]
    slot = xp.arange(int(slots.max()))[None, :]
    draws = kernels.named("uniforms", key, range(p.shape[1]), side, events, slot)
    return (draws < p[:, None, :]) & (slot < slots[:, None])[:, :, None]


def meetings(rows: Any, columns: Any) -> Callable[[int, int], Any]:
    """Tells which cells (rows, columns) get a pulse of one vector in one slot."""
    return lambda v, slot: rows[v, slot][:, None] & columns[v, slot]


def each_pulse(
    meet: Callable[[int, int], Any], x: Any, d: Any, slots: Any, sign: float, first: int,
    move: Callable[[Any, Any, int, int], None], xp: ModuleType,
) -> None:  # fmt: skip
    """Call ``move(there, up, vector, slot)`` for the cells that get a pulse, slot after slot.

    ``there`` are rows and columns of these cells, ``up`` whether their weights rise: where x and d
    have other signs, for a learning rate of the given ``sign``.
    """
    falling = sign * d > 0
    for v in range(len(x)):
        up = (x[v] > 0)[None, :] != falling[v][:, None]
        for slot in range(int(slots[v])):
            there = xp.nonzero(meet(v, slot))
            if len(there[0]):
                move(there, up[there], first + v, slot)


def affine_step(
    weights: Weights, up: Any, cells: Any, normal: Any, noise: tuple[float, bool], xp: ModuleType
) -> Any:
    """Weights after one pulse each, whose step is linear in the weight, within their bounds.

    ``cells`` (pulses, 8); ``normal`` None draws no variation; ``noise`` its spread, and whether
    that is relative to the step.
    """
    spread, relative = noise

    def where(rising: int, falling: int) -> Any:
        return xp.where(up, cells[:, rising], cells[:, falling])

    step = where(UP, DOWN) + where(SLOPE_UP, SLOPE_DOWN) * weights
    if normal is not None:
        step = step + normal * (spread * (step if relative else where(MEAN_UP, MEAN_DOWN)))
    moved = weights + xp.where(up, step, -step)
    return xp.clip(moved, cells[:, LOW], cells[:, HIGH])
