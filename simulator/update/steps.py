"""What one pulse does to one cell: models of devices that are programmed step by step.

A cell holds one weight, in units of the algorithm, between bounds of its own. A pulse moves it up
or down by a step that depends on the cell, on the weight it holds, and on chance. All models are
populations: ``*_dtod`` is the spread from device to device, ``dw_min_std`` that from pulse to pulse
of the same device (Gokmen and Vlasov, Front. Neurosci. 10:333, 2016).

To add a device, derive from :class:`StepDevice` and override ``step_size``::

    @dataclass(frozen=True)
    class Quadratic(StepDevice):
        def step_size(self, weights, up, cells):
            return cells["dwmin_up"] * (1 - (weights / cells["max_bound"]) ** 2)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from simulator.errors import ModelError
from simulator.schema import check_fields, parameter

Cells = dict[str, Any]
# How many times further the bounds of a perfect bias column lie.
BIAS_RANGE = 100.0


class CellTrait(IntEnum):
    """What is drawn for each cell as it is made; the number names the draw."""

    MAX_BOUND = 0
    MIN_BOUND = 1
    STEP = 2
    UP_DOWN = 3
    CORRUPT = 4
    CORRUPT_VALUE = 5
    LIFETIME = 6
    DIFFUSION = 7
    RESET = 8
    FIRST_UP = 9
    FIRST_DOWN = 10
    REFERENCE = 11
    SECOND_UP_DOWN = 12


@dataclass(frozen=True)
class Draws:
    """Random numbers for all cells, (rows, columns); each :class:`CellTrait` has its own."""

    xp: Any
    shape: tuple[int, int]
    normal: Callable[[CellTrait], Any]
    uniform: Callable[[CellTrait], Any]


@dataclass(frozen=True)
class StepDevice:
    """A device whose steps are the same in all states; base of all step devices.

    Raises ParameterError where a field is outside of what it allows.
    """

    dw_min: float = parameter(0.001, low=0, low_open=True, doc="mean step at weight zero")
    dw_min_dtod: float = parameter(0.3, low=0, doc="spread of the step, relative")
    dw_min_dtod_log_normal: bool = parameter(False, type=bool, doc="steps are log-normal")
    dw_min_std: float = parameter(0.3, low=0, doc="spread from pulse to pulse, relative")
    up_down: float = parameter(0.0, doc="asymmetry: > 0 lessens steps down, < 0 steps up")
    up_down_dtod: float = parameter(0.01, low=0, doc="spread of the asymmetry")
    w_max: float = parameter(0.6, low=0, doc="mean upper bound of the weight")
    w_max_dtod: float = parameter(0.3, low=0, doc="spread of the upper bound, relative")
    w_min: float = parameter(-0.6, high=0, doc="mean lower bound of the weight")
    w_min_dtod: float = parameter(0.3, low=0, doc="spread of the lower bound, relative")
    enforce_consistency: bool = parameter(
        True, type=bool, doc="steps keep their direction, and bounds lie about zero"
    )
    corrupt_devices_prob: float = parameter(0.0, low=0, high=1, doc="share of cells that are stuck")
    corrupt_devices_range: float = parameter(0.1, low=0, doc="they are stuck up to this weight")
    perfect_bias: bool = parameter(False, type=bool, doc="the last column is made of ideal cells")
    lifetime: float = parameter(0.0, low=0, doc="of the decay, in updates; 0 = no decay")
    lifetime_dtod: float = parameter(0.0, low=0, doc="spread of the lifetime, relative")
    diffusion: float = parameter(0.0, low=0, doc="random walk of the weight in each update")
    diffusion_dtod: float = parameter(0.0, low=0, doc="spread of the diffusion, relative")
    reset: float = parameter(0.0, doc="mean weight that decay and reset lead to")
    reset_dtod: float = parameter(0.0, low=0, doc="spread of that weight")
    reset_std: float = parameter(0.01, low=0, doc="spread from reset to reset")

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def granularity(self) -> float:
        """Mean step at weight zero: what one pulse is counted as."""
        return self.dw_min

    @property
    def relative_noise(self) -> bool:
        """True where a step varies in proportion to its size, not to that at weight zero."""
        return True

    @property
    def is_affine(self) -> bool:
        """True where ``affine`` says all of a pulse but its variation, which is the usual one."""
        return not self._has_own("step_size", "step_spread", "stepped")

    @property
    def varies(self) -> bool:
        """True where pulses of one device differ, so that a number is drawn for each."""
        return self.dw_min_std > 0 or self._has_own("step_spread", "stepped")

    def _has_own(self, *methods: str) -> bool:
        return any(getattr(type(self), name) is not getattr(StepDevice, name) for name in methods)

    # -- the population ------------------------------------------------------------------------

    def fabricate(self, draws: Draws) -> Cells:
        """Make a population of cells.

        Args:
            draws: random numbers for all cells.

        Returns:
            Properties of every cell by name, each (rows, columns): ``max_bound``, ``min_bound``,
            ``dwmin_up``, ``dwmin_down`` (both positive where consistent), ``decay_scales``,
            ``diffusion_rates``, ``reset_bias``, and what a model adds.
        """
        xp = draws.xp
        high = self.w_max * (1 + self.w_max_dtod * draws.normal(CellTrait.MAX_BOUND))
        low = self.w_min * (1 + self.w_min_dtod * draws.normal(CellTrait.MIN_BOUND))
        gain = self.dw_min_dtod * draws.normal(CellTrait.STEP)
        gain = xp.exp(gain) if self.dw_min_dtod_log_normal else 1 + gain
        tilt = self.up_down_dtod * draws.normal(CellTrait.UP_DOWN)
        up = self.dw_min * (min(self.up_down, 0.0) + gain + tilt)
        down = self.dw_min * (-max(self.up_down, 0.0) + gain - tilt)
        if self.enforce_consistency:
            up, down = abs(up), abs(down)
            high, low = xp.maximum(high, low), xp.minimum(high, low)
            high, low = abs(high), -abs(low)
        else:
            middle = (high + low) / 2
            high, low = (xp.where(high < low, middle, bound) for bound in (high, low))
        cells = {"max_bound": high, "min_bound": low, "dwmin_up": up, "dwmin_down": down}
        self._perfect_bias(cells)
        self._corrupt(cells, draws)
        return {**cells, **self._slow_changes(draws)}

    def _perfect_bias(self, cells: Cells) -> None:
        if self.perfect_bias:
            for name in ("dwmin_up", "dwmin_down"):
                cells[name][:, -1] = self.dw_min
            cells["max_bound"][:, -1] = BIAS_RANGE * self.w_max
            cells["min_bound"][:, -1] = BIAS_RANGE * self.w_min

    def _corrupt(self, cells: Cells, draws: Draws) -> None:
        """Cells that no pulse moves: both bounds are the weight they are stuck at."""
        if not self.corrupt_devices_prob:
            return
        xp, reach = draws.xp, self.corrupt_devices_range
        stuck = draws.uniform(CellTrait.CORRUPT) < self.corrupt_devices_prob
        high = xp.minimum(cells["max_bound"], reach)
        low = xp.maximum(cells["min_bound"], -reach)
        at = low + (high - low) * draws.uniform(CellTrait.CORRUPT_VALUE)
        for name, value in (("max_bound", at), ("min_bound", at), ("dwmin_up", 0.0)):
            cells[name] = xp.where(stuck, value, cells[name])
        cells["dwmin_down"] = xp.where(stuck, 0.0, cells["dwmin_down"])

    def _slow_changes(self, draws: Draws) -> Cells:
        """Decay, diffusion and the weight they lead to."""
        xp = draws.xp
        factor = xp.ones(draws.shape)
        if self.lifetime > 0:
            lifetime = self.lifetime * (1 + self.lifetime_dtod * draws.normal(CellTrait.LIFETIME))
            factor = xp.where(lifetime > 1, 1 - 1 / xp.maximum(lifetime, 1.0), 0.0)
        rate = self.diffusion * (1 + self.diffusion_dtod * draws.normal(CellTrait.DIFFUSION))
        bias = self.reset + self.reset_dtod * draws.normal(CellTrait.RESET)
        return {"decay_scales": factor, "diffusion_rates": abs(rate), "reset_bias": bias}

    # -- one pulse -----------------------------------------------------------------------------

    def step_size(self, weights: Any, up: Any, cells: Cells) -> Any:
        """Mean step of cells in their direction: from ``affine``, where that says it.

        Args:
            weights: what the cells hold, one entry for each pulse.
            up: whether each pulse raises the weight, bool.
            cells: properties of these cells by name.

        Returns:
            Steps in units of the weight, positive in the direction of the pulse.
        """
        lines = self.affine(cells)
        if lines is None:
            raise NotImplementedError(f"{type(self).__name__} has neither step_size nor affine")
        up_size, down_size, up_slope, down_slope = lines
        falls = 1 - up
        size = up * up_size + falls * down_size
        return size + (up * up_slope + falls * down_slope) * weights

    def affine(self, cells: Cells) -> tuple[Any, Any, Any, Any] | None:
        """Steps up and down at weight zero, and their slopes; None for another dependence."""
        return None

    def stepped(self, weights: Any, up: Any, cells: Cells, normal: Any, xp: Any) -> Any:
        """Weights after one pulse each, within their bounds.

        Args:
            weights: what the cells hold, one entry for each pulse.
            up: whether each pulse raises the weight, bool.
            cells: properties of these cells by name.
            normal: a standard normal for each pulse; None draws no variation.
            xp: module of the arrays.

        Returns:
            The new weights.
        """
        step = self.step_size(weights, up, cells)
        if normal is not None:
            step = step + normal * self.step_spread(weights, step, up, cells, xp)
        moved = weights + xp.where(up, step, -step)
        return xp.clip(moved, cells["min_bound"], cells["max_bound"])

    def step_spread(self, weights: Any, step: Any, up: Any, cells: Cells, xp: Any) -> Any:
        """Standard deviation of the step from pulse to pulse."""
        if self.relative_noise:
            return self.dw_min_std * step
        return self.dw_min_std * xp.where(up, cells["dwmin_up"], cells["dwmin_down"])


@dataclass(frozen=True)
class ConstantStep(StepDevice):
    """Every pulse makes the same step, whatever the weight, up to hard bounds."""

    def affine(self, cells: Cells) -> tuple[Any, Any, Any, Any] | None:
        """No slopes."""
        none = 0.0 * cells["dwmin_up"]
        return cells["dwmin_up"], cells["dwmin_down"], none, none


@dataclass(frozen=True)
class LinearStep(StepDevice):
    """Steps that become smaller, linearly, towards the bound they lead to."""

    gamma_up: float = parameter(0.0, doc="how much steps up shrink from zero to the upper bound")
    gamma_down: float = parameter(0.0, doc="the same for steps down and the lower bound")
    gamma_up_dtod: float = parameter(0.05, low=0, doc="spread of gamma_up")
    gamma_down_dtod: float = parameter(0.05, low=0, doc="spread of gamma_down")
    allow_increasing: bool = parameter(False, type=bool, doc="steps may grow instead")
    mean_bound_reference: bool = parameter(
        True, type=bool, doc="slopes refer to the mean bounds, not to those of the cell"
    )
    mult_noise: bool = parameter(True, type=bool, doc="variation is relative to the step")
    reverse_up: bool = parameter(False, type=bool, doc="steps up shrink towards the lower bound")
    reverse_down: bool = parameter(False, type=bool, doc="steps down towards the upper bound")
    reverse_offset: float = parameter(0.01, low=0, doc="added to a bound that is reversed to")

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.reverse_up or self.reverse_down) and not self.mult_noise:
            raise ModelError(f"{type(self).__name__}: reversed steps need mult_noise = True")

    @property
    def relative_noise(self) -> bool:
        """As ``mult_noise`` says."""
        return self.mult_noise

    def fabricate(self, draws: Draws) -> Cells:
        """Adds ``slope_up`` and ``slope_down``."""
        cells, own = super().fabricate(draws), not self.mean_bound_reference
        gamma_up = self._gamma(self.gamma_up, self.gamma_up_dtod, draws, CellTrait.FIRST_UP)
        gamma_down = self._gamma(self.gamma_down, self.gamma_down_dtod, draws, CellTrait.FIRST_DOWN)
        high = cells["max_bound"] if own else self.w_max
        low = cells["min_bound"] if own else self.w_min
        bounds = (
            low - self.reverse_offset if self.reverse_up else high,
            high + self.reverse_offset if self.reverse_down else low,
        )
        for name, gamma, bound in zip(("up", "down"), (gamma_up, gamma_down), bounds, strict=True):
            step = cells["dwmin_" + name]
            # A cell that cannot move that way at all makes no step.
            there = bound + 0.0 * step != 0
            cells["slope_" + name] = draws.xp.where(there, -gamma * step / (bound + (1 - there)), 0)
            cells["dwmin_" + name] = draws.xp.where(there, step, 0.0)
        return cells

    def _gamma(self, mean: float, spread: float, draws: Draws, name: CellTrait) -> Any:
        gamma = mean + spread * draws.normal(name)
        return gamma if self.allow_increasing else abs(gamma)

    def affine(self, cells: Cells) -> tuple[Any, Any, Any, Any] | None:
        """Slopes are those of the population."""
        return cells["dwmin_up"], cells["dwmin_down"], cells["slope_up"], cells["slope_down"]


@dataclass(frozen=True)
class SoftBounds(LinearStep):
    """Steps that vanish at the bounds of each cell: ``dw (1 - w / bound)``."""

    gamma_up: float = parameter(1.0, low=1, high=1, doc="always 1")
    gamma_down: float = parameter(1.0, low=1, high=1, doc="always 1")
    gamma_up_dtod: float = parameter(0.0, low=0, high=0, doc="always 0")
    gamma_down_dtod: float = parameter(0.0, low=0, high=0, doc="always 0")
    mean_bound_reference: bool = parameter(False, type=bool, choices=(False,), doc="always False")


@dataclass(frozen=True)
class SoftBoundsReference(StepDevice):
    """Soft bounds about a reference conductance that is subtracted from each cell.

    ``W = w + reference`` makes steps ``dw (1 - W / bound)`` between the bounds.
    """

    mult_noise: bool = parameter(False, type=bool, doc="variation is relative to the step")
    slope_up_dtod: float = parameter(0.0, low=0, doc="spread of the slope of steps up, relative")
    slope_down_dtod: float = parameter(0.0, low=0, doc="the same for steps down")
    reference_mean: float = parameter(0.0, doc="mean reference")
    reference_std: float = parameter(0.0, low=0, doc="spread of the reference")
    subtract_symmetry_point: bool = parameter(
        False, type=bool, doc="shift references so that weight zero is where steps are equal"
    )

    @property
    def relative_noise(self) -> bool:
        """As ``mult_noise`` says."""
        return self.mult_noise

    def fabricate(self, draws: Draws) -> Cells:
        """Adds ``reference``, slopes and steps at weight zero; bounds are those of the weight."""
        xp, cells = draws.xp, super().fabricate(draws)
        # A cell that is stuck has one bound, which is no end of any slope.
        free = cells["max_bound"] != cells["min_bound"]
        steps, ends = {}, {}
        spreads = {"up": self.slope_up_dtod, "down": self.slope_down_dtod}
        for way, name, bound in (
            ("up", CellTrait.FIRST_UP, "max_bound"), ("down", CellTrait.FIRST_DOWN, "min_bound"),
        ):  # fmt: skip
            steps[way] = cells["dwmin_" + way]
            ends[way] = cells[bound] / abs(1 + free * spreads[way] * draws.normal(name))
            moves = ends[way] != 0
            cells["slope_" + way] = xp.where(moves, -steps[way] / (ends[way] + ~moves), 0.0)
            steps[way] = cells["dwmin_" + way] = xp.where(moves, steps[way], 0.0)
        reference = self.reference_mean + self.reference_std * draws.normal(CellTrait.REFERENCE)
        if self.subtract_symmetry_point:
            tilt = cells["slope_down"] - cells["slope_up"]
            there = tilt != 0
            symmetric = xp.where(there, (steps["up"] - steps["down"]) / (tilt + ~there), 0.0)
            reference = reference + symmetric
            cells["reset_bias"] = cells["reset_bias"] + symmetric
        cells["reference"] = reference
        high, low = xp.maximum(ends["up"], ends["down"]), xp.minimum(ends["up"], ends["down"])
        cells["max_bound"], cells["min_bound"] = high - reference, low - reference
        for way in ("up", "down"):
            cells["at_zero_" + way] = steps[way] + cells["slope_" + way] * reference
        return cells

    def affine(self, cells: Cells) -> tuple[Any, Any, Any, Any] | None:
        """Seen from the weight, not from what the cell itself holds."""
        zero_up, zero_down = cells["at_zero_up"], cells["at_zero_down"]
        return zero_up, zero_down, cells["slope_up"], cells["slope_down"]
