"""What the numbers say, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from applications.common.words import chips
from applications.mvm_study.statistics import Estimate, mean_over_chips

from .results import ANALOG, AWARE, CLEAN, Comparison, Settings

# A loss that falls no faster than this from quarter to quarter of the training has levelled off.
_LEVEL = 0.05


def lead(comparison: Comparison, line: str, other: str) -> Estimate:
    """Return by how much `line` is ahead of `other`, chip by chip, with Student's t interval."""
    return mean_over_chips(comparison.differences(line, other))


def findings(comparison: Comparison, settings: Settings) -> list[str]:
    """Return in a sentence each what errors cost, what training does about it, how chips differ.

    Where training was cut short, one more says so.
    """
    return [
        _cost(comparison, settings),
        _effect(comparison),
        _spread(comparison),
        *_cut_short(comparison),
    ]


def _cost(comparison: Comparison, settings: Settings) -> str:
    lost = lead(comparison, CLEAN, ANALOG)
    outcome = {
        1: f"it loses {_points(lost)}",
        0: "too small a difference to be sure of",
        -1: f"it loses nothing and gains {_points(lost)}",
    }
    said = "it loses nothing" if _none(lost) else outcome[_direction(lost)]
    return (
        f"On {chips(lost.count)} whose cells miss their conductances by"
        f" {100 * settings.error:g} %, the digitally trained network gets"
        f" {_share(comparison, ANALOG)} of the test images right instead of"
        f" {_share(comparison, CLEAN)}: {said}."
    )


def _effect(comparison: Comparison) -> str:
    won = lead(comparison, AWARE, ANALOG)
    outcome = {
        1: f"{_points(won)} more{_won_back(comparison)}",
        0: "too small a difference to be sure of",
        -1: f"{_points(won)} fewer",
    }
    said = "just as many" if _none(won) else outcome[_direction(won)]
    return f"Trained with the device in the loop, it gets {_share(comparison, AWARE)}: {said}."


def _won_back(comparison: Comparison) -> str:
    """Return how much of what was lost that is; nothing where nothing was."""
    lost, left = lead(comparison, CLEAN, ANALOG), lead(comparison, CLEAN, AWARE)
    if _direction(lost) < 1:
        return ""
    if left.mean <= 0:
        return ", so all that was lost is won back"
    share = lead(comparison, AWARE, ANALOG).mean / lost.mean
    return f", so {100 * share:.0f} % of the loss is won back and {_points(left)} remain"


def _spread(comparison: Comparison) -> str:
    ahead = comparison.differences(AWARE, ANALOG)
    if len(ahead) == 1:
        return "One chip each shows no spread; more of them would."
    without, with_it = (np.ptp(comparison.accuracies(line)) for line in (ANALOG, AWARE))
    better = sum(difference > 0 for difference in ahead)
    where = {0: "no chip", len(ahead): "every chip"}.get(better, f"{better} of {len(ahead)} chips")
    return (
        f"Best and worst chip are {100 * without:.2f} points apart without such training and"
        f" {100 * with_it:.2f} with it; it helps on {where}."
    )


def _cut_short(comparison: Comparison) -> list[str]:
    which = {CLEAN: "digital", AWARE: "device-aware"}
    falls = {which[line]: _fall(curve.validation) for line, curve in comparison.curves.items()}
    falling = [f"{100 * fall:.0f} % ({name})" for name, fall in falls.items() if fall > _LEVEL]
    if not falling:
        return []
    return [
        f"On images held back, the loss still fell by {' and '.join(falling)} from the third"
        " quarter of the epochs to the last: more epochs may change these numbers."
    ]


def _fall(losses: Sequence[float]) -> float:
    """Return by which share the mean of the last quarter is below that of the one before."""
    quarter = len(losses) // 4
    if quarter == 0:
        return 0.0
    return 1 - float(np.mean(losses[-quarter:]) / np.mean(losses[-2 * quarter : -quarter]))


def _direction(difference: Estimate) -> int:
    """Return the sign of a difference, 0 where the interval holds 0; one chip has no interval."""
    low = difference.mean if difference.low is None else difference.low
    high = difference.mean if difference.high is None else difference.high
    return int(low > 0) - int(high < 0)


def _none(difference: Estimate) -> bool:
    return difference.mean == 0 and not difference.half_width


def _points(difference: Estimate) -> str:
    return f"{abs(100 * difference.mean):.2f} percentage points"


def _share(comparison: Comparison, line: str) -> str:
    return f"{100 * comparison.estimate(line).mean:.2f} %"
