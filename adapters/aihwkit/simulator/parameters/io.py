"""Parameters of the analog product: converters, noise, and what is done about their bounds."""

from adapters.aihwkit.engine.configuration.io import (
    BackwardIOParameters,
    IOParameters,
)

__all__ = [
    "BackwardIOParameters",
    "IOParameters",
]
