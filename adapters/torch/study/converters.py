"""What a layer has for converters, and what ranges they can have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from adapters.torch.conversion.rewire import trees
from adapters.torch.layers.layer import AnalogLayer
from simulator import CrossSimParameters
from simulator.profile import Sample, Span


def has_dac(tree: CrossSimParameters) -> bool:
    """Whether inputs are converted."""
    return dac_levels(tree) > 1


def has_adc(tree: CrossSimParameters) -> bool:
    """Whether currents are converted."""
    return adc_levels(tree) > 1


def first(params: Any, has: Callable[[CrossSimParameters], bool]) -> CrossSimParameters | None:
    """The first parameter tree of a layer that has a converter; None without one."""
    return next((tree for tree in trees(params) if has(tree)), None)


def dac_span(tree: CrossSimParameters) -> Span:
    """Ranges of DACs begin at zero, or are symmetric where they are signed."""
    return Span.SYMMETRIC if tree.xbar.dac.mvm.signed else Span.POSITIVE


def adc_span(tree: CrossSimParameters) -> Span:
    """Ranges of a plain quantiser may be any; other ADCs are built about zero."""
    adc = tree.xbar.adc.mvm
    if adc.model == "QuantizerADC":
        return Span.FREE
    return Span.SYMMETRIC if adc.signed else Span.POSITIVE


def dac_levels(tree: CrossSimParameters) -> int:
    """Levels of a DAC over its range; 1 for an ideal one."""
    return _levels(tree.xbar.dac.mvm, "DAC")


def adc_levels(tree: CrossSimParameters) -> int:
    """Levels of an ADC over its range; 1 for an ideal one."""
    return _levels(tree.xbar.adc.mvm, "ADC")


def _levels(node: Any, kind: str) -> int:
    if node.model == f"Ideal{kind}":
        return 1
    if node.model == f"MidTread{kind}":
        return 1 + round(1 / node.resolution) if node.resolution > 0 else 1
    signs = node.model == f"SignMagnitude{kind}" and node.bits > 0
    return int(2**node.bits) - signs


def current_samples(layer: AnalogLayer) -> list[Sample]:
    """What was recorded at the ADCs of a layer, for each weight slice."""
    recorders = [r for core in layer.arrays for r in core.recorders(False)]
    return [
        Sample(
            min(float(r.low[i]) for r in recorders),
            max(float(r.high[i]) for r in recorders),
            np.concatenate([r.values(i) for r in recorders]),
        )
        for i in range(recorders[0].slices)
    ]


def current_ranges(layer: AnalogLayer) -> np.ndarray:
    """The present ranges of the ADCs of a layer, (slices, 2); of the largest array."""
    limits = [
        stack.hardware.mvm.adc_limits(stack.grid.cols.sizes)
        for core in layer.arrays
        for stack in core.arrays.stacks
    ]
    lows, highs = (np.concatenate([pair[end] for pair in limits]) for end in (0, 1))
    ranges = np.stack([lows.min(axis=0), highs.max(axis=0)], axis=1)
    # One range may stand for those of all slices.
    return np.broadcast_to(ranges, (len(slice_weights(layer)), 2))


def slice_weights(layer: AnalogLayer) -> np.ndarray:
    """What the codes of each weight slice count in the sum, (slices,)."""
    return np.abs(layer.core.arrays.stacks[0].hardware.code.merge[:, 0])
