"""Corners where something that looked right once was not."""

import sys
import threading
from dataclasses import dataclass

import numpy as np
import pytest
from scipy.sparse.linalg import svds

from simulator import (
    AnalogCore,
    CrossSimParameters,
    InputError,
    ModelError,
    ParameterError,
    registry,
)
from simulator.converters import ADC
from simulator.devices import Device
from simulator.profile import adc_ranges


def noisy(seed=3):
    params = CrossSimParameters()
    noise = params.xbar.device.read_noise
    noise.enable, noise.model, noise.magnitude = True, "NormalProportionalDevice", 0.1
    params.simulation.seed = seed
    return params


@pytest.fixture(autouse=True)
def own_registry(monkeypatch):
    """Models defined in a test are forgotten after it."""
    monkeypatch.setattr(registry, "_models", {k: dict(v) for k, v in registry._models.items()})


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.int64])
def test_the_lowest_integer_has_its_magnitude(dtype):
    low = np.iinfo(dtype).min
    matrix = np.array([[low, 0], [low // 2, low]], dtype)
    params = CrossSimParameters()
    params.xbar.device.infinite_on_off_ratio = True
    assert np.array_equal(AnalogCore(matrix, params).get_matrix(), matrix)


@pytest.mark.parametrize("folded", [True, False])
@pytest.mark.parametrize("scale", [1e-30, 1e30, 1e200])
def test_read_noise_scales_with_the_weights(scale, folded):
    """The square of a weight need not be a number: noise is relative to the range of weights."""
    matrix, x = np.arange(12.0).reshape(3, 4), np.ones((4, 50))
    dtype = np.float32 if scale < 1e38 else np.float64
    spreads = []
    for factor in (1.0, scale):
        params = noisy()
        params.simulation.disable_fast_balanced = not folded
        core = AnalogCore((matrix * factor).astype(dtype), params)
        spreads.append((core @ x.astype(dtype)).astype(float) / factor)
    assert np.ptp(spreads[0], axis=1).min() > 0.1
    # Weights of another scale are rounded anew, and so is what they are divided by.
    bound = 16 * np.finfo(dtype).eps * np.abs(spreads[0]).max() * 4
    assert np.abs(spreads[0] - spreads[1]).max() <= bound


def test_padding_of_ragged_tiles_is_not_recorded():
    """The lowest current of 8 rows is that of a real line, on 4 + 4 rows and on 3 + 3 + 2."""
    rng = np.random.default_rng(0)
    matrix, x = rng.uniform(-1, 1, (8, 6)), rng.uniform(0.5, 1, (6, 50))
    ranges = []
    for limit in (4, 3):
        params = CrossSimParameters()
        params.core.style, params.core.cols_max = "OFFSET", limit
        params.simulation.analytics.profile_adc_inputs = True
        core = AnalogCore(matrix, params)
        core @ x
        ranges.append(adc_ranges(core, 100))
    assert np.array_equal(ranges[0], ranges[1])


def test_threads_on_one_core_never_share_a_number():
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        core, results = AnalogCore(np.ones((1, 3)), noisy()), []
        work = lambda: results.extend(float((core @ np.ones(3))[0]) for _ in range(200))  # noqa: E731
        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    serial = AnalogCore(np.ones((1, 3)), noisy()) @ np.ones((3, 1200))
    assert sorted(results) == sorted(serial[0].tolist())


def test_named_draws_repeat_and_never_meet_the_counted_ones():
    params = CrossSimParameters()
    error = params.xbar.device.programming_error
    error.enable, error.model, error.magnitude = True, "NormalIndependentDevice", 0.1
    params.simulation.seed = 0
    core, seen = AnalogCore(np.ones((2, 2)), params), []
    for draw in (None, 1, 2, None, 1, 3, None):
        core.set_matrix(np.ones((2, 2)), draw=draw)
        seen.append(core.get_matrix().tobytes())
    assert seen[1] == seen[4]
    assert len(set(seen)) == 6
    for wrong in (1.5, -1, 2**31, "a"):
        with pytest.raises(ParameterError, match="draw"):
            core.set_matrix(np.ones((2, 2)), draw=wrong)


def test_a_state_that_does_not_fit_changes_nothing():
    one, two = AnalogCore(np.ones((2, 3)), noisy()), AnalogCore(np.full((2, 3), 0.5), noisy(4))
    good, before = two.get_state(), one.get_matrix()
    bad_cells = [np.full_like(good["cells"][0], np.nan)]
    for change in ({"dtype": "nonsense"}, {"cells": bad_cells}, {"range": [1.0, np.nan]},
                   {"programmings": -1}, {"cells": []}, {"stream": "x"}):  # fmt: skip
        with pytest.raises(InputError):
            one.set_state({**good, **change})
    for missing in good:
        with pytest.raises(InputError):
            one.set_state({k: v for k, v in good.items() if k != missing})
    assert np.array_equal(one.get_matrix(), before)
    one.set_state(good)
    assert np.array_equal(one @ np.ones(3), two @ np.ones(3))


@pytest.mark.parametrize("value", [np.nan, np.inf, 1j])
def test_a_device_that_returns_no_number_is_named(value):
    @dataclass(frozen=True)
    class NoNumber(Device):
        def programmed(self, siemens, cell, draw):
            return siemens * value

    params = CrossSimParameters()
    error = params.xbar.device.programming_error
    error.enable, error.model = True, "NoNumber"
    with np.errstate(all="ignore"), pytest.raises(ModelError, match="NoNumber"):
        AnalogCore(np.ones((2, 2)), params)


@pytest.mark.parametrize("sigma", [np.nan, -0.1])
def test_a_spread_that_is_no_spread_is_named(sigma):
    @dataclass(frozen=True)
    class NoSpread(Device):
        def read_sigma(self, siemens, cell):
            return sigma * siemens

    params = noisy()
    params.xbar.device.read_noise.model = "NoSpread"
    with pytest.raises(ModelError, match="NoSpread"):
        AnalogCore(np.ones((2, 2)), params) @ np.ones(2)


def test_a_converter_that_changes_the_shape_is_named():
    @dataclass(frozen=True)
    class Summing(ADC):
        def convert(self, amps, low, high, kernels, dither=None):
            return amps.sum()

    params = CrossSimParameters()
    adc = params.xbar.adc.mvm
    adc.model, adc.bits, adc.calibrated_range = "Summing", 4, [-1, 1]
    with pytest.raises(ModelError, match="Summing"):
        AnalogCore(np.ones((2, 2)), params) @ np.ones(2)


def test_the_operator_for_scipy_has_the_right_adjoint():
    rng = np.random.default_rng(1)
    matrix, x = rng.normal(size=(6, 6)), rng.normal(size=(6, 4))
    operator = AnalogCore(matrix, CrossSimParameters()).as_linear_operator()
    assert np.allclose(operator.H @ x, matrix.T @ x)
    assert np.allclose(operator @ x, matrix @ x)
    values = svds(operator, k=2, return_singular_vectors=False)
    assert np.allclose(np.sort(values), np.sort(np.linalg.svd(matrix)[1])[-2:])


def test_functions_that_write_into_a_core_are_refused():
    core = AnalogCore(np.eye(3), CrossSimParameters())
    for write in (
        lambda: np.copyto(core, 0), lambda: np.fill_diagonal(core, 5), lambda: np.put(core, 0, 9),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="read-only"):
            write()
    with pytest.raises(AttributeError):
        core.shape = (2, 2)


def test_dot_by_keyword_and_array_subclasses():
    core = AnalogCore(np.eye(3), CrossSimParameters())
    assert np.dot(a=core, b=np.ones(3)).tolist() == [1, 1, 1]
    with pytest.raises(InputError, match="masked"):
        core @ np.ma.ones(3)
    with pytest.raises(InputError, match="masked"):
        AnalogCore(np.ma.ones((2, 2)), CrossSimParameters())


def test_a_list_of_parameters_agrees_on_what_belongs_to_the_whole():
    base = CrossSimParameters()
    base.core.rows_max = 2
    trees = [base.copy(), base.copy()]
    trees[1].xbar.device.Rmax = 1e6
    core = AnalogCore(np.ones((2, 4)), trees)
    assert [part.params.xbar.device.Rmax for part in core.cores[0]] == [1e4, 1e6]
    for path, value in (("simulation.seed", 3), ("core.output_dtype", "INT8"),
                        ("core.mapping.weights.percentile", 0.5)):  # fmt: skip
        wrong = [base.copy(), base.copy()]
        wrong[1].update({path: value})
        with pytest.raises(ParameterError, match=r"params\[1\]\.(core|simulation)"):
            AnalogCore(np.ones((2, 4)), wrong)


def test_infinity_in_a_small_product_is_one_error_and_no_warning(recwarn):
    core = AnalogCore(np.eye(3), CrossSimParameters())
    core @ np.ones(3)
    with pytest.raises(InputError, match="finite"):
        core @ np.array([1.0, np.inf, 0.0])
    assert not recwarn.list
