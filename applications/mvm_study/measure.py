"""Calibrate, build one chip, multiply, compare: where the numbers of the study come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator import AnalogCore, CrossSimParameters
from simulator.profile import adc_ranges

from .settings import Setting, parameters
from .statistics import relative_rms_error, signal_to_noise
from .workload import Workload, between_layers

_ADC_RANGE = "xbar.adc.mvm.calibrated_range"


@dataclass(frozen=True)
class Metrics:
    """What one chip did: error and SNR (dB) of the first product, accuracy if there are labels."""

    relative_rms_error: float
    snr_db: float
    accuracy: float | None = None


def calibrate(
    setting: Setting, workload: Workload, seed: int, percentile: float
) -> list[CrossSimParameters]:
    """Return the parameter tree of every matrix of `workload`, converter ranges included.

    Ranges come from the training data and an exact chip: the input range is the largest input,
    the ADC range holds `percentile` % of the currents. What `setting` sets itself stays.
    """
    trees = []
    for matrix, inputs in zip(workload.matrices, workload.calibration):
        tree = parameters(setting, seed)
        _apply(tree, setting, _input_range(inputs))
        converter = tree.xbar.adc.mvm
        if converter.bits > 0 and converter.adc_range_option.name == "CALIBRATED":
            given = setting.values.get(_ADC_RANGE)
            ranges = _current_range(tree, matrix, inputs, percentile) if given is None else given
            _apply(tree, setting, _adc_for(np.array(ranges, dtype=np.float64)))
        else:
            _apply(tree, setting, _adc_model(_currents_are_signed(tree)))
        trees.append(tree)
    return trees


def measure(trees: list[CrossSimParameters], workload: Workload, chip: int) -> Metrics:
    """Return what chip number `chip` does with the measured inputs of `workload`.

    The streams of a chip depend on its number and on the layer only, so chips with the same
    number share their random draws in every setting, and settings differ by the setting alone.
    """
    exact = workload.matrices[0] @ workload.inputs
    flowing = workload.inputs
    products = []
    for layer, (tree, matrix, bias) in enumerate(zip(trees, workload.matrices, workload.biases)):
        stream = chip * len(workload.matrices) + layer
        products.append(AnalogCore(matrix, tree, stream=stream) @ flowing)
        flowing = between_layers(products[-1], bias)
    error = relative_rms_error(exact, products[0])
    accuracy = None
    if workload.labels is not None:
        scores = products[-1] + workload.biases[-1][:, np.newaxis]
        accuracy = float((scores.argmax(axis=0) == workload.labels).mean())
    return Metrics(error, signal_to_noise(error), accuracy)


def _apply(tree: CrossSimParameters, setting: Setting, updates: dict[str, Any]) -> None:
    """Set what `setting` leaves open."""
    tree.update({path: value for path, value in updates.items() if path not in setting.values})


def _input_range(inputs: np.ndarray) -> dict[str, Any]:
    """Return DAC and input range for `inputs`: signed and symmetric only if one is negative."""
    largest = float(np.abs(inputs).max()) or 1.0
    signed = bool(inputs.min() < 0)
    return {
        "xbar.dac.mvm.model": "SignMagnitudeDAC" if signed else "QuantizerDAC",
        "xbar.dac.mvm.signed": signed,
        "core.mapping.inputs.mvm.min": -largest if signed else 0.0,
        "core.mapping.inputs.mvm.max": largest,
    }


def _adc_model(signed: bool) -> dict[str, Any]:
    model = "SignMagnitudeADC" if signed else "QuantizerADC"
    return {"xbar.adc.mvm.model": model, "xbar.adc.mvm.signed": signed}


def _adc_for(ranges: np.ndarray) -> dict[str, Any]:
    """Return an ADC for currents in `ranges`, (2,) or (slices, 2); negative ones make it signed."""
    signed = bool((ranges < 0).any())
    if signed:
        limits = np.abs(ranges).max(axis=-1)
        ranges = np.stack([-limits, limits], axis=-1)
    return {_ADC_RANGE: ranges.tolist()} | _adc_model(signed)


def _currents_are_signed(tree: CrossSimParameters) -> bool:
    """Return whether a column current can be negative: signed inputs, or pairs subtracted."""
    core = tree.core
    style = core.bit_sliced.style.name if core.style.name == "BITSLICED" else core.style.name
    pairs = style == "BALANCED" and core.balanced.subtract_current_in_xbar
    return bool(tree.xbar.dac.mvm.signed or pairs)


def _current_range(
    tree: CrossSimParameters, matrix: np.ndarray, inputs: np.ndarray, percentile: float
) -> np.ndarray:
    """Return the ADC range that `inputs` need on a chip without errors, one row per slice."""
    exact = tree.copy()
    exact.update(
        {
            "xbar.adc.mvm.model": "IdealADC",
            "xbar.adc.mvm.bits": 0,
            "xbar.device.programming_error.enable": False,
            "xbar.device.read_noise.enable": False,
            "simulation.analytics.profile_adc_inputs": True,
        }
    )
    core = AnalogCore(matrix, exact)
    core @ inputs
    return np.asarray(adc_ranges(core, percentile=percentile))
