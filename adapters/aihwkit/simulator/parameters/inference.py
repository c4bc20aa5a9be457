"""Drift of the conductances; here only its absence is simulated."""

from adapters.aihwkit.engine.configuration.inference import (
    DriftParameter,
    SimpleDriftParameter,
)
from adapters.aihwkit.engine.names import missing

__all__ = [
    "DriftParameter",
    "SimpleDriftParameter",
]

__getattr__ = missing(globals())
