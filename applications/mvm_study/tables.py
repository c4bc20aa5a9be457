"""The tables on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from .axes import axis
from .config import StudyConfig
from .settings import BASE, GRID
from .statistics import Estimate
from .summary import Point, by_mapping, of_sweep


def sweep_titles(config: StudyConfig) -> dict[str, str]:
    """Return the titles of base setting, sweeps and grid, by name, in order."""
    titles = {BASE: "Base setting"} | {sweep.name: sweep.title for sweep in config.sweeps}
    varied = " and ".join(axis(key).label for key in config.grid)
    return titles | ({GRID: f"Every combination of {varied}"} if config.grid else {})


def tables(config: StudyConfig, points: Sequence[Point]) -> list[Table]:
    """Return one table for the base setting, each sweep and the grid."""
    return [_table(title, of_sweep(points, name)) for name, title in sweep_titles(config).items()]


def percent(estimate: Estimate | None) -> str:
    """Return a share as ``6.31 ±0.12`` in percent; without an interval, the number alone."""
    if estimate is None:
        return ""
    mean, half = 100 * estimate.mean, estimate.half_width
    text = f"{mean:.1e}" if 0 < mean < 0.01 else f"{mean:.2f}"
    return text + ("" if half is None else f" ±{100 * half:.2f}")


def decibel(estimate: Estimate) -> str:
    """Return a ratio as ``24.1 ±0.2`` in dB."""
    half = estimate.half_width
    return f"{estimate.mean:.1f}" + ("" if half is None else f" ±{half:.1f}")


def _table(title: str, points: Sequence[Point]) -> Table:
    keys = list(points[0].setting.point)
    with_accuracy = points[0].accuracy is not None
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    table.add_column("mapping")
    for key in keys:
        table.add_column(axis(key).title, justify="right")
    table.add_column("relative RMS error (%)", justify="right")
    table.add_column("SNR (dB)", justify="right")
    if with_accuracy:
        table.add_column("accuracy (%)", justify="right")
    table.add_column("chips", justify="right")
    for mapping, own in by_mapping(points).items():
        for point in own:
            values = [axis(key).show(value) for key, value in point.setting.point.items()]
            cells = [percent(point.relative_rms_error), decibel(point.snr_db)]
            cells += [percent(point.accuracy)] if with_accuracy else []
            last = point is own[-1] and bool(keys)
            table.add_row(mapping, *values, *cells, str(point.setting.chips), end_section=last)
    return table
