"""The two-dimensional convolution."""

from adapters.aihwkit.engine.layers.conv import (
    AnalogConv2d,
)

__all__ = [
    "AnalogConv2d",
]
