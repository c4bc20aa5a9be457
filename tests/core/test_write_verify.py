"""Write and verify: its statistics are those of accept and reject."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import STYLES, conductances, core_of, set_style

from simulator import CrossSimParameters
from simulator.errors import InputError, OhmCoreWarning, ShapeError
from simulator.update import ConstantStep, PulsedArray, PulseParameters, SoftBounds

SIGMA = 0.02
MATRIX = np.random.default_rng(0).uniform(-1, 1, (80, 60))


def params_of(style="one_sided", model="NormalIndependentDevice", seed=9, **fields):
    params = CrossSimParameters()
    params.simulation.seed = seed
    set_style(params, style)
    # Far from the limits of the cells, no error is cut off.
    params.xbar.device.infinite_on_off_ratio = False
    params.xbar.device.Rmin, params.xbar.device.Rmax = 1e4, 2e4
    node = params.xbar.device.programming_error
    node.enable, node.model = True, model
    for name, value in (fields or {"magnitude": SIGMA}).items():
        setattr(node, name, value)
    return params


def truncated_variance(ratio):
    """Variance of a standard normal that is accepted within +-ratio."""
    density = math.exp(-(ratio**2) / 2) / math.sqrt(2 * math.pi)
    return 1 - 2 * ratio * density / math.erf(ratio / math.sqrt(2))


@pytest.mark.parametrize("ratio", [0.3, 1.0, 2.0])
@pytest.mark.parametrize("style", ["one_sided", "sliced_offset", "unit"])
def test_tries_are_geometric_and_errors_a_truncated_normal(style, ratio):
    core = core_of(MATRIX, params_of(style))
    result = core.write_verify(MATRIX, tolerance=ratio * SIGMA, max_iterations=1000)
    p, n = math.erf(ratio / math.sqrt(2)), result.writes.size
    assert result.failures == 0
    assert np.abs(result.errors).max() <= ratio * SIGMA
    # Tries have the mean 1 / p and the variance (1 - p) / p^2.
    assert abs(result.total / n - 1 / p) < 5 * math.sqrt((1 - p) / n) / p
    for tries in (1, 2, 3):
        share = p * (1 - p) ** (tries - 1)
        assert abs(result.histogram[tries] / n - share) < 5 * math.sqrt(share * (1 - share) / n)
    wanted = truncated_variance(ratio) * SIGMA**2
    squares = result.errors**2
    assert abs(squares.mean() - wanted) < 5 * squares.std() / math.sqrt(n)
    assert abs(result.errors.mean()) < 5 * math.sqrt(wanted / n)
    assert result.error_sigma == pytest.approx(math.sqrt(squares.mean()))


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("model", ["NormalProportionalDevice", "UniformIndependentDevice"])
def test_the_first_programming_is_that_of_set_matrix(style, model):
    matrix = MATRIX[:7, :9]
    params = params_of(style, model, magnitude=0.05)
    params.core.rows_max, params.core.cols_max = 4, 5
    plain, verified = (core_of(0 * matrix, params) for _ in range(2))
    plain.set_matrix(matrix)
    result = verified.write_verify(matrix, tolerance=math.inf)
    assert (result.writes == 1).all()
    np.testing.assert_array_equal(verified.get_matrix(), plain.get_matrix())
    # And what comes next draws new numbers, the same ones in both.
    for core in (plain, verified):
        core.set_matrix(matrix)
    np.testing.assert_array_equal(verified.get_matrix(), plain.get_matrix())


@pytest.mark.parametrize("style", STYLES)
def test_what_is_told_is_what_the_cells_hold_whatever_the_tiles(style):
    matrix = MATRIX[:9, :8]
    whole = core_of(matrix, params_of(style))
    ideal = CrossSimParameters()
    set_style(ideal, style)
    ideal.xbar.device.Rmin, ideal.xbar.device.Rmax = 1e4, 2e4
    told = whole.write_verify(matrix, tolerance=0.005)
    targets = list(conductances(core_of(matrix, ideal)).values())
    held = list(conductances(whole).values())
    errors = told.errors.reshape(-1, *matrix.shape)
    np.testing.assert_allclose(np.array(held) - targets, errors, atol=1e-12)
    params = params_of(style)
    params.core.rows_max, params.core.cols_max = 4, 3
    cut = core_of(matrix, params).write_verify(matrix, tolerance=0.005)
    np.testing.assert_array_equal(cut.writes, told.writes)
    np.testing.assert_allclose(cut.errors, told.errors, atol=1e-12)


def test_a_verified_core_is_exacter_and_repeats():
    first, second, plain = (core_of(MATRIX, params_of()) for _ in range(3))
    results = [
        core.write_verify(MATRIX, tolerance=0.002, max_iterations=2000) for core in (first, second)
    ]
    np.testing.assert_array_equal(first.get_matrix(), second.get_matrix())
    np.testing.assert_array_equal(results[0].writes, results[1].writes)
    off, before = (np.abs(core.get_matrix() - MATRIX).max() for core in (first, plain))
    assert off <= 2 * 0.002 * 2 + 1e-9
    assert before > 4 * off
    x = MATRIX[0]
    np.testing.assert_allclose(first @ x, first.get_matrix() @ x, rtol=1e-9)


def test_what_devices_keep_for_life_no_programming_mends():
    params = params_of(
        model="VariabilityDevice", device_to_device=SIGMA, relative_to="Gmax", cycle_to_cycle=0.0
    )
    core = core_of(MATRIX, params)
    with pytest.warns(OhmCoreWarning, match="cells were written 5 times and are further") as said:
        result = core.write_verify(MATRIX, tolerance=SIGMA, max_iterations=5)
    assert said[0].filename == __file__
    share = 1 - math.erf(1 / math.sqrt(2))
    n = result.writes.size
    assert abs(result.failures / n - share) < 5 * math.sqrt(share * (1 - share) / n)
    np.testing.assert_array_equal(result.writes, np.where(result.failed, 5, 1))


def test_cells_age_from_where_they_were_accepted():
    params = params_of()
    drift = params.xbar.device.drift_error
    drift.enable, drift.model, params.xbar.device.time = True, "PCM", 0.0
    params.xbar.device.Rmin, params.xbar.device.Rmax = 4e4, 4e6
    core = core_of(MATRIX[:6, :5], params)
    result = core.write_verify(MATRIX[:6, :5], tolerance=0.001, max_iterations=2000)
    state = core.get_state()
    start = state["born"][0][0]
    np.testing.assert_allclose(
        start - result.errors, conductances_of(MATRIX[:6, :5], params), atol=1e-12
    )
    core.time = 1e6
    assert not np.allclose(core.get_matrix(), MATRIX[:6, :5], atol=0.05)


def conductances_of(matrix, params):
    ideal = params.copy()
    ideal.xbar.device.programming_error.enable = False
    ideal.xbar.device.drift_error.enable = False
    return np.array(list(conductances(core_of(matrix, ideal)).values()))[None]


def test_a_core_without_error_is_written_once():
    params = CrossSimParameters()
    result = core_of(MATRIX, params).write_verify(MATRIX, tolerance=0.0)
    assert (result.writes == 1).all()
    assert not result.errors.any()
    assert "9600 programmings, 1 a cell" in str(result)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tolerance": -1}, "tolerance: got -1; allowed is a number from 0"),
        ({"tolerance": math.nan}, "tolerance: got nan"),
        ({"tolerance": "1"}, None),
        ({"max_iterations": 0}, "max_iterations: got 0; allowed is a whole number from 1"),
        ({"max_iterations": 2.5}, "max_iterations: got 2.5"),
    ],
)
def test_rules_that_cannot_be_meant_are_named(options, words):
    core = core_of(MATRIX, params_of())
    if words is None:
        assert core.write_verify(MATRIX, **options).tolerance == 1.0
        return
    before = core.get_matrix()
    with pytest.raises(InputError, match=words):
        core.write_verify(MATRIX, **options)
    np.testing.assert_array_equal(core.get_matrix(), before)
    with pytest.raises(ShapeError):
        core.write_verify(MATRIX[:3])


# -- pulses ---------------------------------------------------------------------------------------


EXACT = {
    "dw_min_dtod": 0.0, "dw_min_std": 0.0, "up_down_dtod": 0.0, "w_max_dtod": 0.0,
    "w_min_dtod": 0.0,
}  # fmt: skip


@given(
    step=st.floats(0.001, 0.1), tolerance=st.floats(0.05, 0.2), target=st.floats(-0.5, 0.5)
)  # fmt: skip
def test_equal_steps_need_as_many_pulses_as_the_way_is_long(step, tolerance, target):
    array = PulsedArray((1, 1), ConstantStep(dw_min=step, **EXACT), PulseParameters(), dtype=float)
    result = array.write_verify(np.array([[target]]), tolerance=tolerance)
    way = max(abs(target) - tolerance, 0.0)
    assert result.writes[0, 0] in {math.ceil(way / step + off) for off in (-1e-9, 0, 1e-9)}
    assert result.failures == 0


def test_pulses_reach_what_lies_between_the_bounds_of_a_cell():
    device = SoftBounds(dw_min=0.01, dw_min_std=0.3, dw_min_dtod=0.1)
    array = PulsedArray((40, 30), device, PulseParameters(), seed=2, dtype=np.float64)
    target = np.random.default_rng(3).uniform(-0.5, 0.5, (40, 30))
    high, low = array.cells["max_bound"], array.cells["min_bound"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OhmCoreWarning)
        result = array.write_verify(target, tolerance=0.02, max_pulses=3000)
    beyond = (target > high + 0.02) | (target < low - 0.02)
    assert beyond.any()
    assert result.failed[beyond].all()
    assert (result.writes[beyond] == 3000).all()
    inside = (target < high - 0.02) & (target > low + 0.02)
    assert not result.failed[inside].any()
    np.testing.assert_allclose(array.weights - target, result.errors)
    again = PulsedArray((40, 30), device, PulseParameters(), seed=2, dtype=np.float64)
    with pytest.warns(OhmCoreWarning, match="never|further than 0.02 of the weight"):
        repeated = again.write_verify(target, tolerance=0.02, max_pulses=3000)
    np.testing.assert_array_equal(repeated.writes, result.writes)
    with pytest.raises(InputError, match="max_pulses: got 0"):
        array.write_verify(target, max_pulses=0)
