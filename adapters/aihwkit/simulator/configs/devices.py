"""Devices of a crosspoint: how they differ from one another, and what one pulse does.

A spread over devices ("dtod") is drawn once for each device, the noise of an event ("std") at
every event. Steps and bounds are in units of the weight."""

from adapters.aihwkit.engine.configuration.devices import (
    ConstantStepDevice,
    ExpStepDevice,
    FloatingPointDevice,
    IdealDevice,
    LinearStepDevice,
    PiecewiseStepDevice,
    PowStepDevice,
    PulsedDevice,
    SoftBoundsDevice,
    SoftBoundsReferenceDevice,
)
from adapters.aihwkit.engine.names import missing

__all__ = [
    "ConstantStepDevice",
    "ExpStepDevice",
    "FloatingPointDevice",
    "IdealDevice",
    "LinearStepDevice",
    "PiecewiseStepDevice",
    "PowStepDevice",
    "PulsedDevice",
    "SoftBoundsDevice",
    "SoftBoundsReferenceDevice",
]

__getattr__ = missing(globals())
