"""Drift: one history for each cell, the same at every look, and what makes up for it."""

import copy
import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from fading_cells import MEAN, SPREAD, fading, matrix, with_error
from strategies import core_of, set_style

from simulator import (
    AnalogCore,
    CrossSimParameters,
    InputError,
    ModelError,
    NotSupportedError,
    ParameterError,
)
from simulator.devices import Device, NormalProportionalDevice
from simulator.errors import OhmCoreWarning

# -- one history ----------------------------------------------------------------------------------


@pytest.mark.parametrize("style", ["one_sided", "offset", "unit", "sliced_balanced"])
def test_the_same_cells_move_on(style):
    p = with_error(fading())
    set_style(p, style)
    core, x = core_of(matrix(), p), np.linspace(-1, 1, 9)
    young, y = core.get_matrix(), core @ x
    core.time = 1e3
    old = core.get_matrix()
    assert not np.allclose(old, young)
    core.time = 50.0
    core.time = 1e3  # which way a time was reached does not matter
    assert np.array_equal(core.get_matrix(), old)
    core.time = 0
    assert np.array_equal(core.get_matrix(), young)
    assert np.array_equal(core @ x, y)
    p.xbar.device.time = 1e3
    assert np.array_equal(core_of(matrix(), p).get_matrix(), old)


def test_every_cell_keeps_its_exponent():
    p = fading(xbar__device__infinite_on_off_ratio=True)
    core = core_of(np.ones((60, 50)), p)
    young = core.get_matrix()
    exponents = []
    for time in (10.0, 1e5):
        core.time = time
        exponents.append(-np.log(core.get_matrix() / young) / np.log1p(time))
    np.testing.assert_allclose(*exponents, rtol=1e-9)
    values, count = exponents[0].ravel(), exponents[0].size
    assert abs(values.mean() - MEAN) < 5 * SPREAD / np.sqrt(count)
    assert abs(values.std() - SPREAD) < 5 * SPREAD / np.sqrt(2 * count)


@dataclass(frozen=True)
class FadingChip(Device):
    """G(t) = G0 (1 + t)^-nu with one exponent for all cells of a chip."""

    drift_draws_for_itself = True

    def drifted(self, siemens, normal, cell):
        return siemens * (1.0 + cell.time) ** -(MEAN + SPREAD * normal)


def exponents(p):
    core = AnalogCore(matrix(), p)
    core.time = 10.0
    return -np.log(core.get_matrix() / matrix()) / np.log(11.0)


def test_a_model_that_draws_for_itself_gets_one_number_for_all_cells_of_a_chip():
    p = fading("FadingChip", xbar__device__infinite_on_off_ratio=True)
    nu = exponents(p)
    np.testing.assert_allclose(nu, nu[0, 0], rtol=1e-9)
    p.core.rows_max = 4
    np.testing.assert_allclose(exponents(p), nu, rtol=1e-9)
    chips = []
    for seed in range(50):
        p.simulation.seed = seed
        chips.append(exponents(p)[0, 0])
    assert abs(np.mean(chips) - MEAN) <= 5 * SPREAD / np.sqrt(len(chips))
    assert np.std(chips) > 0.5 * SPREAD


def test_a_model_that_draws_for_itself_starts_from_programmed_cells():
    """A programming error set beside it is in the cells at the start, and fades with them."""
    p = with_error(fading("FadingChip", xbar__device__infinite_on_off_ratio=True))
    core = AnalogCore(matrix(), p)
    alone = with_error(fading("IdealDevice", xbar__device__infinite_on_off_ratio=True))
    start = AnalogCore(matrix(), alone).get_matrix()
    assert np.abs(start / matrix() - 1).max() > 0.05
    np.testing.assert_allclose(core.get_matrix(), start, rtol=1e-12)
    core.time = 10.0
    nu = -np.log(core.get_matrix() / start) / np.log(11.0)
    np.testing.assert_allclose(nu, nu[0, 0], rtol=1e-9)


def test_a_spread_that_contains_programming_is_drawn_once():
    targets = np.full((60, 50), 0.7)
    p = fading("SpreadingCell", core__mapping__weights__percentile=None,
               core__mapping__weights__min=-1.0, core__mapping__weights__max=1.0,
               xbar__device__infinite_on_off_ratio=True)  # fmt: skip
    core, scores = core_of(targets, p), []
    for time in (0.0, 5.0, 100.0):
        core.time = time
        scores.append((core.get_matrix() / targets - 1) / (0.05 + 0.001 * time))
        assert abs(scores[-1].std() - 1) < 5 / np.sqrt(2 * targets.size)
    np.testing.assert_allclose(scores[0], scores[1], rtol=1e-9)
    alone = fading("IdealDevice", core__mapping__weights__percentile=None,
                   core__mapping__weights__min=-1.0, core__mapping__weights__max=1.0,
                   xbar__device__infinite_on_off_ratio=True)  # fmt: skip
    programmed = core_of(targets, with_error(alone, "SpreadingCell")).get_matrix()
    core.time = 0
    np.testing.assert_allclose(core.get_matrix(), programmed, rtol=1e-12)


def test_another_programming_error_is_not_added_to_such_a_spread():
    alone = core_of(matrix(), fading("SpreadingCell")).get_matrix()
    with pytest.warns(OhmCoreWarning, match="contains that of programming"):
        core = AnalogCore(matrix(), with_error(fading("SpreadingCell"), magnitude=0.5))
    assert np.array_equal(core.get_matrix(), alone)


def test_programming_anew_draws_anew_and_parts_keep_their_history():
    core = core_of(matrix(), fading())
    core.time = 100.0
    before = core.get_matrix()
    core[2:4] = matrix()[2:4]
    after = core.get_matrix()
    assert np.array_equal(np.delete(after, [2, 3], 0), np.delete(before, [2, 3], 0))
    assert not np.allclose(after[2:4], before[2:4], rtol=1e-6)
    core.time = 0
    np.testing.assert_allclose(core.get_matrix(), matrix(), rtol=1e-12)


def test_drift_does_not_depend_on_tiles():
    p = with_error(fading())
    whole = core_of(matrix(), p)
    p.core.rows_max, p.core.cols_max = 4, 5
    cut = core_of(matrix(), p)
    for core in (whole, cut):
        core.time = 1e4
    assert np.array_equal(whole.get_matrix(), cut.get_matrix())


@pytest.mark.parametrize("how", [copy.deepcopy, lambda core: pickle.loads(pickle.dumps(core))])
def test_copies_are_of_the_same_age(how):
    core = core_of(matrix(), with_error(fading()))
    core.time = 30.0
    other = how(core)
    for time in (30.0, 0.0, 1e4):
        core.time = other.time = time
        assert np.array_equal(core.get_matrix(), other.get_matrix())


@pytest.mark.parametrize("style", ["one_sided", "sliced_unit"])
def test_saved_cells_keep_their_history(style):
    p = with_error(fading())
    set_style(p, style)
    core, other = core_of(matrix(), p), core_of(np.zeros((12, 9)), p)
    core.time = 30.0
    other.set_state(core.get_state())
    assert other.time == 30.0
    for time in (30.0, 0.0, 1e4):
        core.time = other.time = time
        assert np.array_equal(core.get_matrix(), other.get_matrix())


def test_a_state_without_history_does_not_fit_cells_that_drift():
    core = core_of(matrix(), fading())
    kept = core.get_matrix()
    with pytest.raises(InputError, match="drift"):
        core.set_state(core_of(matrix(), CrossSimParameters()).get_state())
    assert np.array_equal(core.get_matrix(), kept)


@pytest.mark.parametrize("time", [-1.0, float("nan"), float("inf"), "soon", True, None])
def test_times_that_cannot_be(time):
    core = core_of(matrix(), fading())
    with pytest.raises(ParameterError, match="time"):
        core.time = time
    assert core.time == 0


def test_a_time_that_the_model_refuses_changes_nothing():
    core = core_of(matrix(), fading("SpreadingCell"))
    core.time = 20.0
    kept = core.get_matrix()
    with pytest.raises(ModelError, match="100 seconds"):
        core.time = 101.0
    assert core.time == 20.0
    assert np.array_equal(core.get_matrix(), kept)


def test_a_model_of_programming_alone_does_not_drift():
    assert not NormalProportionalDevice.models("drift")
    with pytest.raises(ModelError, match="drift"):
        core_of(matrix(), fading("NormalProportionalDevice"))


# -- making up for it -----------------------------------------------------------------------------


@pytest.mark.parametrize("style", ["one_sided", "offset", "unit", "sliced_balanced"])
@pytest.mark.parametrize("bits", [0, 8])
def test_one_factor_makes_up_for_what_all_weights_lose(style, bits):
    """The factor is that of a readout of every column by itself, then and now."""
    p = fading()
    set_style(p, style)
    if bits:
        p.xbar.adc.mvm.model, p.xbar.adc.mvm.bits = "QuantizerADC", bits
        p.xbar.adc.mvm.adc_range_option = "MAX"
    x = np.random.default_rng(3).uniform(-1, 1, (9, 4))
    plain = core_of(matrix(), p)
    p.simulation.drift_compensation = "global"
    core = core_of(matrix(), p)
    young = core.get_matrix()
    assert np.array_equal(core @ x, plain @ x)
    core.time = plain.time = 1e4
    factor = np.abs(young).sum() / np.abs(core.get_matrix()).sum()
    assert factor > 1.1 or style == "offset"  # its cells fade, its digital offset does not
    np.testing.assert_allclose(core @ x, factor * (plain @ x), rtol=1e-9, atol=1e-12)


def test_compensation_scales_read_noise_with_the_signal():
    p = fading(xbar__device__read_noise__enable=True,
               xbar__device__read_noise__model="NormalProportionalDevice",
               xbar__device__read_noise__magnitude=0.05)  # fmt: skip
    x = np.random.default_rng(3).uniform(-1, 1, (9, 4))
    plain = core_of(matrix(), p)
    p.simulation.drift_compensation = "global"
    core = core_of(matrix(), p)
    core.time = plain.time = 1e4
    ratio = (core @ x) / (plain @ x)
    np.testing.assert_allclose(ratio, ratio[0, 0], rtol=1e-9)


@pytest.mark.parametrize("transposed", [False, True], ids=["MVM", "VMM"])
@pytest.mark.parametrize("bits", [0, 16])
@pytest.mark.parametrize("style", ["one_sided", "sliced_balanced"])
def test_every_tile_makes_up_for_its_own_loss(style, bits, transposed):
    p = fading(core__rows_max=4, core__cols_max=5, core__mapping__weights__percentile=None,
               core__mapping__weights__min=-1.0, core__mapping__weights__max=1.0)  # fmt: skip
    set_style(p, style)
    line = p.xbar.adc.vmm if transposed else p.xbar.adc.mvm
    if bits:
        p.xbar.adc.match = False
        line.model, line.bits, line.adc_range_option = "QuantizerADC", bits, "MAX"
    p.simulation.drift_compensation = "per_tile"
    core = core_of(matrix(), p)
    young = core.get_matrix()
    core.time = 1e4
    old = core.get_matrix()
    wanted = np.empty_like(old)
    for rows in (slice(first, end) for _, first, end in core.row_partition_bounds):
        for cols in (slice(first, end) for _, first, end in core.col_partition_bounds):
            then, now = np.abs(young[rows, cols]).sum(), np.abs(old[rows, cols]).sum()
            wanted[rows, cols] = old[rows, cols] * then / now
    x = np.random.default_rng(3).uniform(-1, 1, (4, 12) if transposed else (9, 4))
    got, exact = (x @ core, x @ wanted) if transposed else (core @ x, wanted @ x)
    # Half a step of each of three tiles, of full scale 5 and gain below 2; slices weigh up to 17.
    steps = 3 * 2 * 5 / (2**16 - 1) * (17 if style == "sliced_balanced" else 1) if bits else 1e-12
    np.testing.assert_allclose(got, exact, rtol=0, atol=steps / 0.9)


def test_a_common_offset_has_no_loss_of_one_tile():
    p = fading(core__style="OFFSET", simulation__drift_compensation="per_tile")
    with pytest.raises(ParameterError, match="per_tile"):
        core_of(matrix(), p)
    p.core.offset.style = "UNIT_COLUMN_SUBTRACTION"
    p.xbar.adc.mvm.model, p.xbar.adc.mvm.bits = "QuantizerADC", 8
    p.xbar.adc.mvm.adc_range_option = "MAX"
    core = core_of(matrix(), p)
    core.time = 1e4
    assert np.isfinite(core @ np.ones(9)).all()
    with pytest.raises(NotSupportedError, match="per_tile"):
        np.ones(12) @ core
