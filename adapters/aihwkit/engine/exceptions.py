"""Exceptions of this adapter, under the names that scripts for aihwkit catch."""

from __future__ import annotations

from simulator import OhmCoreError, ParameterError


class AihwkitException(OhmCoreError):
    """Base class of the exceptions of this adapter."""


class ConfigError(AihwkitException, ParameterError):
    """A configuration has a wrong value, contradicts itself, or asks for what is not simulated."""


class AnalogBiasConfigError(ConfigError):
    """The bias cannot be held on the array as the configuration asks."""


class ModuleError(AihwkitException, RuntimeError):
    """A layer cannot do what is asked of it in its present state."""


class TileError(AihwkitException, RuntimeError):
    """A tile cannot do what is asked of it in its present state."""


class NotOfferedError(AihwkitException, ImportError):
    """A name that aihwkit has and this adapter has not."""
