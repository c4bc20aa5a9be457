"""Device models from measurements: read, group, fit, and say how well it fits."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from simulator.devices.tables import MICRO, TableDevice
from simulator.devices.variance import Components, components
from simulator.errors import InputError
from simulator.lab import Role, Table, TextFormat, choose_columns
from simulator.lab.problems import Problems

ROLES = (
    Role(
        "target",
        ("target", "gtarget", "targetg", "gset", "setpoint", "set", "goal", "targetconductance"),
        "S",
    ),
    Role(
        "measured",
        ("measured", "gmeasured", "gmeas", "measuredg", "gread", "readg", "read", "g",
         "conductance", "measuredconductance"),
        "S",
    ),
    Role(
        "time",
        ("time", "times", "t", "timesinceprogramming", "elapsed", "elapsedtime", "delay"),
        "s",
        required=False,
        assumed="s",
    ),
    Role("device", (), None, required=False),
)  # fmt: skip
# A cell of 100 ohm; what conducts more was probably written down in microsiemens.
LARGEST_SIEMENS = 1e-2
FEWEST_SAMPLES = 10
# Bins of equal probability for the test of normality, each with five samples or more.
BINS, PER_BIN = 10, 5
# Digits by which two targets, or two times, are told apart.
DIGITS = 9


@dataclass(frozen=True)
class Sample:
    """The cells of one target at one time: how many, and their mean and standard deviation.

    Conductances are in siemens, times in seconds since programming.
    """

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
    """A straight line over the logarithm of time, fitted by weighted least squares, in siemens.

    ``start`` is its value at ``reference`` seconds, ``per_decade`` its rise over a factor of 10 in
    time; ``_se`` are standard errors, ``chi2`` and ``dof`` say how well it fits.
    """

    reference: float
    start: float
    start_se: float
    per_decade: float
    per_decade_se: float
    chi2: float
    dof: int

    def at(self, time: float) -> float:
        """Value of the line in siemens, ``time`` seconds after programming."""
        return self.start + self.per_decade * math.log10(time / self.reference)


@dataclass(frozen=True)
class Group:
    """The fit of one target: programming at the first time, and retention after it.

    ``mean`` and ``sigma`` are lines over log time; None with fewer than two times above 0.
    ``components`` tells the spread from device to device from that of repeated programmings; None
    where devices were not told apart.
    ``normality_chi2`` and ``normality_dof`` test whether cells are normally distributed.
    """

    target: float
    samples: tuple[Sample, ...]
    normality_chi2: float
    normality_dof: int
    mean: Trend | None = None
    sigma: Trend | None = None
    components: Components | None = None

    @property
    def error(self) -> float:
        """Mean programming error, in siemens; its standard error is ``samples[0].mean_se``."""
        return self.samples[0].mean - self.target

    @property
    def spread(self) -> float:
        """Standard deviation of programming in siemens; its error is ``samples[0].sigma_se``."""
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
    """What was measured, what was fitted, and how well it fits; ``print`` it for a table.

    A chi-square per degree of freedom is near 1 where a law holds, and None where there is too
    little to test: ``normality`` tests that cells of a target are normally distributed at the first
    time, ``retention`` that mean and spread follow straight lines over log time. Samples count as
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
        apart = any(g.components for g in self.groups)
        lines = [
            head
            + ("   shift uS/decade  spread uS/decade" if aged else "")
            + ("   device to device uS   cycle to cycle uS" if apart else "")
        ]
        for group in self.groups:
            first = group.samples[0]
            text = f"{group.target / MICRO:9.4g} {first.count:6d}"
            text += _number(group.error, first.mean_se) + _number(group.spread, first.sigma_se)
            for line in (group.mean, group.sigma):
                text += "" if line is None else _number(line.per_decade, line.per_decade_se)
            parts = group.components
            if parts is not None:
                text += _number(parts.device, parts.device_se) + _number(
                    parts.cycle, parts.cycle_se
                )
            lines.append(text)
        for name, value in (("normality", self.normality), ("retention", self.retention)):
            lines.append(f"{name}: " + ("not tested" if value is None else f"chi2/dof {value:.2f}"))
        return "\n".join(lines)

    def figure(self) -> Any:
        """A matplotlib figure of the samples, with their standard errors, and of the fit."""
        from simulator.devices.curves import plot_fit

        return plot_fit(self)


def from_measurements(
    source: Any,
    *,
    columns: Mapping[str, str | int] | None = None,
    unit: str | Mapping[str, str] | None = None,
    missing: str | Sequence[str] = (),
    comment: str | Sequence[str] | None = None,
    separator: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
) -> tuple[TableDevice, Fit]:
    """Fit a :class:`TableDevice` to measured cells.

    For each target, mean error and standard deviation at its first time are those of programming.
    Where it was measured at two or more times above 0, mean and standard deviation are fitted by
    straight lines over log time, weighted by their standard errors; what the spread grows beyond
    that of programming counts as an independent addition.

    With a column of devices, each programmed several times, the spread from device to device is
    told from that of repeated programmings of one device (one-way analysis of variance with random
    effects; Searle, Casella and McCulloch, Variance Components, 1992, section 3.6).

    Args:
        source: Path of a text file or an Excel file, a DataFrame, or a mapping of columns, with one
            row per cell and time. How a file is written is found out: separators, decimal marks,
            comments, lines above the table, rows of units, encodings.
        columns: Which column is the ``"target"``, ``"measured"``, the ``"time"`` since programming
            and the ``"device"``: a header, or a number from 0. Target, measured and time are also
            recognised by their names; without a time, all cells were just programmed.
        unit: Unit of the conductances, such as ``"uS"`` (or resistances, ``"kohm"``), or one by
            role, as ``{"measured": "uS", "time": "min"}``; needed where headers have none. Times
            without a unit are seconds.
        missing: More texts that stand for a gap. Rows with a gap or an overflow are left out; one
            warning counts them.
        comment: What lines of comments begin with; None for ``#``, ``%``, ``!`` and ``//``.
        separator: What separates fields, ``" "`` for columns of blanks; None finds it.
        decimal: The decimal mark, ``"."`` or ``","``; None finds it.
        encoding: Encoding of the text; None finds it.

    Returns:
        The device, and a :class:`Fit` that says how well it fits.

    Raises:
        FileFormatError: A file that cannot be read, or lacks a column or a unit; one message says
            all that is wrong. Formats other than plain CSV need the extra ``lab``.
        InputError: The same for columns that are no file; values that are negative or look like
            microsiemens; fewer than 10 cells of a target at a time; devices that were all
            programmed once.
        FileNotFoundError: There is no such file.
    """
    form = TextFormat(separator, decimal, comment, encoding)
    table = Table.of(source, form)
    chosen = choose_columns(table, ROLES, columns, unit, missing)
    values = dict(chosen.values)
    values.setdefault("time", np.zeros(len(values["target"])))
    _check(values, chosen.headers, table.where)
    target, time = _merged(values["target"]), _merged(values["time"])
    groups = []
    for level in np.unique(target):
        here = target == level
        devices = values["device"][here] if "device" in values else None
        groups.append(_group(float(level), values["measured"][here], time[here], devices))
    return _device(groups), Fit(tuple(groups))


def _check(values: dict[str, np.ndarray], headers: dict[str, str], where: str) -> None:
    """Refuse numbers that no cell has."""
    problems = Problems(where)
    for role in ("target", "measured"):
        largest = np.abs(values[role]).max()
        if largest > LARGEST_SIEMENS:
            problems.add(
                f"column {headers[role]!r} goes up to {largest:g} S; it looks like microsiemens: "
                "say unit='uS'"
            )
    for role in ("target", "time"):
        if values[role].min() < 0:
            problems.add(f"the {role} is negative, as low as {values[role].min():g}")
    problems.raise_any(InputError)


def _merged(values: np.ndarray) -> np.ndarray:
    """Values, with those made equal that agree in their first digits."""
    distinct, place = np.unique(values, return_inverse=True)
    return np.array([float(f"{value:.{DIGITS}g}") for value in distinct])[place.ravel()]


def _group(
    target: float, measured: np.ndarray, time: np.ndarray, devices: np.ndarray | None
) -> Group:
    samples = []
    for moment in np.unique(time):
        cells = measured[time == moment]
        if cells.size < FEWEST_SAMPLES:
            raise InputError(
                f"target {target / MICRO:g} uS has {cells.size} cells at {moment:g} s; needed are "
                f"{FEWEST_SAMPLES} or more for a standard deviation"
            )
        samples.append(Sample(float(moment), cells.size, cells.mean(), cells.std(ddof=1)))
    first = time == samples[0].time
    chi2, dof = _normality(measured[first])
    parts = None if devices is None else components(measured[first], devices[first])
    if devices is not None and parts is None:
        raise InputError(
            f"target {target / MICRO:g} uS: every device was programmed once, or there is one "
            "device; to tell devices from cycles, some need two programmings or more"
        )
    aged = [sample for sample in samples if sample.time > 0]
    if len(aged) < 2:
        return Group(target, tuple(samples), chi2, dof, components=parts)
    means = _line(aged, [s.mean for s in aged], [s.mean_se for s in aged])
    sigmas = _line(aged, [s.sigma for s in aged], [s.sigma_se for s in aged])
    return Group(target, tuple(samples), chi2, dof, means, sigmas, parts)


def _line(samples: list[Sample], values: list[float], errors: list[float]) -> Trend:
    """Weighted least squares; where some cells are all alike, every time counts the same."""
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
        spread=[g.components.cycle if g.components else g.spread for g in groups],
        device_spread=[g.components.device for g in groups if g.components],
        times=times,
        shift=[[_after_start(g, g.shift, t) for g in groups] for t in times],
        aged_spread=[[_after_start(g, g.added_spread, t) for g in groups] for t in times],
    )


def _after_start(group: Group, law: Callable[[float], float], time: float) -> float:
    """What ``law`` gives at a time; nothing before the first time of the group."""
    return law(time) if time > group.samples[0].time else 0.0


def _reduced(parts: list[tuple[float, int]]) -> float | None:
    chi2, dof = sum(c for c, _ in parts), sum(d for _, d in parts)
    return chi2 / dof if dof else None


def _number(value: float, error: float) -> str:
    return f"{value / MICRO:10.4f} +- {error / MICRO:.4f}"


def __getattr__(name: str) -> Any:
    from simulator.legacy import table

    return table.lookup(__name__, name)
