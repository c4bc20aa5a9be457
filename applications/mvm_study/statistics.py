"""Errors, signal-to-noise ratios and 95 % intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A mean of `count` values and its 95 % interval; without one, `low` and `high` are None."""

    mean: float
    low: float | None
    high: float | None
    count: int

    @property
    def half_width(self) -> float | None:
        """Half the width of the interval."""
        if self.low is None or self.high is None:
            return None
        return (self.high - self.low) / 2


def relative_rms_error(exact: np.ndarray, measured: np.ndarray) -> float:
    """Return the RMS of ``measured - exact`` over the RMS of `exact`, over all entries.

    `exact` must not be all zero.
    """
    return float(np.linalg.norm(measured - exact) / np.linalg.norm(exact))


def signal_to_noise(relative_error: float) -> float:
    """Return the signal-to-noise ratio in dB: ``-20 log10(relative_error)``, inf for no error."""
    return -20 * math.log10(relative_error) if relative_error > 0 else math.inf


def mean_over_chips(values: Sequence[float]) -> Estimate:
    """Return the mean of `values` with Student's t interval; none for one value or infinities."""
    numbers = np.asarray(values, dtype=np.float64)
    mean = float(numbers.mean())
    if len(numbers) < 2 or not np.isfinite(numbers).all():
        return Estimate(mean, None, None, len(numbers))
    error = float(numbers.std(ddof=1)) / math.sqrt(len(numbers))
    half = float(stdtrit(len(numbers) - 1, (1 + CONFIDENCE) / 2)) * error
    return Estimate(mean, mean - half, mean + half, len(numbers))


def share(successes: int, count: int) -> Estimate:
    """Return the share `successes / count` with Wilson's score interval.

    Wilson, J. Am. Stat. Assoc. 22 (1927) 209; within [0, 1] also for shares near 0 or 1.
    """
    # Imported here because it takes longer than the rest of a worker process's imports.
    from scipy.stats import binomtest

    interval = binomtest(successes, count).proportion_ci(CONFIDENCE, method="wilson")
    return Estimate(successes / count, float(interval.low), float(interval.high), count)
