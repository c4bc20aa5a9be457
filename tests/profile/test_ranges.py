"""Full-scale ranges chosen from samples: what is clipped, what error is left."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator import ParameterError
from simulator.profile import METHODS, Choice, Sample, Span, quantisation_error

RNG = np.random.default_rng(3)
LEVELS = 63


def sample(values):
    values = np.asarray(values, dtype=np.float32)
    return Sample(float(values.min()), float(values.max()), values)


SHAPES = {
    "two-sided": sample(RNG.laplace(size=20000)),
    "positive": sample(np.maximum(RNG.laplace(size=20000), 0)),
    "far from zero": sample(RNG.normal(9, 1, size=20000)),
    "skewed": sample(RNG.gamma(2, size=20000) - 1),
}


@pytest.mark.parametrize("name", SHAPES)
def test_the_widest_range_clips_nothing(name):
    seen = SHAPES[name]
    for span in (Span.SYMMETRIC, Span.FREE):
        low, high = Choice("max", 100, 2).range_of(seen, span, LEVELS)
        # A free range moves by half a step, so that zero is a level.
        margin = (high - low) / (LEVELS - 1) / 2 * (1 + 1e-9)
        assert low - margin <= seen.low
        assert high + margin >= seen.high
    assert Choice("max", 100, 2).range_of(seen, Span.SYMMETRIC, LEVELS)[1] == seen.reach


@pytest.mark.parametrize("percentile", [90, 99, 99.9])
@pytest.mark.parametrize("name", SHAPES)
def test_a_percentile_leaves_its_share_outside(name, percentile):
    seen = SHAPES[name]
    share = 1 - percentile / 100
    low, high = Choice("percentile", percentile, 2).range_of(seen, Span.SYMMETRIC, LEVELS)
    assert low == -high
    outside = np.mean(np.abs(seen.values) > high)
    assert share - 2e-4 <= outside <= 2 * share + 2e-4
    positive = Choice("percentile", percentile, 2).range_of(seen, Span.POSITIVE, LEVELS)
    assert positive[0] == 0
    assert np.mean(seen.values > positive[1]) == pytest.approx(share, abs=2e-4)


@pytest.mark.parametrize("norm", [1.0, 2.0, 3.0])
@pytest.mark.parametrize("span", list(Span))
@pytest.mark.parametrize("name", SHAPES)
def test_the_best_range_is_as_good_as_any_on_a_grid(name, span, norm):
    seen = SHAPES[name]
    low, high = Choice("lp", 100, norm).range_of(seen, span, LEVELS)
    values = seen.values[seen.values >= 0] if span is Span.POSITIVE else seen.values
    reached = quantisation_error(values, low, high, LEVELS, norm)
    tops = np.geomspace(seen.reach / 100, 1.2 * seen.reach, 60)
    lows = {Span.POSITIVE: [0.0], Span.SYMMETRIC: [None]}.get(
        span, np.linspace(1.2 * min(seen.low, 0), seen.low + 1, 8)
    )
    others = [
        quantisation_error(values, -top if bottom is None else bottom, top, LEVELS, norm)
        for bottom in lows
        for top in tops
        if bottom is None or bottom < top
    ]
    # The error is nearly flat about its minimum, and rough by how levels meet single values.
    assert reached <= 1.05 * min(others)


@given(
    st.floats(-100, -0.01),
    st.floats(0.01, 100),
    st.integers(4, 4096),
    st.sampled_from([m for m in METHODS if m != "lp"]),
)
def test_a_free_range_about_zero_has_a_level_at_zero(low, high, levels, method):
    seen = Sample(low, high, np.linspace(low, high, 100))
    got_low, got_high = Choice(method, 100, 2).range_of(seen, Span.FREE, levels)
    step = (got_high - got_low) / (levels - 1)
    assert got_low / step == pytest.approx(round(got_low / step), abs=1e-6 * levels)
    assert got_high - got_low == pytest.approx(high - low)
    # By half a step, or by one at the ends, where zero must not be the last level.
    assert abs(got_low - low) <= step * (1 + 1e-6)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("span", list(Span))
def test_ranges_of_slices_differ_by_powers_of_two(method, span):
    samples = [sample(np.abs(RNG.laplace(size=5000)) * scale) for scale in (5.1, 2.2, 0.7, 0.0)]
    if span is Span.SYMMETRIC:
        samples[1] = sample(-samples[1].values)
    choice = Choice(method, 99.9, 2.0)
    ranges = choice.sliced_ranges(samples, span, LEVELS, [1, 4, 16, 64])
    octaves = np.log2(ranges[:, 1] / ranges[0, 1])
    assert np.allclose(octaves, np.rint(octaves), atol=1e-9)
    lows = np.zeros(4) if span is not Span.SYMMETRIC else -ranges[:, 1]
    assert np.array_equal(ranges[:, 0], lows)
    for seen, (_, high) in zip(samples[:3], ranges, strict=False):
        # Rounded up to the next power of two, with one slice exactly where it should be.
        needed = choice.range_of(seen, span if span is not Span.FREE else Span.POSITIVE, LEVELS)[1]
        if method != "lp":
            assert needed * (1 - 1e-9) <= high < 2 * needed
        else:
            assert needed / 2 <= high < 2 * needed * (1 + 1e-9)


def test_slices_share_the_ruler_that_costs_least():
    samples = [sample([3.0]), sample([1.0])]
    ranges = Choice("max", 100, 2).sliced_ranges(samples, Span.POSITIVE, LEVELS, [1, 16])
    # The second slice counts 16 times as much: it gets exactly what it needs.
    assert ranges[:, 1].tolist() == [4.0, 1.0]
    ranges = Choice("max", 100, 2).sliced_ranges(samples, Span.POSITIVE, LEVELS, [1, 0.1])
    assert ranges[:, 1].tolist() == [3.0, 1.5]


def test_zeros_have_no_range():
    zeros = sample(np.zeros(10))
    for method in METHODS:
        choice = Choice(method, 99, 2)
        assert choice.range_of(zeros, Span.SYMMETRIC, LEVELS) is None
        assert choice.sliced_ranges([zeros, zeros], Span.FREE, LEVELS, [1, 4]) is None
        # Negative values alone leave nothing for a converter without a sign.
        assert choice.range_of(sample([-1.0, -2.0]), Span.POSITIVE, LEVELS) is None


@pytest.mark.parametrize("method", METHODS)
def test_one_value_has_a_range(method):
    for value in (2.0, -2.0):
        low, high = Choice(method, 99, 2).range_of(sample([value] * 3), Span.FREE, LEVELS)
        assert low <= value <= high
        assert low < high


def test_choices_that_mean_nothing():
    for wrong in ({"method": "best"}, {"percentile": 50}, {"percentile": 101}, {"norm_ord": 0}):
        with pytest.raises(ParameterError):
            Choice(**{"method": "max", "percentile": 99, "norm_ord": 2, **wrong})
