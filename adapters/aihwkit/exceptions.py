"""Exceptions of this adapter, under the names that scripts for aihwkit catch."""

from adapters.aihwkit.engine.exceptions import (
    AihwkitException,
    AnalogBiasConfigError,
    ConfigError,
    ModuleError,
    NotOfferedError,
    TileError,
)

__all__ = [
    "AihwkitException",
    "AnalogBiasConfigError",
    "ConfigError",
    "ModuleError",
    "NotOfferedError",
    "TileError",
]
