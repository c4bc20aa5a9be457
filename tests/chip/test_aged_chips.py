"""A chip that is looked at later is the same chip, older."""

from dataclasses import dataclass

import numpy as np
import pytest
from fading_cells import fading, matrix, with_error
from strategies import core_of, set_style

from simulator import CrossSimParameters, InputError, ParameterError
from simulator.devices import Device

X = np.random.default_rng(3).uniform(-1, 1, (9, 4))
COMPENSATED = {"simulation__drift_compensation": "global"}


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


def old(model):
    return fading(model.__name__, xbar__device__infinite_on_off_ratio=True)
