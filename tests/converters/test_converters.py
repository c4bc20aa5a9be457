"""Converters as a core uses them: ranges, digits, column limits, recording."""

import numpy as np
import pytest
from strategies import conversions, core_of, set_style

from simulator import CrossSimParameters, InputError, ParameterError
from simulator.backend import Backend, numpy_backend
from simulator.converters import (
    MidTreadADC,
    MidTreadDAC,
    SignMagnitudeADC,
    SignMagnitudeDAC,
)
from simulator.kernels import ReferenceKernels
from simulator.profile import adc_inputs, adc_ranges

RNG = np.random.default_rng(0)
MATRIX, X = RNG.uniform(-1, 1, (6, 9)), RNG.uniform(-1, 1, (9, 12))


def adc_params(model="QuantizerADC", bits=4, option="MAX", **changes):
    params = CrossSimParameters()
    adc = params.xbar.adc.mvm
    adc.model, adc.bits, adc.adc_range_option = model, bits, option
    params.update(changes)
    return params


# -- ranges, from the published table --------------------------------------------------------


@pytest.mark.parametrize(
    ("style", "dac_bits", "signed", "subtract", "per_digit", "option", "wanted"),
    [
        # 9 inputs, 5 bits of the ADC, 6 of the weight, slices of 3
        ("one_sided", 4, True, True, False, "MAX", (-9, 9)),
        ("one_sided", 4, False, True, False, "MAX", (-9, 9)),
        ("one_sided", 4, False, False, False, "MAX", (0, 9)),
        ("offset", 4, False, True, False, "MAX", (0, 9)),
        ("offset", 4, True, True, False, "MAX", (-9, 9)),
        ("one_sided", 4, True, True, True, "GRANULAR", 15 * 8 / 7 / 64),
        ("offset", 4, False, True, True, "GRANULAR", (0, 31 * 16 / 15 / 64)),
        ("sliced_balanced", 4, True, True, False, "MAX", (-9, 9)),
        ("sliced_balanced", 4, False, False, False, "MAX", (-9, 9)),
        ("sliced_balanced", 4, False, False, True, "GRANULAR", 15 * 16 / 15 / 7),
        ("sliced_offset", 4, True, True, False, "MAX", 8 * 8 / 7 * 30 / 32 * 8 / 7),
        ("sliced_offset", 4, False, True, False, "MAX", (0, 8 * 8 / 7 * 31 / 32 * 16 / 15)),
        ("sliced_offset", 0, True, True, False, "MAX", 8 * 8 / 7 * 30 / 32),
        ("sliced_offset", 0, False, True, False, "MAX", (0, 8 * 8 / 7 * 31 / 32)),
        ("sliced_offset", 4, True, True, True, "GRANULAR", 15 * 8 / 7 / 7),
        ("sliced_offset", 4, False, True, True, "GRANULAR", (0, 31 * 16 / 15 / 7)),
    ],
)  # fmt: skip
def test_ranges_of_the_table(style, dac_bits, signed, subtract, per_digit, option, wanted):
    params = adc_params(bits=5, option=option)
    set_style(params, style, weight_bits=6)
    params.core.weight_bits = 6
    params.core.balanced.subtract_current_in_xbar = subtract
    dac = params.xbar.dac.mvm
    dac.bits, dac.signed = dac_bits, signed
    dac.model = "SignMagnitudeDAC" if signed and dac_bits else "QuantizerDAC"
    dac.input_bitslicing = params.xbar.adc.mvm.adc_per_ibit = per_digit
    if not signed:
        params.core.mapping.inputs.mvm.min = 0.0
    core = core_of(MATRIX, params)
    with conversions() as seen:
        core @ np.abs(X)
    low, high = wanted if isinstance(wanted, tuple) else (-wanted, wanted)
    assert seen[0].high.ravel() == pytest.approx(high, rel=1e-14)
    assert seen[0].low.ravel() == pytest.approx(low, rel=1e-14)


def test_each_direction_has_its_own_converters():
    params = CrossSimParameters()
    params.xbar.adc.match = params.xbar.dac.match = params.core.mapping.inputs.match = False
    adc = params.xbar.adc.vmm
    adc.model, adc.bits, adc.adc_range_option = "QuantizerADC", 2, "MAX"
    core = core_of(MATRIX, params)
    assert np.allclose(core @ X, MATRIX @ X, rtol=0, atol=1e-13)
    assert np.abs(X[:6].T @ core - X[:6].T @ MATRIX).max() > 0.1
    params.xbar.adc.vmm.model, params.xbar.dac.vmm.model = "IdealADC", "QuantizerDAC"
    params.xbar.dac.vmm.bits = 2
    core = core_of(MATRIX, params)
    assert np.allclose(core @ X, MATRIX @ X, rtol=0, atol=1e-13)
    assert np.abs(X[:6].T @ core - X[:6].T @ MATRIX).max() > 0.1


@pytest.mark.parametrize("model", ["QuantizerADC", "SignMagnitudeADC"])
def test_results_are_codes(model):
    """As many values as the converter has levels, equally spaced; zero is one of them or not."""
    core = core_of(MATRIX, adc_params(model, 3, "CALIBRATED", **{
        "xbar.adc.mvm.calibrated_range": [-2.0, 2.0]
    }))  # fmt: skip
    y = np.unique(np.round(core @ np.random.default_rng(1).uniform(-1, 1, (9, 500)), 9))
    assert y.size == (8 if model == "QuantizerADC" else 7)
    assert np.ptp(np.diff(y)) < 1e-8
    assert (np.abs(y).min() < 1e-12) == (model == "SignMagnitudeADC")


# -- levels at whole multiples of a step -----------------------------------------------------

STEPS = [2, 6, 126, 510, 3, 5, 127, 10 / 3]
KERNELS = {"own": numpy_backend().kernels, "plain": ReferenceKernels(np)}


def ramp_of(steps, full, dtype):
    """Values up to beyond full scale, all levels and all points between two of them."""
    grid = np.arange(-steps - 3, steps + 4) * full / steps
    return np.concatenate([np.linspace(-1.4, 1.4, 5001) * full, grid]).astype(dtype)


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("steps", STEPS)
def test_levels_are_whole_multiples_of_the_step(steps, dtype, kernels):
    """The nearest one, up to full scale; where that is none, it is a level beside them."""
    for kind, full in ((MidTreadDAC, 1.0), (MidTreadADC, 0.7)):
        model = kind(resolution=1 / steps)
        values, step = ramp_of(steps, full, dtype), 2 * full / steps
        before = values.copy()
        got = model.convert(values, dtype(-full), dtype(full), KERNELS[kernels])
        assert got.dtype == dtype
        assert np.array_equal(values, before)
        slack = 4 * float(np.finfo(dtype).eps) * full
        places = got.astype(float) / step
        inside = np.abs(got) < full - slack
        assert np.abs(places - np.rint(places))[inside].max() * step <= slack
        assert np.abs(got).max() <= full + slack
        near = np.abs(values) <= full
        assert np.abs(got - values)[near].max() <= step / 2 + slack
        assert np.abs(got)[np.abs(values) > full + step / 2] == pytest.approx(full, abs=slack)
        zeros = np.zeros(3, dtype)
        got = model.convert(zeros, dtype(-full), dtype(full), KERNELS[kernels])
        assert np.abs(got).max() <= (0 if full == 1.0 or steps % 2 else slack)


@pytest.mark.parametrize("steps", STEPS)
def test_levels_tell_of_every_result(steps):
    """Where both full scales are levels; elsewhere nothing is told."""
    kernels = numpy_backend().kernels
    for model in (MidTreadDAC(resolution=1 / steps), MidTreadADC(resolution=1 / steps)):
        levels = model.levels(-1.0, 1.0)
        if steps % 2:
            assert levels is None
            continue
        assert levels == (-1.0, 1.0, steps)
        got = np.unique(model.convert(ramp_of(steps, 1.0, float), -1.0, 1.0, kernels))
        assert got == pytest.approx(np.linspace(-1, 1, steps + 1), abs=1e-15)

    class Other(MidTreadADC):
        def convert(self, amps, low, high, kernels, dither=None):
            return amps

    assert Other(resolution=1 / 6).levels(-1.0, 1.0) is None
    assert MidTreadADC().is_ideal
    assert MidTreadDAC().is_ideal


@pytest.mark.parametrize("bits", [2, 5, 7, 9])
def test_steps_of_bits_are_those_of_sign_and_magnitude(bits):
    """Bit for bit, alone and in a core; the number of ``bits`` is ignored."""
    resolution, kernels = 1 / (2**bits - 2), numpy_backend().kernels
    values = ramp_of(2**bits - 2, 0.7, np.float64)
    pairs = (
        (MidTreadADC(bits=3, resolution=resolution), SignMagnitudeADC(bits=bits)),
        (MidTreadDAC(bits=3, resolution=resolution), SignMagnitudeDAC(bits=bits)),
    )
    for model, known in pairs:
        got, wanted = (some.convert(values, -0.7, 0.7, kernels) for some in (model, known))
        assert np.array_equal(got, wanted)
        assert model.levels(-0.7, 0.7) == known.levels(-0.7, 0.7)
    params = adc_params("SignMagnitudeADC", bits, "CALIBRATED", **{
        "xbar.adc.mvm.calibrated_range": [-3.0, 3.0], "xbar.dac.mvm.model": "SignMagnitudeDAC",
        "xbar.dac.mvm.bits": bits,
    })  # fmt: skip
    wanted = core_of(MATRIX, params) @ X
    for node, name in ((params.xbar.adc.mvm, "MidTreadADC"), (params.xbar.dac.mvm, "MidTreadDAC")):
        node.model, node.resolution, node.bits = name, resolution, 0
    assert np.array_equal(core_of(MATRIX, params) @ X, wanted)


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("steps", [6, 126, 5, 127])
@pytest.mark.parametrize("style", ["one_sided", "offset", "sliced_balanced"])
def test_one_pass_gives_what_the_stages_give(style, steps, kernels, monkeypatch):
    backend = Backend("numpy", np, KERNELS[kernels])
    params = adc_params("MidTreadADC", 0, **{
        "xbar.adc.mvm.resolution": 1 / steps, "xbar.dac.mvm.model": "MidTreadDAC",
        "xbar.dac.mvm.resolution": 1 / steps, "core.rows_max": 4,
    })  # fmt: skip
    set_style(params, style, weight_bits=6)
    params.core.weight_bits = 6
    inputs = np.tile(X, (1, 200))
    one_pass = core_of(MATRIX, params, backend=backend) @ inputs
    for model in (MidTreadADC, MidTreadDAC):
        monkeypatch.setattr(model, "levels", lambda self, low, high: None)
    stages = core_of(MATRIX, params, backend=backend) @ inputs
    assert np.array_equal(one_pass, stages)
    free = core_of(MATRIX, CrossSimParameters()) @ inputs
    assert np.abs(one_pass - free).max() > 0


@pytest.mark.parametrize("steps", [4, 5])
def test_dithered_conversion_is_right_on_average(steps):
    """Up to the last level that has another one beyond it."""
    model, count = MidTreadADC(resolution=1 / steps, stochastic_rounding=True), 4000
    values = np.repeat(np.linspace(-0.75, 0.75, 7), count).reshape(7, count)
    dither = np.random.default_rng(0).random((7, count))
    got = model.convert(values, -1.0, 1.0, numpy_backend().kernels, dither)
    assert np.abs(got.mean(axis=1) - values[:, 0]).max() <= 5 * (2 / steps) / 2 / np.sqrt(count)
    assert np.unique(np.round(got * steps / 2, 12)).size <= steps + 1


def test_ranges_that_a_step_cannot_have_are_refused():
    """Those that count codes, and those that are not symmetric."""
    step = {"xbar.adc.mvm.resolution": 1 / 126}
    params = adc_params("MidTreadADC", 0, "CALIBRATED", **step)
    params.xbar.adc.mvm.calibrated_range = [-1.0, 2.0]
    with pytest.raises(ParameterError, match="xbar.adc.mvm.calibrated_range.*symmetric"):
        core_of(MATRIX, params)
    params = adc_params("MidTreadADC", 0, "GRANULAR", **step)
    with pytest.raises(ParameterError, match="xbar.adc.mvm.adc_range_option = GRANULAR"):
        core_of(MATRIX, params)
    params = adc_params("MidTreadADC", 0, "MAX", **step)
    set_style(params, "sliced_offset", weight_bits=6)
    with pytest.raises(ParameterError, match="xbar.adc.mvm.adc_range_option = MAX"):
        core_of(MATRIX, params)
    params.xbar.adc.mvm.signed = False
    with pytest.raises(ParameterError, match="signed"):
        core_of(MATRIX, params)
    with pytest.raises(ParameterError, match="resolution"):
        core_of(MATRIX, adc_params("MidTreadADC", 0, **{"xbar.adc.mvm.resolution": 0.7}))


# -- input ranges ----------------------------------------------------------------------------


@pytest.mark.parametrize("percentile", [1.0, 1.5, 0.9])
def test_an_input_percentile_counts_every_value_of_the_call(percentile):
    """All columns of a batch share one range, which is that of the batch."""
    params = CrossSimParameters()
    dac, inputs = params.xbar.dac.mvm, params.core.mapping.inputs.mvm
    dac.model, dac.bits = "QuantizerDAC", 4
    inputs.percentile = percentile
    x = X * np.arange(1, 13)
    if percentile >= 1:
        limit = percentile * np.abs(x).max()
    else:
        limit = np.abs(np.percentile(x, [90, 10])).max()
    fixed = params.copy()
    fixed.core.mapping.inputs.mvm.percentile = None
    fixed.core.mapping.inputs.mvm.min, fixed.core.mapping.inputs.mvm.max = -limit, limit
    core = core_of(MATRIX, params)
    assert np.allclose(core @ x, core_of(MATRIX, fixed) @ x, rtol=0, atol=1e-12 * limit)
    params.simulation.memory_limit = 1
    assert np.allclose(core_of(MATRIX, params) @ x, core @ x, rtol=0, atol=1e-12 * limit)
    assert np.abs(core @ x[:, :1] - (core @ x)[:, :1]).max() > 1e-3


def test_zero_inputs_have_a_range():
    params = adc_params(**{"core.mapping.inputs.mvm.percentile": 1.0})
    params.xbar.adc.mvm.model = "SignMagnitudeADC"
    params.xbar.dac.mvm.model, params.xbar.dac.mvm.bits = "SignMagnitudeDAC", 4
    core = core_of(MATRIX, params)
    assert (core @ np.zeros((9, 2)) == 0).all()
    assert (core @ np.zeros((9, 0))).shape == (6, 0)


def test_only_a_quantising_dac_clips():
    params = CrossSimParameters()
    core = core_of(MATRIX, params)
    assert np.allclose(core @ (100 * X), 100 * (MATRIX @ X), rtol=1e-12)
    params.xbar.dac.mvm.model, params.xbar.dac.mvm.bits = "QuantizerDAC", 8
    core = core_of(MATRIX, params)
    assert np.array_equal(core @ np.full(9, 100.0), core @ np.ones(9))


# -- the column limit ------------------------------------------------------------------------

LIMIT_CASES = [
    {}, {"core.mapping.inputs.mvm.min": -3.0, "core.mapping.inputs.mvm.max": 3.0},
    {"core.balanced.subtract_current_in_xbar": False}, {"core.style": "OFFSET"},
    {"core.rows_max": 4, "core.cols_max": 4}, {"xbar.adc.mvm.model": "QuantizerADC"},
    {"xbar.dac.mvm.model": "SignMagnitudeDAC", "xbar.dac.mvm.bits": 5},
    {"core.mapping.inputs.mvm.percentile": 1.0},
]  # fmt: skip


@pytest.mark.parametrize("changes", LIMIT_CASES, ids=str)
def test_a_limit_out_of_reach_changes_no_bit(changes):
    params = adc_params("IdealADC", 6, **changes)
    free = core_of(MATRIX, params)
    params.xbar.array.Icol_max = 1e6
    limited = core_of(MATRIX, params)
    assert np.array_equal(limited @ X, free @ X)
    assert np.array_equal(limited @ X[:, 0], free @ X[:, 0])
    assert np.array_equal(X[:6].T @ limited, X[:6].T @ free)


@pytest.mark.parametrize("digital", [False, True])
def test_currents_are_clipped_on_every_line(digital):
    params = CrossSimParameters()
    params.xbar.device.infinite_on_off_ratio = True
    params.xbar.array.Icol_max = 0.75
    params.core.balanced.subtract_current_in_xbar = not digital
    core = core_of(np.array([[1.0, 1.0, -1.0], [0.5, 0.0, -1.0]]), params)
    assert np.allclose(core @ np.ones(3), [0.75 - 0.75, 0.5 - 0.75])
    params.core.balanced.subtract_current_in_xbar = True
    params.core.balanced.interleaved_posneg = True
    core = core_of(np.array([[1.0, 1.0, -1.0], [0.5, 0.0, -1.0]]), params)
    assert np.allclose(core @ np.array([1, 1, 0.5]), [0.75, 0.0])


@pytest.mark.parametrize("model", ["IdealADC", "QuantizerADC"])
def test_vectors_that_reach_the_limit_are_told_from_those_that_do_not(model):
    """A batch of both is what its vectors are alone, in their order."""
    params = adc_params(model, 7, **{"xbar.array.Icol_max": 0.8})
    core = core_of(MATRIX, params)
    x = X * np.tile([1.0, 0.01, 0.5], 4)
    alone = np.stack([core @ column for column in x.T], axis=1)
    assert np.allclose(core @ x, alone, rtol=0, atol=1e-13)
    assert np.abs(core @ x - core_of(MATRIX, adc_params(model, 7)) @ x).max() > 0.01


# -- recording -------------------------------------------------------------------------------


def test_recorded_currents_are_those_of_the_converter():
    params = adc_params(bits=6, **{"simulation.analytics.profile_adc_inputs": True})
    core = core_of(MATRIX, params)
    with pytest.raises(InputError, match="profile_adc_inputs"):
        adc_inputs(core)
    with conversions() as seen:
        core @ X
    (recorded,) = adc_inputs(core)
    assert np.array_equal(np.sort(recorded), np.sort(seen[0].amps.ravel().astype(np.float32)))
    low, high = adc_ranges(core, 100)
    assert high == -low == pytest.approx(np.abs(recorded).max())
    with pytest.raises(ParameterError, match="percentile"):
        adc_ranges(core, 40)


def test_recording_changes_no_result_beyond_rounding():
    for changes in ({}, {"core.style": "OFFSET"}, {"core.rows_max": 4}):
        plain = core_of(MATRIX, adc_params("IdealADC", **changes))
        changes = {**changes, "simulation.analytics.profile_adc_inputs": True}
        recording = core_of(MATRIX, adc_params("IdealADC", **changes))
        bound = 8 * np.finfo(float).eps * 9 / 0.9
        assert np.abs(recording @ X - plain @ X).max() <= bound
