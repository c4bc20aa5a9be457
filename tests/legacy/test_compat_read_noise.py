"""Read noise of devices written for CrossSim: drawn per output where that is the same."""

import copy
import pickle
import time
import warnings

import numpy as np
import pytest

from simulator import AnalogCore, CrossSimParameters, OhmCoreWarning
from simulator.devices import idevice
from simulator.legacy.moments import Law, law_of, moments


class additive_of_a_test(idevice.EmptyDevice):
    def read_noise(self, input_):
        input_ += np.random.normal(scale=0.02, size=input_.shape)
        return input_


class shot_of_a_test(idevice.EmptyDevice):
    """A mean that moves and a spread that follows the conductance, in single precision."""

    def read_noise(self, input_):
        z = np.random.randn(*input_.shape).astype(np.float32)
        return 0.98 * input_ - 0.03 * np.sqrt(input_ + 0.1) * z


class uniform_of_a_test(idevice.EmptyDevice):
    def read_noise(self, input_):
        return input_ + np.random.uniform(-0.05, 0.05, size=input_.shape)


class stopped_of_a_test(idevice.EmptyDevice):
    """No conductance below zero, as in the tutorials; so are many reads of off cells."""

    def read_noise(self, input_):
        input_ = input_ + np.random.normal(scale=0.05, size=input_.shape)
        input_[input_ < 0] = 0
        return input_


class limited_of_a_test(idevice.EmptyDevice):
    """Stays within the range of programming, as cells do that clip."""

    def read_noise(self, input_):
        noisy = input_ + np.random.uniform(-0.05, 0.05, size=input_.shape)
        return np.clip(noisy, self.Gmin_norm, self.Gmax_norm).astype(np.float32)


class clipped_of_a_test(idevice.EmptyDevice):
    def read_noise(self, input_):
        return np.clip(input_ + np.random.normal(scale=0.05, size=input_.shape), 0.1, 1)


class telegraph_of_a_test(idevice.EmptyDevice):
    def read_noise(self, input_):
        return input_ * np.where(np.random.random_sample(input_.shape) < 0.3, 0.9, 1.0)


class striped_of_a_test(idevice.EmptyDevice):
    """One draw for a whole column of cells: outputs do not average over their cells."""

    def read_noise(self, input_):
        return input_ * (1 + 0.05 * np.random.normal(size=input_.shape[-1:]))


class own_generator_of_a_test(idevice.EmptyDevice):
    generator = np.random.default_rng(5)

    def read_noise(self, input_):
        return input_ + self.generator.normal(scale=0.02, size=input_.shape)


class picky_of_a_test(idevice.EmptyDevice):
    """Follows its law everywhere but for cells that few models meet."""

    def read_noise(self, input_):
        z = np.random.normal(size=input_.shape)
        return input_ + np.where(input_ > 2, 0.04 * np.abs(z), 0.02 * z)


LAWFUL = [
    additive_of_a_test, shot_of_a_test, uniform_of_a_test, stopped_of_a_test, limited_of_a_test,
]  # fmt: skip
OTHERS = [clipped_of_a_test, telegraph_of_a_test, striped_of_a_test, own_generator_of_a_test]


def params(model, sampling="auto"):
    p = CrossSimParameters()
    p.simulation.seed = 1
    p.simulation.read_noise_sampling = sampling
    p.xbar.device.read_noise.enable = True
    p.xbar.device.read_noise.model = model.__name__
    if model is stopped_of_a_test:
        p.xbar.device.infinite_on_off_ratio = True
    p.xbar.device.clip_conductance = model is limited_of_a_test
    return p


def matrix():
    return np.random.default_rng(0).uniform(-1, 1, (6, 40))


def reads(model, sampling, count=600):
    """Outputs of many reads of one vector, (outputs, reads)."""
    x = np.linspace(-1, 1, 40)
    return AnalogCore(matrix(), params(model, sampling)) @ np.repeat(x[:, None], count, axis=1)


@pytest.mark.parametrize("model", LAWFUL)
def test_outputs_have_the_moments_of_single_cells(model):
    auto, single = reads(model, "auto"), reads(model, "per_device")
    count = auto.shape[1]
    error = np.sqrt((auto.var(axis=1) + single.var(axis=1)) / count)
    assert (np.abs(auto.mean(axis=1) - single.mean(axis=1)) < 5 * error).all()
    # A spread of n normals is known to 1 / sqrt(2 n) of itself.
    ratio = auto.std(axis=1) / single.std(axis=1)
    assert (np.abs(ratio - 1) < 5 / np.sqrt(count)).all()


@pytest.mark.parametrize("model", LAWFUL)
def test_a_law_makes_a_batch_as_cheap_as_a_few_products(model):
    core, x = AnalogCore(matrix(), params(model)), np.ones((40, 200))
    core @ x
    start = time.perf_counter()
    core @ x
    fast = time.perf_counter() - start
    core = AnalogCore(matrix(), params(model, "per_device"))
    start = time.perf_counter()
    core @ x
    # Cell by cell takes hundreds of times as long.
    assert fast < (time.perf_counter() - start) / 5


@pytest.mark.parametrize("model", OTHERS)
def test_anything_else_is_drawn_cell_by_cell(model):
    x = np.ones((40, 5))
    auto, single = (AnalogCore(matrix(), params(model, s)) for s in ("auto", "per_device"))
    if model is own_generator_of_a_test:
        model.generator = np.random.default_rng(5)
        first = auto @ x
        model.generator = np.random.default_rng(5)
        assert np.array_equal(first, single @ x)
    else:
        assert np.array_equal(auto @ x, single @ x)


@pytest.mark.parametrize("model", [additive_of_a_test, telegraph_of_a_test])
def test_both_ways_repeat_with_the_seed_and_travel(model):
    core, x = AnalogCore(matrix(), params(model)), np.ones((40, 3))
    state = np.random.get_state()[1].copy()
    y = core @ x
    assert np.array_equal(np.random.get_state()[1], state)
    assert np.array_equal(AnalogCore(matrix(), params(model)) @ x, y)
    twins = [copy.deepcopy(core), pickle.loads(pickle.dumps(core))]
    again = core @ x
    assert not np.array_equal(again, y)
    for twin in twins:
        assert np.array_equal(twin @ x, again)
    v = np.ones((3, 6))
    assert np.array_equal(twins[0] @ x, twins[1] @ x)
    assert np.array_equal(v @ twins[0], v @ twins[1])


@pytest.mark.parametrize("model", [stopped_of_a_test, limited_of_a_test])
def test_lines_that_stop_at_a_limit_are_found_exactly(model):
    cells = np.concatenate([np.zeros(999), [0.02, 0.5, 1.0, 1.04]]).reshape(1, 1, 17, 59)
    limits, law = (0.0, None), Law("normal", clips=True)
    if model is limited_of_a_test:
        cells, limits, law = cells.clip(0.1, 1.0), (0.1, 1.0), Law("uniform", clips=True)
    node = params(model).xbar.device
    old = model(node, node.read_noise)
    assert law_of(old.read_noise, limits[0], limits) == law
    mean, spread = moments(old.read_noise, cells, law, limits, old)
    # To single precision and the draws that happen to lie close to one another.
    np.testing.assert_allclose(mean, cells, atol=1e-3)
    np.testing.assert_allclose(np.median(spread), 0.05 if limits[0] == 0 else 0.1 / 12**0.5, 1e-5)
    np.testing.assert_allclose(spread, np.median(spread), rtol=0.02)


def test_noise_follows_the_cells():
    core = AnalogCore(matrix(), params(shot_of_a_test))
    x = np.ones((40, 2000))
    before = (core @ x).std(axis=1)
    core.set_matrix(matrix() * np.linspace(0.2, 1, 6)[:, None] ** 2)
    after = (core @ x).std(axis=1)
    assert after[0] < 0.9 * before[0]
    assert abs(after[-1] / before[-1] - 1) < 5 / np.sqrt(2000)


def test_cells_beyond_the_law_are_estimated_and_said_so():
    core = AnalogCore(matrix(), params(picky_of_a_test))
    with warnings.catch_warnings():
        warnings.simplefilter("error", OhmCoreWarning)
        core @ np.ones((40, 2))
    core.cores[0][0].core_pos.set_conductances(np.full((6, 40), 3.0))
    with pytest.warns(OhmCoreWarning, match="picky_of_a_test.read_noise.*64 draws"):
        y = core @ np.eye(40)
    # Of a pair: 3 plus a half-normal of 0.04, which is 0.032 on average, less the other cell.
    held = AnalogCore(matrix(), params(additive_of_a_test)).cores[0][0].core_neg.matrix
    scale = np.abs(matrix()).max() / 0.9
    excess = y / scale - (3 - held)
    # Mean of 240 cells: that of the half-normal, to five errors of both draws and estimates.
    spread = np.hypot(0.04 * np.sqrt(1 - 2 / np.pi), 0.02) * np.sqrt(1 + 1 / 64)
    assert abs(excess.mean() - 0.04 * np.sqrt(2 / np.pi)) < 5 * spread / np.sqrt(240)
