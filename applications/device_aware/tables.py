"""The table on the terminal, and what it says in a sentence."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.table import Table

from applications.mvm_study.statistics import Estimate

from .results import ANALOG, AWARE, CLEAN, LINES, Comparison

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
        extremes = "" if line == CLEAN else f"{_percent(min(values))}–{_percent(max(values))}"
        shown.add_row(
            line, TRAINED[line], RUN[line], _percent(estimate.mean), interval(estimate), extremes
        )
    return shown


def interval(estimate: Estimate) -> str:
    """Return the interval in percent, such as ``97.11–98.40``; empty where there is none.

    Student's t knows no bounds; an accuracy has none above 100.
    """
    if estimate.low is None or estimate.high is None:
        return ""
    return f"{_percent(max(estimate.low, 0.0))}–{_percent(min(estimate.high, 1.0))}"


def finding(comparison: Comparison) -> str:
    """Return in a sentence what the errors cost, and how much of that training wins back."""
    clean, analog, aware = (100 * comparison.estimate(line).mean for line in LINES)
    if clean <= analog:
        return "The chips do as well as the digital network."
    back = aware - analog
    effect = f"wins back {back:.2f} of them" if back >= 0 else f"loses another {-back:.2f}"
    return (
        f"The chips cost {clean - analog:.2f} percentage points; training with the device {effect}."
    )


def _percent(share: float) -> str:
    return f"{100 * share:.2f}"
