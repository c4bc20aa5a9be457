"""Which effect of the hardware costs a result most, found by experiment.

Every active effect is switched off in turn, and left on alone, on the same chips: what is drawn has
its name, so two runs of one number differ in the effect and in nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from simulator.errors import ModelError, ParameterError
from simulator.parameters import CrossSimParameters, active_effects
from simulator.parameters.effects import EFFECTS, only, without

Trees = list[CrossSimParameters]
# Relative errors of one hardware, one for each chip that is drawn.
Errors = Callable[[Trees], Sequence[float]]
# Chance that an interval covers the mean over all chips.
CONFIDENCE = 0.95
# Effects that change nothing beside no other one.
NEED_OTHERS = frozenset(effect.name for effect in EFFECTS if effect.needs_other)


@dataclass(frozen=True)
class Estimate:
    """A mean over chips, and the interval that the mean over all chips lies in (Student's t)."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float] | np.ndarray) -> Estimate:
        """The estimate from one value for each chip; of one chip alone, without a width.

        Args:
            values: At least one.
        """
        from scipy.stats import t

        count, mean = len(values), float(np.mean(values))
        if count == 1:
            return cls(mean, mean, mean)
        width = float(t.ppf((1 + CONFIDENCE) / 2, count - 1) * np.std(values, ddof=1))
        width /= math.sqrt(count)
        return cls(mean, mean - width, mean + width)

    def __str__(self) -> str:
        if self.high - self.low <= 1e-3 * abs(self.mean):
            return f"{100 * self.mean:.3g} %"
        # Two digits of the width say how many digits of the mean mean something.
        return f"{100 * self.mean:.3g} +- {50 * (self.high - self.low):.2g} %"


@dataclass(frozen=True)
class EffectCost:
    """What one effect costs.

    ``described`` is what the parameters say of it. ``alone`` is the relative error with it and no
    other effect, ``without`` with all but it; ``share`` of the power of the whole error goes with
    it. None where hardware cannot be without it, or means nothing with it alone.
    """

    effect: str
    described: str
    alone: Estimate | None
    without: Estimate | None
    share: Estimate | None


def effect_costs(trees: Trees, errors: Errors) -> tuple[Estimate, tuple[EffectCost, ...]]:
    """The error of a hardware and what each of its effects costs, the costliest first.

    Args:
        trees: Its parameters: one tree, or one for each array.
        errors: Gives the relative error on each of some chips, always the same ones.

    Returns:
        The error with all effects, and the cost of each; none for ideal hardware.
    """
    named: dict[str, str] = {}
    for tree in trees:
        named = {**active_effects(tree), **named}
    whole = np.asarray(errors(trees))
    found = [_cost(name, words, trees, errors, whole) for name, words in named.items()]
    return Estimate.of(whole), tuple(sorted(found, key=_rank, reverse=True))


def _cost(name: str, words: str, trees: Trees, errors: Errors, whole: np.ndarray) -> EffectCost:
    rest = _tried(errors, [without(tree, name) for tree in trees])
    alone = None
    if name not in NEED_OTHERS:
        alone = _tried(errors, [only(tree, name) for tree in trees])
    share = None
    if rest is not None:
        shares = np.divide(rest**2, whole**2, out=np.ones_like(whole), where=whole > 0)
        share = Estimate.of(1 - shares)
    return EffectCost(
        effect=name,
        described=words,
        alone=None if alone is None else Estimate.of(alone),
        without=None if rest is None else Estimate.of(rest),
        share=share,
    )


def _tried(errors: Errors, trees: Trees) -> np.ndarray | None:
    """Errors of a hardware; None for one that cannot be built."""
    try:
        return np.asarray(errors(trees))
    except (ParameterError, ModelError):
        return None


def _rank(cost: EffectCost) -> tuple[float, float]:
    share = -math.inf if cost.share is None else cost.share.mean
    return share, 0.0 if cost.alone is None else cost.alone.mean
