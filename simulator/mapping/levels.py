"""Levels: the conductances a cell can be programmed to."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType

from simulator.quantities import Array, Conductances


@dataclass(frozen=True)
class CellLevels:
    """Cells in [0, 1] onto the conductances that they can be programmed to.

    Args:
        lowest: Gmin / Gmax.
        cell_bits: There are ``2**cell_bits`` levels from Gmin to Gmax, both included; at most 0
            for continuous conductances.
    """

    lowest: float
    cell_bits: int

    def encode(self, values: Array, xp: ModuleType) -> Conductances:
        """Conductances of cells.

        Args:
            values: Cells in [0, 1], of any shape.
            xp: Array module of ``values``.

        Returns:
            G / Gmax, each on the nearest level, in the shape of ``values``.
        """
        conductances = (1.0 - self.lowest) * values
        conductances += self.lowest
        return self.nearest(conductances, xp)

    def nearest(self, conductances: Conductances, xp: ModuleType) -> Conductances:
        """The level nearest to each conductance; of two as near, the even one.

        Args:
            conductances: G / Gmax, of any shape.
            xp: Array module of ``conductances``.

        Returns:
            G / Gmax, in the same shape; the argument itself for continuous conductances.
        """
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

    def decode(self, conductances: Conductances) -> Array:
        """Cells in [0, 1] from conductances G / Gmax: the inverse of ``encode``, but for levels."""
        return (conductances - self.lowest) / (1.0 - self.lowest)
