"""Corners of drift, of converter circuits and of old devices that a second pair of eyes tried."""

import copy
from dataclasses import dataclass

import numpy as np
import pytest
from fading_cells import fading, matrix, with_error
from strategies import core_of, set_style

from simulator import AnalogCore, CrossSimParameters, InputError, ParameterError
from simulator.devices import Device, idevice

X = np.random.default_rng(3).uniform(-1, 1, (9, 4))
COMPENSATED = {"simulation__drift_compensation": "global"}


def two_arrays(**changes):
    """Parameters of two arrays, 9 inputs cut into two parts."""
    p = fading(core__rows_max=6, **changes)
    return [p.copy(), p.copy()]


def ages(core):
    return [hardware.cell.time for hardware in core.chip.hardware]


# -- one history ----------------------------------------------------------------------------------


@pytest.mark.parametrize("style", ["one_sided", "unit", "sliced_balanced"])
def test_looking_again_changes_nothing(style):
    p = with_error(fading(**COMPENSATED))
    set_style(p, style)
    core = core_of(matrix(), p)
    core.time = 1e3
    core[2:4, 1:7:2] = matrix()[2:4, 1:7:2]
    held, y = core.get_matrix(), core @ X
    core.time = core.time
    assert np.array_equal(core.get_matrix(), held)
    assert np.array_equal(core @ X, y)


def test_looking_again_changes_nothing_after_set_conductances():
    core = core_of(matrix(), fading())
    core.time = 1e3
    core.cores[0][0].core_pos.set_conductances(np.full((12, 9), 0.5))
    held = core.get_matrix()
    core.time = core.time
    np.testing.assert_allclose(core.get_matrix(), held, rtol=1e-12)


def test_a_restored_core_has_the_gain_of_the_saved_one():
    core, other = (core_of(matrix(), fading(**COMPENSATED)) for _ in range(2))
    core.time = 1e4
    array = core.cores[0][0].core_pos
    array.set_conductances(array.matrix * 0.3)
    other.set_state(core.get_state())
    np.testing.assert_allclose(other @ X, core @ X, rtol=1e-12)


@pytest.mark.parametrize("mode", ["none", "global", "per_tile"])
def test_a_time_set_before_programming_counts(mode):
    p = fading(simulation__drift_compensation=mode)
    empty = core_of(matrix(), p, empty_matrix=True)
    empty.time = 1e3
    empty.set_matrix(matrix())
    core = core_of(matrix(), p)
    core.time = 1e3
    assert np.array_equal(empty @ X, core @ X)
    assert np.array_equal(X.T @ empty.T, X.T @ core.T)


def test_complex_cells_have_one_history():
    p = fading(core__complex_matrix=True, **COMPENSATED)
    target = matrix() + 1j * matrix()[::-1]
    core = core_of(target, p)
    core.time = 1e3
    old = core.get_matrix()
    core[2:4] = target[2:4]
    assert np.array_equal(np.delete(core.get_matrix(), [2, 3], 0), np.delete(old, [2, 3], 0))
    other = core_of(np.ones_like(target), p)
    other.set_state(core.get_state())
    core.time = 1e3
    assert np.array_equal(core @ (X + 1j), other @ (X + 1j))


def test_wires_and_views_see_the_age_of_the_cells():
    p = with_error(fading(core__rows_max=4, core__cols_max=5, **COMPENSATED))
    wires = p.xbar.array.parasitics
    wires.enable, wires.Rp_row, wires.Rp_col = True, 1e-3, 1e-3
    core = core_of(matrix(), p)
    view = core.T
    core @ np.repeat(X, 20, 1), view @ np.ones(12)
    core.time = p.xbar.device.time = 1e3
    fresh = core_of(matrix(), p)
    for now, then in ((core @ X, fresh @ X), (view @ np.ones(12), np.ones(12) @ fresh)):
        # One is solved vector by vector, the other may have its effective matrix by now.
        np.testing.assert_allclose(now, then, rtol=0, atol=1e-9)
    assert np.array_equal(core.get_matrix(), fresh.get_matrix())


def test_noise_of_outputs_and_of_cells_agree_in_aged_tiles():
    """Compensated tile by tile: 4000 reads, mean and spread within 5 standard errors."""
    count, moments = 4000, []
    for sampling in ("per_output", "per_device"):
        p = fading(core__rows_max=5, core__cols_max=6, simulation__read_noise_sampling=sampling,
                   simulation__drift_compensation="per_tile")  # fmt: skip
        noise = p.xbar.device.read_noise
        noise.enable, noise.model, noise.magnitude = True, "NormalProportionalDevice", 0.05
        core = core_of(matrix(), p)
        core.time = 1e4
        y = core @ np.ones((9, count))
        moments.append((y.mean(1), y.std(1)))
    (mean, spread), (other_mean, other_spread) = moments
    assert (np.abs(mean - other_mean) < 5 * spread * np.sqrt(2 / count)).all()
    assert (np.abs(spread / other_spread - 1) < 5 * np.sqrt(1 / count)).all()


# -- times ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [np.int64, np.float32])
def test_times_may_be_numbers_of_numpy(kind):
    core = core_of(matrix(), fading())
    core.time = kind(3)
    assert core.time == 3.0


def test_a_time_beyond_all_floats_is_named():
    with pytest.raises(ParameterError, match="time"):
        core_of(matrix(), fading()).time = 10**400


@dataclass(frozen=True)
class BendsWithAge(Device):
    """A cell whose current bends more the older it is."""

    def current(self, siemens, volts, cell):
        return siemens * (volts - 0.1 * (1 + cell.time) * volts**3)

    def slope(self, siemens, volts, cell):
        return siemens * (1 - 0.3 * (1 + cell.time) * volts**2)


def test_nonlinear_currents_see_the_time():
    p = CrossSimParameters()
    p.xbar.device.nonlinear_IV.enable, p.xbar.device.nonlinear_IV.model = True, "BendsWithAge"
    p.xbar.device.Vread = 0.5
    core = core_of(matrix(), p)
    core.time = p.xbar.device.time = 2.0
    np.testing.assert_allclose(core @ X, core_of(matrix(), p) @ X, rtol=0, atol=1e-12)


def test_states_of_other_times_and_hardware_change_nothing():
    core = core_of(matrix(), fading("SpreadingCell"))
    core.time, kept = 20.0, core.get_state()
    before = core.get_matrix()
    for change in ({"time": 1e3}, {"time": float("nan")}, {"born": []}, {"born": [[]]}):
        with pytest.raises(InputError):
            core.set_state({**kept, **change})
    assert core.time == 20.0
    assert np.array_equal(core.get_matrix(), before)


# -- arrays with parameters of their own ----------------------------------------------------------


def test_arrays_of_one_matrix_are_of_one_age():
    trees = two_arrays()
    trees[1].xbar.device.time = 1e4
    with pytest.raises(ParameterError, match="time"):
        core_of(matrix(), trees)
    core, other = (core_of(matrix(), two_arrays()) for _ in range(2))
    core.time = 1e4
    other.set_state(core.get_state())
    assert ages(other) == ages(core)
    assert set(ages(core)) == {1e4}


def test_compensation_belongs_to_the_whole_matrix():
    trees = two_arrays()
    trees[1].simulation.drift_compensation = "global"
    with pytest.raises(ParameterError, match="drift_compensation"):
        core_of(matrix(), trees)


def test_one_factor_comes_from_a_readout_of_all_weights():
    trees = two_arrays(**COMPENSATED)
    trees[1].xbar.device.drift_error.enable = False
    core = core_of(matrix(), trees)
    young = np.abs(core.get_matrix()).sum()
    core.time = 1e4
    factor = young / np.abs(core.get_matrix()).sum()
    np.testing.assert_allclose(core @ X, factor * (core.get_matrix() @ X), rtol=1e-9, atol=1e-12)


def test_arrays_of_different_style_take_back_their_own_state():
    trees = two_arrays()
    set_style(trees[1], "unit")
    core = core_of(matrix(), trees)
    core.set_state(core.get_state())


def test_an_unprogrammed_core_has_no_reach():
    with pytest.raises(InputError, match="not been programmed"):
        assert core_of(np.eye(3), CrossSimParameters(), empty_matrix=True).linear_reach


# -- devices in the form of CrossSim --------------------------------------------------------------


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


# -- converter circuits ---------------------------------------------------------------------------


def circuits(model, shape, style, group):
    p = CrossSimParameters()
    p.simulation.seed, p.core.rows_max, p.core.cols_max = 2, 4, 7
    set_style(p, style)
    adc = p.xbar.adc.mvm
    adc.sigma_comparator = adc.sigma_capacitor = adc.sigma_C1 = 0.03
    adc.group_size = group
    adc.model, adc.bits, adc.adc_range_option = model, 6, "MAX"
    return core_of(np.random.default_rng(0).uniform(-1, 1, shape), p)


@pytest.mark.parametrize("model", ["SarADC", "PipelineADC", "CyclicADC", "RampADC"])
@pytest.mark.parametrize("group", [1, 3, 10**6])
@pytest.mark.parametrize("style", ["one_sided", "unit"])
def test_groups_of_any_size_convert_alike_in_batches_and_alone(model, group, style):
    for shape in ((1, 1), (1, 9), (20, 1), (20, 9)):
        core = circuits(model, shape, style, group)
        x = np.random.default_rng(1).uniform(-1, 1, (shape[1], 5))
        together, apart = core @ x, np.stack([core @ x[:, i] for i in range(5)], 1)
        # Inputs are generic: none lies within rounding of a threshold.
        np.testing.assert_allclose(together, apart, rtol=0, atol=1e-12)
        v = np.random.default_rng(2).uniform(-1, 1, (3, shape[0]))
        np.testing.assert_allclose(v @ core, np.stack([r @ core for r in v]), atol=1e-12)


def test_a_circuit_that_is_switched_off_is_not_checked():
    p = CrossSimParameters()
    adc = p.xbar.adc.mvm
    adc.model, adc.bits, adc.stochastic_rounding = "SarADC", 0, True
    np.testing.assert_allclose(AnalogCore(matrix(), p) @ X, matrix() @ X, atol=1e-12)
