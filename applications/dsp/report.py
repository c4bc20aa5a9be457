"""What a study found: its table on the terminal, its CSV file and its page."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from rich.box import SIMPLE_HEAD
from rich.table import Table as RichTable

from applications.common.drawing import COLOURS, GRID_BELOW, encoded
from applications.common.page import render
from applications.common.words import effects
from applications.mvm_study.statistics import Estimate, mean_over_chips
from simulator import CrossSimParameters

LOOK = GRID_BELOW | {"figure.constrained_layout.use": True}
"""The style of every figure: ``with mpl.rc_context(LOOK): ...``."""


@dataclass(frozen=True)
class Picture:
    """A figure as PNG and SVG, a caption, and the text for those who cannot see it."""

    name: str
    png: bytes
    svg: bytes
    alt: str
    caption: str


@dataclass(frozen=True)
class Table:
    """A title, the names of the columns, and rows of text; the first `words` columns are words."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: int = 1


@dataclass(frozen=True)
class Report:
    """Everything a study says.

    `params` is the hardware with its ranges fitted; `records` are the rows of ``results.csv``, all
    with the same keys; `notes` are pairs of a term and what is to be said about how the numbers
    came about.
    """

    title: str
    lead: str
    data: str
    params: CrossSimParameters
    findings: Sequence[str]
    pictures: Sequence[Picture]
    tables: Sequence[Table]
    records: Sequence[Mapping[str, Any]]
    notes: Sequence[tuple[str, str]] = field(default=())


def picture(name: str, figure: Figure, alt: str, caption: str) -> Picture:
    """Return a finished figure with its texts."""
    with mpl.rc_context(LOOK):
        return Picture(name, encoded(figure, "png"), encoded(figure, "svg"), alt, caption)


def terminal(table: Table) -> RichTable:
    """Return a table for the terminal."""
    shown = RichTable(title=table.title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    for number, column in enumerate(table.columns):
        shown.add_column(
            column,
            justify="left" if number < table.words else "right",
            no_wrap=number < table.words,
        )
    for row in table.rows:
        shown.add_row(*row)
    return shown


def csv_text(records: Sequence[Mapping[str, Any]]) -> bytes:
    """Return records as CSV, with a header; floats in full."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(records[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _plain(value) for key, value in row.items()} for row in records)
    return text.getvalue().encode()


def page(report: Report, setup: Mapping[str, Any], configuration: str) -> bytes:
    """Return the page; `setup` has the command, its start, the hardware and versions."""
    return render(
        "dsp/index.html.j2",
        report=report,
        setup=setup,
        seed=report.params.simulation.seed,
        configuration=configuration,
        effects=effects([report.params]),
        tables=[
            (table, [(number == 0, row) for number, row in enumerate(table.rows)])
            for table in report.tables
        ],
        csv=csv_text(report.records),
    )


def estimate(values: Sequence[float]) -> Estimate:
    """Return the mean over chips with its 95 % interval."""
    return mean_over_chips([float(value) for value in values])


def plus_minus(values: Sequence[float], digits: int = 1, scale: float = 1) -> str:
    """Return mean and half width of the 95 % interval over chips, such as ``24.1 ±0.2``."""
    found = estimate(values)
    half = found.half_width
    text = f"{scale * found.mean:.{digits}f}"
    return text if half is None else f"{text} ±{scale * half:.{digits}f}"


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def dots(
    axes: Axes, points: Sequence[tuple[float, float]], place: int, label: str, log: bool = False
) -> None:
    """Draw a dot per chip and a line through the means over chips, in the colour of `place`.

    With `log` the horizontal axis is logarithmic; its ticks are the values that were measured.
    """
    if not points:
        return
    colour, values = COLOURS[place], sorted({x for x, _ in points})
    means = [float(np.mean([y for x, y in points if x == value])) for value in values]
    axes.plot(values, means, color=colour, lw=1.8, label=label)
    axes.plot(
        *zip(*points), "osD^vPX"[place], color=colour, ms=5.5, mew=0.6, mec="white", alpha=0.8
    )
    if log and values[0] > 0:
        axes.set_xscale("log")
    axes.set_xticks(values, [f"{value:g}" for value in values])
    axes.xaxis.set_minor_locator(NullLocator())
