"""Parameters of a matrix-vector product from a flat list of keywords.

:func:`set_params` covers what studies of single products usually vary. Everything else can be set
on the tree that it returns.
"""

from __future__ import annotations

from typing import Any

from applications.common.keywords import (
    Keywords,
    set_adc,
    set_array,
    set_core,
    set_device,
    set_effect,
    set_inputs,
)
from simulator.parameters import CrossSimParameters, of_course

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
    keywords = Keywords("set_params", DEFAULTS, kwargs)
    set_core(keywords)
    keywords.assign_flags(
        {"core.complex_matrix": "complex_matrix", "core.complex_input": "complex_input"}
    )
    set_device(keywords)
    set_effect(keywords, "programming_error", "error")
    set_effect(keywords, "read_noise", "noise")
    if keywords["drift_model"] not in (None, "none"):
        keywords.assign({"xbar.device.drift_error.model": "drift_model"})
    set_array(keywords, keywords.number("Rp_row") > 0 or keywords.number("Rp_col") > 0)
    low, high = keywords.range("input_range")
    set_inputs(keywords, low, high, low < 0 and not keywords.truth("positiveInputsOnly"))
    set_adc(keywords, _CONVERTER_CIRCUITS)
    keywords.assign_flags({"simulation.useGPU": "useGPU"})
    keywords.assign({"simulation.gpu_id": "gpu_id"})
    keywords.params.validate()
    return of_course(keywords.params)
