"""Forked processes draw noise of their own on one chip, and the same on every run."""

import copy
import io
import multiprocessing
import os

import numpy as np
import pytest

from simulator import AnalogCore, CrossSimParameters
from simulator.randomness import branches

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork"),
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
]
RNG = np.random.default_rng(0)
MATRIX, X = RNG.normal(size=(6, 20)), RNG.normal(size=(20, 3))
ADC = {"xbar.adc.mvm.model": "QuantizerADC", "xbar.adc.mvm.bits": 6,
       "xbar.adc.mvm.adc_range_option": "MAX"}  # fmt: skip
READ = {"xbar.device.read_noise.enable": True,
        "xbar.device.read_noise.model": "NormalProportionalDevice",
        "xbar.device.read_noise.magnitude": 0.1}  # fmt: skip
PROGRAMMING = {name.replace("read_noise", "programming_error"): v for name, v in READ.items()}
# Everything that a call draws.
DRAWS = {
    "read noise": READ,
    "read noise of each device": {**READ, "simulation.read_noise_sampling": "per_device"},
    "rounding": {**ADC, "xbar.adc.mvm.stochastic_rounding": True},
    "converter noise": {**ADC, "xbar.adc.mvm.input_noise": 0.5},
}


def core(changes, **options):
    params = CrossSimParameters()
    params.update({"simulation.seed": 4, **PROGRAMMING, **changes})
    return AnalogCore(MATRIX, params, **options)


def in_fork(call):
    """What a forked process makes of ``call()``, an array of floats."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            with os.fdopen(writing, "wb") as out:
                content = io.BytesIO()
                np.save(content, call())
                out.write(content.getvalue())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as source:
        found = np.load(io.BytesIO(source.read()))
    os.waitpid(child, 0)
    return found


@pytest.fixture
def no_forks_yet(monkeypatch):
    monkeypatch.setattr(branches, "_forks", {"count": 0})


@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.usefixtures("no_forks_yet")
def test_each_fork_draws_noise_of_its_own_and_the_same_again(name):
    def runs():
        branches._forks["count"] = 0
        inherited = core(DRAWS[name])
        inherited @ X
        workers = [in_fork(lambda: inherited @ X) for _ in range(3)]
        return [inherited @ X, *workers]

    first, again = runs(), runs()
    for got, wanted in zip(first, again, strict=True):
        assert np.array_equal(got, wanted)
    for i, one in enumerate(first):
        assert not any(np.array_equal(one, other) for other in first[i + 1 :])
    undisturbed = core(DRAWS[name])
    undisturbed @ X
    assert np.array_equal(undisturbed @ X, first[0])


@pytest.mark.parametrize("name", DRAWS)
def test_a_fork_has_the_same_chip(name):
    inherited = core(DRAWS[name])
    assert np.array_equal(in_fork(inherited.get_matrix), inherited.get_matrix())

    def programmed_there():
        inherited.set_matrix(2 * MATRIX)
        return inherited.get_matrix()

    there = in_fork(programmed_there)
    assert np.array_equal(there, programmed_there())


def test_a_core_that_is_built_in_a_fork_draws_as_anywhere():
    assert np.array_equal(in_fork(lambda: core(READ) @ X), core(READ) @ X)


def test_forks_of_forks_are_apart_too():
    inherited = core(READ)
    found = in_fork(
        lambda: np.stack([inherited @ X, *(in_fork(lambda: inherited @ X) for _ in range(2))])
    )
    everything = [*found, in_fork(lambda: inherited @ X), inherited @ X]
    assert len({one.tobytes() for one in everything}) == len(everything)


def test_copies_in_a_fork_draw_as_their_core_there():
    inherited = core(READ)

    def both():
        twin = copy.deepcopy(inherited)
        return np.stack([inherited @ X, twin @ X])

    one, other = in_fork(both)
    assert np.array_equal(one, other)


_inherited = None


def _worker(queue):
    queue.put(_inherited @ X)


def test_workers_of_multiprocessing_draw_apart():
    global _inherited
    _inherited = core(READ)
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    workers = [context.Process(target=_worker, args=(queue,)) for _ in range(3)]
    for worker in workers:
        worker.start()
    found = {queue.get().tobytes() for _ in workers}
    for worker in workers:
        worker.join()
    assert len(found) == 3


def test_numbers_of_forks_do_not_meet():
    names = [
        (),
        *((n,) for n in range(1, 200)),
        *((n, m) for n in range(1, 60) for m in range(1, 9)),
    ]
    assert len({branches.branch_number(name) for name in names}) == len(names)
