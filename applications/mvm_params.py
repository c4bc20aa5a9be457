"""Parameters of a matrix-vector product from a flat list of keywords.

:func:`set_params` covers what studies of single products usually vary. Everything else can be set
on the tree that it returns.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from simulator.errors import ParameterError, nearest, warn_once
from simulator.parameters import ADCRangeLimits, CoreStyle, CrossSimParameters

DEFAULTS: dict[str, Any] = {
    # how the matrix is stored
    "wtmodel": "BALANCED",
    "complex_matrix": False,
    "complex_input": False,
    "weight_bits": 0,
    "weight_percentile": 100,
    "Nslices": 1,
    "digital_offset": True,
    "balanced_style": "ONE_SIDED",
    "interleaved_posneg": False,
    "subtract_current_in_xbar": True,
    "NrowsMax": None,
    "NcolsMax": None,
    # device
    "Rmin": 1000,
    "Rmax": 10000,
    "infinite_on_off_ratio": False,
    "Vread": 0.1,
    "error_model": "none",
    "alpha_error": 0.0,
    "proportional_error": False,
    "noise_model": "none",
    "alpha_noise": 0.0,
    "proportional_noise": False,
    "drift_model": None,
    "t_drift": 0,
    # array
    "Icol_max": 1e6,
    "Rp_row": 0,
    "Rp_col": 0,
    "Rp_row_terminal": 0,
    "Rp_col_terminal": 0,
    "current_from_input": True,
    "selected_rows": "top",
    # converters
    "input_bits": 0,
    "input_range": (-1e12, 1e12),
    "positiveInputsOnly": False,
    "input_bitslicing": False,
    "input_slice_size": 1,
    "adc_bits": 0,
    "adc_range": (-1e12, 1e12),
    "adc_type": "generic",
    "adc_range_option": "CALIBRATED",
    "ADC_per_ibit": False,
    # simulation
    "useGPU": False,
    "gpu_id": 0,
}
"""Every keyword of :func:`set_params` and its default."""

_CONVERTER_CIRCUITS: dict[str, tuple[str, dict[str, Any]]] = {
    "ramp": (
        "RampADC",
        {"gain_db": 60, "sigma_capacitor": 0.25, "sigma_comparator": 0, "symmetric_cdac": True},
    ),
    "sar": (
        "SarADC",
        {
            "gain_db": 60,
            "sigma_capacitor": 0.10,
            "sigma_comparator": 0,
            "split_cdac": True,
            "group_size": 8,
        },
    ),
    "pipeline": (
        "PipelineADC",
        {
            "gain_db": 60,
            "sigma_C1": 0.10,
            "sigma_C2": 0,
            "sigma_Cpar": 0,
            "sigma_comparator": 0.10,
            "group_size": 8,
        },
    ),
}
_CONVERTER_CIRCUITS["SAR"] = _CONVERTER_CIRCUITS["sar"]
_CONVERTER_CIRCUITS["cyclic"] = ("CyclicADC", _CONVERTER_CIRCUITS["pipeline"][1])


def set_params(**kwargs: Any) -> CrossSimParameters:
    """Return validated parameters of a core.

    Keywords and defaults are those of :data:`DEFAULTS`; a keyword that is not among them is
    ignored with a warning. Ranges are (min, max); resistances are in ohms; `weight_percentile`
    is in percent of the largest magnitude; `adc_range` and `Icol_max` are in currents of a fully
    on cell at full input, for a bit-sliced core `adc_range` has one pair per slice.

    `error_model` and `noise_model` are "none", "generic" (normally distributed, of relative size
    `alpha_error` or `alpha_noise`, proportional to conductance if asked for) or the name of a
    device model. `drift_model` chooses a model without enabling drift.

    Raises :class:`~simulator.errors.ParameterError` naming the keyword, or the paths of a
    combination that is impossible.
    """
    for name in kwargs.keys() - DEFAULTS.keys():
        warn_once(
            ("set_params keyword", name),
            f"set_params: ignored the unknown keyword {name!r}.{nearest(name, DEFAULTS)}",
        )
    given = {name: kwargs.get(name, default) for name, default in DEFAULTS.items()}
    params = CrossSimParameters()
    for step in (_set_core, _set_device, _set_effects, _set_array, _set_inputs, _set_adc):
        step(params, given)
    _assign_flags(params, given, {"simulation.useGPU": "useGPU"})
    _assign(params, given, {"simulation.gpu_id": "gpu_id"})
    params.validate()
    return params


@contextmanager
def _naming(keyword: str, given: dict[str, Any]) -> Iterator[None]:
    """Turn a wrong value into an error that also names the keyword it came from."""
    try:
        yield
    except ParameterError as error:
        raise ParameterError(
            f"set_params: {keyword} = {given[keyword]!r} is not allowed: {error}"
        ) from None


def _assign(params: CrossSimParameters, given: dict[str, Any], targets: dict[str, str]) -> None:
    """Set each dotted path of `targets` (path: keyword) to the value of its keyword."""
    for path, keyword in targets.items():
        with _naming(keyword, given):
            params.update({path: given[keyword]})


def _assign_flags(
    params: CrossSimParameters, given: dict[str, Any], targets: dict[str, str]
) -> None:
    """As :func:`_assign`, for keywords of which only the truth counts."""
    for path, keyword in targets.items():
        params.update({path: _truth(keyword, given)})


def _truth(keyword: str, given: dict[str, Any]) -> bool:
    value = given[keyword]
    if isinstance(value, str) and value.lower() in ("false", "no", "0", "none"):
        warn_once(
            ("set_params truth", keyword, value),
            f"set_params: {keyword} = {value!r} is a string that is not empty, and counts as True",
        )
    return bool(value)


def _number(keyword: str, given: dict[str, Any]) -> float:
    value = given[keyword]
    if isinstance(value, bool | str) or not hasattr(value, "__float__"):
        raise ParameterError(f"set_params: {keyword} = {value!r} must be a number")
    return float(value)


def _range(keyword: str, given: dict[str, Any]) -> tuple[float, float]:
    """Return the two ends of a range. Raises ParameterError unless they are min < max."""
    try:
        low, high = (float(end + 0) for end in given[keyword])
    except (TypeError, ValueError):
        low = high = math.nan
    if not low < high:
        raise ParameterError(
            f"set_params: {keyword} = {given[keyword]!r} must be (min, max) with min < max"
        )
    return low, high


def _set_core(params: CrossSimParameters, given: dict[str, Any]) -> None:
    core = params.core
    sliced = given["Nslices"] != 1
    core.style = CoreStyle.BITSLICED
    style_path = "core.bit_sliced.style" if sliced else "core.style"
    targets = {
        style_path: "wtmodel",
        "core.weight_bits": "weight_bits",
        "core.bit_sliced.num_slices": "Nslices",
        "core.balanced.style": "balanced_style",
    }
    for path, keyword in (("core.rows_max", "NrowsMax"), ("core.cols_max", "NcolsMax")):
        if given[keyword] is not None:
            targets[path] = keyword
    _assign(params, given, targets)
    _assign_flags(
        params,
        given,
        {
            "core.complex_matrix": "complex_matrix",
            "core.complex_input": "complex_input",
            "core.balanced.interleaved_posneg": "interleaved_posneg",
            "core.balanced.subtract_current_in_xbar": "subtract_current_in_xbar",
        },
    )
    digital = _truth("digital_offset", given)
    params.update({"core.offset.style": "DIGITAL_OFFSET" if digital else "UNIT_COLUMN_SUBTRACTION"})
    with _naming("weight_percentile", given):
        core.mapping.weights.percentile = _number("weight_percentile", given) / 100


def _set_device(params: CrossSimParameters, given: dict[str, Any]) -> None:
    device = "xbar.device."
    targets = {device + name: name for name in ("Rmin", "Rmax", "Vread")}
    _assign(params, given, {**targets, device + "time": "t_drift"})
    _assign_flags(params, given, {device + "infinite_on_off_ratio": "infinite_on_off_ratio"})
    with _naming("weight_bits", given):
        params.xbar.device.cell_bits = _cell_bits(params)


def _cell_bits(params: CrossSimParameters) -> int:
    """Return the bits of one cell that hold `weight_bits` in the chosen core style."""
    core = params.core
    bits, slices = core.weight_bits, core.bit_sliced.num_slices
    if core.style == CoreStyle.OFFSET:
        return bits
    if core.style == CoreStyle.BALANCED:
        return bits - 1
    if bits % slices == 0:
        return bits // slices
    sign = 1 if core.bit_sliced.style.name == "BALANCED" else 0
    return math.ceil((bits - sign) / slices)


def _set_effects(params: CrossSimParameters, given: dict[str, Any]) -> None:
    _set_effect(params, given, "programming_error", "error")
    _set_effect(params, given, "read_noise", "noise")
    if given["drift_model"] not in (None, "none"):
        _assign(params, given, {"xbar.device.drift_error.model": "drift_model"})


def _set_effect(
    params: CrossSimParameters, given: dict[str, Any], effect: str, suffix: str
) -> None:
    """Set programming error or read noise from `<suffix>_model` and its companions."""
    model, node = given[f"{suffix}_model"], getattr(params.xbar.device, effect)
    if model == "generic":
        if _number(f"alpha_{suffix}", given) > 0:
            proportional = _truth(f"proportional_{suffix}", given)
            node.enable = True
            node.model = "NormalProportionalDevice" if proportional else "NormalIndependentDevice"
            _assign(params, given, {f"{node.path}.magnitude": f"alpha_{suffix}"})
    elif model is not None and model != "none":
        node.enable = True
        targets = {"model": f"{suffix}_model", "magnitude": f"alpha_{suffix}"}
        _assign(params, given, {f"{node.path}.{name}": key for name, key in targets.items()})


def _set_array(params: CrossSimParameters, given: dict[str, Any]) -> None:
    _assign(params, given, {"xbar.array.Icol_max": "Icol_max"})
    if not (_number("Rp_row", given) > 0 or _number("Rp_col", given) > 0):
        return
    parasitics = "xbar.array.parasitics."
    names = ("Rp_row", "Rp_col", "Rp_row_terminal", "Rp_col_terminal", "selected_rows")
    _assign(params, given, {parasitics + name: name for name in names})
    _assign_flags(params, given, {parasitics + "current_from_input": "current_from_input"})
    params.update(
        {
            parasitics + "enable": True,
            "simulation.Niters_max_parasitics": 100,
            "simulation.Verr_th_mvm": 2e-4,
            "simulation.relaxation_gamma": 0.9,
            "simulation.Verr_matmul_criterion": "max_mean",
        }
    )


def _set_inputs(params: CrossSimParameters, given: dict[str, Any]) -> None:
    dac, inputs = params.xbar.dac.mvm, params.core.mapping.inputs.mvm
    low, high = _range("input_range", given)
    positive = _truth("positiveInputsOnly", given)
    _assign(params, given, {"xbar.dac.mvm.bits": "input_bits"})
    dac.signed = not (positive or low >= 0)
    dac.model = "SignMagnitudeDAC" if dac.signed else "QuantizerDAC"
    if dac.bits > 0:
        _assign_flags(params, given, {"xbar.dac.mvm.input_bitslicing": "input_bitslicing"})
        _assign(params, given, {"xbar.dac.mvm.slice_size": "input_slice_size"})
    if dac.bits > 0 and dac.signed:
        high = max(abs(low), abs(high))
        low = -high
    with _naming("input_range", given):
        inputs.min, inputs.max = low, high


def _set_adc(params: CrossSimParameters, given: dict[str, Any]) -> None:
    adc = params.xbar.adc.mvm
    _assign(
        params,
        given,
        {"xbar.adc.mvm.bits": "adc_bits", "xbar.adc.mvm.adc_range_option": "adc_range_option"},
    )
    _assign_flags(params, given, {"xbar.adc.mvm.adc_per_ibit": "ADC_per_ibit"})
    adc.signed = _signed_currents(params, given)
    if adc.bits > 0:
        range_setter = _range_setter(params)
        with _naming("adc_range", given):
            range_setter(params, given)
    _set_adc_circuit(params, given)


def _signed_currents(params: CrossSimParameters, given: dict[str, Any]) -> bool:
    adc, core = params.xbar.adc.mvm, params.core
    if adc.adc_range_option == ADCRangeLimits.CALIBRATED and adc.bits > 0:
        return _smallest(given["adc_range"]) < 0
    style = core.bit_sliced.style if core.style == CoreStyle.BITSLICED else core.style
    return style.name == "BALANCED" or params.xbar.dac.mvm.signed


def _smallest(ranges: Any) -> float:
    """Return the smallest number in nested sequences."""
    import numpy as np

    try:
        return float(np.min(np.asarray(ranges, dtype=float)))
    except (TypeError, ValueError):
        raise ParameterError(
            f"set_params: adc_range = {ranges!r} must be (min, max), or one such pair per slice"
        ) from None


def _range_setter(
    params: CrossSimParameters,
) -> Callable[[CrossSimParameters, dict[str, Any]], None]:
    if params.xbar.adc.mvm.adc_range_option != ADCRangeLimits.CALIBRATED:
        return _choose_quantizer
    return _slice_ranges if params.core.style == CoreStyle.BITSLICED else _single_range


def _choose_quantizer(params: CrossSimParameters, given: dict[str, Any]) -> None:
    adc = params.xbar.adc.mvm
    adc.model = "SignMagnitudeADC" if adc.signed else "QuantizerADC"


def _slice_ranges(params: CrossSimParameters, given: dict[str, Any]) -> None:
    params.xbar.adc.mvm.calibrated_range = given["adc_range"]
    _choose_quantizer(params, given)


def _single_range(params: CrossSimParameters, given: dict[str, Any]) -> None:
    """Use the range as given, or made symmetric if its centre is within one step of zero."""
    adc = params.xbar.adc.mvm
    low, high = _range("adc_range", given)
    limits: Sequence[float] = (low, high)
    adc.model = "QuantizerADC"
    if abs((low + high) / 2 / (high - low)) < 2.0**-adc.bits:
        largest = max(abs(low), abs(high))
        limits = (-largest, largest)
        adc.model = "SignMagnitudeADC"
    adc.calibrated_range = limits


def _set_adc_circuit(params: CrossSimParameters, given: dict[str, Any]) -> None:
    kind, adc = given["adc_type"], params.xbar.adc.mvm
    if kind == "generic":
        return
    if kind not in _CONVERTER_CIRCUITS:
        kinds = ["generic", *_CONVERTER_CIRCUITS]
        raise ParameterError(
            f"set_params: adc_type = {kind!r} is not allowed;"
            f" allowed is one of {', '.join(map(repr, kinds))}.{nearest(str(kind), kinds)}"
        )
    adc.model, values = _CONVERTER_CIRCUITS[kind]
    adc.update(values)
