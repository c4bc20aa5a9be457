"""Devices written for CrossSim: normalised conductances, changed in place, NumPy's draws."""

import copy
import pickle

import numpy as np
import pytest

from simulator import AnalogCore, CrossSimParameters, ModelError, registry
from simulator.devices import Device, idevice
from simulator.legacy import definitions
from simulator.legacy.devices import METHODS


class flash_of_a_notebook(idevice.EmptyDevice):
    def programming_error(self, input_):
        input_ += np.random.normal(scale=0.02 * self.device_params.Rmin / 1e3, size=input_.shape)
        return input_

    def read_noise(self, input_):
        return input_ * (1 + 0.01 * np.random.normal(size=input_.shape))

    def drift_error(self, input_, time):
        return input_ * (1 - 0.01 * time) + np.random.normal(scale=0.02, size=input_.shape)

    def nonlinear_current(self, input_, voltages):
        return input_ * (voltages - 0.1 * voltages**3)


class half_of_a_device(idevice.EmptyDevice):
    def programming_error(self, input_):
        return input_ / 2


def params(*effects, model="flash_of_a_notebook"):
    p = CrossSimParameters()
    p.simulation.seed = 1
    p.xbar.device.infinite_on_off_ratio = True
    for effect in effects:
        node = getattr(p.xbar.device, effect)
        node.enable, node.model = True, model
    return p


def matrix():
    return np.random.default_rng(0).uniform(-1, 1, (30, 40))


def test_an_old_class_is_a_model_of_its_name():
    cls = registry.resolve("device", "flash_of_a_notebook")
    assert issubclass(cls, Device)
    assert all(cls.models(e) for e in ("programming", "read", "drift", "current"))
    half = registry.resolve("device", "half_of_a_device")
    assert half.models("programming")
    assert not any(half.models(e) for e in ("read", "drift", "current"))


def test_its_numbers_are_in_units_of_the_largest_conductance():
    core = AnalogCore(matrix(), params("programming_error", model="half_of_a_device"))
    np.testing.assert_allclose(core.get_matrix(), matrix() / 2, rtol=1e-12)


def test_its_draws_have_the_spread_that_it_asks_for():
    p = params("programming_error")
    p.xbar.device.Rmin, p.xbar.device.Rmax = 500, 5000
    p.core.style = "OFFSET"
    core = AnalogCore(matrix(), p)
    # Single cells: the weight range of 2 is one conductance range. Few reach zero.
    off = (core.get_matrix() - matrix()) / 2 / np.abs(matrix()).max()
    assert abs(off.std() - 0.01) < 5 * 0.01 / np.sqrt(2 * off.size)


def test_it_repeats_with_the_seed_and_leaves_the_generator_alone():
    p = params("programming_error", "read_noise")
    before = np.random.get_state()
    first, second = AnalogCore(matrix(), p), AnalogCore(matrix(), p)
    x = np.ones(40)
    assert np.array_equal(first @ x, second @ x)
    after = np.random.get_state()
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    assert not np.array_equal(first @ x, first @ x)
    other = pickle.loads(pickle.dumps(first))
    assert np.array_equal(first @ x, other @ x)
    assert np.array_equal(copy.deepcopy(first) @ x, other @ x)


def test_drift_takes_the_place_of_programming():
    p = params("drift_error", "programming_error")
    young = AnalogCore(matrix(), p)
    off = young.get_matrix() - matrix()
    # A normal error, less that of a cell at zero: max(0, N) has the variance 1/2 - 1/(2 pi).
    expected = 0.02 * np.sqrt(1.5 - 1 / (2 * np.pi))
    assert abs(off.std() / expected - 1) < 5 / np.sqrt(2 * off.size)
    young.time = 20.0
    p.xbar.device.time = 20.0
    assert np.array_equal(young.get_matrix(), AnalogCore(matrix(), p).get_matrix())
    loss = np.abs(young.get_matrix()).mean() / np.abs(matrix()).mean()
    assert 0.75 < loss < 0.85


def test_its_current_is_taken():
    p = params("nonlinear_IV")
    core = AnalogCore(matrix(), p)
    small, large = (np.full(40, v) for v in (1e-4, 1.0))
    np.testing.assert_allclose(core @ small, matrix() @ small, rtol=1e-6)
    np.testing.assert_allclose(core @ large, 0.9 * (matrix() @ large), rtol=1e-9)
    p.xbar.array.parasitics.enable, p.xbar.array.parasitics.Rp_row = True, 1.0
    wired = AnalogCore(matrix(), p) @ large
    assert 1e-4 < np.abs(wired - 0.9 * (matrix() @ large)).max() < 2.0


def test_an_effect_that_it_does_not_describe():
    with pytest.raises(ModelError, match="does not describe read"):
        AnalogCore(matrix(), params("read_noise", model="half_of_a_device"))


def test_an_old_method_on_a_model_of_the_engine_says_what_to_derive_from():
    with pytest.raises(ModelError, match=r"read_noise is a method .* simulator\.devices\.idevice"):

        class Mixed(Device):
            def read_noise(self, input_):
                return input_

    assert "Mixed" not in registry.names("device")


def test_every_method_of_an_old_model_is_one_that_the_engine_does_not_ask():
    assert set(definitions.DEVICE_METHODS) == set(METHODS)
    assert not any(hasattr(Device, name) for name in METHODS)
