"""A layer that torch's fused kernels for transformers leave alone."""

from __future__ import annotations

from typing import Any

from torch import nn


def keep_from_fused_kernels(layer: nn.Module) -> None:
    """Keep the kernels from reading the weights of a layer in place of calling it.

    Torch uses none where a module inside has a hook, so this one, which does nothing, is enough,
    wherever a user puts the layer.
    """
    if _is_called not in layer._forward_hooks.values():
        layer.register_forward_hook(_is_called)


def let_fused_kernels_run(layer: nn.Module) -> None:
    """Take the hook away again, of a layer that is digital now."""
    for key, hook in list(layer._forward_hooks.items()):
        if hook is _is_called:
            del layer._forward_hooks[key]


def _is_called(layer: nn.Module, args: Any, result: Any) -> None:
    return None
