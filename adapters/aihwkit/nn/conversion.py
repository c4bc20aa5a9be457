"""Between digital and analog models."""

from adapters.aihwkit.engine.layers.conversion import (
    LAYERS,
    WRAPPER,
    Replace,
    analog_root,
    convert_to_analog,
    convert_to_digital,
)

__all__ = [
    "LAYERS",
    "Replace",
    "WRAPPER",
    "analog_root",
    "convert_to_analog",
    "convert_to_digital",
]
