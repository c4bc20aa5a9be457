"""One page that shows the whole comparison, and needs nothing but itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from applications.common.page import render
from applications.common.plain_files import write_whole
from applications.common.words import bounds, effects, ends, percent, points

from .figure import COLOUR, draw, pictures
from .results import (
    ANALOG,
    AWARE,
    CLEAN,
    LEARNING_RATE,
    LINES,
    VALIDATION_SHARE,
    Comparison,
    Folder,
    Setup,
)
from .summary import findings, lead
from .tables import RUN, TRAINED, arrays

_Row = tuple[bool, list[str]]
_LINE_COLUMNS = ["line", "trained", "run", "mean (%)", "95 % from", "to (%)", "standard deviation",
                 "worst (%)", "best (%)", "chips"]  # fmt: skip
_LEAD_COLUMNS = ["percentage points", "", "mean", "95 % from", "to", "least", "most"]
_CHIP_COLUMNS = ["chip", "analog: correct", "(%)", "device-aware: correct", "(%)",
                 "device-aware ahead by (points)"]  # fmt: skip
_LEADS = (
    ("cost of the chips", CLEAN, ANALOG),
    ("effect of training with the device", AWARE, ANALOG),
    ("what remains to digital", CLEAN, AWARE),
)


def write_report(folder: Folder, comparison: Comparison, setup: Setup) -> None:
    """Write the figure and ``index.html`` into the results folder; the page comes last."""
    write_whole(folder.path / "device_aware.png", draw(comparison))
    write_whole(folder.page, _page(folder, comparison, setup))


def _page(folder: Folder, comparison: Comparison, setup: Setup) -> bytes:
    from .comparison import hardware  # which loads PyTorch

    settings = folder.settings
    return render(
        "device_aware/index.html.j2",
        setup=setup,
        seed=settings.seed,
        configuration=folder.configuration(),
        effects=effects([hardware(settings)]),
        settings=settings,
        comparison=comparison,
        arrays=arrays(settings),
        learning_rate=LEARNING_RATE,
        held_back=f"{100 * VALIDATION_SHARE:g}",
        cards=[_card(comparison, line) for line in LINES],
        findings=findings(comparison, settings),
        figures=list(zip(pictures(comparison), _captions(comparison))),
        lines=(_LINE_COLUMNS, [_line_row(comparison, line) for line in LINES]),
        leads=(_LEAD_COLUMNS, [_lead_row(comparison, *names) for names in _LEADS]),
        chips=(_CHIP_COLUMNS, _chip_rows(comparison)),
        csv={name: (folder.path / f"{name}.csv").read_bytes() for name in ("results", "losses")},
    )


def _card(comparison: Comparison, line: str) -> dict[str, Any]:
    """Return what the card of a line says, by the arguments of the template's macro."""
    estimate, values = comparison.estimate(line), comparison.accuracies(line)
    low, high = bounds(estimate)
    notes = [f"95 % interval {low} to {high} %"] if low else []
    if line == CLEAN:
        notes.append(f"{comparison.correct[CLEAN][0]} of {comparison.images} images")
    elif len(values) == 1:
        notes.append("one chip")
    else:
        notes.append(f"chips from {percent(min(values))} to {percent(max(values))} %")
    return {
        "name": line,
        "colour": COLOUR[line],
        "value": f"{percent(estimate.mean)} %",
        "unit": "correct",
        "notes": notes,
        "meaning": f"trained {TRAINED[line]}, run {RUN[line]}",
    }


def _captions(comparison: Comparison) -> tuple[str, str]:
    named = {CLEAN: "digital", AWARE: "device-aware"}
    last = "; ".join(
        f"{named[line]} {curve.train[-1]:#.3g} and {curve.validation[-1]:#.3g}"
        for line, curve in comparison.curves.items()
    )
    return (
        "One dot per chip, beside them the mean with its 95 % interval; dashed, the network run"
        " digitally.",
        "Mean loss on the images trained with and on those held back, after each epoch. After the"
        f" last: {last}.",
    )


def _line_row(comparison: Comparison, line: str) -> _Row:
    estimate, values = comparison.estimate(line), comparison.accuracies(line)
    where = [line, TRAINED[line], RUN[line], percent(estimate.mean), *bounds(estimate)]
    if line == CLEAN:
        return True, [*where, "", "", "", ""]
    deviation = percent(float(np.std(values, ddof=1))) if len(values) > 1 else ""
    extremes = [percent(min(values)), percent(max(values))]
    return True, [*where, deviation, *extremes, str(len(values))]


def _lead_row(comparison: Comparison, name: str, line: str, other: str) -> _Row:
    values, estimate = comparison.differences(line, other), lead(comparison, line, other)
    cells = [points(estimate.mean), *ends(estimate), points(min(values)), points(max(values))]
    return True, [name, f"{line} \N{MINUS SIGN} {other}", *cells]


def _chip_rows(comparison: Comparison) -> list[_Row]:
    ahead = comparison.differences(AWARE, ANALOG)
    rows = []
    for chip, difference in enumerate(ahead):
        cells = [str(chip + 1)]
        for line in (ANALOG, AWARE):
            correct = comparison.correct[line][chip]
            cells += [str(correct), percent(correct / comparison.images)]
        rows.append((False, [*cells, points(difference)]))
    return rows
