"""The flat keywords of `applications.dnn.dnn_inference_params`, and what sets them apart."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
from places import ROOT

from applications import mvm_params
from applications.dnn.dnn_inference_params import DEFAULTS, dnn_inference_params
from simulator import AnalogCore, errors
from simulator.errors import OhmCoreWarning, ParameterError
from simulator.parameters import CrossSimParameters

NAMES = {"core_style": "wtmodel", "adc_per_ibit": "ADC_per_ibit"}


@pytest.fixture(autouse=True)
def fresh_warnings(monkeypatch):
    monkeypatch.setattr(errors, "_warned", set())


def as_product(**keywords):
    """What `set_params` makes of the same keywords and of this function's defaults."""
    values = {**DEFAULTS, **keywords}
    shared = {NAMES.get(name, name): value for name, value in values.items()}
    return mvm_params.set_params(
        **{name: value for name, value in shared.items() if name in mvm_params.DEFAULTS}
    )


@pytest.mark.parametrize(
    "keywords",
    [
        {},
        {"weight_bits": 8, "core_style": "OFFSET", "digital_offset": False},
        {"weight_bits": 8, "Nslices": 2, "adc_range": [(0, 4), (0, 1)]},
        {"error_model": "generic", "alpha_error": 0.1, "proportional_error": True},
        {"noise_model": "generic", "alpha_noise": 0.1},
        {"Rp_row": 0.5, "Rp_col": 0.25, "selected_rows": "bottom", "NrowsMax": 64},
        {"input_range": (-2, 1), "adc_range": (-3, 3.001), "positiveInputsOnly": False},
        {"input_bitslicing": True, "input_slice_size": 2, "adc_per_ibit": True},
        {"adc_range_option": "MAX", "Rmin": 1e4, "Rmax": 1e6},
    ],
    ids=str,
)
def test_where_nothing_differs_it_is_set_params(keywords):
    keywords = {"positiveInputsOnly": True, **keywords}
    params, expected = dnn_inference_params(**keywords), as_product(**keywords)
    expected.simulation.analytics.ntest = 1
    assert params == expected


def test_the_defaults_are_those_of_a_network():
    params = dnn_inference_params()
    assert (params.xbar.dac.mvm.bits, params.xbar.adc.mvm.bits) == (8, 8)
    assert params.xbar.device.infinite_on_off_ratio
    assert params.xbar.array.Icol_max == 0
    assert (params.core.mapping.inputs.mvm.min, params.core.mapping.inputs.mvm.max) == (-1, 1)
    assert params.xbar.adc.mvm.calibrated_range == [0, 1]
    assert dnn_inference_params(**DEFAULTS) == params


def test_ideal_leaves_only_what_is_no_hardware():
    expected = CrossSimParameters()
    expected.simulation.analytics.profile_xbar_inputs = True
    expected.simulation.analytics.ntest = 7
    expected.simulation.convolution.x_par = 2
    wrong = {"Rmin": -1, "adc_bits": "many", "weight_bits": 2, "error_model": "none at all"}
    params = dnn_inference_params(ideal=True, profile_xbar_inputs=True, ntest=7, x_par=2, **wrong)
    assert params == expected


def test_a_bias_on_the_array_needs_a_range_up_to_one():
    ranges = {}
    for digital in (False, True):
        given = [0, 0.25]
        params = dnn_inference_params(digital_bias=digital, input_range=given)
        assert given == [0, 0.25]
        ranges[digital] = params.core.mapping.inputs.mvm.max
    assert ranges == {False: 1, True: 0.25}
    wider = dnn_inference_params(input_range=np.array([0, 3.0])).core.mapping.inputs.mvm
    assert (wider.min, wider.max) == (-3, 3)


@pytest.mark.parametrize("style", ["BALANCED", "OFFSET"])
def test_inputs_have_a_sign_unless_they_are_said_to_be_positive(style):
    rng = np.random.default_rng(2)
    w, x = rng.normal(size=(5, 8)), rng.uniform(-1, 1, 8)
    for positive, seen in ((False, x), (True, np.maximum(x, 0))):
        params = dnn_inference_params(core_style=style, adc_bits=0, positiveInputsOnly=positive)
        assert params.xbar.dac.mvm.signed is not positive
        # Half a step of 255 over (0, 1), or of 127 each side, in every input.
        rounding = np.abs(w).sum(axis=1) / 2 / (255 if positive else 127)
        assert (np.abs(AnalogCore(w, params) @ x - w @ seen) <= rounding).all()


@pytest.mark.parametrize("keywords", [{}, {"input_bitslicing": True, "input_bits": 0}])
def test_the_adc_converts_single_bits_only_where_there_are_any(keywords):
    assert dnn_inference_params(adc_per_ibit=True, **keywords) == dnn_inference_params(**keywords)
    sliced = dnn_inference_params(adc_per_ibit=True, input_bitslicing=True)
    assert sliced.xbar.adc.mvm.adc_per_ibit


@pytest.mark.parametrize("model", [None, "none"])
def test_no_drift_model_is_no_drift(model):
    params = dnn_inference_params(drift_model=model, t_drift=100)
    assert not params.xbar.device.drift_error.enable
    AnalogCore(np.eye(4), params)


def test_a_drift_model_drifts():
    device = dnn_inference_params(
        drift_model="SONOS", t_drift=2, Rmin=5e4, Rmax=1e12, infinite_on_off_ratio=False
    ).xbar.device
    assert (device.drift_error.enable, device.drift_error.model, device.time) == (True, "SONOS", 2)


@pytest.mark.parametrize("name", ["Rp_row", "Rp_col", "Rp_row_terminal", "Rp_col_terminal"])
def test_any_resistance_makes_wires(name):
    parasitics = dnn_inference_params(**{name: 2}).xbar.array.parasitics
    assert parasitics.enable
    assert getattr(parasitics, name) == 2
    assert not dnn_inference_params().xbar.array.parasitics.enable


def test_inputs_that_are_not_converted_are_not_clipped():
    params = dnn_inference_params(input_bits=0, adc_bits=0)
    rng = np.random.default_rng(0)
    matrix, x = rng.normal(size=(8, 16)), 5 * rng.normal(size=16)
    # Sums of 16 products in double precision, through two cells of each pair.
    tolerance = 8 * np.finfo(float).eps * 16 * np.abs(matrix).max() * np.abs(x).max()
    np.testing.assert_allclose(AnalogCore(matrix, params) @ x, matrix @ x, rtol=0, atol=tolerance)


@pytest.mark.parametrize(
    ("kind", "model"),
    [
        ("ramp", "RampADC"),
        ("sar", "SarADC"),
        ("SAR", "SarADC"),
        ("pipeline", "PipelineADC"),
        ("cyclic", "CyclicADC"),
    ],
)
def test_converter_circuits_are_free_of_mismatch(kind, model):
    adc = dnn_inference_params(adc_type=kind).xbar.adc.mvm
    fields = dict(adc.items())
    assert adc.model == model
    assert adc.gain_db == 100
    sigmas = {name: value for name, value in fields.items() if name.startswith("sigma")}
    assert sigmas
    assert not any(sigmas.values())


def test_what_is_recorded_and_packed():
    simulation = dnn_inference_params(
        profile_xbar_inputs=True, profile_adc_inputs=True, ntest=50, x_par=3, y_par=4
    ).simulation
    analytics, convolution = simulation.analytics, simulation.convolution
    assert (analytics.profile_xbar_inputs, analytics.profile_adc_inputs) == (True, True)
    assert (analytics.ntest, convolution.x_par, convolution.y_par) == (50, 3, 4)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("core_style", "BALANCD"),
        ("weight_bits", 2.5),
        ("input_bits", "8"),
        ("input_range", (1, 0)),
        ("adc_range", 3),
        ("adc_type", "flash"),
        ("Rp_row_terminal", -1),
        ("Rp_col", "1"),
        ("ntest", -1),
        ("x_par", 0),
        ("t_drift", -1),
    ],
)
def test_wrong_values_name_the_keyword(keyword, value):
    with pytest.raises(ParameterError, match=f"dnn_inference_params: {keyword} = "):
        dnn_inference_params(**{keyword: value})


def test_unknown_keywords_are_ignored_with_one_warning_that_names_the_nearest():
    with pytest.warns(OhmCoreWarning, match=r"'wtmodel'.*'core_style'") as caught:
        assert dnn_inference_params(wtmodel="OFFSET") == dnn_inference_params()
    assert caught[0].filename == __file__
    with pytest.warns(OhmCoreWarning, match=r"Did you mean 'digital_bias'"):
        dnn_inference_params(digital_bia=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dnn_inference_params(digital_bia=True)


def test_scripts_import_it_by_its_bare_name():
    code = "from dnn_inference_params import dnn_inference_params as f; f(adc_bits=6)"
    folders = f"{ROOT / 'applications/dnn'}", f"{ROOT}"
    before = f"import sys; sys.path[:0] = {list(folders)!r}; "
    done = subprocess.run([sys.executable, "-c", before + code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
