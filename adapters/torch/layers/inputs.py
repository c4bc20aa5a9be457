"""What drives the arrays of a layer, seen as it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from adapters.shared import profiles
from adapters.torch.layers.layer import AnalogLayer
from adapters.torch.layers.models import analog_modules


class Seen(profiles.Seen):
    """``profiles.Seen`` for tensors."""

    def add(self, values: torch.Tensor) -> None:
        """Take in the values of a tensor of any shape."""
        super().add(values.detach().float().cpu().numpy())


Look = Callable[[torch.Tensor], None]


class _Tap:
    """A hook that shows the first input of an analog layer."""

    def __init__(self, look: Look) -> None:
        self.look = look

    def __call__(self, layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        # A digital copy of the layer keeps its hooks.
        if isinstance(layer, AnalogLayer):
            self.look(args[0] if args else next(iter(kwargs.values())))


def watch_inputs(layer: AnalogLayer, look: Look) -> list[RemovableHandle]:
    """Call ``look`` with everything that drives the arrays of a layer, bias lines mostly apart.

    That is the input of the layer; of a layer of several parts, such as a recurrent one, what its
    parts are given. Parts are new after ``reinitialize``.

    Args:
        layer: the layer to watch.
        look: gets each input as a tensor (..., inputs), or (batch, channels, *space) of a
            convolution, in units of the inputs.

    Returns:
        Handles of torch; ``remove()`` of all of them ends it.
    """
    targets = list(getattr(layer, "parts", {}).values()) or [layer]
    return [t.register_forward_pre_hook(_Tap(look), with_kwargs=True) for t in targets]


@contextmanager
def watched(layers: list[AnalogLayer]) -> Iterator[dict[AnalogLayer, Seen]]:
    """Inside, inputs of the layers are recorded."""
    seen = {layer: Seen() for layer in layers}
    handles = [h for layer in layers for h in watch_inputs(layer, seen[layer].add)]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def follow_inputs(model: nn.Module) -> None:
    """Record the inputs of layers whose parameters say ``profile_xbar_inputs``.

    ``from_torch`` does so; to be called for layers whose parameters say it since.

    Args:
        model: what ``from_torch`` returned. A layer that records already goes on.
    """
    for layer in analog_modules(model):
        wanted = layer.core.params.simulation.analytics.profile_xbar_inputs
        if wanted and "xbar_inputs" not in layer.__dict__:
            layer.__dict__["xbar_inputs"] = seen = Seen()
            watch_inputs(layer, seen.add)
