"""Full-scale ranges of converters from what they saw.

A range that is too small clips, one that is too large leaves few levels. Three ways to choose:
"max" clips nothing that was seen, "percentile" clips a given share, and "lp" finds the range with
the smallest L_p norm of the error of rounding and clipping together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from simulator.converters import Span
from simulator.errors import ParameterError

METHODS = ("percentile", "max", "lp")
# Values that a range is optimised on.
SAMPLE = 1 << 16
# Ranges from the largest magnitude down to 2**-8 of it, two to an octave.
SHRINKS = np.arange(17) / 2
# Currents that reach less far below zero than this, relative to the highest, count as positive.
BELOW_ZERO = 0.01
# Width of an interval that a refined range is found in, in octaves.
TOLERANCE = 0.02
# How often each end of a range is found anew for the other one.
ROUNDS = 2


@dataclass(frozen=True)
class Sample:
    """What a converter saw: the extremes of everything, and values thinned evenly."""

    low: float
    high: float
    values: np.ndarray

    @property
    def reach(self) -> float:
        """The largest magnitude of everything; zero where nothing was seen."""
        return max(abs(self.low), abs(self.high)) if self.values.size else 0.0


@dataclass(frozen=True)
class Choice:
    """How ranges are chosen. Raises ParameterError for values that mean nothing."""

    method: str
    percentile: float
    norm_ord: float

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ParameterError(
                f"a way to choose ranges: got {self.method!r}; allowed is one of {METHODS}"
            )
        checked_percentile(self.percentile)
        if not 0 < self.norm_ord < math.inf:
            raise ParameterError(f"norm_ord: got {self.norm_ord!r}; allowed is a finite number > 0")

    def range_of(self, sample: Sample, span: Span, levels: int) -> tuple[float, float] | None:
        """The range (low, high) of a converter of ``levels`` levels; None where all it saw is zero.

        A free range has a level at zero where it contains zero.
        """
        if sample.reach == 0:
            return None
        if span is Span.FREE:
            low, high = self._ends(sample, levels)
            return _with_zero(low, high, levels) if low < high else _about(low)
        limit = self._limit(sample, span, levels)
        if limit <= 0:
            return None
        return (0.0 if span is Span.POSITIVE else -limit), float(limit)

    def sliced_ranges(
        self, samples: Sequence[Sample], span: Span, levels: int, weights: Sequence[float]
    ) -> np.ndarray | None:
        """A range for each weight slice, (slices, 2), whose widths differ by powers of two.

        ``weights`` is what the codes of each slice count in the sum. None where all are zero.
        """
        if span is Span.FREE:
            below = min(s.low for s in samples) < -BELOW_ZERO * max(s.high for s in samples)
            span = Span.SYMMETRIC if below else Span.POSITIVE
        limits = [self._limit(s, span, levels) if s.reach else 0.0 for s in samples]
        used = [limit for limit in limits if limit > 0]
        if not used:
            return None
        # Where one of the slices has exactly the limit that it needs.
        rulers = {math.log2(limit) % 1 for limit in used}
        options = [self._on_ruler(r, samples, limits, span, levels, weights) for r in rulers]
        chosen = np.asarray(min(options, key=lambda option: option[0])[1])
        lows = np.zeros_like(chosen) if span is Span.POSITIVE else -chosen
        return np.stack([lows, chosen], axis=1)

    def _on_ruler(
        self, ruler: float, samples: Any, limits: Any, span: Span, levels: int, weights: Any
    ) -> tuple[float, list[float]]:
        """Limits that are 2**ruler times powers of two, and the size of the errors they make."""
        cost, chosen = 0.0, []
        largest = max(limits)
        for sample, limit, weight in zip(samples, limits, weights, strict=True):
            needed = math.log2(limit or largest) - ruler
            above = 2.0 ** (ruler + math.ceil(needed - 1e-9))
            if self.method != "lp":
                cost += (weight * above) ** 2
            elif limit:
                errors = _errors(sample, span, levels, self.norm_ord)
                above = min(above, above / 2, key=errors)
                cost += weight**self.norm_ord * errors(above)
            chosen.append(above)
        return cost, chosen

    def _limit(self, sample: Sample, span: Span, levels: int) -> float:
        """The largest magnitude of a range of one parameter."""
        if self.method == "max":
            return sample.high if span is Span.POSITIVE else sample.reach
        if self.method == "percentile":
            low, high = percentiles(sample.values, self.percentile)
            limit = float(high if span is Span.POSITIVE else max(abs(low), abs(high)))
            # Of values that are nearly all zero, the others count.
            return limit if limit > 0 else sample.high
        top = max(sample.high, 0.0) if span is Span.POSITIVE else sample.reach
        errors = _errors(sample, span, levels, self.norm_ord)
        return top * 2.0 ** -_least(lambda octaves: errors(top * 2.0**-octaves)) if top else 0.0

    def _ends(self, sample: Sample, levels: int) -> tuple[float, float]:
        """Both ends of a free range."""
        if self.method == "max":
            return sample.low, sample.high
        if self.method == "percentile":
            low, high = percentiles(sample.values, self.percentile)
            return float(low), float(high)
        values, norm = _some(sample.values), self.norm_ord
        centre = float(np.median(values))

        def ends(down: float, up: float) -> tuple[float, float]:
            below, above = 2.0 ** -float(down), 2.0 ** -float(up)
            return centre - below * (centre - sample.low), centre + above * (sample.high - centre)

        def error(down: float, up: float) -> float:
            return quantisation_error(values, *ends(down, up), levels, norm)

        down = up = min(SHRINKS, key=lambda shrink: error(shrink, shrink))
        for _ in range(ROUNDS):
            up = _least(partial(error, down))
            down = _least(partial(error, up=up))
        return ends(down, up)


def checked_percentile(percentile: float) -> None:
    """Raise ParameterError for what is no percentile of a range."""
    if not 50 < percentile <= 100:
        raise ParameterError(f"percentile: got {percentile!r}; allowed is a number in (50, 100]")


def percentiles(values: np.ndarray, percentile: float) -> np.ndarray:
    """The lowest and the highest value (2,), without the share that is cut off on either side."""
    return np.percentile(values, [100 - percentile, percentile])


def quantisation_error(values: Any, low: float, high: float, levels: int, norm: float) -> float:
    """Mean error of rounding and clipping on equal levels.

    Args:
        values: what a converter sees.
        low, high: its full-scale limits.
        levels: how many levels lie between them, the ends included.
        norm: the power that errors are taken to.

    Returns:
        The mean of |error|**norm; infinite for a range without width.
    """
    step = (high - low) / (levels - 1)
    if step <= 0:
        return math.inf
    places = (values - low) / step
    error = np.clip(np.rint(places), 0, levels - 1)
    error -= places
    # The power of everything takes ten times as long as the products.
    total = np.dot(error, error) if norm == 2 else np.sum(np.abs(error) ** norm)
    return float(total) / len(error) * step**norm


def _errors(sample: Sample, span: Span, levels: int, norm: float) -> Callable[[float], float]:
    """The error of a converter as a function of its limit."""
    values = _some(sample.values).astype(np.float64)
    if span is Span.POSITIVE:
        # What lies below the range is lost with any limit.
        values = values[values >= 0]
    return lambda limit: quantisation_error(
        values, 0.0 if span is Span.POSITIVE else -limit, limit, levels, norm
    )


def _least(error: Callable[[float], float]) -> float:
    """Where in ``SHRINKS`` the error is least."""
    # On use: it takes as long to import as the whole engine.
    from scipy import optimize

    start = min(SHRINKS, key=error)
    step = SHRINKS[1]
    found = optimize.minimize_scalar(
        error, bounds=(max(0.0, start - step), start + step), method="bounded",
        options={"xatol": TOLERANCE},
    )  # fmt: skip
    return float(found.x if found.fun < error(start) else start)


def _some(values: np.ndarray) -> np.ndarray:
    """At most ``SAMPLE`` of the values, drawn always the same way."""
    if len(values) <= SAMPLE:
        return values
    return np.random.default_rng(0).choice(values, SAMPLE, replace=False)


def _with_zero(low: float, high: float, levels: int) -> tuple[float, float]:
    """The range moved by at most half a step, so that zero is a level."""
    if not low < 0 < high or levels < 4:
        return low, high
    step = (high - low) / (levels - 1)
    below = min(max(1, round(-low / step)), levels - 2)
    return -below * step, (levels - 1 - below) * step


def _about(value: float) -> tuple[float, float]:
    """A range for values that are all the same."""
    return min(0.0, 2 * value), max(0.0, 2 * value)
