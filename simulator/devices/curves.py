"""Figures of device models and of fits, with units on the axes; they need matplotlib."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from simulator.devices.base import Cell, Device, Draw
from simulator.devices.tables import MICRO
from simulator.errors import InputError, ModelError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from simulator.devices.measurements import Fit

# Okabe and Ito's palette, told apart with any kind of colour vision.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
INK, GREY = "#374151", "#6b7280"
STYLE: dict[Any, Any] = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.grid": True,
    "grid.color": "#e5e7eb",
    "legend.frameon": False,
}
CELLS = 1999
LEVELS, POINTS = 5, 101
# Shares of cells that bands hold: one and two standard deviations of a normal law.
INNER, OUTER = (15.87, 84.13), (2.28, 97.72)
EFFECTS: tuple[Literal["programming", "read"], ...] = ("programming", "read")
AMP_UNITS = ((1e-3, "mA"), (1e-6, "uA"), (1e-9, "nA"))


def plot_spread(device: Device, cell: Cell) -> Figure:
    """Draw how far cells miss their target, for each effect that a model describes.

    Bands hold 68 % and 95 % of the cells, after the limits of the cell. Drift is shown where it
    contains programming, at ``cell.time``.

    Args:
        device: The model.
        cell: What the cells have in common.

    Returns:
        A matplotlib figure; conductances in microsiemens.

    Raises:
        ModelError: For a model that describes no spread, or does not describe such cells.
    """
    device.check_cell(cell)
    effects: list[str] = [e for e in EFFECTS if device.models(e)]
    if device.models("drift") and device.drift_includes_programming and (cell.time or not effects):
        effects.append("drift")
    if not effects:
        raise ModelError(f"{type(device).__name__} describes no spread")
    with _style() as new_figure:
        figure = new_figure(figsize=(4.6 * len(effects) + 0.6, 3.7))
        axes = figure.subplots(1, len(effects), sharey=True, squeeze=False)
        targets = np.linspace(cell.Gmin, cell.Gmax, POINTS)
        titles = {
            "programming": "Programming error",
            "read": "Read noise" + (_at(device, cell.time) if cell.time else ""),
            "drift": "Programming and drift" + _at(device, cell.time),
        }
        for axis, effect, colour in zip(axes[0], effects, COLOURS):
            off = (_cells(device, effect, targets, cell) - targets[:, None]) / MICRO
            _band(axis, targets / MICRO, off, colour, "mean")
            axis.axhline(0, color=INK, linewidth=0.8)
            of_what = "of the cell" if effect == "read" else "asked for"
            axis.set(title=titles[effect], xlabel=f"conductance {of_what} (uS)")
        axes[0, 0].set_ylabel("deviation of a cell (uS)")
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3)
        share = 100 * MICRO / cell.Gmax
        right = axes[0, -1].secondary_yaxis("right", functions=(_times(share), _times(1 / share)))
        right.set_ylabel("deviation (% of Gmax)")
        figure.suptitle(type(device).__name__, x=0.01, ha="left", weight="bold")
    return figure


def plot_drift(device: Device, cell: Cell, times: Sequence[float]) -> Figure:
    """Draw conductances over time: five levels, their means, and bands of 68 % of the cells.

    Args:
        device: The model.
        cell: What the cells have in common; ``times`` take the place of ``cell.time``.
        times: Two or more, since programming, in the time unit of the model.

    Returns:
        A matplotlib figure; conductances in microsiemens.

    Raises:
        ModelError: For a model without drift, and for times that it does not describe.
        InputError: For fewer than two times.
    """
    if not device.models("drift"):
        raise ModelError(f"{type(device).__name__} describes no drift")
    moments = sorted(float(t) for t in times)
    if len(moments) < 2:
        raise InputError(f"times: got {list(times)}; two or more are needed")
    started = np.linspace(cell.Gmin, cell.Gmax, LEVELS)
    aged = []
    for moment in moments:
        older = dataclasses.replace(cell, time=moment)
        device.check_cell(older)
        aged.append(_cells(device, "drift", started, older) / MICRO)
    with _style() as new_figure:
        figure = new_figure(figsize=(6.2, 4.0))
        axis = figure.subplots()
        for level, colour in enumerate(COLOURS[:LEVELS]):
            cells = np.stack([conductances[level] for conductances in aged])
            label = f"{started[level] / MICRO:.3g} uS"
            _band(axis, moments, cells, colour, label, outer=False, marker="o")
        if moments[0] > 0 and moments[-1] / moments[0] > 20:
            axis.set_xscale("log")
        began = "asked for" if device.drift_includes_programming else "at the start"
        axis.set(
            xlabel=f"time since programming ({device.time_unit})",
            ylabel="conductance (uS)",
            title=f"{type(device).__name__}: mean and 68 % of cells",
        )
        handles, labels = axis.get_legend_handles_labels()
        shown = [k for k, text in enumerate(labels) if "%" not in text][::-1]
        figure.legend(
            [handles[k] for k in shown],
            [labels[k] for k in shown],
            title=began,
            loc="outside center right",
        )
    return figure


def plot_current(device: Device, cell: Cell) -> Figure:
    """Draw current and differential conductance over the voltage, up to the read voltage.

    Five levels, with Ohm's law dashed. Bands hold 68 % of the cells after programming, where the
    model describes that.

    Args:
        device: The model.
        cell: What the cells have in common; voltages go from ``-Vread`` to ``Vread``.

    Returns:
        A matplotlib figure.

    Raises:
        ModelError: For a model without a current, or that does not describe such cells.
    """
    if not device.models("current"):
        raise ModelError(f"{type(device).__name__} describes no current")
    device.check_cell(cell)
    volts = np.linspace(-cell.Vread, cell.Vread, POINTS)
    levels = np.linspace(cell.Gmin, cell.Gmax, LEVELS)
    effect = "programming" if device.models("programming") else "start"
    cells = _cells(device, effect, levels, cell)
    largest = float(np.abs(device.current(levels[-1:, None], volts, cell)).max())
    unit, name = next((u for u in AMP_UNITS if largest >= u[0]), AMP_UNITS[-1])
    with _style() as new_figure:
        figure = new_figure(figsize=(9.4, 3.9))
        left, right = figure.subplots(1, 2)
        for level, colour in zip(range(LEVELS), COLOURS):
            label = f"{levels[level] / MICRO:.3g} uS"
            amps = device.current(cells[level], volts[:, None], cell)
            _band(left, volts, amps / unit, colour, label, outer=False)
            left.plot(volts, levels[level] * volts / unit, "--", color=colour, linewidth=0.9)
            slope = device.slope(levels[level : level + 1], volts[:, None], cell)[:, 0]
            right.plot(volts, slope / MICRO, color=colour)
            right.axhline(levels[level] / MICRO, linestyle="--", color=colour, linewidth=0.9)
        left.set(title="Current", xlabel="voltage across a cell (V)", ylabel=f"current ({name})")
        right.set(
            title="Differential conductance",
            xlabel="voltage across a cell (V)",
            ylabel="dI/dV (uS)",
        )
        handles, labels = left.get_legend_handles_labels()
        shown = [k for k, text in enumerate(labels) if "%" not in text][::-1]
        figure.legend(
            [handles[k] for k in shown],
            [labels[k] for k in shown],
            title="target\n(dashed: Ohm)",
            loc="outside center right",
        )
        figure.suptitle(type(device).__name__, x=0.01, ha="left", weight="bold")
    return figure


def plot_fit(fit: Fit) -> Figure:
    """Draw a fit: samples with their standard errors, and the fitted lines.

    Args:
        fit: What :func:`~simulator.devices.from_measurements` returns.

    Returns:
        A matplotlib figure; conductances in microsiemens.
    """
    aged = [group for group in fit.groups if group.mean is not None]
    with _style() as new_figure:
        columns = 3 if aged else 1
        figure = new_figure(figsize=(4.4 * columns, 3.8))
        axes = figure.subplots(1, columns, squeeze=False)
        first, targets = axes[0, 0], [group.target / MICRO for group in fit.groups]
        for values, errors, label, colour in (
            ("error", "mean_se", "mean error", COLOURS[0]),
            ("spread", "sigma_se", "standard deviation", COLOURS[1]),
        ):
            first.errorbar(
                targets,
                [getattr(group, values) / MICRO for group in fit.groups],
                yerr=[getattr(group.samples[0], errors) / MICRO for group in fit.groups],
                label=label,
                color=colour,
                fmt="o-",
                capsize=3,
                markersize=4,
            )
        first.axhline(0, color=INK, linewidth=0.8)
        first.set(title="Programming", xlabel="target (uS)", ylabel="uS, with standard errors")
        first.legend()
        for column, values, title in ((1, "mean", "Mean shift"), (2, "sigma", "Spread")):
            if aged:
                _lines(axes[0, column], aged, values)
                axes[0, column].set(title=f"{title} over time", xlabel="time (s)", ylabel="uS")
        if aged:
            axes[0, 1].legend(title="target", fontsize=8)
    return figure


def _lines(axis: Any, groups: Sequence[Any], values: str) -> None:
    """Samples of a few groups with standard errors, and their lines over log time."""
    step = max(1, math.ceil(len(groups) / len(COLOURS)))
    for group, colour in zip(groups[::step], COLOURS):
        line, samples = getattr(group, values), [s for s in group.samples if s.time > 0]
        base = line.start if values == "mean" else 0.0
        times = [s.time for s in samples]
        axis.errorbar(
            times,
            [(getattr(s, values) - base) / MICRO for s in samples],
            yerr=[getattr(s, f"{values}_se") / MICRO for s in samples],
            label=f"{group.target / MICRO:.3g} uS",
            color=colour,
            fmt="o",
            capsize=3,
            markersize=4,
        )
        axis.plot(times, [(line.at(t) - base) / MICRO for t in times], color=colour)
    axis.set_xscale("log")


def _cells(device: Device, effect: str, levels: np.ndarray, cell: Cell) -> np.ndarray:
    """Cells of each level in siemens, (levels, cells): one at each quantile of what is drawn."""
    shares = (np.arange(CELLS) + 0.5) / CELLS
    normals = np.array([NormalDist().inv_cdf(share) for share in shares])
    started = np.repeat(levels[:, None], CELLS if effect != "start" else 1, axis=1)
    normal = np.broadcast_to(normals, (len(levels), CELLS))
    # Independent of the normals, and as evenly spread.
    others = [np.random.default_rng(k).permutation(normals) for k in range(2)]
    draw = Draw(
        lambda: normal,
        lambda: np.broadcast_to(shares, normal.shape),
        device_normals=lambda: np.broadcast_to(others[0], normal.shape),
        chip_normals=lambda: np.broadcast_to(others[1], normal.shape),
    )
    if effect == "start":
        return started
    if effect == "drift":
        result = device.drifted(started, normal, cell)
    else:
        law = device.programmed if effect == "programming" else device.read
        result = law(started, cell, draw)
    return np.clip(result, cell.low, cell.high)


def _band(
    axis: Any, x: Any, cells: np.ndarray, colour: str, label: str, outer: bool = True, **line: Any
) -> None:
    """The mean of each row of ``cells``, and the bands that hold 68 % and 95 % of it."""
    if outer:
        low, high = np.percentile(cells, OUTER, axis=1)
        axis.fill_between(
            x, low, high, color=colour, alpha=0.15, linewidth=0, label="95 % of cells"
        )
    low, high = np.percentile(cells, INNER, axis=1)
    axis.fill_between(x, low, high, color=colour, alpha=0.25, linewidth=0, label="68 % of cells")
    axis.plot(x, cells.mean(axis=1), color=colour, label=label, markersize=3.5, **line)


def _at(device: Device, time: float) -> str:
    return f" at {time:g} {device.time_unit}"


def _times(factor: float) -> Any:
    return lambda values: values * factor


@contextmanager
def _style() -> Iterator[Any]:
    """A context with the style of all figures; gives the function that makes one."""
    from matplotlib import pyplot

    def figure(**options: Any) -> Any:
        # By pyplot, so that a notebook knows how to show it; closed, so that it is shown once.
        made = pyplot.figure(**options)
        pyplot.close(made)
        return made

    with pyplot.rc_context({**STYLE, "figure.constrained_layout.use": True}):
        yield figure
