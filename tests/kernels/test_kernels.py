"""Kernels: known answers, and laws that every implementation of one must keep."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from simulator.backend import numpy_backend
from simulator.kernels import ReferenceKernels
from simulator.kernels.naming import LineNames
from simulator.kernels.programming import CellCode, Programming, Sides, Spread
from simulator.kernels.reading import Reading, ShiftAdd, Sums
from simulator.kernels.reference.philox import philox4x32
from simulator.randomness import Purpose, Stream

KERNELS = ReferenceKernels(np)
ONES = 0xFFFFFFFF


@pytest.mark.parametrize(
    ("counter", "key", "answer"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((ONES,) * 4, (ONES,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
    ids=["zeros", "ones", "pi"],
)  # fmt: skip
def test_philox_known_answers(counter, key, answer):
    """The test vectors of the Random123 library, version 1.14."""
    words = philox4x32(np, tuple(np.uint64(c) for c in counter), key)
    assert tuple(int(word) for word in words) == answer


def test_philox_does_not_care_for_shape():
    counter = tuple(np.arange(24, dtype=np.uint64) + np.uint64(i << 20) for i in range(4))
    whole = philox4x32(np, counter, (1, 2))
    for i in (0, 7, 23):
        single = philox4x32(np, tuple(c[i] for c in counter), (1, 2))
        assert [int(w) for w in single] == [int(w[i]) for w in whole]


def stream(seed=1, number=0, purpose=Purpose.READ_NOISE):
    return Stream.open(numpy_backend(), seed, number, purpose)


@pytest.mark.parametrize("law", ["normals", "uniforms"])
def test_no_slots_get_no_numbers(law):
    """As of pulse trains that have no pulse; with every implementation at hand."""
    events, none = np.array([[0], [1]]), np.zeros((1, 0), dtype=np.int64)
    for kernels in (KERNELS, numpy_backend().kernels):
        assert kernels.named(law, (1, 2), range(6), 0, events, none).shape == (2, 0, 6)


@pytest.mark.parametrize("axis", ["minor", "major", "event", "slot", "high event"])
def test_neighbouring_draws_are_independent(axis):
    """No correlation of values, and of magnitudes, along any coordinate: 5 standard errors."""
    minor, count = range(64), 300
    where = {"major": 0, "event": 0, "slot": 0}
    if axis == "minor":
        draws = stream().normal(range(64 * count), 0, 0, 0).reshape(count, 64)
    elif axis == "high event":
        events = np.arange(count, dtype=np.int64) << 32
        draws = stream().normal(minor, 0, events, 0)
    else:
        draws = stream().normal(minor, **{**where, axis: np.arange(count)})
    assert np.unique(draws).size == draws.size
    error = 1 / np.sqrt(draws.size)
    for values in (draws, np.abs(draws) - np.abs(draws).mean()):
        values = values / values.std()
        assert abs((values[1:] * values[:-1]).mean()) < 5 * error
        assert abs((values[:, 1:] * values[:, :-1]).mean()) < 5 * error


def test_streams_of_different_names_are_independent():
    names = [(1, 0, p) for p in Purpose] + [(2, 0, Purpose.READ_NOISE), (1, 1, Purpose.READ_NOISE)]
    names += [(1 << 32, 0, Purpose.READ_NOISE), (0, 1, Purpose.READ_NOISE),
              (0, 1 << 32, Purpose.READ_NOISE)]  # fmt: skip
    draws = [stream(*name).normal(range(4000), 0, 0, 0) for name in names]
    for i, one in enumerate(draws):
        for other in draws[:i]:
            assert abs(np.mean(one * other)) < 5 / np.sqrt(one.size)


def test_draws_have_their_distribution():
    normals = stream().normal(range(20000), 0, 0, 0)
    uniforms = stream().uniform(range(20000), 0, 0, 0)
    assert stats.kstest(normals, "norm").pvalue > 1e-3
    assert stats.kstest(uniforms, "uniform").pvalue > 1e-3
    assert uniforms.min() > 0
    assert uniforms.max() < 1


@given(st.integers(-3, 40), st.integers(1, 40), st.sampled_from((1, 2, 3, -1, -2, -5)))
def test_a_draw_belongs_to_its_place(start, length, step):
    """Parts of a range, in any step and direction, hold the numbers of those places."""
    whole = stream().normal(range(200), 5, 6, 7)
    picked = range(max(start, 0), max(start, 0) + length)[::step]
    assert np.array_equal(stream().normal(picked, 5, 6, 7), whole[list(picked)])


# -- converters ------------------------------------------------------------------------------

RANGES = st.tuples(st.floats(-5, 5), st.floats(0.01, 10)).map(lambda t: (t[0], t[0] + t[1]))


@given(RANGES, st.integers(1, 12), st.integers(0, 2**32))
def test_quantize_is_the_nearest_level(limits, bits, seed):
    low, high = limits
    steps = 2**bits - 1
    x = np.random.default_rng(seed).uniform(2 * low - high, 2 * high - low, 200)
    levels = low + (high - low) * np.arange(steps + 1) / steps
    got = KERNELS.quantize(x, low, high, steps)
    nearest = np.abs(x[:, None] - levels).min(axis=1)
    slack = 8 * np.finfo(float).eps * max(abs(low), abs(high))
    assert (np.abs(x - got) <= nearest + slack).all()
    assert np.abs(got[:, None] - levels).min(axis=1).max() <= slack
    again = KERNELS.quantize(got, low, high, steps)
    assert np.abs(again - got).max() <= slack
    assert (np.diff(KERNELS.quantize(np.sort(x), low, high, steps)) >= 0).all()


@given(st.floats(0.01, 10), st.integers(2, 12), st.integers(0, 2**32))
def test_quantize_magnitude_is_odd_and_keeps_zero(limit, bits, seed):
    """To rounding of the range; exactly on the unit range, which is that of a DAC."""
    steps = 2 ** (bits - 1) - 1
    x = np.random.default_rng(seed).uniform(-2 * limit, 2 * limit, 200)
    got = KERNELS.quantize_magnitude(x, limit, steps)
    slack = 8 * np.finfo(float).eps * limit
    assert np.abs(got + KERNELS.quantize_magnitude(-x, limit, steps)).max() <= slack
    assert abs(KERNELS.quantize_magnitude(np.zeros(1), limit, steps)[0]) <= slack
    assert KERNELS.quantize_magnitude(np.zeros(1), 1.0, steps)[0] == 0
    assert (np.abs(np.clip(x, -limit, limit) - got) <= limit / steps / 2 + slack).all()
    assert np.abs(got).max() <= limit + slack


def test_halves_round_to_even():
    x = np.arange(8) + 0.5
    assert KERNELS.quantize(x, 0.0, 15.0, 15).tolist() == [0, 2, 2, 4, 4, 6, 6, 8]
    # Positions count from the lowest level, so -14.5 lies between levels 0 and 1.
    low = x - 15.0
    assert (KERNELS.quantize_magnitude(low, 15.0, 15) + 15).tolist() == [0, 2, 2, 4, 4, 6, 6, 8]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_conversions_keep_dtype_and_input(dtype):
    x = np.linspace(-2, 2, 9, dtype=dtype)
    before = x.copy()
    low, high = dtype(-1), dtype(1)
    assert KERNELS.quantize(x, low, high, 7).dtype == dtype
    assert KERNELS.quantize_magnitude(x, high, 7).dtype == dtype
    assert KERNELS.digits(x / 2, 4, 2).dtype == dtype
    assert np.array_equal(x, before)


@pytest.mark.parametrize("dither", [1e-9, 0.25, 0.75, 1 - 1e-9])
def test_dither_rounds_up_below_the_fraction(dither):
    x = np.array([0.0, 0.1, 0.5, 0.9, 1.0, 2.6, 3.0])
    wanted = np.minimum(np.floor(x) + (dither < x - np.floor(x)), 3)
    assert np.array_equal(KERNELS.quantize(x, 0.0, 3.0, 3, np.full(7, dither)), wanted)
    signed = KERNELS.quantize_magnitude(x - 3, 3.0, 3, np.full(7, dither))
    assert np.array_equal(signed, wanted - 3)


@settings(max_examples=60)
@given(st.integers(1, 12), st.integers(1, 6))
def test_digits_merge_back_exactly(bits, size):
    """Every magnitude and sign: the digits are integers of their base, least significant first."""
    whole = np.arange(-(2**bits) + 1, 2**bits)
    phases = KERNELS.digits(whole / (2**bits - 1), bits, size)
    digits = phases * (2**size - 1)
    assert np.abs(digits - np.rint(digits)).max() < 1e-12
    assert np.abs(digits).max() <= 2**size - 1 + 1e-12
    merged = sum(np.rint(d).astype(int) * 2 ** (size * k) for k, d in enumerate(digits))
    assert np.array_equal(merged, whole)


# -- clipped moments -------------------------------------------------------------------------


@settings(max_examples=60)
@given(
    st.floats(0, 1.2), st.floats(0.001, 2), st.sampled_from(((0.0, None), (0.1, 1.0), (0.5, 0.6)))
)
def test_moments_of_clipped_variables(mean, sigma, limits):
    """Against numerical integration, to 1e-7 of the spread."""
    low, high = limits
    for kernel, law in (
        (KERNELS.clipped_normal, stats.norm(mean, sigma)),
        (KERNELS.clipped_uniform, stats.uniform(mean - sigma * 3**0.5, sigma * 12**0.5)),
    ):
        got_mean, got_variance = kernel(np.array([mean]), np.array([sigma]), low, high)
        p = (np.arange(200000) + 0.5) / 200000
        values = np.clip(law.ppf(p), low, high)
        # The midpoint rule over quantiles is off by less than the last quantile weighs.
        assert abs(got_mean[0] - values.mean()) < 1e-5 * sigma
        assert abs(got_variance[0] - values.var()) < 2e-4 * sigma**2


def test_cells_without_spread_are_only_clipped():
    for kernel in (KERNELS.clipped_normal, KERNELS.clipped_uniform):
        mean, variance = kernel(np.array([-1.0, 0.5, 3.0]), np.zeros(3), 0.0, 1.0)
        assert mean.tolist() == [0.0, 0.5, 1.0]
        assert variance.tolist() == [0.0, 0.0, 0.0]


def test_small_spreads_are_not_lost():
    """A spread of 1e-9 of the mean keeps its variance to nine digits."""
    mean, variance = KERNELS.clipped_normal(np.array([0.7]), np.array([7e-10]), 0.0, 1.0)
    assert variance[0] == pytest.approx(4.9e-19, rel=1e-9)
    assert mean[0] == 0.7


# -- shift and add ---------------------------------------------------------------------------------


@settings(max_examples=60)
@given(
    st.tuples(*[st.integers(1, 3)] * 4, st.integers(1, 2), st.integers(2, 5), st.integers(1, 4)),
    st.booleans(),
    st.booleans(),
    st.integers(0, 2**32),
)
def test_sums_of_codes_are_those_of_their_definition(shape, has_unit, takes_off, seed):
    """Every axis added up as `Sums` and `ShiftAdd` say, one number after the other."""
    phases, parts, inputs, slices, sides, lines, vectors = shape
    rng = np.random.default_rng(seed)
    codes = rng.integers(-8, 9, shape).astype(float)
    gains, totals = rng.uniform(0.5, 2, (parts, inputs)), rng.uniform(-1, 1, vectors)
    added = ShiftAdd(2.0 ** np.arange(slices), 0.1, 0.9, 3.0, 0.7, 1.5, 0.9)
    sums = Sums(2.0 ** np.arange(phases), 0.25, gains, added, 0.3, has_unit)
    total = totals if takes_off else None
    got = KERNELS.shift_and_add(codes.copy(), sums, total)
    one = np.einsum("p,pxysdlv->xysdlv", sums.weights, codes) * 0.25
    one = one[:, :, :, 0] - one[:, :, :, 1] if sides == 2 else one[:, :, :, 0]
    one = one[:, :, :, 1:] - one[:, :, :, :1] if has_unit else one
    one = np.einsum("xy,xyslv->xslv", gains, one)
    off = totals if takes_off else 0.0
    digits = (one - added.lowest * off) / added.width
    whole = added.full * np.einsum("s,xslv->xlv", added.weights, digits) - added.zero * off
    wanted = whole / added.span * added.back * sums.scale
    assert got.shape == wanted.shape
    # Sums of at most 3 * 3 * 3 * 2 * 2 codes below 8, with weights below 2 * 4 * 4 * 3 * 2.
    bound = 108 * 8 * 192 * np.finfo(float).eps * 16
    np.testing.assert_allclose(got, wanted, rtol=0, atol=bound)


def test_reading_is_conversion_then_sums():
    rng = np.random.default_rng(3)
    amps = rng.uniform(-1, 1, (3, 2, 2, 2, 2, 4, 5))
    high = rng.uniform(0.5, 1, (2, 2))
    added = ShiftAdd(np.array([1.0, 4.0]), 0.1, 0.9)
    reading = Reading(2.0 ** np.arange(3), 0.1, None, added, 0.7, True, -high, high, 15)
    totals = rng.uniform(-1, 1, 5)
    wide = high.reshape(2, 2, 1, 1, 1)
    codes = KERNELS.quantize(amps, -wide, wide, 15)
    wanted = KERNELS.shift_and_add(codes, reading, totals)
    got = KERNELS.read_codes(amps, reading, totals, np.dtype(float))
    np.testing.assert_array_equal(got, wanted)


def test_every_kernel_has_its_definition_in_the_reference():
    """None and False, "do it yourself", are no results; a pulse changes weights in place."""
    cells = np.random.default_rng(0).uniform(0.1, 1, (1, 1, 3, 4))
    profile = np.array([0.0, 0.1, 0.1, 0.1])
    amps = KERNELS.ladders(cells, profile, profile, np.ones((1, 1, 4, 2)), 1e-9)
    assert amps.shape == (1, 3, 2)
    code = CellCode(Sides.ONE_SIDED, 0.0, 0)
    programming = Programming(code, Spread.CONSTANT, 0.1, 1.0, 0.0, math.inf)
    weights = np.linspace(-1, 1, 12).reshape(3, 4)
    names = (0, np.arange(3), 1, (5, 6))
    found, are_numbers = KERNELS.program(weights, (-1.0, 1.0, 1.0), programming, names)
    assert are_numbers
    assert found.shape == (1, 2, 3, 4)
    lines = LineNames((1, 2), range(4), [0], [4], np.arange(4)[None], [0], np.arange(5), None)
    noisy = KERNELS.with_normals(np.zeros((1, 1, 1, 1, 1, 4, 5)), 1.0, lines)
    assert noisy.std() > 0
    held = np.zeros((3, 4))
    steps = np.tile([0.1, 0.1, 0.0, 0.0, 1.0, -1.0, 0.1, 0.1], (3, 4, 1))
    values, ones = (np.ones((1, 4)), np.ones((1, 3))), np.ones(1)
    KERNELS.pulse(
        held, steps, values, np.array([2]), (ones, ones), 1.0, (0.0, False), 0, [(1, 2), (3, 4)]
    )
    # Every line fires in both slots; equal signs lower the weights.
    np.testing.assert_allclose(held, -0.2)
