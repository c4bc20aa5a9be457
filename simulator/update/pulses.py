"""How an outer product becomes pulse trains on the lines of an array.

Every line fires at random with a probability proportional to its value; a cell gets a pulse where
row and column fire in the same slot. The mean number of coincidences is the product of the two
values (Gokmen and Vlasov, Front. Neurosci. 10:333, 2016).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np

from simulator.errors import InputError
from simulator.randomness.addresses import MOST_PULSES
from simulator.schema import check_fields, parameter


class PulseType(IntEnum):
    """How pulses are counted.

    NONE: no pulses; the weights change by the product itself. NONE_WITH_DEVICE: the same within the
    bounds of each cell. STOCHASTIC_COMPRESSED: one train for each line. STOCHASTIC: trains of rows
    are drawn anew for columns of positive and of negative value. MEAN_COUNT: every line has its
    mean number of pulses, and the coincidences are their product over the slots, rounded.
    DETERMINISTIC_IMPLICIT: the mean number of coincidences, rounded.
    """

    NONE = 0
    STOCHASTIC_COMPRESSED = 1
    STOCHASTIC = 2
    NONE_WITH_DEVICE = 3
    MEAN_COUNT = 4
    DETERMINISTIC_IMPLICIT = 5


@dataclass(frozen=True)
class PulseParameters:
    """Pulse trains of an update. Raises ParameterError where a field is outside of its limits."""

    desired_bl: int = parameter(31, type=int, low=1, high=MOST_PULSES, doc="most slots of a train")
    fixed_bl: bool = parameter(
        True, type=bool, doc="all trains have that length, without length management"
    )
    pulse_type: PulseType = parameter(
        PulseType.STOCHASTIC_COMPRESSED, type=PulseType, doc="how pulses are counted"
    )
    res: float = parameter(0.0, low=0, high=1, doc="step of probabilities; 0 = continuous")
    x_res_implicit: float = parameter(0.0, low=0, high=1, doc="the same of columns, implicit")
    d_res_implicit: float = parameter(0.0, low=0, high=1, doc="the same of rows, implicit")
    sto_round: bool = parameter(False, type=bool, doc="probabilities are rounded at random")
    update_bl_management: bool = parameter(
        True, type=bool, doc="trains are as short as the largest product allows"
    )
    update_management: bool = parameter(
        True, type=bool, doc="rows and columns reach the same largest probability"
    )
    um_grad_scale: float = parameter(1.0, low=0, low_open=True, doc="scale of d in management")

    def __post_init__(self) -> None:
        check_fields(self)

    def plan(self, x_max: Any, d_max: Any, lr: float, granularity: float, xp: Any) -> PulsePlan:
        """Slots and scales for vectors whose largest magnitudes are ``x_max`` and ``d_max``.

        ``granularity`` is the mean step of a pulse. Without management probabilities may exceed 1,
        which saturates them.
        """
        rate, rows = abs(lr), self.um_grad_scale * d_max
        # A product beyond all numbers saturates as any other that is too large.
        with np.errstate(over="ignore"):
            strength = rate * x_max * rows / granularity
        there = (strength > 0) & xp.isfinite(x_max) & xp.isfinite(d_max)
        slots = self._slots(strength, rate, granularity, xp)
        # Longer trains than wanted are only for rates that one slot each could not carry.
        one_each = self._is_long(rate, granularity)
        scale = xp.sqrt(rate / (granularity * xp.maximum(slots, 1)))
        x_scale = d_scale = xp.ones_like(scale) if one_each else scale
        if self.update_management or self.update_bl_management:
            columns, rows = (xp.where(there, largest, 1.0) for largest in (x_max, rows))
            # Where a product is too large, columns peak at 1 and rows beyond it.
            at_most = columns * math.sqrt(rate / (granularity * self.desired_bl))
            ratio = xp.sqrt(columns) / xp.sqrt(rows)
            ratio = xp.where(strength > self.desired_bl, at_most, ratio)
            x_scale, d_scale = x_scale / ratio, d_scale * ratio
        return PulsePlan(xp.where(there, slots, 0), x_scale, d_scale)

    def _is_long(self, rate: float, granularity: float) -> bool:
        if self.update_bl_management or self.fixed_bl:
            return False
        return granularity * self.desired_bl < rate

    def _slots(self, strength: Any, rate: float, granularity: float, xp: Any) -> Any:
        if self.update_bl_management:
            wanted = xp.minimum(xp.ceil(strength), self.desired_bl)
            return xp.where(xp.isfinite(wanted), wanted, 0).astype(xp.int64)
        whole = -(-rate // granularity) if self._is_long(rate, granularity) else self.desired_bl
        if whole > MOST_PULSES:
            raise InputError(
                f"a learning rate of {rate:g} takes {whole:g} pulses of {granularity:g}; allowed "
                f"are {MOST_PULSES}. Set fixed_bl = True or update_bl_management = True"
            )
        return xp.full(strength.shape, max(int(whole), 1), dtype=xp.int64)


@dataclass(frozen=True)
class PulsePlan:
    """For every vector of a batch: slots, and what values are multiplied by to be probabilities."""

    slots: Any
    x_scale: Any
    d_scale: Any
