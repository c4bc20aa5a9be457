"""Compiled kernels: each gives what its plain reference gives, whatever the threads do."""

import multiprocessing
import os
import subprocess
import sys
import threading
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator import AnalogCore, CrossSimParameters
from simulator.backend import numpy_backend
from simulator.circuits import ladder
from simulator.kernels import ReferenceKernels, cpu_kernels
from simulator.kernels.reading import Reading, ShiftAdd
from simulator.kernels.threads import Team, usable_processors

pytest.importorskip("numba", reason="numba, the extra fast, is not installed")

from simulator.kernels.cpu.kernels import SMALL, NumbaKernels

PLAIN, FAST = ReferenceKernels(np), NumbaKernels(np, team=Team(2))
DTYPES = st.sampled_from((np.float32, np.float64))
SEEDS = st.integers(0, 2**32)


def same(got, wanted):
    return got.dtype == wanted.dtype and np.array_equal(got, wanted)


def values(seed, shape, dtype, scale=2.0):
    """Uniform values, some of them exactly between two levels, on a limit or zero."""
    rng = np.random.default_rng(seed)
    grid = rng.integers(-8, 9, shape) / 8 * scale
    return np.where(rng.random(shape) < 0.3, grid, rng.uniform(-scale, scale, shape)).astype(dtype)


# -- converters ------------------------------------------------------------------------------


@settings(max_examples=40)
@given(SEEDS, DTYPES, st.integers(1, 12), st.sampled_from("CF"), st.integers(0, 3))
def test_conversion_is_the_references(seed, dtype, bits, order, more):
    """Bit for bit, also halves between levels, in either memory order."""
    x = np.asarray(values(seed, (SMALL // 32 + more, 37), dtype), order=order)
    steps = 2**bits - 1
    for low, high in ((-1.0, 1.0), (0, 1), (-0.3, 1.7)):
        assert same(FAST.quantize(x, low, high, steps), PLAIN.quantize(x, low, high, steps))
        scaled = (x, 0.3, low, high, steps)
        assert same(FAST.quantize_scaled(*scaled), PLAIN.quantize_scaled(*scaled))
    for limit in (1.0, 0.7):
        got = FAST.quantize_magnitude(x, limit, steps)
        assert same(got, PLAIN.quantize_magnitude(x, limit, steps))
        assert got.strides == x.strides


def test_halves_round_to_even():
    x = np.tile(np.arange(8) + 0.5, SMALL)
    wanted = np.tile([0.0, 2, 2, 4, 4, 6, 6, 8], SMALL)
    assert np.array_equal(FAST.quantize(x, 0.0, 15.0, 15), wanted)
    assert np.array_equal(FAST.quantize_magnitude(x - 15, 15.0, 15) + 15, wanted)


@settings(max_examples=40)
@given(SEEDS, DTYPES, st.integers(1, 23), st.integers(1, 8), st.booleans())
def test_digits_are_the_references(seed, dtype, bits, size, turned):
    x = values(seed, (SMALL // 8, 9), dtype, 1.0)
    x = x.T if turned else x
    assert same(FAST.digits(x, bits, size), PLAIN.digits(x, bits, size))


@settings(max_examples=20)
@given(SEEDS, DTYPES)
def test_noise_is_the_references(seed, dtype):
    rng = np.random.default_rng(seed)
    mean, variance = values(seed, (70, 90), dtype), rng.random((70, 90)).astype(dtype)
    normals = rng.normal(size=(70, 90))
    got = FAST.add_noise(mean, variance, normals)
    assert same(got, PLAIN.add_noise(mean, variance, normals))


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.integers(1, 3), st.integers(1, 2), st.booleans(), st.booleans())
def test_ladders_are_the_references(seed, arrays, sides, shared, each_side):
    """Bit for bit: gated cells, resistances of zero, one block of vectors and more."""
    rng, n = np.random.default_rng(seed), 11
    vectors = 300 if arrays == 1 else 50
    cells = rng.uniform(0, 1, (arrays, sides, 7, n))
    driven = (1 if shared else arrays, *([sides] if each_side else []), n, vectors)
    volts = rng.uniform(-1, 1, driven) * (rng.random(driven) < 0.7)
    supply, output = (rng.uniform(0, 0.1, n) * (rng.random(n) < 0.7) for _ in range(2))
    drive = volts if each_side else volts[..., None, :, :]
    got = FAST.ladders(cells, supply, output, drive, ladder.LEAST_INPUT)
    with mock.patch.object(NumbaKernels, "ladders", ReferenceKernels.ladders):
        wanted = ladder.currents(cells, supply, output, volts)
    assert same(got, wanted)


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.integers(1, 3), st.integers(1, 2), st.booleans())
def test_moments_of_ladders_are_the_references(seed, arrays, sides, each_side):
    """Bit for bit, in one block of vectors and in more."""
    rng, n = np.random.default_rng(seed), 11
    vectors = 300 if arrays == 1 else 50
    cells = rng.uniform(0, 1, (arrays, sides, 7, n))
    variances = rng.uniform(0, 1, cells.shape)
    volts = rng.uniform(-1, 1, (arrays, *([sides] if each_side else []), n, vectors))
    volts *= rng.random(volts.shape) < 0.7
    supply, output = (rng.uniform(0, 0.1, n) * (rng.random(n) < 0.7) for _ in range(2))
    drive = volts if each_side else volts[..., None, :, :]
    arguments = cells, variances, supply, output, drive, ladder.LEAST_INPUT
    got, wanted = FAST.ladder_moments(*arguments), PLAIN.ladder_moments(*arguments)
    assert all(map(same, got, wanted))
    assert same(got[0], FAST.ladders(cells, supply, output, drive, ladder.LEAST_INPUT))


@settings(max_examples=20, deadline=None)
@given(SEEDS, DTYPES, st.integers(1, 2), st.sampled_from([1, 5, 200]), st.sampled_from([3, 4]))
def test_moments_of_lines_are_the_references(seed, dtype, sides, vectors, zones):
    """To the rounding of a sum over all pairs of features."""
    rng = np.random.default_rng(seed)
    phases, parts, inputs, slices, lines = 2, 2, 3, 2, 5
    lead = phases, parts, inputs
    currents = rng.normal(size=(*lead, zones, slices, sides, lines, vectors)).astype(dtype)
    squares = rng.random((*lead, slices, lines, vectors)).astype(dtype)
    volts = rng.normal(size=(phases, inputs, zones, vectors)).astype(dtype)
    shift = rng.normal(size=(parts, inputs, slices, sides, lines, zones)).astype(dtype)
    form = rng.normal(size=(parts, inputs, slices, sides, lines, 2 * zones, 2 * zones))
    form = (form + form.swapaxes(-1, -2)).astype(dtype)
    arguments = currents, squares, volts, shift, form
    got, wanted = FAST.line_moments(*arguments), PLAIN.line_moments(*arguments)
    sizes = [abs(a) for a in (currents, squares, volts, shift, form)]
    largest = PLAIN.line_moments(*sizes[:3], -sizes[3], sizes[4])
    for a, b, size in zip(got, wanted, (abs(currents).sum(axis=(3, 5)), largest[1]), strict=True):
        assert a.dtype == b.dtype == dtype
        assert (abs(a - b) <= 8 * zones**2 * np.finfo(dtype).eps * size).all()


# -- from currents to results ----------------------------------------------------------------


@st.composite
def readings(draw):
    """Currents of all axes in either memory order, what becomes of them, and totals."""
    phases, parts, inputs, slices = (draw(st.integers(1, n)) for n in (4, 2, 3, 3))
    sides, unit = draw(st.integers(1, 2)), draw(st.booleans())
    rest = draw(st.sampled_from([(1,), (3,), (70,), (1100,), (4, 5, 3), (1, 30), (30, 1, 1)]))
    dtype, code = draw(st.sampled_from(
        [(np.float32, np.float32), (np.float64, np.float64), (np.float32, np.float64)]
    ))  # fmt: skip
    rng = np.random.default_rng(draw(SEEDS))
    lines = -(-SMALL // (phases * parts * inputs * slices * sides * np.prod(rest))) + int(unit)
    shape = (phases, parts, inputs, slices, sides, int(lines) + draw(st.integers(0, 3)), *rest)
    amps = values(int(rng.integers(2**32)), shape, dtype)
    if draw(st.booleans()):
        # As convolutions give them.
        order = [2, 0, 6, 1, 3, 4, 5, *range(7, amps.ndim)]
        amps = np.ascontiguousarray(amps.transpose(order)).transpose(np.argsort(order))
    trivial = draw(st.booleans())
    weights = (4.0 ** np.arange(slices)).astype(code)
    slices_added = ShiftAdd(weights) if trivial else ShiftAdd(weights, 0.1, 0.9, 3, 8, 14, 0.9)
    totals = None if draw(st.booleans()) else rng.uniform(-1, 1, rest).astype(dtype)
    gains = None if trivial else rng.uniform(0.5, 1, (parts, inputs)).astype(code)
    limits = (rng.choice([0.5, 1, 1.3], (inputs, slices)).astype(code) for _ in range(2))
    return amps, Reading(
        low=-next(limits), high=next(limits), steps=draw(st.sampled_from((3, 14, 255))),
        weights=(2.0 ** np.arange(phases)).astype(code), phase_unit=1.0 if trivial else 1 / 7,
        gains=gains, slices=slices_added, scale=0.7, has_unit=unit,
    ), totals, np.dtype(dtype)  # fmt: skip


@settings(max_examples=150)
@given(readings())
def test_results_are_the_references(case):
    """Bit for bit where sums have one order; else to the rounding of adding up that many codes."""
    amps, reading, totals, dtype = case
    wanted = PLAIN.read_codes(amps, reading, totals, dtype)
    # Results may take the place of the currents.
    got = FAST.read_codes(amps.copy(order="K"), reading, totals, dtype)
    assert got.shape == wanted.shape
    assert got.dtype == wanted.dtype == dtype
    count = amps.size // wanted.size + 2
    # Levels are below 1.3, weights of phases 8 and of slices 16, of the totals 9.
    largest = 1.3 * 8 * 16 * 3 * count + 9
    assert np.abs(got - wanted).max() <= 4 * count * np.finfo(reading.low.dtype).eps * largest
    if count < 8:
        assert np.array_equal(got, wanted)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_results_do_not_depend_on_the_number_of_threads(threads):
    kernels, rng = NumbaKernels(np, team=Team(threads)), np.random.default_rng(1)
    amps = rng.uniform(-1, 1, (3, 2, 2, 2, 2, 40, 2500)).astype(np.float32)
    limits = np.full((2, 2), 0.8, np.float32)
    weights = ShiftAdd(np.array([1, 4], np.float32), 0.1, 0.9)
    reading = Reading(
        np.float32([1, 2, 4]), 0.1, None, weights, 1.0, True, -limits, limits, steps=255
    )
    totals = rng.uniform(-1, 1, 2500).astype(np.float32)
    counter = (np.arange(300), np.arange(500)[:, None], 0, 0)
    for result in (
        lambda k: k.read_codes(amps, reading, totals, np.dtype(np.float32)),
        lambda k: k.quantize(amps, -1.0, 1.0, 255),
        lambda k: k.digits(amps, 7, 1),
        lambda k: k.normals(counter, (1, 2)),
        lambda k: k.uniforms(counter, (1, 2)),
    ):
        assert np.array_equal(result(kernels), result(NumbaKernels(np, team=Team(1))))


# -- draws -----------------------------------------------------------------------------------


def test_philox_known_answer():
    """The words of counter 0 and key 0, from the uniforms that they make."""
    places = np.zeros(200, dtype=np.int64)
    drawn = FAST.uniforms((places, 0, 0, 0), (0, 0))
    words = (drawn * 2.0**32 - 0.5).astype(np.uint64)
    assert np.array_equal(words, np.tile([0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8],
                                         (200, 1)))  # fmt: skip


@settings(max_examples=40)
@given(
    st.tuples(*[st.integers(0, 2**40)] * 4), st.tuples(*[st.integers(0, 2**32 - 1)] * 2),
    st.integers(1, 300), st.integers(1, 40),
)  # fmt: skip
def test_draws_are_the_references(first, key, places, rows):
    count = rows
    counter = (
        first[0] % 2**31 + np.arange(places), (first[1] + np.arange(count))[:, None],
        first[2], first[3] + np.arange(count)[:, None] % 3,
    )  # fmt: skip
    assert same(FAST.uniforms(counter, key), PLAIN.uniforms(counter, key))
    got, wanted = FAST.normals(counter, key), PLAIN.normals(counter, key)
    assert got.shape == wanted.shape == (count, places, 4)
    # Angles are rounded to 2 pi eps, radii of at most 6.7 to a few eps.
    assert np.abs(got - wanted).max() <= 8 * np.finfo(float).eps * 6.7


def test_normals_at_the_ends_of_their_range():
    """Words next to 0, 2**32 and all quarter turns, which no counter is known to give."""
    from simulator.kernels.cpu import random
    from simulator.kernels.reference import philox

    edges = [0, 2**30, 2**31, 3 * 2**30, 2**32, 2**29, 0xB504F333]
    words = np.array(sorted({(e + d) % 2**32 for e in edges for d in (-2, -1, 0, 1)}), np.uint64)
    radius, cosine, sine = (np.empty(words.size) for _ in range(3))
    random._radii(words.size, words, radius)
    random._turns(words.size, words, cosine, sine)
    u = philox.unit_interval(np, words)
    np.testing.assert_allclose(radius, np.sqrt(-2 * np.log(u)), rtol=4 * np.finfo(float).eps)
    for got, wanted in ((cosine, np.cos(2 * np.pi * u)), (sine, np.sin(2 * np.pi * u))):
        np.testing.assert_allclose(got, wanted, rtol=0, atol=8 * np.finfo(float).eps)


# -- cores, processes and threads ------------------------------------------------------------


def converted():
    """8 bits everywhere, in bit-serial phases, and cells with errors."""
    p = CrossSimParameters()
    p.simulation.seed = 3
    p.xbar.device.programming_error.enable = True
    p.xbar.device.programming_error.model = "NormalProportionalDevice"
    p.xbar.device.programming_error.magnitude = 0.05
    p.xbar.dac.mvm.model, p.xbar.dac.mvm.bits = "SignMagnitudeDAC", 8
    p.xbar.adc.mvm.model, p.xbar.adc.mvm.bits = "QuantizerADC", 8
    p.xbar.adc.mvm.calibrated_range = [-30, 30]
    p.xbar.dac.mvm.input_bitslicing = p.xbar.adc.mvm.adc_per_ibit = True
    return p


MATRIX = values(1, (120, 130), np.float32, 1.0)
INPUTS = values(2, (130, 150), np.float32, 1.0)


def product(_=None):
    return AnalogCore(MATRIX, converted()) @ INPUTS


def test_cores_use_them():
    if os.environ.get("OHMCORE_KERNELS", "auto") == "reference":
        pytest.skip("OHMCORE_KERNELS is 'reference'")
    assert isinstance(cpu_kernels(), NumbaKernels)
    assert isinstance(numpy_backend().kernels, NumbaKernels)


def test_the_environment_chooses_the_kernels(monkeypatch):
    from simulator.errors import ParameterError

    monkeypatch.setenv("OHMCORE_KERNELS", "reference")
    assert type(cpu_kernels()) is ReferenceKernels
    monkeypatch.setenv("OHMCORE_KERNELS", "numba")
    assert type(cpu_kernels()) is NumbaKernels
    monkeypatch.setenv("OHMCORE_KERNELS", "fastest")
    with pytest.raises(ParameterError, match="'fastest'.*auto"):
        cpu_kernels()


def test_importing_and_small_cores_do_not_load_numba():
    program = (
        "import sys, numpy as np, simulator as s; p = s.CrossSimParameters(); "
        "p.xbar.adc.mvm.model = 'QuantizerADC'; p.xbar.adc.mvm.bits = 8; "
        "p.xbar.adc.mvm.calibrated_range = [-4, 4]; "
        "s.AnalogCore(np.eye(16), p) @ np.ones(16); sys.exit('numba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_multiplies():
    """As workers of a data loader do, after threads have run in the parent."""
    FAST.quantize(np.zeros(1 << 21), -1.0, 1.0, 255)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        for got in pool.map(product, range(4)):
            assert np.array_equal(got, product())
        seen = pool.apply_async(_quantized_in_parts).get(timeout=60)
    assert np.array_equal(seen, _quantized_in_parts())


def _quantized_in_parts():
    return FAST.quantize(np.linspace(-1, 1, 1 << 21), -1.0, 1.0, 255)


def test_two_threads_at_once():
    wanted, results = product(), []
    threads = [
        threading.Thread(target=lambda: results.extend(product() for _ in range(5)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(results) == 10
    assert all(np.array_equal(got, wanted) for got in results)


# -- teams -----------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 3), st.integers(0, 3000), st.sampled_from((1, 1000, 1 << 20)))
def test_a_team_does_every_part_once(size, count, cost):
    done = np.zeros(count, dtype=int)

    def work(start, stop):
        done[start:stop] += 1

    Team(size).share(work, count, cost)
    assert (done == 1).all()


def test_what_fails_in_a_part_is_raised():
    def work(start, stop):
        raise ValueError(f"part from {start}")

    with pytest.raises(ValueError, match="part from"):
        Team(2).share(work, 10, 1 << 24)


def test_threads_follow_the_environment(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3,2")
    assert usable_processors() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert usable_processors() >= 1
