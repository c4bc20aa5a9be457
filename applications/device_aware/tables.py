"""The table on the terminal, and words that it shares with the page."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.table import Table

from applications.common.words import bounds, percent
from applications.mvm_study.statistics import Estimate

from .results import ANALOG, AWARE, CLEAN, LINES, Comparison, Settings

# Where the network of a line was trained, and where it runs.
TRAINED = {CLEAN: "digitally", ANALOG: "digitally", AWARE: "with device"}
RUN = {CLEAN: "digitally", ANALOG: "on chips", AWARE: "on chips"}


def table(comparison: Comparison) -> Table:
    """Return one row per line: where trained, where run, accuracy, interval, extremes of chips."""
    chips = len(comparison.correct[ANALOG])
    title = (
        f"Test images correct (%) with 95 % interval, {chips} chip{'s' if chips > 1 else ''} each"
    )
    shown = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    for column in ("", "trained", "run"):
        shown.add_column(column, no_wrap=True)
    for column in ("mean", "interval", "worst–best"):
        shown.add_column(column, justify="right", no_wrap=True)
    for line in LINES:
        estimate, values = comparison.estimate(line), comparison.accuracies(line)
        extremes = "" if line == CLEAN else f"{percent(min(values))}–{percent(max(values))}"
        shown.add_row(
            line, TRAINED[line], RUN[line], percent(estimate.mean), interval(estimate), extremes
        )
    return shown


def interval(estimate: Estimate) -> str:
    """Return the interval in percent, such as ``97.11–98.40``; empty where there is none."""
    low, high = bounds(estimate)
    return f"{low}–{high}" if low else ""


def arrays(settings: Settings) -> str:
    """Return in words what the weights are held by."""
    return (
        "8-bit weights in balanced pairs of cells; a cell misses its conductance by"
        f" {100 * settings.error:g} % of it (standard deviation)"
    )
