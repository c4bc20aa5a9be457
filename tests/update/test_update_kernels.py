"""Compiled pulses and array code, cuts of a batch, and threads: all give the same."""

import multiprocessing
import os
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from step_arrays import DEVICES, LINEAR, by_array_code, make, same_state, vectors, without_noise

from simulator.backend import Backend
from simulator.kernels import ReferenceKernels, cpu_kernels, threads
from simulator.update import ConstantStep, PulseParameters, PulseType

needs_numba = pytest.mark.skipif(
    type(cpu_kernels()) is ReferenceKernels,
    reason="numba, the extra fast, is not installed or not asked for",
)


# -- compiled kernels ------------------------------------------------------------------------

LAYOUTS = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "strided": lambda a: np.repeat(np.repeat(a, 2, axis=0), 3, axis=1)[::2, ::3],
    "backwards": lambda a: a[::-1, ::-1].copy()[::-1, ::-1],
}


@needs_numba
@pytest.mark.parametrize("noisy", [False, True], ids=["exact", "noisy"])
@settings(max_examples=30)
@given(
    st.sampled_from(sorted(LINEAR)), st.integers(1, 20), st.integers(1, 20), st.integers(1, 20),
    st.integers(1, 64), st.booleans(), st.sampled_from((0.004, -0.02, 1.0)),
    st.sampled_from(sorted(LAYOUTS)), st.sampled_from(sorted(LAYOUTS)),
    st.sampled_from((np.float32, np.float64)), st.sampled_from((np.float32, np.float64)),
    st.integers(0, 2**32),
)  # fmt: skip
def test_compiled_code_gives_what_array_code_gives(
    noisy, name, rows, columns, count, length, managed, lr, of_x, of_d, of_values, dtype, seed
):
    """Bit for bit where no step varies; else to the rounding of the numbers drawn."""
    device = LINEAR[name] if noisy else without_noise(LINEAR[name])
    pulses = PulseParameters(desired_bl=length, update_bl_management=managed)
    x, d = vectors(count, (rows, columns), seed, of_values)
    fast, plain = (make(device, (rows, columns), pulses, dtype=dtype) for _ in range(2))
    by_array_code(plain)
    # After what moves the weights away from where all of them begin.
    for _ in range(2):
        fast.update(LAYOUTS[of_x](x), LAYOUTS[of_d](d), lr)
        plain.update(x, d, lr)
    if not noisy:
        assert np.array_equal(fast.weights, plain.weights)
    # Each pulse rounds once to the weights, whose largest bounds are a few.
    most = 2 * count * length * np.finfo(dtype).eps * 4
    assert np.abs(fast.weights - plain.weights).max() <= most


@needs_numba
@pytest.mark.parametrize("device", sorted(LINEAR))
def test_many_noisy_pulses_are_those_of_array_code(device):
    """Through many blocks of draws, in double precision."""
    shape = (30, 50)
    x, d = vectors(60, shape, 3, np.float64)
    fast, plain = (make(LINEAR[device], shape, dtype=np.float64) for _ in range(2))
    by_array_code(plain)
    for array in (fast, plain):
        array.update(x, d, 0.01)
    moved = np.abs(plain.weights).max()
    assert moved > 0.01
    assert np.abs(fast.weights - plain.weights).max() <= 1e-12


@needs_numba
@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_number_of_threads_changes_nothing(size, monkeypatch):
    from simulator.kernels.cpu.kernels import NumbaKernels

    monkeypatch.setattr(threads, "WORTH_SHARING", 1)
    kernels = NumbaKernels(np, team=threads.Team(size))
    array = make(shape=(37, 41), backend=Backend("numpy", np, kernels))
    alone = make(shape=(37, 41))
    x, d = vectors(50, (37, 41))
    for some in (array, alone):
        some.update(x, d, 0.02)
    same_state(array, alone)


# -- cuts and order --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [kind for kind in PulseType if kind != 3])
@pytest.mark.parametrize("name", DEVICES)
def test_a_batch_may_be_cut_anywhere(name, kind):
    """One update of 12 vectors is four of 3; the zeros among them make no difference."""
    pulses = PulseParameters(
        pulse_type=kind, desired_bl=9, res=0.1, x_res_implicit=0.1, sto_round=True
    )
    x, d = vectors(12, (5, 7))
    x[4], d[9:] = 0, 0
    whole, cut = (make(DEVICES[name], pulses=pulses) for _ in range(2))
    whole.update(x, d, 0.02)
    for start in range(0, 12, 3):
        cut.update(x[start : start + 3], d[start : start + 3], 0.02)
    assert np.abs(whole.weights).max() > 0
    if kind == PulseType.NONE:
        assert whole.weights == pytest.approx(cut.weights, abs=1e-6)
    else:
        same_state(whole, cut)


def test_pieces_of_array_code_change_nothing(monkeypatch):
    """It draws for some vectors at a time."""
    from simulator.kernels.reference import pulses as array_code

    x, d = vectors(20, (5, 7))
    x[6:9] = 0
    pulses = PulseParameters(pulse_type="STOCHASTIC", desired_bl=5)
    whole = make(pulses=pulses)
    whole.update(x, d, 0.02)
    for most in (1, 200):
        monkeypatch.setattr(array_code, "MOST_NUMBERS", most)
        pieces = make(pulses=pulses)
        pieces.update(x, d, 0.02)
        same_state(whole, pieces)


@pytest.mark.parametrize("kind", [k for k in PulseType if k not in (0, 3)])
def test_vectors_are_applied_one_after_the_other(kind):
    """At a bound it matters which comes first: steps beyond it are lost."""
    device = ConstantStep(
        dw_min=0.5, dw_min_dtod=0.0, dw_min_std=0.0, up_down_dtod=0.0, w_max=1.0, w_max_dtod=0.0,
        w_min=-1.0, w_min_dtod=0.0,
    )  # fmt: skip
    pulses = PulseParameters(
        pulse_type=kind, desired_bl=1, update_bl_management=False, update_management=False
    )
    up, down = [[-1.0]], [[1.0]]
    for order, wanted in (((up, down), 0.5), ((down, up), 1.0), ((up, down, down, up), 0.5)):
        array = make(device, (1, 1), pulses)
        array.set_weights([[1.0]])
        array.update(np.concatenate(order), np.ones((len(order), 1)), 0.5)
        assert array.weights[0, 0] == wanted


@pytest.mark.parametrize("start", [2**32 - 3, 2**40, 2**47 - 8])
@pytest.mark.parametrize("kind", ["STOCHASTIC", "STOCHASTIC_COMPRESSED"])
def test_vectors_are_numbered_beyond_32_bits(kind, start):
    pulses, (x, d) = PulseParameters(pulse_type=kind), vectors(8, (5, 7))
    whole, cut, plain, low = (make(pulses=pulses, dtype=np.float64) for _ in range(4))
    for array in (whole, cut, plain):
        array.vectors = start
    low.vectors = start % 2**32
    by_array_code(plain)
    for array in (whole, plain, low):
        array.update(x, d, 0.02)
    cut.update(x[:4], d[:4], 0.02)
    cut.update(x[4:], d[4:], 0.02)
    same_state(whole, cut)
    assert whole.weights == pytest.approx(plain.weights, abs=1e-12)
    assert start % 2**32 == start or not np.array_equal(whole.weights, low.weights)
    assert whole.vectors == start + 8


@pytest.mark.parametrize("length", [63, 64, 65, 100, 300])
def test_trains_of_any_length(length):
    """Compiled code has one word for a train; longer ones go another way to the same end."""
    pulses = PulseParameters(desired_bl=length, update_bl_management=False)
    fast, plain = (make(dtype=np.float64, pulses=pulses) for _ in range(2))
    by_array_code(plain)
    x, d = vectors(3, (5, 7))
    for array in (fast, plain):
        array.update(x, d, 0.05)
    assert fast.weights == pytest.approx(plain.weights, abs=1e-12)
    counter = without_noise(ConstantStep(dw_min=1.0, dw_min_dtod=0.0, w_max=1e9, w_min=-1e9))
    counts = make(counter, (1, 1), pulses, dtype=np.float64)
    counts.update(np.ones((1, 1)), np.ones((1, 1)), 1e9)
    assert counts.weights[0, 0] == pytest.approx(-length * counts.cells["dwmin_down"][0, 0])


# -- threads and processes -------------------------------------------------------------------


def trained(seed):
    array = make(shape=(40, 60), seed=seed)
    for number in range(3):
        array.update(*vectors(20, (40, 60), number), 0.02)
        array.age()
    return array.weights


def test_two_threads_at_once():
    wanted, got = [trained(seed) for seed in range(2)], [None, None]

    def work(seed):
        for _ in range(3):
            got[seed] = trained(seed)

    both = [threading.Thread(target=work, args=(seed,)) for seed in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join(60)
    assert all(np.array_equal(*pair) for pair in zip(wanted, got))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_does_the_same():
    wanted = [trained(seed) for seed in range(2)]
    with multiprocessing.get_context("fork").Pool(2) as pool:
        got = pool.map_async(trained, range(2)).get(timeout=60)
    assert all(np.array_equal(*pair) for pair in zip(wanted, got))
