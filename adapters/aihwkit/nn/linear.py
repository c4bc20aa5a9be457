"""The fully connected layer."""

from adapters.aihwkit.engine.layers.linear import (
    AnalogLinear,
)

__all__ = [
    "AnalogLinear",
]
