"""Folding batch normalisation into the layer before it."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval


def fuse_batchnorms(model: nn.Module, foldable: Callable[[nn.Module], bool]) -> nn.Module:
    """Fold every batch norm that directly follows a linear or convolution layer; in place.

    The model must be in evaluation mode; ``foldable`` says which layers may change. "Directly"
    means the next child of the same container. A folded norm is deleted from a ``Sequential`` and
    replaced by ``Identity`` elsewhere; one that follows nothing it could be folded into stays, with
    a RuntimeWarning.
    """
    for container in list(model.modules()):
        _fuse_children(container, foldable)
    left = [name for name, module in model.named_modules() if isinstance(module, _BatchNorm)]
    if left:
        warnings.warn(
            f"batch norms that follow no linear or convolution layer stay: {', '.join(left)}",
            RuntimeWarning,
            stacklevel=3,
        )
    return model


def _fuse_children(container: nn.Module, foldable: Callable[[nn.Module], bool]) -> None:
    previous: tuple[str, nn.Module] | None = None
    children = [(n, c) for n, c in container._modules.items() if c is not None]
    for name, child in children:
        fusable = isinstance(child, _BatchNorm) and child.running_mean is not None
        if previous is not None and fusable and _outputs(previous[1]) == child.num_features:
            fused = _fused(previous[1], child)
            setattr(container, previous[0], fused)
            if isinstance(container, nn.Sequential):
                delattr(container, name)
            else:
                setattr(container, name, nn.Identity())
            previous = None
            continue
        once = sum(other is child for _, other in children) == 1
        previous = (name, child) if once and foldable(child) else None


def _outputs(layer: nn.Module) -> int:
    """Outputs that a norm behind the layer would see one by one."""
    return layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels


def _fused(layer: nn.Module, norm: _BatchNorm) -> nn.Module:
    if norm.weight is None:
        # torch's helpers need a weight and a bias.
        norm.weight = nn.Parameter(torch.ones_like(norm.running_mean))
        norm.bias = nn.Parameter(torch.zeros_like(norm.running_mean))
    if isinstance(layer, nn.Linear):
        return fuse_linear_bn_eval(layer, norm)
    return fuse_conv_bn_eval(layer, norm, transpose=layer.transposed)
