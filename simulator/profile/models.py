"""The converter models of a parameter tree."""

from __future__ import annotations

from simulator.converters import ADC, DAC
from simulator.hardware.build import build_hardware, snapshots
from simulator.parameters import CrossSimParameters


def converter_models(params: CrossSimParameters, transposed: bool = False) -> tuple[DAC, ADC]:
    """The models of DAC and ADC that an array with these parameters has.

    Args:
        params: one parameter tree; it stays as it is.
        transposed: those of products from the left.

    Returns:
        The frozen models, which say what they are: ``is_ideal``, ``level_count``, ``span``.

    Raises:
        ParameterError, ModelError: parameters that no array can have.
    """
    hardware = build_hardware(snapshots(params)[0])
    line = hardware.vmm if transposed else hardware.mvm
    return line.dac, line.adc
