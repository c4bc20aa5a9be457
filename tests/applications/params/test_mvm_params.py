"""The flat keywords of `applications.mvm_params.set_params`."""

import warnings

import numpy as np
import pytest

from applications.mvm_params import DEFAULTS, set_params
from simulator import errors
from simulator.errors import OhmCoreWarning, ParameterError
from simulator.parameters import CrossSimParameters


@pytest.fixture(autouse=True)
def fresh_warnings(monkeypatch):
    monkeypatch.setattr(errors, "_warned", set())


def differences(params, base=None):
    """The leaves of `params` that differ from `base`, by path; of pairs the first only."""
    base = CrossSimParameters() if base is None else base
    return dict(_differences(params.as_dict(), base.as_dict(), ""))


def _differences(mine, theirs, prefix):
    for name, value in mine.items():
        if isinstance(value, dict):
            if name != "vmm":
                yield from _differences(value, theirs[name], f"{prefix}{name}.")
        elif name not in theirs or value != theirs[name]:
            yield prefix + name, value


DEFAULT_SETTINGS = {
    "core.mapping.inputs.mvm.min": -1e12,
    "core.mapping.inputs.mvm.max": 1e12,
    "xbar.device.cell_bits": -1,
    "xbar.array.Icol_max": 1e6,
    "xbar.dac.mvm.model": "SignMagnitudeDAC",
}


def test_defaults():
    assert differences(set_params()) == DEFAULT_SETTINGS
    assert set_params(**DEFAULTS) == set_params()


SLICED = {"core.style": 2, "xbar.device.cell_bits": 4, "core.weight_bits": 8}
RP = "xbar.array.parasitics."
ADC, DAC, IN = "xbar.adc.mvm.", "xbar.dac.mvm.", "core.mapping.inputs.mvm."
GRANULAR = {"adc_range_option": "GRANULAR", "ADC_per_ibit": True}
BIT_SERIAL = {"input_bits": 8, "input_bitslicing": True}

EFFECTS = [
    ({"wtmodel": "OFFSET", "weight_bits": 4}, {"core.style": 3, "xbar.device.cell_bits": 4}),
    ({"weight_bits": 8}, {"core.weight_bits": 8, "xbar.device.cell_bits": 7}),
    ({"weight_bits": 8, "Nslices": 2}, SLICED),
    ({"weight_bits": 8, "Nslices": 3}, {**SLICED, "xbar.device.cell_bits": 3}),
    (
        {"weight_bits": 7, "Nslices": 2, "wtmodel": "OFFSET"},
        {"core.bit_sliced.style": 3, "xbar.device.cell_bits": 4},
    ),
    ({"weight_bits": 7, "Nslices": 2}, {"xbar.device.cell_bits": 3}),
    ({"complex_matrix": True, "complex_input": 1}, {"core.complex_input": True}),
    ({"weight_percentile": 99.5}, {"core.mapping.weights.percentile": 0.995}),
    ({"NrowsMax": 64, "NcolsMax": np.int64(32)}, {"core.rows_max": 64, "core.cols_max": 32}),
    ({"digital_offset": False}, {"core.offset.style": 2}),
    ({"balanced_style": "TWO_SIDED"}, {"core.balanced.style": 2}),
    ({"interleaved_posneg": True}, {"core.balanced.interleaved_posneg": True}),
    (
        {"subtract_current_in_xbar": False},
        {"core.balanced.subtract_current_in_xbar": False},
    ),
    ({"Rmin": 5e3, "Rmax": 5e6, "Vread": 0.2}, {"xbar.device.Rmin": 5e3, "xbar.device.Vread": 0.2}),
    ({"infinite_on_off_ratio": True}, {"xbar.device.infinite_on_off_ratio": True}),
    ({"Icol_max": 0}, {"xbar.array.Icol_max": 0}),
    (
        {"error_model": "generic", "alpha_error": 0.05},
        {
            "xbar.device.programming_error.enable": True,
            "xbar.device.programming_error.magnitude": 0.05,
            "xbar.device.programming_error.model": "NormalIndependentDevice",
        },
    ),
    (
        {"noise_model": "generic", "alpha_noise": 0.05, "proportional_noise": True},
        {
            "xbar.device.read_noise.enable": True,
            "xbar.device.read_noise.magnitude": 0.05,
            "xbar.device.read_noise.model": "NormalProportionalDevice",
        },
    ),
    (
        {"error_model": "SONOS"},
        {
            "xbar.device.programming_error.enable": True,
            "xbar.device.programming_error.model": "SONOS",
        },
    ),
    (
        {"drift_model": "SONOS", "t_drift": 2},
        {"xbar.device.drift_error.model": "SONOS", "xbar.device.time": 2},
    ),
    (
        {"Rp_col": 0.5, "Rp_row_terminal": 2, "selected_rows": "bottom"},
        {
            RP + "enable": True,
            RP + "Rp_col": 0.5,
            RP + "Rp_row_terminal": 2,
            RP + "selected_rows": "bottom",
            "simulation.Verr_th_mvm": 2e-4,
            "simulation.relaxation_gamma": 0.9,
            "simulation.Verr_matmul_criterion": "max_mean",
        },
    ),
    (
        {"input_bits": 8, "input_range": (-1, 2)},
        {DAC + "bits": 8, IN + "min": -2, IN + "max": 2},
    ),
    ({"input_range": (-1, 2)}, {IN + "min": -1, IN + "max": 2}),
    (
        {"input_bits": 8, "input_range": (0, 2)},
        {DAC + "model": "QuantizerDAC", DAC + "signed": False, IN + "min": 0, IN + "max": 2},
    ),
    (
        {**BIT_SERIAL, "input_range": (0, 2), "input_slice_size": 2},
        {DAC + "input_bitslicing": True, DAC + "slice_size": 2, IN + "min": 0},
    ),
    ({"adc_bits": 8}, {ADC + "model": "SignMagnitudeADC", ADC + "calibrated_range": [-1e12, 1e12]}),
    (
        {"adc_bits": 8, "adc_range": (-1, 1.001)},
        {ADC + "model": "SignMagnitudeADC", ADC + "calibrated_range": [-1.001, 1.001]},
    ),
    (
        {"adc_bits": 8, "adc_range": (-1, 2)},
        {ADC + "model": "QuantizerADC", ADC + "calibrated_range": [-1, 2]},
    ),
    (
        {"adc_bits": 8, "adc_range": (0, 2)},
        {ADC + "signed": False, ADC + "calibrated_range": [0, 2]},
    ),
    ({"adc_bits": 8, "adc_range_option": "MAX"}, {ADC + "model": "SignMagnitudeADC"}),
    (
        {
            "adc_bits": 8,
            "adc_range_option": "MAX",
            "wtmodel": "OFFSET",
            "input_range": (0, 1),
        },
        {ADC + "model": "QuantizerADC", ADC + "signed": False},
    ),
    (
        {**GRANULAR, **BIT_SERIAL, "adc_bits": 9, "weight_bits": 4},
        {ADC + "adc_per_ibit": True, ADC + "adc_range_option": 3},
    ),
    (
        {"adc_bits": 8, "Nslices": 2, "weight_bits": 8, "adc_range": [(-4, 4), (-1, 1)]},
        {ADC + "calibrated_range": [[-4, 4], [-1, 1]], ADC + "model": "SignMagnitudeADC"},
    ),
    (
        {"adc_bits": 8, "adc_type": "ramp"},
        {ADC + "model": "RampADC", ADC + "gain_db": 60, ADC + "sigma_capacitor": 0.25},
    ),
    ({"adc_bits": 8, "adc_type": "SAR"}, {ADC + "model": "SarADC", ADC + "group_size": 8}),
    ({"adc_bits": 8, "adc_type": "cyclic"}, {ADC + "model": "CyclicADC", ADC + "sigma_C1": 0.1}),
    ({"gpu_id": 1}, {"simulation.gpu_id": 1}),
]


@pytest.mark.parametrize(("keywords", "effects"), EFFECTS, ids=[str(k) for k, _ in EFFECTS])
def test_keywords_have_their_effect(keywords, effects):
    found = differences(set_params(**keywords))
    defaults = CrossSimParameters()
    for path, expected in effects.items():
        node, name = defaults._find(path)
        default = getattr(node, name, None)
        assert found.get(path, default) == expected, path


@pytest.mark.parametrize(
    "keywords",
    [
        {"error_model": "generic"},
        {"noise_model": "generic", "alpha_noise": 0, "proportional_noise": True},
        {"Rp_row_terminal": 5, "selected_rows": "bottom"},
        {"input_bitslicing": True, "input_slice_size": 4},
        {"adc_range": (-3, 5)},
        {"drift_model": "none"},
        {"alpha_error": 0.1},
    ],
    ids=str,
)
def test_keywords_without_their_companion_do_nothing(keywords):
    assert set_params(**keywords) == set_params()


def test_a_string_that_says_false_counts_as_true_with_a_warning():
    keywords = {"error_model": "generic", "alpha_error": 0.1, "proportional_error": "False"}
    with pytest.warns(OhmCoreWarning, match="proportional_error = 'False'"):
        params = set_params(**keywords)
    assert params.xbar.device.programming_error.model == "NormalProportionalDevice"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        set_params(**keywords)


def test_unknown_keywords_are_ignored_with_one_warning_that_names_the_nearest():
    with pytest.warns(OhmCoreWarning, match=r"'weight_bit'.*Did you mean 'weight_bits'") as caught:
        assert set_params(weight_bit=3) == set_params()
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        set_params(weight_bit=3)


@pytest.mark.parametrize(
    ("keyword", "value", "others"),
    [
        ("wtmodel", "BALANCD", {}),
        ("weight_bits", 2.5, {}),
        ("weight_percentile", "100", {}),
        ("Nslices", 0, {"weight_bits": 8}),
        ("Rmin", -1, {}),
        ("Rp_row", "1", {}),
        ("alpha_error", None, {"error_model": "generic"}),
        ("alpha_noise", -0.1, {"noise_model": "SONOS"}),
        ("noise_model", 3, {}),
        ("t_drift", -1, {}),
        ("input_bits", -1, {}),
        ("input_range", (1, -1), {}),
        ("input_range", 3, {}),
        ("input_range", "12", {}),
        ("input_range", (-np.inf, 1), {}),
        ("adc_range", (1, 1), {"adc_bits": 8}),
        ("adc_range", "range", {"adc_bits": 8}),
        ("adc_type", "rampp", {}),
        ("adc_range_option", "MIN", {}),
        ("selected_rows", "left", {"Rp_row": 1}),
        ("NrowsMax", "many", {}),
        ("gpu_id", -1, {}),
        ("Icol_max", None, {}),
    ],
)
def test_wrong_values_name_the_keyword(keyword, value, others):
    with pytest.raises(ParameterError, match=rf"set_params: {keyword} = "):
        set_params(**{keyword: value}, **others)


def test_impossible_combinations_are_errors():
    with pytest.raises(ParameterError, match="adc_per_ibit"):
        set_params(ADC_per_ibit=True)
    with pytest.raises(ParameterError, match="weight_bits"):
        set_params(Nslices=4)
    with pytest.raises(ParameterError, match="current_from_input"):
        set_params(Rp_row=1, current_from_input=False)
    set_params(current_from_input=False)


def test_every_call_makes_parameters_of_its_own():
    one, two = set_params(adc_bits=8, adc_type="ramp"), set_params(adc_bits=8, adc_type="ramp")
    one.xbar.adc.mvm.gain_db = 80
    assert two.xbar.adc.mvm.gain_db == 60
