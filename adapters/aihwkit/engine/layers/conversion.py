"""Between digital and analog models."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from torch import nn

from adapters.aihwkit.engine.configuration.configs import RPUConfig
from adapters.aihwkit.engine.exceptions import ConfigError
from adapters.aihwkit.engine.layers.base import AnalogLayer, AnalogModuleBase
from adapters.aihwkit.engine.layers.container import AnalogSequential
from adapters.aihwkit.engine.layers.conv import AnalogConv2d
from adapters.aihwkit.engine.layers.linear import AnalogLinear
from simulator import warn_user

LAYERS: dict[type[nn.Module], Any] = {nn.Linear: AnalogLinear, nn.Conv2d: AnalogConv2d}
# Layers of torch whose weights are matrices of products.
PRODUCTS = (
    nn.Linear, nn.Bilinear, nn.modules.conv._ConvNd, nn.RNNBase, nn.RNNCellBase,
    nn.MultiheadAttention,
)  # fmt: skip
WRAPPER = "AnalogWrapper"
Replace = Callable[[str, nn.Module], "nn.Module | None"]


def convert_to_analog(
    module: nn.Module,
    rpu_config: RPUConfig,
    *,
    conversion_map: dict[type[nn.Module], Any] | None = None,
    specific_rpu_config_fun: Callable[[str, nn.Module, RPUConfig], RPUConfig] | None = None,
    exclude_modules: list[str] | None = None,
    inplace: bool = False,
    ensure_analog_root: bool = True,
    verbose: bool = False,
) -> nn.Module:
    """The model with its ``Linear`` and ``Conv2d`` layers on tiles, weights included.

    Layers that are shared stay shared.

    Args:
        module: the model; copied unless ``inplace``.
        rpu_config: the configuration of every tile.
        conversion_map: an analog class for each digital one, in place of the usual ones.
        specific_rpu_config_fun: ``(name, module, rpu_config)`` gives the configuration of a layer.
        exclude_modules: full names of modules that stay as they are, with all below them.
        inplace: change the model itself.
        ensure_analog_root: make the root able to list its tiles, as sequences are.
        verbose: log every layer that is converted.

    Returns:
        The analog model.

    Raises:
        ConfigError: a name to exclude that no module has.
    """
    model = module if inplace else copy.deepcopy(module)
    layers = LAYERS if conversion_map is None else conversion_map
    excluded = set(exclude_modules or ())
    unknown = excluded - {name for name, _ in model.named_modules(remove_duplicate=False)}
    if unknown:
        raise ConfigError(f"exclude_modules: the model has no module {min(unknown)!r}")

    def analog(name: str, part: nn.Module) -> nn.Module | None:
        if name in excluded:
            return part
        if type(part) not in layers:
            return None
        given = copy.deepcopy(rpu_config)
        if specific_rpu_config_fun is not None:
            given = specific_rpu_config_fun(name, part, given)
        return layers[type(part)].from_digital(part, given)

    _warn_of_digital(model, layers, excluded)
    model = _replaced("", model, analog, {})
    for part in model.modules():
        if type(part) is nn.Sequential and any(isinstance(p, AnalogLayer) for p in part.modules()):
            part.__class__ = AnalogSequential
    return analog_root(model) if ensure_analog_root else model


def _warn_of_digital(
    model: nn.Module, layers: dict[type[nn.Module], Any], excluded: set[str]
) -> None:
    """Warn of layers with a matrix that have no analog class here."""
    # What is analog already, or not to be converted, is not asked about with all below it.
    passed = {
        id(inner)
        for name, part in model.named_modules(remove_duplicate=False)
        if name in excluded or isinstance(part, AnalogLayer) or type(part) in layers
        for inner in part.modules()
    }
    left = [
        f"{name or 'the model'!r} ({type(part).__name__})"
        for name, part in model.named_modules()
        if id(part) not in passed and isinstance(part, PRODUCTS)
    ]
    if left:
        warn_user(
            f"convert_to_analog: layers with weights that stay digital: {', '.join(left)}; "
            "conversion_map names an analog class for them, exclude_modules says that it is meant"
        )


def convert_to_digital(module: nn.Module, inplace: bool = False) -> nn.Module:
    """The model with digital layers that have the weights the cells hold."""
    model = module if inplace else copy.deepcopy(module)

    def digital(name: str, part: nn.Module) -> nn.Module | None:
        return type(part).to_digital(part) if isinstance(part, AnalogLayer) else None

    model = _replaced("", model, digital, {})
    for part in model.modules():
        if type(part) is AnalogSequential:
            part.__class__ = nn.Sequential
        elif isinstance(part, _Wrapped):
            part.__class__ = type(part).__bases__[0]
    return model


def _replaced(
    name: str, part: nn.Module, replace: Replace, done: dict[nn.Module, nn.Module]
) -> nn.Module:
    """``part`` with everything replaced below it, each module once, in place."""
    if part not in done:
        other = replace(name, part)
        done[part] = part if other is None else other
        if other is None:
            for child_name, child in list(part._modules.items()):
                if child is not None:
                    below = f"{name}.{child_name}" if name else child_name
                    part._modules[child_name] = _replaced(below, child, replace, done)
    return done[part]


class _Wrapped(AnalogModuleBase):
    """The root of a converted model: its own class, and lists of its tiles."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        # The class is made anew where it is loaded.
        state = super().__reduce_ex__(protocol)[2]
        return _blank, (type(self).__bases__[0],), state


def _wrapper(kind: type[nn.Module]) -> Any:
    return type(f"{WRAPPER}{kind.__name__}", (kind, _Wrapped), {})


def _blank(kind: type[nn.Module]) -> nn.Module:
    wrapper = _wrapper(kind)
    return wrapper.__new__(wrapper)


def analog_root(model: nn.Module) -> nn.Module:
    """The model itself, of a class that can also list its tiles."""
    if isinstance(model, AnalogModuleBase):
        return model
    if type(model) is nn.Sequential:
        model.__class__ = AnalogSequential
        return model
    model.__class__ = _wrapper(type(model))
    return model
