"""Cores, states and parameters that version 0.1 saved are loaded, and go on as they would have.

``saved/cores.pickle`` was written by that version: pickled cores, the states of the same cores, and
what each gave for the next product.
"""

import copy
import pickle

import numpy as np
import pytest
from places import SAVED
from project_pickles import loads

from simulator import AnalogCore, CrossSimParameters

FILE = SAVED / "cores.pickle"
VIEWS = {"transposed", "masked"}


@pytest.fixture(scope="module")
def saved():
    return loads(FILE.read_bytes())


def names(without=()):
    return sorted(set(loads(FILE.read_bytes())["cores"]) - {"empty", *without})


def same_state(one, other):
    """Whether two states are the same, number for number."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same_state(one[k], other[k]) for k in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same_state, one, other))
    return np.array_equal(one, other, equal_nan=isinstance(one, np.ndarray))


@pytest.mark.parametrize("name", names())
def test_a_saved_core_gives_the_product_it_would_have_given(saved, name):
    core, wanted = loads(saved["cores"][name]), saved["results"][name]
    # The numbers were written on another machine, whose sums of five terms and whose normals may
    # differ in their last bits.
    np.testing.assert_allclose(core.get_matrix(), wanted["W"], rtol=1e-12, atol=1e-12)
    product = core @ wanted.get("input", saved["inputs"])
    np.testing.assert_allclose(product, wanted["y"], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", names(without=VIEWS))
def test_a_saved_state_goes_on_as_the_saved_core_does(saved, name):
    core = loads(saved["cores"][name])
    params = core.params if core.Ncores == 1 or name != "list" else core.chip.trees
    fresh = AnalogCore(np.zeros_like(saved["matrix"]), params, empty_matrix=True)
    if core.complex_valued:
        fresh = AnalogCore(np.zeros_like(saved["matrix"], complex), params, empty_matrix=True)
    fresh.set_state(saved["states"][name])
    assert same_state(fresh.get_state(parameters=False), saved["states"][name])
    x = saved["inputs"]
    # The core was saved as the state was taken, but its converters had gone on recording.
    assert same_state(core.get_state(parameters=False), saved["states"][name])
    np.testing.assert_array_equal(core @ x, fresh @ x)
    core.set_matrix(saved["matrix"][::-1].copy())
    fresh.set_matrix(saved["matrix"][::-1].copy())
    np.testing.assert_array_equal(core @ x, fresh @ x)
    assert same_state(core.get_state(), fresh.get_state())


def test_a_core_saved_before_it_was_programmed(saved):
    core = loads(saved["cores"]["empty"])
    assert core.dtype is None
    core.set_matrix(saved["matrix"])
    wanted = saved["matrix"] @ saved["inputs"]
    np.testing.assert_allclose(core @ saved["inputs"], wanted, rtol=0, atol=1e-14)


def test_what_was_recorded_comes_along(saved):
    core = loads(saved["cores"]["recorded"])
    (recorder,) = core.recorders(False)
    seen = recorder.values(0).size
    assert seen == saved["matrix"].shape[0] * saved["inputs"].shape[1]
    core @ saved["inputs"]
    assert recorder.values(0).size == 2 * seen


@pytest.mark.parametrize("name", names())
def test_a_loaded_core_can_be_saved_and_copied_again(saved, name):
    core = loads(saved["cores"][name])
    again, copied = loads(pickle.dumps(core)), copy.deepcopy(core)
    x = saved["results"][name].get("input", saved["inputs"])
    first = core @ x
    np.testing.assert_array_equal(again @ x, first)
    np.testing.assert_array_equal(copied @ x, first)


def test_saved_parameters(saved):
    tree = loads(saved["tree"])
    assert type(tree) is CrossSimParameters
    assert tree.xbar.device.programming_error.magnitude == 0.05
