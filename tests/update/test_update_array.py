"""Arrays that are updated by pulses: state, bad input, extremes, and what users bring."""

import copy
import pickle
from dataclasses import dataclass, replace

import numpy as np
import pytest
from step_arrays import DEVICES, make, same_state, vectors, without_noise

from simulator import InputError, ShapeError
from simulator.backend import Backend
from simulator.kernels import ReferenceKernels
from simulator.testing import fake_backend
from simulator.update import ConstantStep, ExactArray, PulseParameters, PulseType, StepDevice

PLAIN = Backend("numpy", np, ReferenceKernels(np))


# -- between updates -------------------------------------------------------------------------


def test_decay_leads_to_the_reset_weight():
    device = ConstantStep(lifetime=5.0, lifetime_dtod=0.2, reset=0.1, reset_dtod=0.02)
    array = make(device, dtype=np.float64)
    array.set_weights(np.full((5, 7), 0.2))
    for _ in range(3):
        before = array.weights.copy()
        array.age()
        factor, bias = array.cells["decay_scales"], array.cells["reset_bias"]
        wanted = (before - bias) * factor + bias
        wanted = np.clip(wanted, array.cells["min_bound"], array.cells["max_bound"])
        assert array.weights == pytest.approx(wanted, abs=1e-15)


def test_diffusion_is_a_random_walk():
    """Its variance grows by the squared rate of the cell in each update."""
    device = ConstantStep(diffusion=0.01, diffusion_dtod=0.3, w_max=1e3, w_min=-1e3)
    array, count = make(device, (100, 100), dtype=np.float64), 16
    for _ in range(count):
        array.age()
    rates = array.cells["diffusion_rates"]
    moved = array.weights[rates > 1e-4] / (rates[rates > 1e-4] * np.sqrt(count))
    assert abs(moved.mean()) <= 5 / np.sqrt(moved.size)
    assert abs(moved.var(ddof=1) - 1) <= 5 * np.sqrt(2 / (moved.size - 1))
    still = make(ConstantStep())
    still.set_weights(np.full((5, 7), 0.1))
    before = still.weights.copy()
    still.age()
    assert np.array_equal(still.weights, before)


def test_bounds_hold_through_everything():
    device = ConstantStep(diffusion=0.3, lifetime=3.0, reset=5.0)
    array = make(device)
    low, high = array.cells["min_bound"], array.cells["max_bound"]
    for number in range(4):
        array.update(*vectors(4, (5, 7), number), 0.5)
        assert ((array.weights >= low) & (array.weights <= high)).all()
        array.age()
        assert ((array.weights >= low) & (array.weights <= high)).all()
    array.set_weights(np.full((5, 7), 9.0))
    assert np.array_equal(array.weights, high)


# -- state -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DEVICES)
def test_a_state_continues_bit_for_bit(name):
    device = without_noise(DEVICES[name]) if name == "power" else DEVICES[name]
    array, other = make(device), make(device, seed=99)
    array.update(*vectors(6, (5, 7)), 0.02)
    array.age()
    other.set_state(pickle.loads(pickle.dumps(array.get_state())))
    same_state(array, other)
    for some in (array, other):
        some.update(*vectors(6, (5, 7), 1), 0.02)
        some.age()
    same_state(array, other)


def test_a_state_is_a_copy():
    array = make()
    state = array.get_state()
    before = copy.deepcopy(state)
    array.update(*vectors(6, (5, 7)), 0.02)
    assert np.array_equal(state["weights"], before["weights"])
    array.set_state(state)
    array.update(*vectors(6, (5, 7)), 0.02)
    assert np.array_equal(state["weights"], before["weights"])


DAMAGE = {
    "no weights": lambda s: s.pop("weights"),
    "no cells": lambda s: s.pop("cells"),
    "no population": lambda s: s.update(cells=None),
    "a cell missing": lambda s: s["cells"].pop("max_bound"),
    "another shape": lambda s: s.update(weights=np.zeros((7, 5))),
    "another shape of cells": lambda s: s["cells"].update(min_bound=np.zeros((5, 6))),
    "weights that are no numbers": lambda s: s.update(weights=np.full((5, 7), np.nan)),
    "weights beyond their type": lambda s: s.update(weights=np.full((5, 7), 1e300)),
    "complex weights": lambda s: s.update(weights=np.full((5, 7), 1j)),
    "text": lambda s: s.update(weights="weights"),
    "cells that are no numbers": lambda s: s["cells"].update(dwmin_up=np.full((5, 7), np.inf)),
    "a counter below zero": lambda s: s.update(vectors=-1),
    "a counter beyond the names of draws": lambda s: s.update(updates=1 << 47),
    "no number": lambda s: s.update(updates="many"),
    "no counter": lambda s: s.pop("updates"),
    "no seed": lambda s: s.pop("seed"),
    "a seed that is none": lambda s: s.update(seed=[1]),
    "no stream": lambda s: s.update(stream=None),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_state_is_refused_and_changes_nothing(damage):
    array, kept = make(), make()
    for some in (array, kept):
        some.update(*vectors(6, (5, 7)), 0.02)
    other = make(seed=4)
    other.update(*vectors(3, (5, 7)), 0.02)
    state = other.get_state()
    DAMAGE[damage](state)
    with pytest.raises(InputError, match=r"\(5, 7\)"):
        array.set_state(state)
    same_state(array, kept)


@pytest.mark.parametrize("state", [None, [], "state", 3])
def test_what_is_no_state_is_refused(state):
    for array in (make(), ExactArray((2, 3))):
        with pytest.raises(InputError, match="not the state"):
            array.set_state(state)


# -- bad input -------------------------------------------------------------------------------

BAD = {
    "NaN": lambda x, d: x.__setitem__((1, 2), np.nan),
    "infinite": lambda x, d: x.__setitem__((1, 2), -np.inf),
    "NaN in d": lambda x, d: d.__setitem__((2, 0), np.nan),
    "infinite in d": lambda x, d: d.__setitem__((2, 0), np.inf),
}


@pytest.mark.parametrize("kind", PulseType)
@pytest.mark.parametrize("bad", BAD)
def test_numbers_that_are_not_finite_are_refused_and_change_nothing(bad, kind):
    array, kept = (make(pulses=PulseParameters(pulse_type=kind)) for _ in range(2))
    for some in (array, kept):
        some.update(*vectors(3, (5, 7)), 0.02)
    x, d = vectors(4, (5, 7), 1)
    BAD[bad](x, d)
    with pytest.raises(InputError, match="finite"):
        array.update(x, d, 0.02)
    for lr in (np.nan, np.inf):
        with pytest.raises(InputError, match="learning rate"):
            array.update(*vectors(4, (5, 7)), lr)
    same_state(array, kept)


def test_shapes_that_do_not_fit_are_refused():
    array, x, d = make(), np.ones((3, 7)), np.ones((3, 5))
    before = array.weights.copy()
    for wrong in ((x[:, :6], d), (x, d[:, :4]), (x[:2], d), (x[0], d[0]), (d, x), (x[None], d)):
        for some in (array, ExactArray((5, 7))):
            with pytest.raises(ShapeError, match=r"\(n, 7\) and \(n, 5\)"):
                some.update(*wrong, 0.1)
    for wrong in (np.zeros((7, 5)), np.zeros(7), 1.0):
        with pytest.raises(ShapeError, match=r"\(5, 7\)"):
            array.set_weights(wrong)
    with pytest.raises(InputError, match="finite"):
        array.set_weights(np.full((5, 7), np.nan))
    for shape in ((0, 3), (3, 0), (3,), (-1, 2)):
        with pytest.raises(ShapeError, match="rows and columns"):
            make(shape=shape)
    with pytest.raises(InputError, match="complex128"):
        array.update(1j * x, d, 0.1)
    assert np.array_equal(array.weights, before)


@pytest.mark.parametrize("kind", PulseType)
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64", "bool", "float16", ">f4"])
def test_other_types_of_numbers_are_numbers(kind, dtype):
    """Also where the most negative one has no positive of its type."""
    rng = np.random.default_rng(0)
    x, d = rng.integers(0, 2, (4, 7)).astype(dtype), rng.integers(0, 2, (4, 5)).astype(dtype)
    if dtype == "int8":
        x[0], d[1] = -128, -128
    array, wanted = (make(pulses=PulseParameters(pulse_type=kind)) for _ in range(2))
    array.update(x, d, 0.01)
    wanted.update(x.astype(float), d.astype(float), 0.01)
    assert np.array_equal(array.weights, wanted.weights)
    assert array.weights.any()


# -- extremes --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", PulseType)
@pytest.mark.parametrize(
    ("x", "d", "lr"),
    [
        (1e-310, 1e-310, 1.0), (5e-324, 1.0, 1e-3), (1e30, 1e30, 0.1), (1.0, 1.0, 1e30),
        (1e200, 1e200, 1.0), (1e300, 1e300, 1.0), (1e-200, 1e200, 1.0), (1e200, 1e-200, 1.0),
        (1.0, 1.0, 5e-324), (1.0, 1.0, 1e300),
    ],
)  # fmt: skip
def test_extreme_numbers_saturate_or_vanish(kind, x, d, lr):
    """Weights stay within their bounds; a large product moves as far as a train can."""
    pulses = PulseParameters(pulse_type=kind, desired_bl=7)
    array = make(without_noise(ConstantStep(dw_min_dtod=0.0)), (3, 4), pulses, dtype=np.float64)
    product = lr * x * d if max(x, d) < 1e100 else lr * (x * d)
    values = np.full((2, 4), x), np.full((2, 3), d)
    if kind in (PulseType.NONE, PulseType.NONE_WITH_DEVICE) and not np.isfinite(product):
        with pytest.raises(InputError, match="finite"):
            array.update(*values, lr)
        assert not array.weights.any()
        return
    array.update(*values, lr)
    assert np.isfinite(array.weights).all()
    if kind == PulseType.NONE:
        return
    low, high = array.cells["min_bound"], array.cells["max_bound"]
    assert ((array.weights >= low) & (array.weights <= high)).all()
    if product < 1e-30:
        assert np.abs(array.weights).max() <= 1e-30
    elif product > 0.1 and kind != PulseType.NONE_WITH_DEVICE:
        steps = 14 * array.cells["dwmin_down"]
        assert array.weights == pytest.approx(np.maximum(-steps, low), rel=1e-12)


@pytest.mark.parametrize("kernels", ["own", "plain"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1)])
def test_arrays_of_one_line(shape, kernels):
    options = {} if kernels == "own" else {"backend": PLAIN}
    array = make(without_noise(ConstantStep()), shape, **options)
    x, d = np.ones((3, shape[1])), np.ones((3, shape[0]))
    array.update(x, d, 0.05)
    wanted = np.maximum(-3 * 31 * array.cells["dwmin_down"], array.cells["min_bound"])
    assert array.weights == pytest.approx(wanted, rel=1e-4)
    array.update(x[:0], d[:0], 0.05)
    assert array.weights == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize("name", DEVICES)
def test_cells_without_room_stay_where_they_are(name):
    array = make(replace(DEVICES[name], w_max=0.0, w_min=0.0, corrupt_devices_prob=0.0))
    before = array.weights.copy()
    array.update(*vectors(6, (5, 7)), 0.5)
    assert np.array_equal(array.weights, before)


# -- what users bring ------------------------------------------------------------------------


@dataclass(frozen=True)
class Halving(StepDevice):
    """Every step takes a weight half of the way to its bound."""

    def step_size(self, weights, up, cells):
        up = up + 0.0
        return 0.5 * (
            up * (cells["max_bound"] - weights) + (1 - up) * (weights - cells["min_bound"])
        )


@dataclass(frozen=True)
class Doubled(ConstantStep):
    """A known device with another step."""

    def step_size(self, weights, up, cells):
        return 2 * super().step_size(weights, up, cells)


@dataclass(frozen=True)
class Even(ConstantStep):
    """A known device with variation of its own."""

    def step_spread(self, weights, step, up, cells, xp):
        return 0.0 * step + 0.25


@dataclass(frozen=True)
class Toggling(ConstantStep):
    """A known device that does something else altogether."""

    def stepped(self, weights, up, cells, normal, xp):
        return xp.where(up, cells["max_bound"], cells["min_bound"])


@dataclass(frozen=True)
class Sloped(StepDevice):
    """Steps that change linearly with the weight, told by nothing else."""

    def affine(self, cells):
        up, down = cells["dwmin_up"], cells["dwmin_down"]
        return up, down, 0.5 * up, -0.5 * down


ONE_PULSE = PulseParameters(desired_bl=1, update_bl_management=False)


@pytest.mark.parametrize("own", [Halving, Doubled, Even, Toggling, Sloped])
def test_a_users_device_is_used(own):
    device = own(dw_min_std=0.0)
    array = make(device, (40, 50), ONE_PULSE, dtype=np.float64)
    held = np.random.default_rng(0).uniform(-0.1, 0.1, (40, 50))
    array.set_weights(held)
    held = array.weights.copy()
    array.update(np.ones((1, 50)), np.ones((1, 40)), 10.0)
    low, down = array.cells["min_bound"], array.cells["dwmin_down"]
    wanted = {
        Halving: held - 0.5 * (held - low), Doubled: held - 2 * down, Toggling: low,
        Sloped: held - (down - 0.5 * down * held), Even: None,
    }[own]  # fmt: skip
    if wanted is not None:
        assert array.weights == pytest.approx(np.maximum(wanted, low), rel=1e-12, abs=1e-15)
        return
    varied = (held - array.weights - down)[array.weights > low]
    assert 0.05 < varied.std() < 0.25


@pytest.mark.parametrize("name", DEVICES)
@pytest.mark.parametrize("kind", PulseType)
def test_another_module_of_arrays_gives_the_same(name, kind):
    """Nothing of the host meets what is on a device."""
    backend, pulses = fake_backend(), PulseParameters(pulse_type=kind, desired_bl=5)
    x, d = vectors(2, (3, 4))
    host = make(DEVICES[name], (3, 4), pulses, backend=PLAIN)
    host.update(x, d, 0.01)
    host.age()
    with backend.active():
        array = make(DEVICES[name], (3, 4), pulses, backend=backend)
        array.update(backend.asarray(x), backend.asarray(d), 0.01)
        array.age()
        same_state(array, host)
        array.set_state(host.get_state())


def test_without_a_seed_the_global_state_decides():
    """A script that seeds NumPy repeats itself, whether or not it names a population."""
    results = []
    for seed in (1, 1, 2):
        np.random.seed(seed)
        array = make(seed=None, device_seed=5)
        array.update(*vectors(5, (5, 7)), 0.01)
        results.append(array.weights.copy())
    assert np.array_equal(results[0], results[1])
    assert not np.array_equal(results[0], results[2])
