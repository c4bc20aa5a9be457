"""The tables on the terminal."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.table import Table

from applications.common.words import bounds, chips, percent

from .results import Outcome


def table(outcome: Outcome) -> Table:
    """Return one row for the digital network and one for the chips."""
    title = f"Images correct (%), {outcome.images} images, {chips(len(outcome.chips))}"
    shown = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    shown.add_column("", no_wrap=True)
    for column in ("mean", "95 % chips", "95 % images", "worst–best", "as digital"):
        shown.add_column(column, justify="right", no_wrap=True)
    digital, analog = outcome.digital_accuracy(), outcome.accuracy()
    values = outcome.accuracies
    shown.add_row("digital", percent(digital.mean), "", _between(*bounds(digital)), "", "")
    shown.add_row(
        "analog", percent(analog.mean), _between(*bounds(analog)),
        _between(*bounds(outcome.over_images())),
        _between(percent(min(values)), percent(max(values))),
        percent(outcome.agreement().mean),
    )  # fmt: skip
    return shown


def _between(low: str, high: str) -> str:
    return f"{low}–{high}" if low else ""
