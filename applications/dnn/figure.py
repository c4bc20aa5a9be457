"""The figures: accuracy chip by chip, and how exact each layer is."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from applications.common.drawing import (
    BEHIND_TEXT,
    COLOURS,
    GREY,
    GRID_BELOW,
    Picture,
    by_itself,
    encoded,
)
from applications.common.words import percent
from applications.mvm_study.statistics import Estimate

from .layers import ratios
from .results import Outcome

# Names of layers take their room; more layers take more height.
_ROW, _MARGINS, _HEIGHT = 0.26, 1.3, 4.2


def draw(outcome: Outcome, table: Any) -> bytes:
    """Return both figures side by side as a PNG."""
    with mpl.rc_context(GRID_BELOW):
        figure = Figure(figsize=(10.4, _height(table)), layout="constrained")
        left, right = figure.subplots(1, 2)
        _accuracies(left, outcome)
        _exactness(right, table)
        return encoded(figure, "png")


def pictures(outcome: Outcome, table: Any) -> tuple[Picture, Picture]:
    """Return the accuracies and the layers, each for itself."""
    shares = percent(outcome.digital_accuracy().mean), percent(outcome.accuracy().mean)
    lowest, highest = (f"{ratio:.1f} dB" for ratio in _extremes(table))
    return (
        Picture(
            by_itself(lambda axes: _accuracies(axes, outcome), _HEIGHT),
            f"Images correct: digital {shares[0]} %, on chips {shares[1]} % on average",
        ),
        Picture(
            by_itself(lambda axes: _exactness(axes, table), _height(table)),
            f"Signal-to-noise ratio of each layer, from {lowest} to {highest}",
        ),
    )


def _extremes(table: Any) -> tuple[float, float]:
    values = [ratio for _, ratio in ratios(table)]
    return min(values), max(values)


def _height(table: Any) -> float:
    return max(_HEIGHT, _MARGINS + _ROW * len(ratios(table)))


def _accuracies(axes: Axes, outcome: Outcome) -> None:
    """A dot per chip in the order of seeds, the mean with its interval, and the digital network."""
    digital = 100 * outcome.digital / outcome.images
    seeds = [chip.seed for chip in outcome.chips]
    values = 100 * np.array(outcome.accuracies)
    estimate = outcome.accuracy()
    axes.axhline(digital, color=GREY, ls="--", lw=1.2)
    axes.plot(seeds, values, "o", color=COLOURS[1], ms=6.5, mew=0)
    _mean_line(axes, estimate, COLOURS[1])
    _name_at_right(axes, digital, f"digital\n{digital:.1f}", GREY, 100 * estimate.mean)
    _name_at_right(
        axes, 100 * estimate.mean, f"chips\n{100 * estimate.mean:.1f}", COLOURS[1], digital
    )
    axes.set_xlim(min(seeds) - 0.6, max(seeds) + 0.6)
    axes.xaxis.set_major_locator(MaxNLocator(10, integer=True, min_n_ticks=1))
    low, high = min(*values, digital), max(*values, digital)
    room = max(0.15 * (high - low), 0.5)
    axes.set_ylim(low - room, min(high + room, 100 + room))
    axes.set_title("Accuracy, chip by chip")
    axes.set_xlabel("seed of the chip")
    axes.set_ylabel("images correct (%)")
    axes.grid(axis="x", visible=False)


def _mean_line(axes: Axes, estimate: Estimate, colour: str) -> None:
    axes.axhline(100 * estimate.mean, color=colour, lw=1.2)
    if estimate.low is not None and estimate.high is not None:
        axes.axhspan(100 * estimate.low, 100 * estimate.high, color=colour, alpha=0.15, lw=0)


def _name_at_right(axes: Axes, height: float, text: str, colour: str, other: float) -> None:
    """Write beside the axes what a line is, away from the other line."""
    axes.annotate(
        text, (1, height), xycoords=("axes fraction", "data"), xytext=(6, 0),
        textcoords="offset points", va="bottom" if height >= other else "top", color=colour,
        weight="bold", fontsize=10, annotation_clip=False,
    )  # fmt: skip


def _exactness(axes: Axes, table: Any) -> None:
    """A dot per layer, the first on top; the least exact is named."""
    names, values = zip(*ratios(table), strict=True)
    places = np.arange(len(names))
    finite = np.nan_to_num(np.array(values), posinf=np.nan)
    axes.hlines(places, 0, finite, color=COLOURS[5], lw=2)
    axes.plot(finite, places, "o", color=COLOURS[0], ms=6)
    for place, value in zip(places, finite):
        if np.isfinite(value):
            axes.annotate(
                f"{value:.1f}", (value, place), xytext=(7, 0), textcoords="offset points",
                va="center", fontsize=9, color=COLOURS[0], bbox=BEHIND_TEXT,
            )  # fmt: skip
    axes.set_yticks(places, names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlim(0, 1.14 * np.nanmax(np.append(finite, 1.0)))
    axes.set_title("How exact each layer is")
    axes.set_xlabel("signal-to-noise ratio (dB)")
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
