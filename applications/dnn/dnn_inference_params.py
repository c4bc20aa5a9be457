"""Parameters of one layer of a network from a flat list of keywords.

:func:`dnn_inference_params` is for networks what :func:`applications.mvm_params.set_params` is for
single products: converters have 8 bits and ranges for normalised inputs, cells switch off
altogether, and what a layer records or packs can be asked for. A list of the results, one per
layer, is what converting a network takes.
"""

from __future__ import annotations

from typing import Any

from applications import mvm_params
from applications.common.keywords import (
    RESISTANCES,
    Keywords,
    set_adc,
    set_array,
    set_core,
    set_device,
    set_effect,
    set_inputs,
)
from simulator.parameters import CrossSimParameters, of_course

_NAMES = {"wtmodel": "core_style", "ADC_per_ibit": "adc_per_ibit"}
_FOR_PRODUCTS = {"complex_matrix", "complex_input", *_NAMES}

DEFAULTS: dict[str, Any] = {
    "ideal": False,
    "core_style": "BALANCED",
    **{name: value for name, value in mvm_params.DEFAULTS.items() if name not in _FOR_PRODUCTS},
    # where a network differs from a single product
    "infinite_on_off_ratio": True,
    "Icol_max": 0,
    "input_bits": 8,
    "input_range": (0, 1),
    "adc_bits": 8,
    "adc_range": (0, 1),
    "adc_per_ibit": False,
    # what only a network has
    "digital_bias": False,
    "x_par": 1,
    "y_par": 1,
    "profile_xbar_inputs": False,
    "profile_adc_inputs": False,
    "ntest": 1,
}
"""Every keyword of :func:`dnn_inference_params` and its default."""

_PIPELINE = {
    "gain_db": 100,
    "sigma_C1": 0,
    "sigma_C2": 0,
    "sigma_Cpar": 0,
    "sigma_comparator": 0,
    "group_size": 8,
}
_SAR = {
    "gain_db": 100,
    "sigma_capacitor": 0,
    "sigma_comparator": 0,
    "split_cdac": True,
    "group_size": 8,
}
_RAMP = {"gain_db": 100, "sigma_capacitor": 0, "sigma_comparator": 0, "symmetric_cdac": True}
_CONVERTER_CIRCUITS: dict[str, tuple[str, dict[str, Any]]] = {
    "ramp": ("RampADC", _RAMP),
    "sar": ("SarADC", _SAR),
    "SAR": ("SarADC", _SAR),
    "pipeline": ("PipelineADC", _PIPELINE),
    "cyclic": ("CyclicADC", _PIPELINE),
}


def dnn_inference_params(**kwargs: Any) -> CrossSimParameters:
    """Return validated parameters of one layer.

    Keywords and defaults are those of :data:`DEFAULTS`; a keyword that is not among them is
    ignored with a warning. They mean what they mean to
    :func:`~applications.mvm_params.set_params`, where `core_style` is called `wtmodel` and
    `adc_per_ibit` `ADC_per_ibit`, with these differences:

    - `ideal`: exact arrays and converters, whatever the other keywords say; only where to compute
      and what to record is still taken from them.
    - `input_bits` = 0: inputs are not converted; `input_range` is then only the unit that ADC
      ranges refer to, and inputs beyond it are not clipped.
    - `positiveInputsOnly`: without it inputs have a sign, also where `input_range` begins at 0; the
      range is then that of their magnitude.
    - `adc_per_ibit`: counts for nothing where inputs are not bit-sliced.
    - `digital_bias`: the bias is added after the ADC. Otherwise it is a row of the array that is
      driven with 1, and the input range reaches at least to 1.
    - `drift_model`: a model enables drift at the time `t_drift`; None and "none" are no drift.
    - `Rp_row`, `Rp_col` and their terminals: any of them that is not zero enables wires.
    - `adc_type`: the circuits are without mismatch, with amplifiers of 100 dB.
    - `x_par`, `y_par`: windows of a convolution that are multiplied at once.
    - `profile_xbar_inputs`, `profile_adc_inputs`: record what layers and ADCs see of `ntest`
      examples.

    Raises :class:`~simulator.errors.ParameterError` naming the keyword, or the paths of a
    combination that is impossible.
    """
    keywords = Keywords("dnn_inference_params", DEFAULTS, kwargs, _NAMES)
    if not keywords.truth("ideal"):
        set_core(keywords)
        set_device(keywords)
        _set_effects(keywords)
        wires = [keywords.number(name) for name in RESISTANCES]
        set_array(keywords, any(wires))
        signed = not keywords.truth("positiveInputsOnly")
        set_inputs(keywords, *_input_range(keywords), signed)
        set_adc(keywords, _CONVERTER_CIRCUITS)
        adc, dac = keywords.params.xbar.adc.mvm, keywords.params.xbar.dac.mvm
        adc.adc_per_ibit = adc.adc_per_ibit and dac.input_bitslicing
    _set_simulation(keywords)
    keywords.params.validate()
    return of_course(keywords.params)


def _set_effects(keywords: Keywords) -> None:
    set_effect(keywords, "programming_error", "error")
    set_effect(keywords, "read_noise", "noise")
    if keywords["drift_model"] not in (None, "none"):
        keywords.assign({"xbar.device.drift_error.model": "drift_model"})
        keywords.params.xbar.device.drift_error.enable = True


def _input_range(keywords: Keywords) -> tuple[float, float]:
    low, high = keywords.range("input_range")
    return low, high if keywords.truth("digital_bias") else max(high, 1.0)


def _set_simulation(keywords: Keywords) -> None:
    """Set where the layer is computed, how its windows are packed, and what is recorded."""
    keywords.assign_flags(
        {
            "simulation.useGPU": "useGPU",
            "simulation.analytics.profile_xbar_inputs": "profile_xbar_inputs",
            "simulation.analytics.profile_adc_inputs": "profile_adc_inputs",
        }
    )
    keywords.assign(
        {
            "simulation.gpu_id": "gpu_id",
            "simulation.analytics.ntest": "ntest",
            "simulation.convolution.x_par": "x_par",
            "simulation.convolution.y_par": "y_par",
        }
    )
