"""Errors, ratios and intervals of the study, against independent calculations."""

import math

import numpy as np
import pytest
from scipy import stats

pytest.importorskip("sklearn", reason="the study needs the extra 'study'")

from applications.mvm_study.statistics import (
    mean_over_chips,
    relative_rms_error,
    share,
    signal_to_noise,
)


def test_relative_rms_error_is_rms_over_rms():
    generator = np.random.default_rng(1)
    exact = generator.normal(size=(5, 7))
    measured = exact + generator.normal(size=(5, 7))
    rms_error = math.sqrt(np.mean((measured - exact) ** 2))
    rms_exact = math.sqrt(np.mean(exact**2))
    assert relative_rms_error(exact, measured) == pytest.approx(rms_error / rms_exact, rel=1e-14)
    assert relative_rms_error(exact, exact) == 0


@pytest.mark.parametrize(("error", "decibel"), [(1, 0), (0.1, 20), (0.01, 40), (2, -6.0206)])
def test_signal_to_noise_in_decibel(error, decibel):
    assert signal_to_noise(error) == pytest.approx(decibel, abs=1e-4)


def test_no_error_is_an_infinite_ratio():
    assert signal_to_noise(0.0) == math.inf


@pytest.mark.parametrize("count", [2, 3, 20])
def test_interval_over_chips_is_student_t(count):
    values = np.random.default_rng(count).normal(3, 2, count)
    low, high = stats.t.interval(0.95, count - 1, loc=values.mean(), scale=stats.sem(values))
    estimate = mean_over_chips(list(values))
    assert estimate.mean == pytest.approx(values.mean(), rel=1e-14)
    assert (estimate.low, estimate.high) == pytest.approx((low, high), rel=1e-12)
    assert estimate.half_width == pytest.approx((high - low) / 2, rel=1e-12)
    assert estimate.count == count


def test_interval_over_three_chips_by_hand():
    # Standard error 1/sqrt(3); the 97.5 % point of Student's t with 2 degrees is 4.30265.
    estimate = mean_over_chips([1, 2, 3])
    assert estimate.half_width == pytest.approx(4.30265 / math.sqrt(3), rel=1e-6)


def test_interval_covers_the_mean_in_95_of_100_cases():
    trials = 2000
    values = np.random.default_rng(7).normal(size=(trials, 6))
    estimates = [mean_over_chips(row) for row in values]
    covered = sum(e.low <= 0 <= e.high for e in estimates) / trials
    assert abs(covered - 0.95) < 5 * math.sqrt(0.95 * 0.05 / trials)


@pytest.mark.parametrize("values", [[4.0], [math.inf, 1.0], [math.inf]])
def test_no_interval_is_made_up(values):
    estimate = mean_over_chips(values)
    assert estimate.low is estimate.high is estimate.half_width is None


@pytest.mark.parametrize(("successes", "count"), [(0, 10), (10, 10), (3, 10), (875, 899)])
def test_wilson_interval_solves_its_equation(successes, count):
    """Its ends are the shares p with |p - share| = z sqrt(p (1 - p) / n)."""
    estimate = share(successes, count)
    z = stats.norm.ppf(0.975)
    assert estimate.mean == successes / count
    assert 0 <= estimate.low <= estimate.mean <= estimate.high <= 1
    for end in (estimate.low, estimate.high):
        assert abs(end - estimate.mean) == pytest.approx(
            z * math.sqrt(end * (1 - end) / count), abs=1e-9
        )
