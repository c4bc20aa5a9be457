"""The analog layers of a model, and what is done to all of them at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from adapters.shared.staying import warn_of_no_arrays
from adapters.torch.layers.layer import AnalogLayer
from simulator import ParameterError, each_said_once


def analog_modules(model: nn.Module) -> list[AnalogLayer]:
    """The analog layers of a model.

    Args:
        model: any module; an analog layer counts as a model of one layer.

    Returns:
        The layers depth first, each once; empty for a digital model.
    """
    return [module for module in model.modules() if isinstance(module, AnalogLayer)]


def named_layers(model: nn.Module) -> dict[str, AnalogLayer]:
    """The analog layers of a model by their names. Raises ParameterError where there are none."""
    found = {name: m for name, m in model.named_modules() if isinstance(m, AnalogLayer)}
    if not found:
        raise ParameterError("the model has no analog layers; convert it with from_torch first")
    return found


def _layers_for(function: str, model: nn.Module) -> list[AnalogLayer]:
    """The analog layers of a model; warns where ``function`` finds none."""
    layers = analog_modules(model)
    if not layers:
        warn_of_no_arrays(function, "from_torch")
    return layers


def synchronize(model: nn.Module) -> None:
    """Program the arrays of every analog layer with its present parameters.

    To be called after each step of an optimizer, where layers have ``auto_synchronize=False``; the
    others are programmed by their next forward, and not once more where this was called. Cells get
    new programming errors, as ``redraw`` of their layer says. A digital model stays as it is, so
    that one loop trains both.

    Args:
        model: what ``from_torch`` returned.

    Raises:
        InputError: weights that are not finite; it names the layer, whose cells stay.
    """
    for layer in analog_modules(model):
        layer.synchronize()


def reinitialize(model: nn.Module) -> None:
    """Build the arrays of every analog layer anew: other chips of the same design.

    What is drawn at fabrication, such as mismatch of ADCs, is drawn anew, and so are programming
    errors; ``synchronize`` keeps the former.

    Args:
        model: what ``from_torch`` returned.
    """
    for layer in _layers_for("reinitialize", model):
        layer.reinitialize()


def set_time(model: nn.Module, time: float) -> None:
    """Look at the chips of every analog layer at a time since programming.

    Every cell keeps what it drew at its programming. If a layer refuses, all stay as they were.

    Args:
        model: what ``from_torch`` returned.
        time: in the unit of the drift model, >= 0.

    Raises:
        ParameterError: a time that is no finite number >= 0.
        ModelError: a model that says nothing about this time.
    """
    layers = _layers_for("set_time", model)
    before = [layer.core.time for layer in layers]
    try:
        with each_said_once():
            for layer in layers:
                layer.set_time(time)
    except Exception:
        for layer, was in zip(layers, before, strict=True):
            layer.set_time(was)
        raise


def new_epoch(model: nn.Module) -> None:
    """Begin the next epoch: layers with ``redraw="epoch"`` draw new errors from now on.

    Args:
        model: what ``from_torch`` returned.
    """
    for layer in analog_modules(model):
        layer.epoch += 1
        if layer.redraw == "epoch":
            layer.synchronize()


@contextmanager
def ideal(model: nn.Module) -> Iterator[nn.Module]:
    """Inside ``with ideal(model):`` the model runs digitally, with its parameters.

    Args:
        model: what ``from_torch`` returned.

    Yields:
        The model itself. Afterwards it runs on its arrays again.
    """
    layers = analog_modules(model)
    before = [layer.ideal for layer in layers]
    for layer in layers:
        layer.ideal = True
    try:
        yield model
    finally:
        for layer, was in zip(layers, before, strict=True):
            layer.ideal = was
