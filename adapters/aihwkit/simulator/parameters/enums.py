"""The choices that configurations offer."""

from adapters.aihwkit.engine.configuration.enums import (
    AnalogMVType,
    BoundManagementType,
    NoiseManagementType,
    OutputWeightNoiseType,
    PulseType,
    RPUDataType,
    WeightNoiseType,
)

__all__ = [
    "AnalogMVType",
    "BoundManagementType",
    "NoiseManagementType",
    "OutputWeightNoiseType",
    "PulseType",
    "RPUDataType",
    "WeightNoiseType",
]
