"""What becomes of weights that are programmed, as numbers: digits, cells, levels, error, limits.

The order of operations is that of the stages in array code: a level that is chosen otherwise would
be another conductance.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Sides(IntEnum):
    """How one value becomes cells; see ``mapping.cells``."""

    SINGLE = 0
    ONE_SIDED = 1
    TWO_SIDED = 2
    OFFSET = 3  # a single cell of a whole weight, whose levels leave out the lowest


class Spread(IntEnum):
    """What the standard deviation of a programming error is proportional to."""

    NONE = 0
    CONSTANT = 1
    CONDUCTANCE = 2
    INVERSE = 3


@dataclass(frozen=True)
class CellCode:
    """Cells of a weight in [-1, 1], each in units of Gmax.

    A weight is whole (``slices`` 0) or an integer of so many ``slices``: ``steps`` stands for the
    weight 1, ``base`` for a step of the next slice, ``shift`` is added to unsigned ones.
    ``lowest`` is Gmin / Gmax and ``level_steps`` one less than the number of levels, 0 for
    continuous cells. ``span`` is the share of the levels that ``Sides.OFFSET`` uses.
    """

    sides: Sides
    lowest: float
    level_steps: int
    slices: int = 0
    steps: float = 1.0
    base: float = 2.0
    shift: float = 0.0
    signed: bool = True
    span: float = 1.0

    @property
    def shape(self) -> tuple[int, int]:
        """Slices and sides of the cells of a weight."""
        paired = self.sides in (Sides.ONE_SIDED, Sides.TWO_SIDED)
        return max(1, self.slices), 2 if paired else 1


@dataclass(frozen=True)
class Programming:
    """Cells for weights, and the error of programming them.

    The error is normal with the standard deviation ``magnitude`` times what ``spread`` says, in
    siemens; cells then lie in [low, high], in siemens too. Without one they stay on their levels.
    """

    code: CellCode
    spread: Spread
    magnitude: float
    full_scale: float
    low: float
    high: float

    @property
    def shape(self) -> tuple[int, int]:
        """Slices and sides of the cells of a weight."""
        return self.code.shape

    @property
    def choices(self) -> tuple[int, ...]:
        """Sides, level steps, slices, whether they are signed, and spread, as integers."""
        code = self.code
        return int(code.sides), code.level_steps, code.slices, int(code.signed), int(self.spread)

    @property
    def numbers(self) -> tuple[float, ...]:
        """Lowest, span, steps, base and shift; magnitude, full scale, its square, and limits."""
        code, full = self.code, self.full_scale
        weight = (code.lowest, code.span, code.steps, code.base, code.shift)
        return (*weight, self.magnitude, full, full**2, self.low, self.high)
