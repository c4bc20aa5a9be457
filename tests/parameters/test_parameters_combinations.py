"""Combinations of parameters: the impossible are errors, the unused and the doubtful are not."""

import json
import warnings

import pytest

from simulator.errors import ParameterError
from simulator.parameters import CrossSimParameters

ADC, DAC, IN = "xbar.adc.mvm.", "xbar.dac.mvm.", "core.mapping.inputs.mvm."
CONVERTING = {ADC + "model": "QuantizerADC", ADC + "bits": 8}
SIGN_ADC = {ADC + "model": "SignMagnitudeADC", ADC + "bits": 8}
SIGN_DAC = {DAC + "model": "SignMagnitudeDAC", DAC + "bits": 8}
PLAIN_DAC = {DAC + "model": "QuantizerDAC", DAC + "bits": 8}
SLICED = {"core.style": "BITSLICED", "core.weight_bits": 8}
RANGE = ADC + "calibrated_range"

IMPOSSIBLE = [
    ({"xbar.device.Rmin": 2e4}, ["xbar.device.Rmin", "xbar.device.Rmax"]),
    ({IN + "min": 2}, [IN + "min", IN + "max"]),
    ({IN + "min": None}, [IN + "min", IN + "percentile"]),
    ({"core.mapping.weights.percentile": None}, ["core.mapping.weights.min"]),
    ({**CONVERTING, ADC + "adc_range_option": "GRANULAR"}, [ADC + "adc_per_ibit"]),
    ({ADC + "adc_per_ibit": True}, [ADC + "adc_per_ibit", DAC + "input_bitslicing"]),
    ({DAC + "input_bitslicing": True}, [DAC + "input_bitslicing", DAC + "bits"]),
    ({DAC + "input_bitslicing": True, DAC + "bits": 8}, [DAC + "model"]),
    ({**PLAIN_DAC, DAC + "input_bitslicing": True}, [DAC + "signed", DAC + "input_bitslicing"]),
    ({**PLAIN_DAC, DAC + "signed": False}, [DAC + "signed", IN + "min"]),
    ({**CONVERTING, RANGE: [[-1, 1], [-2, 2]]}, [RANGE, "core.style"]),
    ({**CONVERTING, **SLICED, RANGE: [-1, 1]}, [RANGE, "core.style"]),
    ({**SIGN_DAC, DAC + "signed": False}, [DAC + "model", DAC + "signed"]),
    ({**SIGN_DAC, DAC + "bits": 1}, [DAC + "model", DAC + "bits"]),
    ({**SIGN_DAC, IN + "min": 0}, [DAC + "model", IN + "min", IN + "max"]),
    ({**SIGN_ADC, RANGE: [-1, 1], ADC + "signed": False}, [ADC + "model", ADC + "signed"]),
    ({**SIGN_ADC, RANGE: [-1, 1], ADC + "bits": 1}, [ADC + "bits"]),
    ({**SIGN_ADC, RANGE: [-1, 2]}, [ADC + "model", RANGE]),
    (
        {
            **SIGN_ADC,
            "core.style": "OFFSET",
            DAC + "signed": False,
            ADC + "adc_range_option": "MAX",
        },
        [ADC + "adc_range_option", DAC + "signed"],
    ),
    ({**CONVERTING, RANGE: [1, -1]}, [RANGE]),
    ({**SLICED, "core.weight_bits": 1}, ["core.weight_bits", "core.style"]),
    ({**SLICED, "core.bit_sliced.num_slices": 9}, ["core.bit_sliced.num_slices"]),
    (
        {"xbar.array.parasitics.enable": True, "xbar.array.parasitics.current_from_input": False},
        ["xbar.array.parasitics.current_from_input", DAC + "input_bitslicing"],
    ),
    (
        {
            "core.balanced.interleaved_posneg": True,
            "core.balanced.subtract_current_in_xbar": False,
        },
        ["core.balanced.interleaved_posneg", "core.balanced.subtract_current_in_xbar"],
    ),
]


@pytest.mark.parametrize(("changes", "named"), IMPOSSIBLE, ids=[str(n) for _, n in IMPOSSIBLE])
def test_impossible_combinations_are_errors_that_name_their_paths(changes, named):
    params = CrossSimParameters()
    params.validate()
    params.update(changes)
    with pytest.raises(ParameterError) as caught:
        params.validate()
    assert [path for path in named if path not in str(caught.value)] == []


def test_the_other_direction_is_checked_where_it_differs():
    params = CrossSimParameters()
    params.xbar.adc.match = False
    params.xbar.adc.vmm.update(
        {"model": "QuantizerADC", "bits": 8, "calibrated_range": [[0, 1], [0, 1]]}
    )
    with pytest.raises(ParameterError, match=r"xbar\.adc\.vmm\.calibrated_range"):
        params.validate()


@pytest.mark.parametrize(
    "changes",
    [
        {ADC + "bits": 8},
        {ADC + "model": "SignMagnitudeADC", ADC + "signed": False, RANGE: [3, 1]},
        {ADC + "adc_range_option": "GRANULAR"},
        {DAC + "model": "SignMagnitudeDAC", DAC + "signed": False},
        {"core.bit_sliced.num_slices": 9},
        {"xbar.array.parasitics.current_from_input": False},
        {"xbar.device.Rmin": 2e4, "xbar.device.infinite_on_off_ratio": True},
        {"xbar.device.cell_bits": -1},
        {IN + "min": -1e12, IN + "max": 1e12},
        {**SIGN_DAC, IN + "percentile": 0.99, IN + "min": None, IN + "max": None},
        {**SLICED, **CONVERTING, RANGE: [[-1, 1], [-2, 2]]},
        {"xbar.device.Rmax": float("inf")},
    ],
    ids=str,
)
def test_what_is_switched_off_or_has_a_meaning_passes(changes):
    params = CrossSimParameters()
    params.update(changes)
    params.validate()


def test_reference_settings_assign_and_validate_silently(test_data):
    cases = json.loads((test_data / "golden" / "core.json").read_text(encoding="utf-8"))
    assert len(cases) == 400
    for case in cases:
        params = CrossSimParameters()
        params.core.mapping.weights.min = params.core.mapping.weights.max = None
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for path in case["order"]:
                node, name = params._find(path)
                setattr(node, name, case["params"][path])
            params.validate()
