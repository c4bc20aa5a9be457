"""Levels: the conductances a cell can be programmed to."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType

from simulator.kernels.reference.cells import nearest_level, on_levels
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

    @property
    def steps(self) -> int:
        """Number of steps from the lowest level to the highest; 0 for continuous cells."""
        return 2**self.cell_bits - 1 if self.cell_bits > 0 else 0

    def encode(self, values: Array, xp: ModuleType) -> Conductances:
        """Conductances of cells.

        Args:
            values: Cells in [0, 1], of any shape.
            xp: Array module of ``values``.

        Returns:
            G / Gmax, each on the nearest level, in the shape of ``values``.
        """
        return on_levels(values, self.lowest, self.steps, xp)

    def nearest(self, conductances: Conductances, xp: ModuleType) -> Conductances:
        """The level nearest to each conductance; of two as near, the even one.

        Args:
            conductances: G / Gmax, of any shape.
            xp: Array module of ``conductances``.

        Returns:
            G / Gmax, in the same shape; the argument itself for continuous conductances.
        """
        return nearest_level(conductances, self.lowest, self.steps, xp)

    def decode(self, conductances: Conductances) -> Array:
        """Cells in [0, 1] from conductances G / Gmax: the inverse of ``encode``, but for levels."""
        return (conductances - self.lowest) / (1.0 - self.lowest)
