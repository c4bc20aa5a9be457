"""Converters as a core uses them: ranges, digits, column limits, recording."""

import numpy as np
import pytest
from strategies import conversions, core_of, set_style

from simulator import CrossSimParameters, InputError, ParameterError
from simulator.converters import ConverterRange
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


def test_granular_steps_are_the_steps_of_the_current():
    """A sliced pair at infinite on/off ratio: every current of one digit is a whole code."""
    params = adc_params("SignMagnitudeADC", 10, "GRANULAR", **{
        "xbar.device.infinite_on_off_ratio": True, "xbar.dac.mvm.model": "SignMagnitudeDAC",
        "xbar.dac.mvm.bits": 5, "xbar.dac.mvm.input_bitslicing": True,
        "xbar.adc.mvm.adc_per_ibit": True,
    })  # fmt: skip
    set_style(params, "sliced_balanced", weight_bits=8)
    # Without the headroom of the input's integer range, which widens the steps by 16 / 15.
    range_ = ConverterRange(10, 5, True, 8, 4, True, True)
    assert range_.granular()[1] == pytest.approx(511 / 15 * range_.input_headroom)


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
