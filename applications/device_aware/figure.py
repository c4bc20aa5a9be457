"""The figures: accuracy of the three lines, chip by chip, and the losses while training."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from applications.common.drawing import (
    BEHIND_TEXT,
    COLOURS,
    GREY,
    GRID_BELOW,
    Picture,
    by_itself,
    encoded,
)

from .results import ANALOG, AWARE, CLEAN, LINES, Comparison
from .tables import RUN, TRAINED

COLOUR = {CLEAN: GREY, ANALOG: COLOURS[1], AWARE: COLOURS[0]}
_HEIGHT = 4.2


def draw(comparison: Comparison) -> bytes:
    """Return both figures side by side as a PNG."""
    with mpl.rc_context(GRID_BELOW):
        figure = Figure(figsize=(10.4, _HEIGHT), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=[1.15, 1])
        _accuracies(left, comparison)
        _losses(right, comparison)
        return encoded(figure, "png")


def pictures(comparison: Comparison) -> tuple[Picture, Picture]:
    """Return the accuracies and the losses, each for itself."""
    means = ", ".join(f"{line} {100 * comparison.estimate(line).mean:.2f} %" for line in LINES)
    return (
        Picture(
            by_itself(lambda axes: _accuracies(axes, comparison), _HEIGHT),
            f"Test accuracy: {means}",
        ),
        Picture(
            by_itself(lambda axes: _losses(axes, comparison), _HEIGHT),
            "Loss over epochs of both trainings",
        ),
    )


def _accuracies(axes: Axes, comparison: Comparison) -> None:
    """One column per line: a dot per chip, and beside them the mean with its interval."""
    for place, line in enumerate(LINES):
        estimate, colour = comparison.estimate(line), COLOUR[line]
        values = 100 * np.array(comparison.accuracies(line))
        if line != CLEAN:
            axes.plot(
                place - 0.16 + _spread(values), values, "o", color=colour, alpha=0.45, ms=5.5, mew=0
            )
        mean = 100 * estimate.mean
        if estimate.low is not None and estimate.high is not None:
            reach = [[mean - 100 * estimate.low], [100 * estimate.high - mean]]
            axes.errorbar(
                [place + 0.14], [mean], yerr=reach, fmt="D", color=colour, ms=6, capsize=5, lw=1.8
            )
        else:
            axes.plot([place + 0.14], [mean], "D", color=colour, ms=6)
        axes.annotate(
            f"{mean:.1f}", (place + 0.14, mean), xytext=(10, 0), textcoords="offset points",
            va="center", color=colour, weight="bold", bbox=BEHIND_TEXT,
        )  # fmt: skip
    axes.axhline(100 * comparison.estimate(CLEAN).mean, color=GREY, ls="--", lw=1, zorder=0)
    axes.set_title("Test accuracy")
    axes.set_ylabel("test images correct (%)")
    names = [f"{line}\ntrained {TRAINED[line]}\nrun {RUN[line]}" for line in LINES]
    axes.set_xticks(range(len(LINES)), names)
    axes.set_xlim(-0.5, len(LINES) - 0.4)
    axes.grid(axis="x", visible=False)
    axes.tick_params(axis="x", length=0)


def _spread(values: np.ndarray) -> np.ndarray:
    """Return sideways shifts that keep dots of nearly the same height apart."""
    order = np.argsort(np.argsort(values, kind="stable"))
    return 0.07 * (order % 3 - 1)


def _losses(axes: Axes, comparison: Comparison) -> None:
    named = {CLEAN: "digital", AWARE: "device-aware"}
    for line, curve in comparison.curves.items():
        epochs = range(1, len(curve.train) + 1)
        style: dict[str, Any] = {"color": COLOUR[line], "lw": 1.8}
        if len(curve.train) == 1:
            style["marker"] = "o"
        axes.plot(epochs, curve.train, label=f"{named[line]}, training images", **style)
        style["ls"] = ":"
        axes.plot(epochs, curve.validation, label=f"{named[line]}, images held back", **style)
    axes.set_yscale("log")
    # Room for the legend, wherever the curves run.
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * (high / low) ** 0.45)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, steps=(1, 2, 5, 10), min_n_ticks=1))
    axes.set_title("Training")
    axes.set_xlabel("epoch")
    axes.set_ylabel("mean cross-entropy")
    axes.legend(loc="upper right")
