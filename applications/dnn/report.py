"""One page that shows the whole evaluation, and needs nothing but itself."""

from __future__ import annotations

from typing import Any

from applications.common.drawing import COLOURS, GREY
from applications.common.page import render
from applications.common.plain_files import write_whole
from applications.common.words import bounds, chips, effects, ends, percent, points
from applications.mvm_study.statistics import Estimate

from . import hardware
from .figure import draw, pictures
from .layers import COLUMNS, advice, cells
from .results import Folder, Outcome, Setup
from .summary import findings

_Row = tuple[bool, list[str]]
_CHIP_COLUMNS = ["chip", "seed", "correct", "(%)", "behind digital (points)", "as digital",
                 "(%)"]  # fmt: skip
_ESTIMATE_COLUMNS = ["", "mean (%)", "95 % from", "to", "interval over"]


def write_report(folder: Folder, outcome: Outcome, setup: Setup, table: Any) -> None:
    """Write the figure and ``index.html`` into the results folder; the page comes last."""
    write_whole(folder.path / "dnn.png", draw(outcome, table))
    write_whole(folder.page, _page(folder, outcome, setup, table))


def _page(folder: Folder, outcome: Outcome, setup: Setup, table: Any) -> bytes:
    settings = folder.settings
    layers = hardware.from_file(str(folder.path / "layers.yaml"))
    assert isinstance(layers, dict)  # what was written has names of layers
    return render(
        "dnn/index.html.j2",
        setup=setup,
        seed=settings.seed,
        configuration=folder.configuration(),
        effects=effects(tree for trees in layers.values() for tree in hardware.listed(trees)),
        settings=settings,
        outcome=outcome,
        arrays=hardware.in_words(settings.hardware),
        calibration=_calibration(folder),
        cards=_cards(outcome),
        findings=findings(outcome, table),
        figures=list(zip(pictures(outcome, table), _captions(outcome))),
        estimates=(_ESTIMATE_COLUMNS, _estimate_rows(outcome)),
        chips=(_CHIP_COLUMNS, _chip_rows(outcome)),
        advice=advice(table),
        layers=(COLUMNS, [(True, row) for row in cells(table)]),
        csv={name: (folder.path / f"{name}.csv").read_bytes() for name in ("results", "layers")},
        layers_yaml=(folder.path / "layers.yaml").read_bytes(),
    )


def _calibration(folder: Folder) -> str:
    settings = folder.settings
    images = settings.data.calibration_images
    how = {
        "percentile": f"{settings.percentile:g} % of what is seen lies inside",
        "max": "everything that is seen lies inside",
        "lp": f"the L{settings.norm_ord:g} norm of rounding and clipping is least",
    }
    if settings.calibrate == "none":
        return "none; ranges are those of the parameters"
    return (
        f"{settings.calibrate}: {how[settings.calibrate]}; on at most {images} images that are not"
        " tested with, on the first chip, for all chips"
    )


def _cards(outcome: Outcome) -> list[dict[str, Any]]:
    """Return what each card says, by the arguments of the template's macro."""
    digital, analog, values = outcome.digital_accuracy(), outcome.accuracy(), outcome.accuracies
    extremes = f"chips from {percent(min(values))} to {percent(max(values))} %"
    over_chips = _between(analog) + " over chips" if analog.low is not None else ""
    return [
        {
            "name": "digital",
            "colour": GREY,
            "value": f"{percent(digital.mean)} %",
            "unit": "correct",
            "notes": [f"{_between(digital)} over images",
                      f"{outcome.digital} of {outcome.images} images"],
        },
        {
            "name": "on " + chips(len(values)),
            "colour": COLOURS[1],
            "value": f"{percent(analog.mean)} %",
            "unit": "correct",
            "notes": [over_chips or f"{_between(outcome.over_images())} over images", extremes]
            if len(values) > 1
            else [f"{_between(outcome.over_images())} over images"],
        },
        {
            "name": "agreement",
            "colour": COLOURS[0],
            "value": f"{percent(outcome.agreement().mean)} %",
            "unit": "as digital",
            "notes": ["images that get the same class on a chip as from the digital network,"
                      " right or wrong"],
        },
    ]  # fmt: skip


def _between(estimate: Estimate) -> str:
    low, high = bounds(estimate)
    return f"95 % interval {low} to {high} %" if low else ""


def _captions(outcome: Outcome) -> tuple[str, str]:
    mean = "its 95 % interval over chips shaded" if len(outcome.chips) > 1 else "of one chip"
    return (
        f"One dot per chip; the line is their mean, {mean}; dashed, the network run digitally.",
        "The power of what a layer should answer over that of its error, on the first chip; every"
        " layer gets the inputs that it has in the digital network.",
    )


def _estimate_rows(outcome: Outcome) -> list[_Row]:
    behind = outcome.loss()
    rows = [
        ["digital", *_row(outcome.digital_accuracy()), "images (Wilson)"],
        ["on chips", *_row(outcome.accuracy()), "chips (Student's t)"],
        ["on chips", *_row(outcome.over_images()), "images (Wilson)"],
        ["behind digital (points)", points(behind.mean), *ends(behind), "chips (Student's t)"],
        ["same class as digital", *_row(outcome.agreement()), "chips (Student's t)"],
    ]
    return [(True, row) for row in rows]


def _row(estimate: Estimate) -> list[str]:
    return [percent(estimate.mean), *bounds(estimate)]


def _chip_rows(outcome: Outcome) -> list[_Row]:
    total = outcome.images
    return [
        (False, [str(number), str(chip.seed), str(chip.correct), percent(chip.correct / total),
                 points((outcome.digital - chip.correct) / total), str(chip.agree),
                 percent(chip.agree / total)])
        for number, chip in enumerate(outcome.chips, start=1)
    ]  # fmt: skip
