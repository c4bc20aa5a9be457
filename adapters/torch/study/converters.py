"""The converters of a layer: whether it has any, what they saw, and their present ranges."""

from __future__ import annotations

import numpy as np

from adapters.shared.per_layer import LayerParams
from adapters.torch.layers.layer import AnalogLayer
from simulator import CrossSimParameters
from simulator.profile import Sample, adc_samples, converter_models


def has_dac(tree: CrossSimParameters) -> bool:
    """Whether inputs are converted."""
    return converter_models(tree)[0].level_count > 1


def has_adc(tree: CrossSimParameters) -> bool:
    """Whether currents are converted."""
    return converter_models(tree)[1].level_count > 1


def current_samples(layer: AnalogLayer) -> list[Sample]:
    """What was recorded at the ADCs of all arrays of a layer, one sample for each weight slice."""
    return adc_samples(layer.arrays)


def current_ranges(layer: AnalogLayer) -> np.ndarray:
    """The present ranges of the ADCs of a layer, (slices, 2); of the largest array."""
    ranges = [core.converter_ranges().adc for core in layer.arrays]
    lows, highs = [r.low for r in ranges], [r.high for r in ranges]
    return np.stack([np.min(lows, axis=0), np.max(highs, axis=0)], axis=1)


def scales_each_vector(params: LayerParams) -> bool:
    """Whether the inputs of an array have a range for each vector."""
    trees = params if isinstance(params, list) else [params]
    ranges = (tree.core.mapping.inputs.mvm for tree in trees)
    return any(r.percentile is not None and r.percentile_scope == "vector" for r in ranges)
