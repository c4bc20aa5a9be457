"""Containers that know the tiles below them."""

from adapters.aihwkit.engine.layers.container import (
    AnalogSequential,
)

__all__ = [
    "AnalogSequential",
]
