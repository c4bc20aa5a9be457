"""Parameters and choices under the path that older scripts import them from."""

from adapters.aihwkit.simulator.names import missing
from adapters.aihwkit.simulator.parameters import (
    AnalogMVType,
    BackwardIOParameters,
    BoundManagementType,
    DriftParameter,
    InputRangeParameter,
    IOParameters,
    MappingParameter,
    NoiseManagementType,
    OutputWeightNoiseType,
    PrePostProcessingParameter,
    PulseType,
    RPUDataType,
    RuntimeParameter,
    SimpleDriftParameter,
    UpdateParameters,
    WeightNoiseType,
)

__all__ = [
    "AnalogMVType",
    "BackwardIOParameters",
    "BoundManagementType",
    "DriftParameter",
    "IOParameters",
    "InputRangeParameter",
    "MappingParameter",
    "NoiseManagementType",
    "OutputWeightNoiseType",
    "PrePostProcessingParameter",
    "PulseType",
    "RPUDataType",
    "RuntimeParameter",
    "SimpleDriftParameter",
    "UpdateParameters",
    "WeightNoiseType",
]

__getattr__ = missing(globals())
