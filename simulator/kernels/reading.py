"""What follows an array of plain converters, as numbers: levels, and how codes are added up.

The order of operations is that of the hardware, stage after stage: results are often thresholds of
what comes next, and a sum that is rounded otherwise would fall on their other side.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any


@dataclass(frozen=True)
class ShiftAdd:
    """Slices of a weight added up to one result, less the offset of single cells.

    ``y = back * (full * sum_s weight[s] * (x[s] - lowest * total) / width - zero * total) / span``
    with ``total`` the sum of the input voltages and ``weights`` of shape (slices,). A number that
    is not needed is 0 or 1, with which nothing is rounded.
    """

    weights: Any
    lowest: float = 0.0
    width: float = 1.0
    full: float = 1.0
    zero: float = 0.0
    span: float = 1.0
    back: float = 1.0


@dataclass(frozen=True)
class Reading:
    """Conversion of currents to ``steps + 1`` levels, and all sums that follow.

    For currents of the axes (phase, output part, input part, slice, side, line, *rest): phases are
    added with their ``weights`` (phases,) and the sum multiplied by ``phase_unit``; then follow the
    positive less the negative side, lines less the unit column (line 0) where ``has_unit``, the sum
    over input parts with ``gains`` (output parts, input parts; None for ones), the slices, and
    ``scale``. ``low`` and ``high`` (input parts, slices) are the lowest and the highest level.
    Arrays are of the dtype in which codes are decided and added; products with totals are rounded
    as the totals are.
    """

    low: Any
    high: Any
    steps: int
    weights: Any
    phase_unit: float
    gains: Any
    slices: ShiftAdd
    scale: float
    has_unit: bool

    @cached_property
    def per_step(self) -> Any:
        """Steps for each unit of current, (input parts, slices)."""
        return self.steps / (self.high - self.low)


def read_codes(xp: ModuleType, amps: Any, reading: Reading, totals: Any, dtype: Any) -> Any:
    """Results (output parts, outputs, *rest) of currents, in ``dtype``; see `Reading`.

    ``totals`` of the input voltages, of shape rest; None where no offset is taken off.
    """
    rest = (1,) * (amps.ndim - 6)
    low, high, per_step = (
        limit.reshape(*limit.shape, 1, 1, *rest)
        for limit in (reading.low, reading.high, reading.per_step)
    )
    # In one buffer, and every sum in the memory order of the currents.
    codes = xp.clip(amps, low, high)
    codes -= low
    codes *= per_step
    xp.rint(codes, out=codes)
    codes /= per_step
    codes += low
    if len(reading.weights) > 1:
        codes *= reading.weights.reshape(-1, *[1] * (codes.ndim - 1))
        codes = codes.sum(axis=0)
    else:
        codes = codes[0]
    if reading.phase_unit != 1:
        codes *= reading.phase_unit
    paired = codes.shape[3] == 2
    codes = codes[:, :, :, 0] - codes[:, :, :, 1] if paired else codes[:, :, :, 0]
    if reading.has_unit:
        codes = codes[:, :, :, 1:] - codes[:, :, :, :1]
    if reading.gains is not None:
        codes *= reading.gains.reshape(*reading.gains.shape, 1, 1, *rest)
    codes = codes[:, 0] if codes.shape[1] == 1 else codes.sum(axis=1)
    return _added_slices(codes, reading, totals).astype(dtype, copy=False)


def _added_slices(codes: Any, reading: Reading, totals: Any) -> Any:
    """Shift and add of codes (output parts, slices, outputs, *rest), which are overwritten."""
    slices = reading.slices
    if totals is not None and slices.lowest:
        codes -= slices.lowest * totals
    if slices.width != 1:
        codes /= slices.width
    if len(slices.weights) > 1:
        codes *= slices.weights.reshape(-1, *[1] * (codes.ndim - 2))
        codes = codes.sum(axis=1)
    else:
        codes = codes[:, 0]
    if slices.full != 1:
        codes *= slices.full
    if totals is not None and slices.zero:
        codes -= slices.zero * totals
    if slices.span != 1:
        codes /= slices.span
    if slices.back != 1:
        codes *= slices.back
    codes *= reading.scale
    return codes
