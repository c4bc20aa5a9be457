"""One page that shows the whole study, and needs nothing but itself."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import yaml

from applications.drawing import COLOURS, GREY
from applications.page import render
from simulator import CrossSimParameters

from .axes import axis, parameter_updates
from .config import StudyConfig, Values
from .figures import Picture, grid_pictures, sweep_pictures
from .settings import BASE, GRID
from .statistics import Estimate, share
from .store import Setup, Store, write_whole
from .summary import Point, by_mapping, finding, of_sweep
from .tables import decibel, percent, sweep_titles

_MEANINGS = {
    "BALANCED": "two cells per weight, one for each sign, whose currents are subtracted",
    "OFFSET": "one cell per weight; zero is a middle conductance, subtracted digitally",
    "BITSLICED": "the bits of a weight over {slices} slices, each with its own ADC conversion",
}
_COLUMNS = {
    "error": "relative RMS error (%)",
    "snr": "SNR (dB)",
    "accuracy": "accuracy (%)",
    "chips": "chips",
}


@dataclass(frozen=True)
class Section:
    """A part of the page: a title, what is varied, figures with captions, what they show."""

    name: str
    title: str
    text: str
    pictures: list[tuple[Picture, str]]
    finding: str


def write_report(store: Store, points: Sequence[Point], setup: Setup) -> None:
    """Write the figures and ``index.html`` into the results folder; the page comes last."""
    digital = digital_accuracy(setup)
    pictures = sweep_pictures(store.config, points, digital)
    maps = grid_pictures(store.config, points)
    folder = store.folder / "figures"
    folder.mkdir(exist_ok=True)
    for picture in [*maps, *(picture for group in pictures.values() for picture in group)]:
        write_whole(folder / f"{picture.name}.png", picture.png)
        write_whole(folder / f"{picture.name}.svg", picture.svg)
    sections = _sections(store.config, points, setup, pictures)
    if maps:
        caption = "Mean over chips of every combination; the lighter, the better."
        title = sweep_titles(store.config)[GRID]
        sections.append(Section(GRID, title, "", [(m, caption) for m in maps], ""))
    page = _render(store, points, setup, sections, digital)
    write_whole(store.folder / "index.html", page)


def digital_accuracy(setup: Setup) -> Estimate | None:
    """Return the accuracy of the exact products, or None where nothing is classified."""
    if setup.digital_correct is None:
        return None
    return share(setup.digital_correct, setup.test_count)


def _sections(
    config: StudyConfig,
    points: Sequence[Point],
    setup: Setup,
    pictures: dict[str, list[Picture]],
) -> list[Section]:
    digital = digital_accuracy(setup)
    mean = None if digital is None else digital.mean
    sections = []
    for sweep in config.sweeps:
        own = of_sweep(points, sweep.name)
        captions = _captions(axis(sweep.axis).label, own, setup)
        shows = finding(own, sweep.axis, mean)
        captioned = list(zip(pictures[sweep.name], captions))
        sections.append(Section(sweep.name, sweep.title, sweep.text, captioned, shows))
    return sections


def _captions(label: str, points: Sequence[Point], setup: Setup) -> list[str]:
    chips = max(point.setting.chips for point in points)
    band = (
        "These settings draw nothing at random, so one chip each says it all."
        if chips == 1
        else f"Lines are means over {chips} chips, bands their 95 % intervals (Student's t)."
    )
    product = "first layer's product" if setup.digital_correct is not None else "product"
    return [
        f"How far the {product} is from the exact one, over the {label}: 20 dB is an error of"
        f" 10 %, 40 dB one of 1 %. {band}",
        f"Share of {setup.test_count} test images that are classified correctly, on an axis"
        " stretched towards 100 %; dashed, the same network in exact arithmetic with its 95 %"
        f" interval over images (Wilson). {band}",
    ]


def _render(
    store: Store,
    points: Sequence[Point],
    setup: Setup,
    sections: list[Section],
    digital: Estimate | None,
) -> bytes:
    return render(
        "mvm_study/index.html.j2",
        config=store.config,
        setup=setup,
        seed=store.config.seed,
        digital=digital,
        base=[_cells(point) for point in of_sweep(points, BASE)],
        base_words=_in_words(store.config.base),
        meanings=_meanings(store.config),
        colours=dict(zip(store.config.mappings, itertools.cycle(COLOURS))),
        grey=GREY,
        sections=sections,
        tables=[
            (title, *_table(of_sweep(points, name), digital is not None))
            for name, title in sweep_titles(store.config).items()
        ],
        chips=max(point.setting.chips for point in points),
        settings=len(points),
        configuration=yaml.safe_dump(store.config.as_dict(), sort_keys=False, width=90),
        csv=store.results.read_bytes(),
    )


def _in_words(values: Values) -> list[tuple[str, str, bool]]:
    """Return name, value and whether the name is a path, of each parameter that is set."""
    return [
        (axis(key).label, axis(key).show_with_unit(value), not axis(key).has_label)
        for key, value in values.items()
    ]


def _meanings(config: StudyConfig) -> dict[str, str]:
    """Return what each mapping does with a weight."""
    meanings = {}
    for name, own in config.mappings.items():
        style = CrossSimParameters()
        style.update(parameter_updates(config.base | own))
        meanings[name] = _MEANINGS[style.core.style.name].format(
            slices=style.core.bit_sliced.num_slices
        )
    return meanings


def _table(
    points: Sequence[Point], with_accuracy: bool
) -> tuple[list[str], list[tuple[bool, list[str]]]]:
    """Return the columns and rows of a table, one mapping after the other, a line between them."""
    shown = ["error", "snr", "accuracy", "chips"] if with_accuracy else ["error", "snr", "chips"]
    axes = [axis(key) for key in points[0].setting.point]
    columns = ["mapping", *(a.title for a in axes), *(_COLUMNS[name] for name in shown)]
    rows = []
    for mapping, own in by_mapping(points).items():
        for point in own:
            values = [a.show(v) for a, v in zip(axes, point.setting.point.values())]
            cells = _cells(point)
            rows.append((point is own[0], [mapping, *values, *(cells[name] for name in shown)]))
    return columns, rows


def _cells(point: Point) -> dict[str, str]:
    """Return what came out of one setting, as text."""
    return {
        "mapping": point.setting.mapping,
        "error": percent(point.relative_rms_error),
        "snr": decibel(point.snr_db),
        "accuracy": percent(point.accuracy),
        "chips": str(point.setting.chips),
    }
