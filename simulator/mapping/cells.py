"""Sides: how one signed value becomes the conductances of one or two cells.

``encode`` puts the cells on a new axis behind the slices, that of the sides; ``merge`` holds the
weight of each side in the value that is read: ``value = sum_d merge[d] * cell[d]``. Values and
cells are fractions of the range of conductances: a cell of 0 is at Gmin, a cell of 1 at Gmax.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import ClassVar, Protocol

from simulator.kernels.programming import Sides
from simulator.kernels.reference.cells import one_sided, single, two_sided
from simulator.quantities import Array


class CellStyle(Protocol):
    """One way to hold the value of a slice in one or two cells."""

    @property
    def merge(self) -> tuple[float, ...]:
        """Weight of each cell in the value."""

    sides: ClassVar[Sides]

    def encode(self, values: Array, xp: ModuleType) -> Array:
        """Cells for values.

        Args:
            values: Values of each slice, (slices, ...): in [-1, 1] for pairs, else in [0, 1].
            xp: Array module of ``values``.

        Returns:
            Cells in [0, 1], (slices, sides, ...).
        """


@dataclass(frozen=True)
class OneSidedPair:
    """A differential pair with one of its cells at the lowest conductance."""

    sides: ClassVar[Sides] = Sides.ONE_SIDED

    @property
    def merge(self) -> tuple[float, ...]:
        """Positive cell minus negative cell."""
        return (1.0, -1.0)

    def encode(self, values: Array, xp: ModuleType) -> Array:
        """The sign picks the cell, the magnitude its conductance."""
        return one_sided(values, xp)


@dataclass(frozen=True)
class TwoSidedPair:
    """A differential pair whose conductances add up to a constant."""

    sides: ClassVar[Sides] = Sides.TWO_SIDED

    @property
    def merge(self) -> tuple[float, ...]:
        """Positive cell minus negative cell."""
        return (1.0, -1.0)

    def encode(self, values: Array, xp: ModuleType) -> Array:
        """Half the range, plus and minus half the value."""
        return two_sided(values, xp)


@dataclass(frozen=True)
class SingleCell:
    """One cell for an unsigned value; the shift of the weights is subtracted after the read."""

    sides: ClassVar[Sides] = Sides.SINGLE

    @property
    def merge(self) -> tuple[float, ...]:
        """The cell itself."""
        return (1.0,)

    def encode(self, values: Array, xp: ModuleType) -> Array:
        """The value itself."""
        return single(values, xp)
