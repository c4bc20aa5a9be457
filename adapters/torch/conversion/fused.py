"""Torch's fused kernels for transformers at inference: they read weights and pass arrays by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch import nn

# Attributes that decide, and the values with which no fused kernel runs.
SWITCHES: dict[type[nn.Module], tuple[str, Any]] = {
    nn.TransformerEncoderLayer: ("activation_relu_or_gelu", 0),
    nn.TransformerEncoder: ("use_nested_tensor", False),
}
BEFORE = "_before_arrays"


def switch_off(model: nn.Module, is_analog: Callable[[nn.Module], bool]) -> None:
    """Keep fused kernels from running in whatever has an analog layer inside."""
    for module, name, off in _switches(model):
        if any(is_analog(inner) for inner in module.modules()):
            module.__dict__.setdefault(BEFORE, getattr(module, name))
            setattr(module, name, off)


def switch_back(model: nn.Module) -> None:
    """Let fused kernels run where they did before."""
    for module, name, _ in _switches(model):
        if BEFORE in module.__dict__:
            setattr(module, name, module.__dict__.pop(BEFORE))


def _switches(model: nn.Module) -> Iterator[tuple[nn.Module, str, Any]]:
    for module in model.modules():
        for kind, (name, off) in SWITCHES.items():
            if isinstance(module, kind):
                yield module, name, off
