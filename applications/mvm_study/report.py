"""One page that shows the whole study, and needs nothing but itself."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import yaml

from applications.common.drawing import COLOURS, GREY
from applications.common.page import render
from applications.common.plain_files import write_whole
from applications.common.words import effects
from simulator import CrossSimParameters

from .axes import axis, parameter_updates
from .config import StudyConfig, Values
from .figures import Picture, grid_pictures, sweep_pictures, wire_picture
from .settings import BASE, GRID, parameters
from .statistics import Estimate, share
from .store import Setup, Store
from .summary import Point, by_mapping, finding, of_sweep
from .tables import decibel, percent, sweep_titles
from .wires import Drops, Look

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


def write_report(
    store: Store, points: Sequence[Point], setup: Setup, looks: Sequence[Look] = ()
) -> None:
    """Write the figures and ``index.html`` into the results folder; the page comes last."""
    digital = digital_accuracy(setup)
    pictures = sweep_pictures(store.config, points, digital)
    maps = grid_pictures(store.config, points)
    sections = _sections(store.config, points, setup, pictures)
    if looks:
        sections.append(_wire_section(looks, setup))
    folder = store.folder / "figures"
    folder.mkdir(exist_ok=True)
    for picture in [*maps, *(picture for section in sections for picture, _ in section.pictures)]:
        write_whole(folder / f"{picture.name}.png", picture.png)
        write_whole(folder / f"{picture.name}.svg", picture.svg)
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


def _wire_section(looks: Sequence[Look], setup: Setup) -> Section:
    name = "first vector" if setup.digital_correct is None else "first test image"
    text = (
        "The first array of each mapping, drawn with its drivers at the left and ground at the"
        " bottom. The darker a cell, the more of its voltage is lost on the way to it and from"
        " there to ground. "
    )
    problems = [f"No map of {look.setting.mapping}: {look.problem}" for look in looks]
    text += " ".join(line for line, look in zip(problems, looks) if look.problem)
    pictures = [
        (
            wire_picture(look.setting.mapping, look.full, look.real, name),
            _wire_caption(look, look.full, look.real, name),
        )
        for look in looks
        if look.full and look.real
    ]
    return Section("wire-maps", "Where does the voltage go?", text, pictures, "")


def _wire_caption(look: Look, full: Drops, real: Drops, name: str) -> str:
    """Return what there is to see in the maps of one array."""
    rows, columns = full.lost.shape
    ohms = ", ".join(f"{k} {v:g}\N{NO-BREAK SPACE}Ω" for k, v in look.resistances.items())
    sliced = "of the most significant slice " if look.is_sliced else ""
    pairs = "the positive cells " if look.is_pair else "the cells "
    left = 100 * (1 - full.lost[full.drive != 0])
    word, bit = full.worst
    serial = " (its most significant digit)" if look.is_serial else ""
    feeding = "Supply" if look.is_gated else "Word"
    return (
        f"{rows} word lines and {columns} bit lines with {pairs}{sliced}({ohms}). With every input"
        f" at full scale a cell gets {left.min():.1f} to {left.max():.1f} % of its drive. Most is"
        f" missing at word line {word}, bit line {bit}. {feeding} lines take up to"
        f" {100 * full.word_lines.max():.1f} %, bit lines up to {100 * full.bit_lines.max():.1f} %,"
        f" and the currents of the bit lines are off by {100 * full.error:.1f} % (RMS). With the"
        f" {name}{serial}, no cell misses more than {100 * real.lost.max():.1f} %, and the currents"
        f" are off by {100 * real.error:.1f} %."
    )


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
        effects=effects(
            parameters(point.setting, store.config.seed) for point in of_sweep(points, BASE)
        ),
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
