"""Device models from measurements: read, group, fit, and say how well it fits."""

from __future__ import annotations

import csv
import math
import os
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from simulator.devices.tables import MICRO, TableDevice
from simulator.errors import FileFormatError, InputError, nearest

COLUMNS = ("target_S", "measured_S", "time_s")
# A cell of 100 ohm; what conducts more was probably written down in microsiemens.
LARGEST_SIEMENS = 1e-2
FEWEST_SAMPLES = 10
# Bins of equal probability for the test of normality, each with five samples or more.
BINS, PER_BIN = 10, 5
# Digits by which two targets, or two times, are told apart.
DIGITS = 9


@dataclass(frozen=True)
class Sample:
    """The cells of one target at one time; siemens and seconds, ``_se`` for standard errors."""

    time: float
    count: int
    mean: float
    sigma: float

    @property
    def mean_se(self) -> float:
        """Standard error of the mean."""
        return self.sigma / math.sqrt(self.count)

    @property
    def sigma_se(self) -> float:
        """Standard error of the standard deviation of normal cells."""
        return self.sigma / math.sqrt(2 * (self.count - 1))


@dataclass(frozen=True)
class Trend:
    """A weighted straight line over decades of time since ``reference`` seconds, in siemens."""

    reference: float
    start: float
    start_se: float
    per_decade: float
    per_decade_se: float
    chi2: float
    dof: int

    def at(self, time: float) -> float:
        """Value of the line at a time in seconds."""
        return self.start + self.per_decade * math.log10(time / self.reference)


@dataclass(frozen=True)
class Group:
    """The fit of one target: programming at the first time, and retention after it.

    ``mean`` and ``sigma`` are lines over log time, None with fewer than two times above 0.
    """

    target: float
    samples: tuple[Sample, ...]
    normality_chi2: float
    normality_dof: int
    mean: Trend | None = None
    sigma: Trend | None = None

    @property
    def error(self) -> float:
        """Mean programming error, in siemens; its standard error is ``samples[0].mean_se``."""
        return self.samples[0].mean - self.target

    @property
    def spread(self) -> float:
        """Standard deviation of programming; its standard error is ``samples[0].sigma_se``."""
        return self.samples[0].sigma

    def shift(self, time: float) -> float:
        """Mean shift in siemens from the first time to ``time``, by the fitted line."""
        if self.mean is None:
            return 0.0
        first = self.samples[0]
        return self.mean.at(time) - (self.mean.at(first.time) if first.time > 0 else first.mean)

    def added_spread(self, time: float) -> float:
        """Standard deviation in siemens that retention adds to programming; none if it shrinks."""
        if self.sigma is None:
            return 0.0
        first = self.samples[0]
        before = self.sigma.at(first.time) if first.time > 0 else first.sigma
        now = max(self.sigma.at(time), 0.0)
        return math.sqrt(max(now**2 - before**2, 0.0))


@dataclass(frozen=True)
class Fit:
    """What was measured, what was fitted, and how well; ``print`` it for a table.

    The chi-square per degree of freedom is near 1 where a law holds: ``normality`` that cells of a
    target are normally distributed at the first time, ``retention`` that mean and spread follow
    straight lines over log time. It is None where there is too little to test. Samples count as
    independent; where the same cells were measured at every time, errors of the retention are upper
    bounds and its chi-square is below 1.
    """

    groups: tuple[Group, ...]

    @property
    def normality(self) -> float | None:
        """Chi-square per degree of freedom of normal distributions at the first time."""
        return _reduced([(g.normality_chi2, g.normality_dof) for g in self.groups])

    @property
    def retention(self) -> float | None:
        """Chi-square per degree of freedom of all lines over log time."""
        lines = [line for g in self.groups for line in (g.mean, g.sigma) if line is not None]
        return _reduced([(line.chi2, line.dof) for line in lines])

    def __str__(self) -> str:
        head = "target uS  cells    mean error uS        spread uS"
        aged = any(g.mean for g in self.groups)
        lines = [head + ("   shift uS/decade  spread uS/decade" if aged else "")]
        for group in self.groups:
            first = group.samples[0]
            text = f"{group.target / MICRO:9.4g} {first.count:6d}"
            text += _number(group.error, first.mean_se) + _number(group.spread, first.sigma_se)
            for line in (group.mean, group.sigma):
                text += "" if line is None else _number(line.per_decade, line.per_decade_se)
            lines.append(text)
        for name, value in (("normality", self.normality), ("retention", self.retention)):
            lines.append(f"{name}: " + ("not tested" if value is None else f"chi2/dof {value:.2f}"))
        return "\n".join(lines)

    def figure(self) -> Any:
        """A matplotlib figure of the samples with their standard errors and of the fit."""
        from simulator.devices.curves import plot_fit

        return plot_fit(self)


def from_measurements(source: Any) -> tuple[TableDevice, Fit]:
    """Fit a :class:`TableDevice` to measured cells.

    For each target: mean error and standard deviation at its first time are those of programming;
    where it was measured at two or more times above 0, mean and standard deviation are fitted by
    straight lines over log time, weighted by their standard errors. What the spread grows beyond
    that of programming is an independent addition.

    Args:
        source: the path of a CSV file, a DataFrame or a mapping of columns: ``target_S`` and
            ``measured_S`` in siemens, ``time_s`` in seconds since programming, one row per cell and
            time.

    Returns:
        The device, and a :class:`Fit` that says how well it fits.

    Raises:
        FileFormatError, InputError: missing columns, values that are no numbers or look like
            microsiemens, fewer than 10 cells.
    """
    target, measured, time = _columns(source)
    groups = []
    for level in np.unique(target):
        here = target == level
        groups.append(_group(float(level), measured[here], time[here]))
    return _device(groups), Fit(tuple(groups))


def _columns(source: Any) -> tuple[np.ndarray, ...]:
    if isinstance(source, str | os.PathLike):
        table, where = _read(source), f"{os.fspath(source)}: "
    else:
        table, where = source, ""
    names = [str(name) for name in table]
    for name in COLUMNS:
        if name not in names:
            raise (FileFormatError if where else InputError)(
                f"{where}no column {name!r}; needed are {', '.join(COLUMNS)}, got "
                f"{', '.join(names) or 'none'}.{nearest(name, names)}"
            )
    columns = [_column(name, table[name], where) for name in COLUMNS]
    if len({len(column) for column in columns}) != 1 or not len(columns[0]):
        raise InputError(f"{where}columns have {[len(c) for c in columns]} rows")
    for name, column in zip(COLUMNS[:2], columns):
        if np.abs(column).max() > LARGEST_SIEMENS:
            raise InputError(
                f"{where}column {name!r} goes up to {np.abs(column).max():g} S; it looks like "
                "microsiemens: multiply it by 1e-6"
            )
    if columns[0].min() < 0 or columns[2].min() < 0:
        raise InputError(f"{where}a target or a time is negative")
    target, measured, time = columns
    return _merged(target), measured, _merged(time)


def _column(name: str, values: Any, where: str) -> np.ndarray:
    try:
        column = np.asarray(values, dtype=np.float64).ravel()
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{where}column {name!r} holds something else than numbers: {error}"
        ) from None
    bad = np.flatnonzero(~np.isfinite(column))
    if bad.size:
        raise InputError(
            f"{where}column {name!r} has {bad.size} empty or infinite values, the first in data "
            f"row {bad[0] + 1}"
        )
    return column


def _read(path: str | os.PathLike[str]) -> Any:
    """The columns of a CSV file: by pandas, which is faster, where it is installed."""
    try:
        import pandas  # type: ignore[import-untyped]
    except ImportError:
        return _read_plainly(path)
    try:
        return pandas.read_csv(path)
    except (ValueError, pandas.errors.ParserError) as error:
        raise FileFormatError(f"{path}: {error}") from None


def _read_plainly(path: str | os.PathLike[str]) -> dict[str, list[float]]:
    with open(path, encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, skipinitialspace=True)
        columns: dict[str, list[float]] = {name: [] for name in rows.fieldnames or ()}
        for row in rows:
            for name in columns:
                if name not in COLUMNS:
                    continue
                try:
                    columns[name].append(float(row[name] or math.nan))
                except ValueError:
                    raise FileFormatError(
                        f"{path}, line {rows.line_num}: {name} is {row[name]!r}, not a number"
                    ) from None
    return columns


def _merged(values: np.ndarray) -> np.ndarray:
    """Values that agree in their first digits, made equal."""
    distinct, place = np.unique(values, return_inverse=True)
    return np.array([float(f"{value:.{DIGITS}g}") for value in distinct])[place.ravel()]


def _group(target: float, measured: np.ndarray, time: np.ndarray) -> Group:
    samples = []
    for moment in np.unique(time):
        cells = measured[time == moment]
        if cells.size < FEWEST_SAMPLES:
            raise InputError(
                f"target {target / MICRO:g} uS has {cells.size} cells at {moment:g} s; needed are "
                f"{FEWEST_SAMPLES} or more for a standard deviation"
            )
        samples.append(Sample(float(moment), cells.size, cells.mean(), cells.std(ddof=1)))
    chi2, dof = _normality(measured[time == samples[0].time])
    aged = [sample for sample in samples if sample.time > 0]
    if len(aged) < 2:
        return Group(target, tuple(samples), chi2, dof)
    means = _line(aged, [s.mean for s in aged], [s.mean_se for s in aged])
    sigmas = _line(aged, [s.sigma for s in aged], [s.sigma_se for s in aged])
    return Group(target, tuple(samples), chi2, dof, means, sigmas)


def _line(samples: list[Sample], values: list[float], errors: list[float]) -> Trend:
    """Weighted least squares; cells that are all alike have no error and count alike."""
    reference = samples[0].time
    decades = np.log10([s.time / reference for s in samples])
    known = min(errors) > 0
    weights = 1 / np.asarray(errors) ** 2 if known else np.ones(len(samples))
    centre = np.average(decades, weights=weights)
    width = (weights * (decades - centre) ** 2).sum()
    mean = np.average(values, weights=weights)
    slope = (weights * (decades - centre) * np.asarray(values)).sum() / width
    start = mean - slope * centre
    misses = np.asarray(values) - start - slope * decades
    start_se = math.sqrt(1 / weights.sum() + centre**2 / width) if known else 0.0
    return Trend(
        reference=reference,
        start=float(start),
        start_se=start_se,
        per_decade=float(slope),
        per_decade_se=1 / math.sqrt(width) if known else 0.0,
        chi2=float((weights * misses**2).sum()) if known else 0.0,
        dof=len(samples) - 2 if known else 0,
    )


def _normality(cells: np.ndarray) -> tuple[float, int]:
    """Chi-square of a normal law with the cells' own mean and spread, and degrees of freedom."""
    bins = min(BINS, cells.size // PER_BIN)
    if bins < 4 or cells.std() == 0:
        return 0.0, 0
    edges = [NormalDist().inv_cdf(k / bins) for k in range(1, bins)]
    standard = (cells - cells.mean()) / cells.std()
    counts = np.bincount(np.searchsorted(edges, standard), minlength=bins)
    expected = cells.size / bins
    return float(((counts - expected) ** 2).sum() / expected), bins - 3


def _device(groups: list[Group]) -> TableDevice:
    times = sorted({s.time for g in groups if g.mean for s in g.samples if s.time > 0})
    return TableDevice(
        levels=[g.target for g in groups],
        error=[g.error for g in groups],
        spread=[g.spread for g in groups],
        times=times,
        shift=[[_after_start(g, g.shift, t) for g in groups] for t in times],
        aged_spread=[[_after_start(g, g.added_spread, t) for g in groups] for t in times],
    )


def _after_start(group: Group, law: Any, time: float) -> float:
    """Retention of a group counts from its own first time."""
    return law(time) if time > group.samples[0].time else 0.0


def _reduced(parts: list[tuple[float, int]]) -> float | None:
    chi2, dof = sum(c for c, _ in parts), sum(d for _, d in parts)
    return chi2 / dof if dof else None


def _number(value: float, error: float) -> str:
    return f"{value / MICRO:10.4f} +- {error / MICRO:.4f}"
