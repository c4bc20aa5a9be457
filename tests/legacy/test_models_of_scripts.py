"""Device models written for CrossSim: what they see, what they remember, what copies carry."""

import contextlib
import copy
import pickle
import threading
import warnings

import numpy as np
import pytest

from simulator import (
    AnalogCore,
    CrossSimParameters,
    ModelError,
    OhmCoreWarning,
    devices,
    registry,
)
from simulator.devices import idevice
from simulator.devices.custom.SONOS import SONOS
from simulator.devices.generic_device import NormalProportionalDevice
from simulator.legacy import numbers

MATRIX = np.random.default_rng(0).uniform(0.1, 1, (4, 512))


def params(effect, model, **fields):
    p = CrossSimParameters()
    p.simulation.seed = 1
    node = getattr(p.xbar.device, effect)
    node.enable, node.model = True, model.__name__
    p.update(fields)
    return p


class TwoDimensional(idevice.EmptyDevice):
    """An error that depends on the place in the array, as CrossSim hands arrays over."""

    def programming_error(self, input_):
        rows, columns = input_.shape
        return input_ * np.linspace(1, 0.5, rows)[:, None] * np.ones(columns)


def test_a_model_sees_one_array_of_two_dimensions():
    held = AnalogCore(MATRIX, params("programming_error", TwoDimensional)).get_matrix()
    assert np.allclose(held, MATRIX * np.linspace(1, 0.5, 4)[:, None])


class RelativeToTheLargest(idevice.EmptyDevice):
    def programming_error(self, input_):
        return input_ + 0.1 * input_.max()


def test_a_model_sees_no_other_array():
    core = AnalogCore(MATRIX, params("programming_error", RelativeToTheLargest))
    # All weights are positive, so the second array of each pair is off everywhere.
    off = CrossSimParameters().xbar.device.Gmin_norm
    assert np.allclose(core.cores[0][0].core_neg.matrix, 1.1 * off)


class FixedPattern(idevice.EmptyDevice):
    """What it draws at its first read stays: telegraph traps, offsets of a chip."""

    pattern = None

    def read_noise(self, input_):
        if self.pattern is None:
            self.pattern = np.random.normal(scale=0.05, size=input_.shape)
        return input_ + self.pattern


@pytest.mark.parametrize("sampling", ["auto", "per_device"])
def test_a_model_remembers_what_it_drew(sampling):
    core = AnalogCore(
        MATRIX,
        params("read_noise", FixedPattern, **{"simulation.read_noise_sampling": sampling}),
    )
    assert np.array_equal(core @ np.ones(512), core @ np.ones(512))


def test_copies_of_a_core_carry_what_a_model_drew():
    core = AnalogCore(MATRIX, params("read_noise", FixedPattern))
    first = core @ np.ones(512)
    twins = [copy.deepcopy(core), pickle.loads(pickle.dumps(core))]
    for twin in (core, *twins, AnalogCore(MATRIX, params("read_noise", FixedPattern))):
        assert np.array_equal(twin @ np.ones(512), first)
    other = params("read_noise", FixedPattern)
    other.simulation.seed = 2
    assert not np.array_equal(AnalogCore(MATRIX, other) @ np.ones(512), first)


class Walking(idevice.EmptyDevice):
    """Wanders from read to read; a copy goes on from where the original is."""

    def __init__(self, device_params, weight_error_params):
        super().__init__(device_params, weight_error_params)
        self.walk = [0.0]

    def read_noise(self, input_):
        self.walk[0] += np.random.normal(scale=0.05)
        return input_ + self.walk[0] * np.linspace(0, 1, len(input_))[:, None]


def test_a_copy_goes_its_own_way():
    core = AnalogCore(MATRIX, params("read_noise", Walking))
    core @ np.ones(512)
    twin = copy.deepcopy(core)
    second = twin @ np.ones(512)
    assert np.array_equal(core @ np.ones(512), second)
    assert not np.array_equal(core @ np.ones(512), second)


class Dated(idevice.EmptyDevice):
    def drift_error(self, input_, time):
        return input_ * (1 - 0.1 * self.time) * (1 - 0.1 * self.device_params.time)


def test_a_model_that_is_kept_knows_the_time():
    p = params("drift_error", Dated, **{"xbar.device.infinite_on_off_ratio": True})
    core = AnalogCore(MATRIX, p)
    core.time = 2.0
    assert np.allclose(core.get_matrix(), 0.64 * MATRIX)


class HalvedGeneric(NormalProportionalDevice):
    def programming_error(self, input_):
        return 0.5 * input_


def test_a_model_derived_from_a_shipped_one():
    core = AnalogCore(MATRIX, params("programming_error", HalvedGeneric))
    assert np.allclose(core.get_matrix(), 0.5 * MATRIX)


class TwiceTheGeneric(NormalProportionalDevice):
    def read_noise(self, input_):
        return input_ + 2 * (super().read_noise(input_) - input_)


def test_a_derived_model_asks_the_one_it_is_derived_from():
    count, spreads = 2000, []
    for model, magnitude in ((NormalProportionalDevice, 0.04), (TwiceTheGeneric, 0.02)):
        p = params("read_noise", model)
        p.xbar.device.read_noise.magnitude = magnitude
        core = AnalogCore(MATRIX, p)
        spreads.append((core @ np.ones((512, count))).std(axis=1))
    assert spreads[0].all()
    # Two spreads of so many normals, to five standard errors of their ratio.
    assert (np.abs(spreads[1] / spreads[0] - 1) < 5 / np.sqrt(count)).all()


class QuietSONOS(SONOS):
    """Programmed and aged as the shipped model, and read without noise."""

    def read_noise(self, input_):
        return input_


@pytest.mark.parametrize("days", [0, 3])
def test_what_a_derived_model_does_not_say_is_that_of_the_shipped_one(days):
    found = []
    for model in (SONOS, QuietSONOS):
        p = params("drift_error", model, **{"xbar.device.Rmin": 1e5, "xbar.device.Rmax": 1e8})
        p.update({"xbar.device.programming_error": {"enable": True, "model": model.__name__}})
        p.xbar.device.time = days
        core = AnalogCore(np.full((40, 50), 0.5), p)
        found.append(core.cores[0][0].core_pos.matrix.ravel())
    shipped, derived = (np.asarray(g)[1:] for g in found)
    error = np.sqrt((shipped.var() + derived.var()) / shipped.size)
    assert abs(shipped.mean() - derived.mean()) < 5 * error
    assert shipped.std() > 0
    # Two spreads of so many normals, to five standard errors of their ratio.
    assert abs(derived.std() / shipped.std() - 1) < 5 / np.sqrt(shipped.size)


def test_shipped_models_stay_those_of_the_engine():
    assert registry.resolve("device", "SONOS") is devices.SONOS
    with pytest.raises(ModelError, match="from simulator.devices import SONOS"):
        type("InSiemens", (SONOS,), {"read_sigma": lambda self, siemens, cell: siemens})


class Clipped(idevice.EmptyDevice):
    """Never met by cells as programmed, often by those that have drifted."""

    def read_noise(self, input_):
        return np.maximum(input_ + np.random.normal(scale=0.02, size=input_.shape), 0.01)

    def drift_error(self, input_, time):
        return 0.15 * input_


@pytest.mark.parametrize("sampling", ["auto", "per_device"])
def test_aged_cells_that_are_clipped_have_the_mean_of_the_model(sampling):
    p = params("read_noise", Clipped, **{"simulation.read_noise_sampling": sampling})
    p.update({f"xbar.device.{name}": value for name, value in DRIFT.items()})
    core, count = AnalogCore(MATRIX, p), 400
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OhmCoreWarning)
        reads = core @ np.ones((512, count))
    # The same, from the model itself and the cells that the core holds.
    model = Clipped(p.xbar.device, p.xbar.device.read_noise)
    part, scale = core.cores[0][0], MATRIX.max() / p.xbar.device.Grange_norm
    np.random.seed(2)
    direct = [
        (model.read_noise(part.core_pos.matrix) - model.read_noise(part.core_neg.matrix)).sum(1)
        for _ in range(count)
    ]
    direct = scale * np.array(direct).T
    error = np.sqrt((reads.var(axis=1) + direct.var(axis=1)) / count)
    assert (np.abs(reads.mean(axis=1) - direct.mean(axis=1)) < 5 * error).all()


DRIFT = {"drift_error.enable": True, "drift_error.model": "Clipped", "time": 1}


class Counted(idevice.EmptyDevice):
    calls = 0

    def read_noise(self, input_):
        type(self).calls += 1
        return input_ + np.random.normal(scale=0.02, size=input_.shape)


def test_drawing_every_cell_asks_the_model():
    p = params("read_noise", Counted, **{"simulation.read_noise_sampling": "per_device"})
    core = AnalogCore(MATRIX, p)
    core @ np.ones((512, 2))
    Counted.calls = 0
    core @ np.ones((512, 20))
    assert Counted.calls >= 20


class BuildsACore(idevice.EmptyDevice):
    """Checks what it programs, with a core of another old model."""

    def programming_error(self, input_):
        AnalogCore(np.eye(2), params("programming_error", RelativeToTheLargest))
        return input_


def test_a_model_may_use_another(monkeypatch):
    # A lock of its own, of the same kind: other tests go on if this one hangs.
    plain = isinstance(numbers.GENERATOR, type(threading.Lock()))
    lock = threading.Lock() if plain else threading.RLock()
    monkeypatch.setattr(numbers, "GENERATOR", lock)
    state = np.random.get_state()

    def build():
        # A lock that was taken away, below, cannot be given back.
        with contextlib.suppress(RuntimeError):
            AnalogCore(np.eye(2), params("programming_error", BuildsACore))

    built = threading.Thread(target=build)
    built.start()
    built.join(timeout=2)
    hangs = built.is_alive()
    if hangs:
        lock.release()
        built.join()
    np.random.set_state(state)
    assert not hangs


def test_a_copy_is_of_the_class_of_its_core():
    def redefined(factor):
        class Redefined(idevice.EmptyDevice):
            def read_noise(self, input_):
                return factor * input_

        return Redefined

    core = AnalogCore(MATRIX, params("read_noise", redefined(0.5)))
    expected = core @ np.ones(512)
    redefined(0.25)
    assert np.array_equal(core @ np.ones(512), expected)


def test_a_copy_of_a_core_keeps_the_class_that_it_was_built_with():
    def redefined(factor):
        class RedefinedForCopies(idevice.EmptyDevice):
            def read_noise(self, input_):
                return factor * input_

        return RedefinedForCopies

    core = AnalogCore(MATRIX, params("read_noise", redefined(0.5)))
    redefined(0.25)
    assert np.array_equal(copy.deepcopy(core) @ np.ones(512), core @ np.ones(512))
