"""Levels: the conductances a cell can be programmed to."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

from simulator.kernels.reference.cells import nearest_level, on_levels
from simulator.quantities import Conductances


@dataclass(frozen=True)
class CellLevels:
    """Cell values of [0, 1] onto ``2**cell_bits`` levels between Gmin and Gmax.

    ``cell_bits`` <= 0 means continuous. Conductances are in units of Gmax.
    """

    lowest: float
    cell_bits: int

    @property
    def steps(self) -> int:
        """Steps from the lowest level to the highest; 0 for continuous cells."""
        return 2**self.cell_bits - 1 if self.cell_bits > 0 else 0

    def encode(self, values: Any, xp: ModuleType) -> Any:
        """Conductances G / Gmax, each on the nearest level."""
        return on_levels(values, self.lowest, self.steps, xp)

    def nearest(self, conductances: Conductances, xp: ModuleType) -> Any:
        """The level nearest to each conductance G / Gmax (halves to the even one)."""
        return nearest_level(conductances, self.lowest, self.steps, xp)

    def decode(self, conductances: Conductances) -> Any:
        """Cell values from conductances."""
        return (conductances - self.lowest) / (1.0 - self.lowest)
