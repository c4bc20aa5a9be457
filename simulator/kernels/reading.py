"""What follows an array of plain converters, as numbers: levels, and how codes are added up.

The order of operations is that of the hardware, stage after stage: results are often thresholds of
what comes next, and a sum that is rounded otherwise would fall on their other side.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from simulator.quantities import Weights


@dataclass(frozen=True)
class ShiftAdd:
    """Slices of a weight added up to one result, less the offset of single cells.

    ``y = back * (full * sum_s weight[s] * (x[s] - lowest * total) / width - zero * total) / span``
    with ``total`` the sum of the input voltages and ``weights`` of shape (slices,). A number that
    is not needed is 0 or 1, with which nothing is rounded.
    """

    weights: Weights
    lowest: float = 0.0
    width: float = 1.0
    full: float = 1.0
    zero: float = 0.0
    span: float = 1.0
    back: float = 1.0


@dataclass(frozen=True)
class Sums:
    """All sums that follow the converters.

    For codes of the axes (phase, output part, input part, slice, side, line, *rest): phases are
    added with their ``weights`` (phases,) and the sum multiplied by ``phase_unit``; then follow the
    positive less the negative side, lines less the unit column (line 0) where ``has_unit``, the sum
    over input parts with ``gains`` (output parts, input parts; None for ones), the slices, and
    ``scale``. Arrays are of the dtype in which codes are summed; products with totals are rounded
    as the totals are.
    """

    weights: Weights
    phase_unit: float
    gains: Any
    slices: ShiftAdd
    scale: float
    has_unit: bool


@dataclass(frozen=True)
class Reading(Sums):
    """Conversion of currents to ``steps + 1`` levels, and all sums that follow.

    ``low`` and ``high`` (input parts, slices) are the lowest and the highest level, in the dtype in
    which codes are decided and summed.
    """

    low: Any
    high: Any
    steps: int

    @cached_property
    def per_step(self) -> Any:
        """Steps for each unit of current, (input parts, slices)."""
        return self.steps / (self.high - self.low)
