"""Devices under the names that the oldest scripts use."""

from __future__ import annotations

from adapters.aihwkit.engine.names import missing
from adapters.aihwkit.simulator.configs.devices import (
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

FloatingPointResistiveDevice = FloatingPointDevice
IdealResistiveDevice = IdealDevice
PulsedResistiveDevice = PulsedDevice
ConstantStepResistiveDevice = ConstantStepDevice
LinearStepResistiveDevice = LinearStepDevice
SoftBoundsResistiveDevice = SoftBoundsDevice
SoftBoundsReferenceResistiveDevice = SoftBoundsReferenceDevice
ExpStepResistiveDevice = ExpStepDevice
PowStepResistiveDevice = PowStepDevice
PiecewiseStepResistiveDevice = PiecewiseStepDevice

__all__ = [
    "ConstantStepResistiveDevice",
    "ExpStepResistiveDevice",
    "FloatingPointResistiveDevice",
    "IdealResistiveDevice",
    "LinearStepResistiveDevice",
    "PiecewiseStepResistiveDevice",
    "PowStepResistiveDevice",
    "PulsedResistiveDevice",
    "SoftBoundsReferenceResistiveDevice",
    "SoftBoundsResistiveDevice",
]

__getattr__ = missing(globals())
