"""Output currents of arrays whose inputs gate the cells, exact and without iteration.

Each output line has supply lines of its own, so it is a ladder of n rungs that no other line
touches. Sweeping over the inputs j, everything left of the sweep is a linear circuit::

    s = a - b F - c t        volts of the supply nodes (p of them),
    u = d + c F - f t        amps that leave the left part along the output line,

given the currents F that leave along the supply lines and the voltage t of the output node. That
both equations share c is reciprocity. Segments and cells change the seven numbers in closed form,
with denominators of at least one, so that resistances of zero are nothing special. At the right
end F and t are zero, and d is the current of the line.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from simulator.quantities import Volts


class _LeftPart:
    """What lies left of the sweep, for all lines and vectors; p supply lines each."""

    def __init__(self, p: int, shape: tuple[int, ...], xp: ModuleType) -> None:
        self.a, self.c = ([xp.zeros(shape) for _ in range(p)] for _ in range(2))
        # Symmetric: b[k][i] with i <= k.
        self.b = [[xp.zeros(shape) for _ in range(k + 1)] for k in range(p)]
        self.d, self.f = xp.zeros(shape), xp.zeros(shape)

    def extend_supplies(self, resistance: float) -> None:
        """A segment on each supply line: s falls by resistance * F."""
        for k, row in enumerate(self.b):
            row[k] += resistance

    def extend_output(self, resistance: float) -> None:
        """A segment on the output line: t rises by resistance * u."""
        if resistance == 0:
            return
        share = 1 / (1 + resistance * self.f)
        self.d *= share
        self.f *= share
        for k, row in enumerate(self.b):
            self.a[k] -= resistance * self.c[k] * self.d
            for i in range(k + 1):
                row[i] += resistance * self.c[k] * self.c[i] * share
        for c in self.c:
            c *= share

    def add_cell(self, k: int, g: Any, x: Any) -> _Met:
        """A cell with its source x between supply line k and the output line: g (x + s_k - t)."""
        drive = x + self.a[k]
        y = g / (1 + g * self.b[k][k])
        seen = 1 + self.c[k]
        driven = y * drive
        drawn = y * seen
        self.d += seen * driven
        self.f += seen * drawn
        coupled = [self.b[max(k, i)][min(k, i)].copy() for i in range(len(self.a))]
        for i, b in enumerate(coupled):
            self.a[i] -= b * driven
            self.c[i] -= b * drawn
            for other in range(i + 1):
                self.b[i][other] -= b * y * coupled[other]
        return _Met(
            g, drive, seen, coupled, [c.copy() for c in self.c], self.d.copy(), self.f.copy()
        )


def ladder_currents(
    cells: Any, supply: np.ndarray, output: np.ndarray, volts: Volts, least: float, xp: ModuleType
) -> Any:
    """Currents (..., m, B); arguments as in `ReferenceKernels.ladders`."""
    *_, (left, _) = _sweep(cells, supply, output, volts, least, xp)
    return left.d


def ladder_moments(
    cells: Any, variances: Any, supply: np.ndarray, output: np.ndarray, volts: Volts, least: float,
    xp: ModuleType,
) -> tuple[Any, Any]:  # fmt: skip
    """Currents and variances (..., m, B); arguments as in `ReferenceKernels.ladder_moments`.

    On the way back the voltage of every cell is found twice: as the inputs drive it, and as one
    volt at the right end of the output line does with all inputs at zero. By reciprocity the second
    is what the current answers when the cell changes.
    """
    p, n = cells.shape[-3], cells.shape[-1]
    steps = list(_sweep(cells, supply, output, volts, least, xp))
    left, met = steps[-1][0], [rung for _, rung in steps]
    zero, variance = xp.zeros_like(left.d), xp.zeros_like(left.d)
    driven, probed = _RightPart([zero] * p, zero, 1.0), _RightPart([zero] * p, zero + 1.0, 0.0)
    for j in range(n - 1, -1, -1):
        for right in (driven, probed):
            right.retract_output(met[j * p + p - 1], float(output[j]))
        for k in range(p - 1, -1, -1):
            rung = met[j * p + k]
            across = [right.remove_cell(k, rung) for right in (driven, probed)]
            spread = variances[..., k, :, j, None] * (rung.g > 0)
            variance += spread * (across[0] * across[1]) ** 2
    return left.d, variance


@dataclass(frozen=True)
class _Met:
    """A cell and what lies left of it; ``d``, ``f`` and ``c`` once it has been added."""

    g: Any
    drive: Any
    seen: Any
    coupled: list[Any]
    c: list[Any]
    d: Any
    f: Any


def _sweep(
    cells: Any, supply: np.ndarray, output: np.ndarray, volts: Volts, least: float, xp: ModuleType
) -> Iterator[tuple[_LeftPart, _Met]]:
    """Cell by cell from left to right: what lies left then, and what the cell met."""
    p, m, n = cells.shape[-3:]
    x = xp.broadcast_to(volts, (*volts.shape[:-3], p, n, volts.shape[-1]))
    gates = xp.abs(x) > least
    leading = np.broadcast_shapes(cells.shape[:-3], x.shape[:-3])
    left = _LeftPart(p, (*leading, m, x.shape[-1]), xp)
    for j, (before, after) in enumerate(zip(supply.tolist(), output.tolist())):
        left.extend_supplies(before)
        for k in range(p):
            g = cells[..., k, :, j, None] * gates[..., k, None, j, :]
            met = left.add_cell(k, g, x[..., k, None, j, :])
            if k == p - 1:
                left.extend_output(after)
            yield left, met


class _RightPart:
    """What leaves to the right, undone cell by cell: F along the supplies, t the output node.

    ``scale`` counts the inputs: 1 as they are, 0 for inputs of zero.
    """

    def __init__(self, leaving: list[Any], t: Any, scale: float) -> None:
        self.leaving, self.t, self.scale = leaving, t, scale

    def retract_output(self, met: _Met, resistance: float) -> None:
        """The segment of the output line on the right of a cell."""
        if resistance == 0:
            return
        fed = self.scale * met.d
        for c, leaving in zip(met.c, self.leaving, strict=True):
            fed = fed + c * leaving
        self.t = (self.t + resistance * fed) / (1 + resistance * met.f)

    def remove_cell(self, k: int, met: _Met) -> Any:
        """The cell on supply line k; the voltage across it."""
        volts = self.scale * met.drive - met.seen * self.t
        for coupled, leaving in zip(met.coupled, self.leaving, strict=True):
            volts = volts - coupled * leaving
        volts = volts / (1 + met.g * met.coupled[k])
        self.leaving = list(self.leaving)
        self.leaving[k] = self.leaving[k] + met.g * volts
        return volts
