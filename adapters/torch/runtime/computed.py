"""Weights that are computed from other parameters: weight norm, spectral norm, pruning, and more.

Torch has two forms of them. ``torch.nn.utils.parametrize`` makes the weight a property, computed
at every look. Older functions compute it in a hook before every forward and keep it as an
attribute.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar, cast

import torch
from torch import nn
from torch.nn.utils import parametrize
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

PARAMETRIZATIONS = "parametrizations"
Method = TypeVar("Method", bound=Callable[..., Any])


def is_parametrized(layer: nn.Module) -> bool:
    """Whether parametrisations of ``torch.nn.utils.parametrize`` compute a weight of the layer."""
    return PARAMETRIZATIONS in layer._modules


def computing_hooks(layer: nn.Module) -> dict[str, Callable[..., Any]]:
    """The hooks that compute weights before every forward, by the name of their weight."""
    found: dict[str, Callable[..., Any]] = {}
    for hook in layer._forward_pre_hooks.values():
        if isinstance(hook, (WeightNorm, SpectralNorm)):
            found[hook.name] = hook
        elif isinstance(hook, BasePruningMethod):
            found[hook._tensor_name] = hook
    return found


def is_computed(layer: nn.Module, name: str) -> bool:
    """Whether the weight ``name`` of a layer is computed from others, in one of the two forms."""
    return parametrize.is_parametrized(layer, name) or name in computing_hooks(layer)


@contextmanager
def settled(layer: nn.Module) -> Iterator[None]:
    """Inside, computed weights are those of the present parameters, and nothing iterates on.

    Spectral norm takes a step at every look in training mode; that is left to the forwards.
    """
    hooks = computing_hooks(layer)
    if not (hooks or is_parametrized(layer)):
        yield
        return
    modules = [layer, *layer._modules.get(PARAMETRIZATIONS, nn.ModuleDict()).modules()]
    modes = [module.training for module in modules]
    for module in modules:
        module.__dict__["training"] = False
    try:
        for hook in hooks.values():
            hook(layer, ())
        with parametrize.cached():
            yield
    finally:
        for module, mode in zip(modules, modes, strict=True):
            module.__dict__["training"] = mode


def with_settled_weights(method: Method) -> Method:
    """A method of a layer that runs inside ``settled``."""

    @wraps(method)
    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not (self._forward_pre_hooks or is_parametrized(self)):
            return method(self, *args, **kwargs)
        with settled(self):
            return method(self, *args, **kwargs)

    return cast(Method, run)


def inject(layer: nn.Module) -> None:
    """Make properties of the weights that the parametrisations of a bare layer compute."""
    if is_parametrized(layer):
        parametrize._inject_new_class(layer)
        for name in layer._modules[PARAMETRIZATIONS]._modules:
            parametrize._inject_property(layer, name)


def results(model: nn.Module) -> dict[int, Any]:
    """A memo for ``copy.deepcopy`` that has copies of computed weights: torch copies no results."""
    return {k: v for m in model.modules() for k, v in results_among(vars(m).values()).items()}


def results_among(values: Iterable[Any]) -> dict[int, Any]:
    """As ``results``, of tensors and lists of tensors."""
    memo: dict[int, Any] = {}
    for value in values:
        for tensor in value if isinstance(value, list) else [value]:
            if isinstance(tensor, torch.Tensor) and not tensor.is_leaf:
                memo[id(tensor)] = tensor.detach().clone()
    return memo


def class_before(layer: nn.Module) -> type[nn.Module]:
    """The class of a layer before it was parametrised."""
    return parametrize.type_before_parametrizations(layer)


def remove(layer: nn.Module, name: str) -> None:
    """Make a plain parameter of a computed weight, with its present values."""
    if parametrize.is_parametrized(layer, name):
        parametrize.remove_parametrizations(layer, name)
        return
    for key, hook in list(layer._forward_pre_hooks.items()):
        if computing_hooks(layer).get(name) is hook:
            with torch.no_grad():
                values = getattr(layer, name).detach().clone()
            del layer._forward_pre_hooks[key]
            for source in _sources(layer, name):
                delattr(layer, source)
            delattr(layer, name)
            layer.register_parameter(name, nn.Parameter(values))


def _sources(layer: nn.Module, name: str) -> list[str]:
    """The parameters and buffers that a hook computes the weight ``name`` from."""
    ends = ("orig", "mask", "g", "v", "u")
    held = {**layer._parameters, **layer._buffers}
    return [f"{name}_{end}" for end in ends if f"{name}_{end}" in held]
