"""Device models written for CrossSim age as the others do."""

import copy

import numpy as np
from fading_cells import fading, matrix
from strategies import core_of

from simulator.devices import idevice


class OldDrift(idevice.EmptyDevice):
    def programming_error(self, input_):
        return input_ * 0.5

    def drift_error(self, input_, time):
        return input_ * (0.8 - 0.001 * time) + np.random.normal(scale=0.02, size=input_.shape)


class OldClock(idevice.EmptyDevice):
    def drift_error(self, input_, time):
        return input_ * (1 - 0.01 * self.device_params.time)


def old(model):
    return fading(model.__name__, xbar__device__infinite_on_off_ratio=True)


def test_old_devices_look_the_same_again():
    core = core_of(matrix(), old(OldDrift))
    core.time = 10.0
    core[2:4] = matrix()[2:4]
    held = core.get_matrix()
    core.time = core.time
    assert np.array_equal(core.get_matrix(), held)


def test_writing_one_old_cell_leaves_the_others():
    core = core_of(matrix(), old(OldDrift))
    core.time = 10.0
    held = core.get_matrix()
    core[0:1, 0:1] = matrix()[0:1, 0:1]
    core.time = core.time
    assert np.array_equal(core.get_matrix()[1:], held[1:])


def test_an_old_device_reads_the_time_of_its_parameters():
    p = old(OldClock)
    core = core_of(matrix(), p)
    core.time = p.xbar.device.time = 10.0
    np.testing.assert_allclose(core.get_matrix(), core_of(matrix(), p).get_matrix(), rtol=1e-12)


def test_drift_alone_at_time_zero_is_drift():
    ratio = core_of(matrix(), old(OldDrift)).get_matrix() / matrix()
    # Far apart: 0.8 with a spread of 0.02 of the largest weight, or 0.5 without any.
    assert abs(np.median(ratio) - 0.8) < 0.1


def test_old_devices_are_copied_with_their_history():
    core = core_of(matrix(), old(OldDrift))
    other = copy.deepcopy(core)
    core.time = other.time = 5.0
    assert np.array_equal(core.get_matrix(), other.get_matrix())
