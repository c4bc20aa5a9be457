"""Folding batch normalisation into the layer before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras import layers

from adapters.keras.bridge import to_numpy


def foldable_norms(models: list[Any], foldable: Callable[[Any], bool]) -> dict[int, Any]:
    """Batch norms that directly follow a layer they can be folded into, by its identity.

    "Directly": the norm sees the output of the layer, nothing else does, and the layer has no
    activation. ``models`` are a model and those nested in it; ``foldable`` says which layers may
    change.
    """
    edges = [edge for model in models for edge in _edges(model)]
    sources = [id(source) for source, _ in edges]
    targets = [id(target) for _, target in edges]
    return {
        id(layer): norm
        for layer, norm in edges
        if isinstance(norm, layers.BatchNormalization) and foldable(layer)
        and sources.count(id(layer)) == 1 and targets.count(id(norm)) == 1
        and targets.count(id(layer)) <= 1 and _fits(layer, norm)
    }  # fmt: skip


def _edges(model: Any) -> Iterator[tuple[Any, Any]]:
    """Which layer gives its output to which; outputs of the model go to None."""
    if isinstance(model, keras.Sequential):
        yield from zip(model.layers, [*model.layers[1:], None], strict=True)
        return
    for nodes in model._nodes_by_depth.values():
        for node in nodes:
            # A norm that is always training goes by the batch, not by what it has learnt.
            target = None if node.arguments.kwargs.get("training") else node.operation
            for tensor in node.input_tensors:
                yield tensor._keras_history.operation, target
    for tensor in model.outputs:
        yield tensor._keras_history.operation, None


def _fits(layer: Any, norm: Any) -> bool:
    """Whether the norm counts the outputs of the layer one by one."""
    if not (layer.built and norm.built) or layer.activation is not keras.activations.linear:
        return False
    last = getattr(layer, "data_format", "channels_last") == "channels_last"
    dimensions = norm.input_spec.ndim
    return norm.axis % dimensions == (dimensions - 1 if last else 1)


def folded(kernel: np.ndarray, bias: np.ndarray | None, norm: Any) -> list[np.ndarray]:
    """Kernel and bias of the layer with ``norm`` behind it.

    Outputs are last on a kernel; those of a depthwise one are (channels, multiplier).
    """
    mean, variance = (to_numpy(v).astype(float) for v in (norm.moving_mean, norm.moving_variance))
    scale = 1 / np.sqrt(variance + norm.epsilon)
    if norm.scale:
        scale = scale * to_numpy(norm.gamma)
    shift = ((0 if bias is None else bias) - mean) * scale
    if norm.center:
        shift = shift + to_numpy(norm.beta)
    by_output = scale if kernel.shape[-1] == len(scale) else scale.reshape(kernel.shape[-2:])
    return [(kernel * by_output).astype(kernel.dtype), shift.astype(kernel.dtype)]
