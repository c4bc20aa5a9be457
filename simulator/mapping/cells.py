"""Sides: how one signed value becomes the conductances of one or two cells.

``encode`` puts the cells on a new axis behind the slices; ``merge`` holds the weight of each cell
in the value that is read: ``value = sum_d merge[d] * cell[d]``.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any, ClassVar, Protocol

from simulator.kernels.programming import Sides
from simulator.kernels.reference.cells import one_sided, single, two_sided


class CellStyle(Protocol):
    """One way to hold a value of a slice in cells, each in [0, 1] of the conductance range."""

    @property
    def merge(self) -> tuple[float, ...]:
        """Weight of each cell in the value."""

    sides: ClassVar[Sides]

    def encode(self, values: Any, xp: ModuleType) -> Any:
        """Cell values of shape ``(slices, sides, ...)`` from values ``(slices, ...)``."""


@dataclass(frozen=True)
class OneSidedPair:
    """A differential pair with one of its cells at the lowest conductance."""

    sides: ClassVar[Sides] = Sides.ONE_SIDED

    @property
    def merge(self) -> tuple[float, ...]:
        """Positive cell minus negative cell."""
        return (1.0, -1.0)

    def encode(self, values: Any, xp: ModuleType) -> Any:
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

    def encode(self, values: Any, xp: ModuleType) -> Any:
        """Half the range, plus and minus half the value."""
        return two_sided(values, xp)


@dataclass(frozen=True)
class SingleCell:
    """One cell for an unsigned value; the shift of the weights is taken off after the read."""

    sides: ClassVar[Sides] = Sides.SINGLE

    @property
    def merge(self) -> tuple[float, ...]:
        """The cell itself."""
        return (1.0,)

    def encode(self, values: Any, xp: ModuleType) -> Any:
        """The value itself."""
        return single(values, xp)
