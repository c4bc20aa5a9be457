"""The figures: sweeps as lines with error bands, grids of two axes as maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from applications.common.drawing import COLOURS, GREY, STYLE, encoded

from .axes import Axis, axis
from .config import StudyConfig
from .settings import GRID
from .statistics import Estimate
from .summary import Point, by_mapping, of_sweep
from .wires import Drops

# One per colour, for those who see none.
_MARKERS = "osD^vPX"
_SHARES = (0, 20, 40, 60, 80, 90, 95, 97, 98, 99, 100)
_FINE_SHARES = (90, 91, 92, 93, 94, 95, 96, 97, 98, 99, 100)


@dataclass(frozen=True)
class Picture:
    """A figure as PNG and SVG, with the text for those who cannot see it."""

    name: str
    png: bytes
    svg: bytes
    alt: str


def sweep_pictures(
    config: StudyConfig, points: Sequence[Point], digital: Estimate | None
) -> dict[str, list[Picture]]:
    """Return the figures of every sweep: SNR, and accuracy where there is a `digital` one."""
    pictures = {}
    for sweep in config.sweeps:
        own = of_sweep(points, sweep.name)
        pictures[sweep.name] = [_snr_picture(sweep.name, sweep.axis, own)]
        if digital is not None:
            pictures[sweep.name].append(_accuracy_picture(sweep.name, sweep.axis, own, digital))
    return pictures


def grid_pictures(config: StudyConfig, points: Sequence[Point]) -> list[Picture]:
    """Return one map per mapping if the grid has two axes, else nothing."""
    own = of_sweep(points, GRID)
    if len(config.grid) != 2:
        return []
    shades = [_shade(point) for point in own if np.isfinite(_shade(point))]
    limits = (min(shades, default=0.0), max(shades, default=1.0))
    return [_map_picture(config, name, group, limits) for name, group in by_mapping(own).items()]


def wire_picture(mapping: str, full: Drops, real: Drops, name: str) -> Picture:
    """Return heat maps of the voltage lost in an array, at full scale and for the input `name`."""
    with mpl.rc_context(STYLE | {"axes.grid": False}):
        figure = Figure(figsize=(5.2, 3.1), layout="constrained")
        figure.suptitle(f"{mapping}: voltage lost in the wires", x=0.02, ha="left", weight="bold")
        left, right = figure.subplots(1, 2, sharey=True)
        limit = 100 * max(full.lost.max(), real.lost.max())
        rows, columns = full.lost.shape
        for axes, drops, title in ((left, full, "every input full"), (right, real, name)):
            image = axes.imshow(
                100 * drops.lost, cmap="cividis_r", aspect="auto", vmin=0, vmax=limit,
                extent=(0.5, columns + 0.5, rows + 0.5, 0.5), interpolation="nearest",
            )  # fmt: skip
            axes.set_title(title, size=11, weight="normal")
            axes.set_xlabel("bit line")
            axes.set_xticks(_ends(columns))
            axes.set_yticks(_ends(rows))
        left.set_ylabel("word line")
        figure.colorbar(image, ax=(left, right), label="% of a full input's voltage")
        return _picture(f"wires-{mapping}", figure, f"Voltage lost in the wires of {mapping}")


def _ends(count: int) -> list[int]:
    """Return the first, the middle and the last number of lines counted from 1."""
    return sorted({1, (count + 1) // 2, count})


def _snr_picture(name: str, key: str, points: Sequence[Point]) -> Picture:
    with mpl.rc_context(STYLE):
        figure, axes = _new_figure("Error of the matrix product", "signal-to-noise ratio (dB)")
        _lines(axes, key, [(p, p.snr_db) for p in points])
        right = axes.secondary_yaxis("right", functions=(_to_percent, _to_decibel))
        right.set_ylabel("relative RMS error (%)", color=GREY)
        right.set_yticks(_percent_ticks(axes))
        right.yaxis.set_minor_locator(NullLocator())
        right.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        right.spines["right"].set_visible(False)
        _label_x(axes, key, points)
        axes.legend()
        alt = f"Signal-to-noise ratio of the matrix product over {axis(key).label}"
        return _picture(f"{name}-snr", figure, alt)


def _accuracy_picture(name: str, key: str, points: Sequence[Point], digital: Estimate) -> Picture:
    with mpl.rc_context(STYLE):
        figure, axes = _new_figure("Accuracy of the classifier", "test images correct (%)")
        if digital.low is not None and digital.high is not None:
            axes.axhspan(100 * digital.low, 100 * digital.high, color=GREY, alpha=0.15, lw=0)
        axes.axhline(100 * digital.mean, color=GREY, ls="--", lw=1.2, label="digital")
        _lines(axes, key, [(p, p.accuracy) for p in points if p.accuracy], scale=100)
        _stretch_towards_100(axes)
        _label_x(axes, key, points)
        axes.legend()
        return _picture(f"{name}-accuracy", figure, f"Accuracy over {axis(key).label}")


def _lines(
    axes: Axes, key: str, values: Sequence[tuple[Point, Estimate]], scale: float = 1
) -> None:
    """Draw one line per mapping, with the interval as a band where there is one."""
    positions = _positions(key, [point for point, _ in values])
    mappings = list(dict.fromkeys(point.setting.mapping for point, _ in values))
    for number, mapping in enumerate(mappings):
        own = [(p, e) for p, e in values if p.setting.mapping == mapping]
        own = [(p, e) for p, e in own if np.isfinite(e.mean)]
        x = [positions[str(p.setting.point[key])] for p, _ in own]
        colour = COLOURS[number % len(COLOURS)]
        low = [scale * (e.mean if e.low is None else e.low) for _, e in own]
        high = [scale * (e.mean if e.high is None else e.high) for _, e in own]
        axes.fill_between(x, low, high, color=colour, alpha=0.22, lw=0)
        axes.plot(
            x, [scale * e.mean for _, e in own], color=colour, label=mapping, lw=1.8, ms=5.5,
            marker=_MARKERS[number % len(_MARKERS)], markeredgecolor="white", markeredgewidth=0.8,
        )  # fmt: skip


def _positions(key: str, points: Sequence[Point]) -> dict[str, float]:
    """Return where on the horizontal axis each value stands: numbers to scale, words in turn."""
    values = list(dict.fromkeys(point.setting.point[key] for point in points))
    if _numeric(values):
        return {str(value): value * axis(key).scale for value in values}
    return {str(value): float(place) for place, value in enumerate(values)}


def _numeric(values: Sequence[object]) -> bool:
    return all(
        isinstance(v, int | float) and not isinstance(v, bool) and np.isfinite(v) for v in values
    )


def _label_x(axes: Axes, key: str, points: Sequence[Point]) -> None:
    shown: Axis = axis(key)
    values = list(dict.fromkeys(point.setting.point[key] for point in points))
    positions = _positions(key, points)
    axes.set_xlabel(shown.title)
    if shown.log and _numeric(values) and min(values) > 0:
        axes.set_xscale("log")
    axes.xaxis.set_minor_locator(NullLocator())
    places = list(positions.values())
    steps = np.diff(np.log(places) if axes.get_xscale() == "log" else places)
    if len(steps) and steps.min() < 0.3 * steps.max():
        if axes.get_xscale() == "log":
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        return
    axes.set_xticks(places, [shown.show(value) for value in values])


def _stretch_towards_100(axes: Axes) -> None:
    """Scale percent so that 97 and 98 are told apart beside 10: by the log of what is missing."""
    low, high = axes.get_ylim()
    axes.set_yscale(
        "function",
        functions=(
            lambda value: -np.log(101 - np.minimum(value, 100.5)),
            lambda place: 101 - np.exp(-np.asarray(place)),
        ),
    )
    low, high = max(low, 0), min(high, 100)
    axes.set_ylim(low, high)
    ticks = _FINE_SHARES if low > 89 else _SHARES
    axes.set_yticks([tick for tick in ticks if low <= tick <= high])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())


def _map_picture(
    config: StudyConfig, mapping: str, points: Sequence[Point], limits: tuple[float, float]
) -> Picture:
    """Draw the grid for one mapping; `limits` of the colours are shared by all mappings."""
    (row_key, rows), (column_key, columns) = config.grid.items()
    table = np.full((len(rows), len(columns)), np.nan)
    for point in points:
        values = point.setting.point
        table[rows.index(values[row_key]), columns.index(values[column_key])] = _shade(point)
    what = "SNR (dB)" if points[0].accuracy is None else "accuracy (%)"
    with mpl.rc_context(STYLE | {"axes.grid": False}):
        figure, axes = _new_figure(f"{mapping}: {what}", axis(row_key).title)
        low, high = limits
        axes.imshow(table, cmap="cividis", aspect="auto", origin="lower", vmin=low, vmax=high)
        for (i, j), value in np.ndenumerate(table):
            colour = "black" if value > (low + high) / 2 else "white"
            axes.text(j, i, f"{value:.1f}", ha="center", va="center", color=colour)
        axes.set_xlabel(axis(column_key).title)
        axes.set_xticks(range(len(columns)), [axis(column_key).show(v) for v in columns])
        axes.set_yticks(range(len(rows)), [axis(row_key).show(v) for v in rows])
        return _picture(f"grid-{mapping}", figure, f"Map of {what} for {mapping}")


def _shade(point: Point) -> float:
    return point.snr_db.mean if point.accuracy is None else 100 * point.accuracy.mean


def _new_figure(title: str, label: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(5.2, 3.9), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title)
    axes.set_ylabel(label)
    return figure, axes


def _picture(name: str, figure: Figure, alt: str) -> Picture:
    return Picture(name, encoded(figure, "png"), encoded(figure, "svg"), alt)


def _to_percent(decibel: Any) -> Any:
    return 100 * 10 ** (-np.asarray(decibel) / 20)


def _to_decibel(percent: Any) -> Any:
    return -20 * np.log10(np.maximum(np.asarray(percent), 1e-300) / 100)


def _percent_ticks(axes: Axes) -> list[float]:
    low, high = axes.get_ylim()
    decades = [10.0**exponent * digit for exponent in range(-14, 5) for digit in (1, 3)]
    return [tick for tick in decades if low <= _to_decibel(tick) <= high]
