"""What the numbers say, in sentences."""

from __future__ import annotations

from applications.common.words import chips, percent, points

from .layers import weakest
from .results import Outcome


def findings(outcome: Outcome, table: object) -> list[str]:
    """Return in a sentence each what the arrays cost, how chips differ, and what limits that.

    `table` is the table of layers.
    """
    said = [_cost(outcome), _agreement(outcome), _spread(outcome)]
    lowest = weakest(table)
    if lowest is not None:
        name, ratio = lowest
        said.append(
            f"Layer {name} is the least exact: its signal-to-noise ratio is {ratio:.1f} dB."
        )
    return said


def _cost(outcome: Outcome) -> str:
    loss = outcome.loss()
    low = loss.mean if loss.low is None else loss.low
    high = loss.mean if loss.high is None else loss.high
    size = f"{points(abs(loss.mean))} percentage points"
    if loss.mean == 0 and low == high:
        said = "it loses nothing"
    elif low > 0:
        said = f"it loses {size}"
    elif high < 0:
        said = f"it loses nothing and gains {size}"
    elif loss.mean == 0:
        said = "it loses nothing on average"
    else:
        said = f"a difference of {size}, too small to be sure of"
    return (
        f"On {chips(len(outcome.chips))}, the network gets {percent(outcome.accuracy().mean)} % of"
        f" {outcome.images} images right instead of {percent(outcome.digital_accuracy().mean)} %:"
        f" {said}."
    )


def _agreement(outcome: Outcome) -> str:
    return (
        f"For {percent(outcome.agreement().mean)} % of the images, right or wrong, the class is"
        " that of the digital network."
    )


def _spread(outcome: Outcome) -> str:
    values = outcome.accuracies
    if len(values) == 1:
        return "One chip shows no spread."
    half = outcome.over_images().half_width or 0.0
    return (
        f"Best and worst chip are {points(max(values) - min(values))} percentage points apart; that"
        f" there are {outcome.images} images makes any accuracy uncertain by"
        f" {points(half)} points either way."
    )
