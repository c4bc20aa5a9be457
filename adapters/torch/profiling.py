"""What the layers of a model see: inputs, currents at the ADCs, and what the cells hold.

Set ``simulation.analytics.profile_xbar_inputs`` or ``profile_adc_inputs`` before the model is
converted, run it, and ask. Memory is bounded: of very many values an evenly thinned part is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from adapters import profiles
from adapters.torch.layer import AnalogLayer, analog_modules
from simulator import ParameterError


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


def watch_inputs(layer: AnalogLayer, look: Look) -> list[Any]:
    """Call ``look`` with everything that drives the arrays of a layer, bias lines mostly apart.

    That is the input of the layer; of a layer of several parts, such as a recurrent one, what its
    parts are given. Parts are new after ``reinitialize``. Returns handles; ``remove()`` ends it.
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


def named_layers(model: nn.Module) -> dict[str, AnalogLayer]:
    """The analog layers of a model by their names. Raises ParameterError where there are none."""
    found = {name: m for name, m in model.named_modules() if isinstance(m, AnalogLayer)}
    if not found:
        raise ParameterError("the model has no analog layers; convert it with from_torch first")
    return found


def follow_inputs(model: nn.Module) -> None:
    """Record the inputs of layers whose parameters say ``profile_xbar_inputs``; each once."""
    for layer in analog_modules(model):
        wanted = layer.core.params.simulation.analytics.profile_xbar_inputs
        if wanted and "xbar_inputs" not in layer.__dict__:
            layer.__dict__["xbar_inputs"] = seen = Seen()
            watch_inputs(layer, seen.add)


def get_profiled_xbar_inputs(model: nn.Module, save_dir: Any = None) -> list[np.ndarray | None]:
    """Recorded inputs of every analog layer, one-dimensional; None for one that records none.

    ``save_dir``: folder to write them to, as the pickle ``all_xbar_inputs.p``. Raises InputError
    where no layer has recorded anything.
    """
    seen = [layer.__dict__.get("xbar_inputs") for layer in analog_modules(model)]
    return profiles.xbar_inputs(seen, save_dir)


def get_profiled_adc_inputs(model: nn.Module, save_dir: Any = None) -> list[np.ndarray | None]:
    """Recorded currents at the ADCs of every analog layer; None for one that records none.

    (input digits or 1, currents), or (slices, input digits or 1, currents) for bit-sliced weights,
    in units of one full cell at full input. ``save_dir``: folder to write them to, as the pickle
    ``all_adc_inputs.p``. Raises InputError where no layer has recorded anything.
    """
    return profiles.adc_inputs([layer.arrays for layer in analog_modules(model)], save_dir)


def get_conductance_matrices(model: nn.Module) -> list[dict[str, Any]]:
    """What the cells of every analog layer hold, in units of Gmax; see ``conductances``."""
    return [profiles.conductances(layer.arrays) for layer in analog_modules(model)]
