"""Levels: the conductances a cell can be programmed to."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any


@dataclass(frozen=True)
class CellLevels:
    """Cell values of [0, 1] onto ``2**cell_bits`` levels between Gmin and Gmax.

    ``cell_bits`` <= 0 means continuous. Conductances are in units of Gmax.
    """

    lowest: float
    cell_bits: int

    def encode(self, values: Any, xp: ModuleType) -> Any:
        """Conductances G / Gmax, each on the nearest level."""
        conductances = (1.0 - self.lowest) * values
        conductances += self.lowest
        return self.nearest(conductances, xp)

    def nearest(self, conductances: Any, xp: ModuleType) -> Any:
        """The level nearest to each conductance G / Gmax (halves to the even one)."""
        if self.cell_bits <= 0:
            return conductances
        steps, width = 2**self.cell_bits - 1, 1.0 - self.lowest
        # In one buffer: new memory costs as much as the arithmetic.
        level = conductances - self.lowest
        level *= steps / width
        xp.rint(level, out=level)
        level /= steps
        level *= width
        level += self.lowest
        return level

    def decode(self, conductances: Any) -> Any:
        """Cell values from conductances."""
        return (conductances - self.lowest) / (1.0 - self.lowest)
