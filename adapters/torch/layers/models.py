"""The analog layers of a model, and what is done to all of them at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from adapters.torch.layers.layer import AnalogLayer
from simulator import ParameterError


def analog_modules(model: nn.Module) -> list[AnalogLayer]:
    """The analog layers of a model, depth first, each once; the model included."""
    return [module for module in model.modules() if isinstance(module, AnalogLayer)]


def named_layers(model: nn.Module) -> dict[str, AnalogLayer]:
    """The analog layers of a model by their names. Raises ParameterError where there are none."""
    found = {name: m for name, m in model.named_modules() if isinstance(m, AnalogLayer)}
    if not found:
        raise ParameterError("the model has no analog layers; convert it with from_torch first")
    return found


def synchronize(model: nn.Module) -> None:
    """Program the arrays of every analog layer with its present parameters."""
    for layer in analog_modules(model):
        layer.synchronize()


def reinitialize(model: nn.Module) -> None:
    """Build the arrays of every analog layer anew: new fabrication, new programming errors."""
    for layer in analog_modules(model):
        layer.reinitialize()


def set_time(model: nn.Module, time: float) -> None:
    """Look at the chips of every analog layer at a time since programming, in the drift's unit.

    Every cell keeps what it drew at its programming. If a layer refuses, all stay as they were.
    """
    layers = analog_modules(model)
    before = [layer.core.time for layer in layers]
    try:
        for layer in layers:
            layer.set_time(time)
    except Exception:
        for layer, was in zip(layers, before, strict=True):
            layer.set_time(was)
        raise


def new_epoch(model: nn.Module) -> None:
    """Begin the next epoch: layers with ``redraw="epoch"`` draw new errors from now on."""
    for layer in analog_modules(model):
        layer.epoch += 1
        if layer.redraw == "epoch":
            layer.synchronize()


@contextmanager
def ideal(model: nn.Module) -> Iterator[nn.Module]:
    """Inside ``with ideal(model):`` the model runs digitally, with its parameters."""
    layers = analog_modules(model)
    before = [layer.ideal for layer in layers]
    for layer in layers:
        layer.ideal = True
    try:
        yield model
    finally:
        for layer, was in zip(layers, before, strict=True):
            layer.ideal = was
