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

    def add_cell(self, k: int, g: Any, x: Any) -> None:
        """A cell with its source x between supply line k and the output line: g (x + s_k - t)."""
        y = g / (1 + g * self.b[k][k])
        seen = 1 + self.c[k]
        driven = y * (x + self.a[k])
        drawn = y * seen
        self.d += seen * driven
        self.f += seen * drawn
        coupled = [self.b[max(k, i)][min(k, i)].copy() for i in range(len(self.a))]
        for i, b in enumerate(coupled):
            self.a[i] -= b * driven
            self.c[i] -= b * drawn
            for other in range(i + 1):
                self.b[i][other] -= b * y * coupled[other]


def ladder_currents(
    cells: Any, supply: np.ndarray, output: np.ndarray, volts: Volts, least: float, xp: ModuleType
) -> Any:
    """Currents (..., m, B); arguments as in `ReferenceKernels.ladders`."""
    p, m, n = cells.shape[-3:]
    x = xp.broadcast_to(volts, (*volts.shape[:-3], p, n, volts.shape[-1]))
    gates = xp.abs(x) > least
    leading = np.broadcast_shapes(cells.shape[:-3], x.shape[:-3])
    left = _LeftPart(p, (*leading, m, x.shape[-1]), xp)
    for j, (before, after) in enumerate(zip(supply.tolist(), output.tolist())):
        left.extend_supplies(before)
        for k in range(p):
            g = cells[..., k, :, j, None] * gates[..., k, None, j, :]
            left.add_cell(k, g, x[..., k, None, j, :])
        left.extend_output(after)
    return left.d
