"""Step devices whose steps follow a curve of the weight."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from simulator.errors import ModelError, ParameterError
from simulator.schema import parameter
from simulator.update.steps import Cells, CellTrait, Draws, StepDevice

# Of e, short of where numbers end.
MOST_POWER = 700.0


def _choose(up: Any, of_up: Any, of_down: Any) -> Any:
    """One of two finite numbers for each cell, in whatever array module they are."""
    return up * of_up + (1 - up) * of_down


@dataclass(frozen=True)
class ExpStep(StepDevice):
    """Steps ``dw max(1 - A exp(+-gamma z), 0)`` with ``z = 2 a w / (w_max - w_min) + b``.

    The sign is + for steps up. With ``dw_min_std_add`` or ``dw_min_std_slope`` the spread of a step
    is ``dw_min_std (|step| + dw_min_std_add + dw_min_std_slope |w|)``.
    """

    A_up: float = parameter(0.00081, doc="A of steps up")
    A_down: float = parameter(0.36833, doc="A of steps down")
    gamma_up: float = parameter(12.44625, doc="gamma of steps up")
    gamma_down: float = parameter(12.78785, doc="gamma of steps down")
    a: float = parameter(0.244, doc="scale of the weight")
    b: float = parameter(0.2425, doc="shift of the weight")
    dw_min_std_add: float = parameter(0.0, low=0, doc="constant part of the spread")
    dw_min_std_slope: float = parameter(0.0, low=0, doc="part that grows with the weight")

    @property
    def granularity(self) -> float:
        """Mean of the steps up and down at weight zero."""
        up = max(1 - self.A_up * math.exp(min(self.gamma_up * self.b, MOST_POWER)), 0.0)
        down = max(1 - self.A_down * math.exp(min(-self.gamma_down * self.b, MOST_POWER)), 0.0)
        return self.dw_min * (up + down) / 2

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.granularity > 0:
            raise ModelError("ExpStep: no pulse moves a weight of zero; see A_up, A_down, b")

    def step_size(self, weights: Any, up: Any, cells: Cells) -> Any:
        """See the class."""
        width = cells["max_bound"] - cells["min_bound"]
        z = 2 * self.a * weights / (width + (width == 0)) + self.b
        sign = 2.0 * up - 1.0
        power = sign * _choose(up, self.gamma_up, self.gamma_down) * z
        small = power < MOST_POWER
        power = power * small + MOST_POWER * (1 - small)
        rest = 1 - _choose(up, self.A_up, self.A_down) * math.e**power
        return _choose(up, cells["dwmin_up"], cells["dwmin_down"]) * rest * (rest > 0)

    def step_spread(self, weights: Any, step: Any, up: Any, cells: Cells, xp: Any) -> Any:
        """Relative to the step, with a part that does not vanish with it."""
        more = self.dw_min_std_add + self.dw_min_std_slope * abs(weights)
        return self.dw_min_std * (abs(step) + more)


@dataclass(frozen=True)
class PowStep(StepDevice):
    """Steps that follow a power of the distance to the bound they lead to."""

    pow_gamma: float = parameter(1.0, low=0, doc="mean power")
    pow_gamma_dtod: float = parameter(0.1, low=0, doc="spread of the power, relative")
    pow_up_down: float = parameter(0.0, doc="asymmetry of the powers, as ``up_down``")
    pow_up_down_dtod: float = parameter(0.0, low=0, doc="spread of that asymmetry")

    @property
    def granularity(self) -> float:
        """The step in the middle between the bounds."""
        return self.dw_min * 0.5**self.pow_gamma

    def fabricate(self, draws: Draws) -> Cells:
        """Adds ``gamma_up`` and ``gamma_down``."""
        cells = super().fabricate(draws)
        gain = 1 + self.pow_gamma_dtod * draws.normal(CellTrait.FIRST_UP)
        tilt = self.pow_up_down_dtod * draws.normal(CellTrait.SECOND_UP_DOWN)
        up = self.pow_gamma * (min(self.pow_up_down, 0.0) + gain + tilt)
        down = self.pow_gamma * (-max(self.pow_up_down, 0.0) + gain - tilt)
        if self.enforce_consistency:
            up, down = abs(up), abs(down)
        return {**cells, "gamma_up": up, "gamma_down": down}

    def step_size(self, weights: Any, up: Any, cells: Cells) -> Any:
        """See the class; none for a cell without room between its bounds."""
        width = cells["max_bound"] - cells["min_bound"]
        room = _choose(up, cells["max_bound"] - weights, weights - cells["min_bound"])
        share = room / (width + (width == 0))
        size = _choose(up, cells["dwmin_up"], cells["dwmin_down"])
        power = _choose(up, cells["gamma_up"], cells["gamma_down"])
        # At a bound a negative power would be no number, and rounding can leave a weight beyond.
        inside = share > 0
        return size * (share * inside + ~inside) ** power * inside


def _nodes(path: str, values: Any) -> tuple[float, ...]:
    try:
        nodes = () if isinstance(values, str) else tuple(map(float, values))
    except (TypeError, ValueError):
        nodes = ()
    if not nodes or not all(map(math.isfinite, nodes)):
        raise ParameterError(f"{path}: got {values!r}; allowed are finite numbers, at least one")
    return nodes


@dataclass(frozen=True)
class PiecewiseStep(StepDevice):
    """Steps interpolated between nodes that lie evenly between the bounds of a cell."""

    piecewise_up: tuple[float, ...] = (1.0,)
    piecewise_down: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        super().__post_init__()
        counts = []
        for name in ("piecewise_up", "piecewise_down"):
            nodes = _nodes(f"{type(self).__name__}.{name}", getattr(self, name))
            object.__setattr__(self, name, nodes)
            counts.append(len(nodes))
        if counts[0] != counts[1]:
            raise ModelError(
                f"PiecewiseStep: {counts[0]} nodes in piecewise_up and {counts[1]} in "
                "piecewise_down; both need the same number"
            )
        if not self.granularity > 0:
            raise ModelError("PiecewiseStep: the middle node of piecewise_up must be positive")

    @property
    def granularity(self) -> float:
        """The step up at the middle node."""
        return self.dw_min * self.piecewise_up[len(self.piecewise_up) // 2]

    def step_size(self, weights: Any, up: Any, cells: Cells) -> Any:
        """See the class."""
        last = len(self.piecewise_up) - 1
        width = cells["max_bound"] - cells["min_bound"]
        place = (weights - cells["min_bound"]) / (width + (width == 0)) * last
        gain = 0.0 * place
        for node, (of_up, of_down) in enumerate(
            zip(self.piecewise_up, self.piecewise_down, strict=True)
        ):
            # The hat function of the node.
            near = 1 - abs(place - node)
            gain = gain + near * (near > 0) * _choose(up, of_up, of_down)
        return _choose(up, cells["dwmin_up"], cells["dwmin_down"]) * gain
