"""Combinations across the tree that cannot mean anything, or that no hardware can do.

Effects that are switched off (zero bits, ideal converters, ``enable`` False) are not looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulator.errors import ParameterError

from .core_parameters import BitSlicedCoreStyle, CoreParameters, CoreStyle
from .mapping_parameters import MappingParameters
from .xbar_parameters import ADCParameters, ADCRangeLimits, DACParameters

if TYPE_CHECKING:
    from .crosssim_parameters import CrossSimParameters


def check_combinations(params: CrossSimParameters) -> None:
    """Raise ParameterError naming the paths of the first combination that is impossible."""
    inputs, adc, dac = params.core.mapping.inputs, params.xbar.adc, params.xbar.dac
    _check_direction(params.core, inputs.mvm, dac.mvm, adc.mvm)
    if not (inputs.match and adc.match and dac.match):
        _check_direction(params.core, inputs.vmm, dac.vmm, adc.vmm)
    _check_source_lines(params)
    _check_shared_lines(params.core)


def _check_direction(
    core: CoreParameters, inputs: MappingParameters, dac: DACParameters, adc: ADCParameters
) -> None:
    _check_input_slices(dac, adc)
    if dac.bits > 0 and dac.model == "QuantizerDAC":
        _check_quantizer_dac(dac, inputs)
    if dac.bits > 0 and dac.model == "SignMagnitudeDAC":
        _check_sign_magnitude_dac(dac, inputs)
    if adc.bits > 0 and adc.model != "IdealADC":
        _check_adc_range(core, adc)
        if adc.model == "SignMagnitudeADC":
            _check_sign_magnitude_adc(core, dac, adc)


def _check_input_slices(dac: DACParameters, adc: ADCParameters) -> None:
    slicing = dac._where("input_bitslicing")
    if dac.input_bitslicing and dac.bits == 0:
        raise ParameterError(f"{slicing} is True but {dac._where('bits')} = 0 leaves no bits")
    if dac.input_bitslicing and dac.model == "IdealDAC":
        raise ParameterError(
            f"{slicing} is True but {dac._where('model')} = 'IdealDAC' has no bits to slice"
        )
    if adc.adc_per_ibit and not dac.input_bitslicing:
        raise ParameterError(f"{adc._where('adc_per_ibit')} is True but {slicing} is False")


def _check_quantizer_dac(dac: DACParameters, inputs: MappingParameters) -> None:
    if dac.signed and dac.input_bitslicing:
        raise ParameterError(
            f"{dac._where('input_bitslicing')} and {dac._where('signed')} are both True:"
            f" {dac._where('model')} = 'QuantizerDAC' slices unsigned inputs only;"
            " SignMagnitudeDAC slices signed ones"
        )
    if not dac.signed and not inputs.follows_values and inputs.min is not None and inputs.min < 0:
        raise ParameterError(
            f"{dac._where('signed')} is False but {inputs._where('min')} = {inputs.min:g}"
            " is negative"
        )


def _check_sign_magnitude_dac(dac: DACParameters, inputs: MappingParameters) -> None:
    model = f"{dac._where('model')} = 'SignMagnitudeDAC'"
    if not dac.signed:
        raise ParameterError(f"{model} needs {dac._where('signed')} = True; got False")
    if dac.bits < 2:
        raise ParameterError(f"{model} needs {dac._where('bits')} >= 2, a sign and a magnitude")
    if inputs.follows_values or inputs.min is None or inputs.max is None:
        return
    if not _symmetric(inputs.min, inputs.max):
        raise ParameterError(
            f"{model} needs a symmetric range or a percentile; got"
            f" {inputs._where('min')} = {inputs.min:g}, {inputs._where('max')} = {inputs.max:g}"
        )


def _check_adc_range(core: CoreParameters, adc: ADCParameters) -> None:
    option = adc._where("adc_range_option")
    if adc.adc_range_option == ADCRangeLimits.GRANULAR and not adc.adc_per_ibit:
        raise ParameterError(f"{option} = GRANULAR needs {adc._where('adc_per_ibit')} = True")
    if adc.adc_range_option != ADCRangeLimits.CALIBRATED:
        return
    path = adc._where("calibrated_range")
    ranges = np.asarray(adc.calibrated_range, dtype=np.float64)
    if ranges.size == 0:
        return  # to be found before the first product
    slices = core.bit_sliced.num_slices if core.style == CoreStyle.BITSLICED else 1
    if ranges.size != 2 * slices:
        raise ParameterError(
            f"{path} holds {ranges.size // 2} [min, max] pairs; {core._where('style')} ="
            f" {core.style.name} with {slices} weight slice(s) needs {slices}"
        )
    for low, high in ranges.reshape(-1, 2):
        if low >= high:
            raise ParameterError(f"{path}: min {low:g} must be below max {high:g}")


def _check_sign_magnitude_adc(core: CoreParameters, dac: DACParameters, adc: ADCParameters) -> None:
    model = f"{adc._where('model')} = 'SignMagnitudeADC'"
    if not adc.signed:
        raise ParameterError(f"{model} needs {adc._where('signed')} = True; got False")
    if adc.bits < 2:
        raise ParameterError(f"{model} needs {adc._where('bits')} >= 2, a sign and a magnitude")
    if adc.adc_range_option == ADCRangeLimits.CALIBRATED:
        for low, high in np.reshape(adc.calibrated_range, (-1, 2)):
            if not _symmetric(low, high):
                raise ParameterError(
                    f"{model} needs a symmetric range;"
                    f" got {adc._where('calibrated_range')} = [{low:g}, {high:g}]"
                )
    elif not (dac.signed or _signed_currents(core)):
        raise ParameterError(
            f"{model} needs a symmetric range, but {adc._where('adc_range_option')} ="
            f" {adc.adc_range_option.name} with {dac._where('signed')} = False starts at zero"
        )


def _signed_currents(core: CoreParameters) -> bool:
    """Whether currents at the ADC have either sign even for inputs of one sign."""
    if core.style == CoreStyle.BITSLICED:
        return core.bit_sliced.style == BitSlicedCoreStyle.BALANCED
    return core.style == CoreStyle.BALANCED and core.balanced.subtract_current_in_xbar


def _check_source_lines(params: CrossSimParameters) -> None:
    parasitics, dac = params.xbar.array.parasitics, params.xbar.dac.mvm
    if not parasitics.enable or parasitics.current_from_input:
        return
    if not dac.input_bitslicing or dac.slice_size > 1:
        raise ParameterError(
            f"{parasitics._where('current_from_input')} is False: inputs then only switch cells on"
            f" and off, which needs {dac._where('input_bitslicing')} = True and"
            f" {dac._where('slice_size')} = 1; got {dac.input_bitslicing} and {dac.slice_size}"
        )


def _check_shared_lines(core: CoreParameters) -> None:
    balanced = core.balanced
    paired = core.style == CoreStyle.BALANCED or (
        core.style == CoreStyle.BITSLICED and core.bit_sliced.style == BitSlicedCoreStyle.BALANCED
    )
    if paired and balanced.interleaved_posneg and not balanced.subtract_current_in_xbar:
        raise ParameterError(
            f"{balanced._where('interleaved_posneg')} is True: the cells of a pair then share one"
            f" line, so {balanced._where('subtract_current_in_xbar')} cannot be False"
        )


def _symmetric(low: float, high: float) -> bool:
    return abs(low + high) <= 1e-9 * max(abs(low), abs(high))
