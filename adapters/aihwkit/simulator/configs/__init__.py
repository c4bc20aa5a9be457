"""Configurations, and everything that they are made of, under one import path."""

from adapters.aihwkit.simulator.configs.configs import (
    FloatingPointRPUConfig,
    RPUConfig,
    SingleRPUConfig,
)
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
from adapters.aihwkit.simulator.configs.helpers import build_config
from adapters.aihwkit.simulator.configs.utils import (
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
from adapters.aihwkit.simulator.names import missing

__all__ = [
    "AnalogMVType",
    "BackwardIOParameters",
    "BoundManagementType",
    "ConstantStepDevice",
    "DriftParameter",
    "ExpStepDevice",
    "FloatingPointDevice",
    "FloatingPointRPUConfig",
    "IOParameters",
    "IdealDevice",
    "InputRangeParameter",
    "LinearStepDevice",
    "MappingParameter",
    "NoiseManagementType",
    "OutputWeightNoiseType",
    "PiecewiseStepDevice",
    "PowStepDevice",
    "PrePostProcessingParameter",
    "PulseType",
    "PulsedDevice",
    "RPUConfig",
    "RPUDataType",
    "RuntimeParameter",
    "SimpleDriftParameter",
    "SingleRPUConfig",
    "SoftBoundsDevice",
    "SoftBoundsReferenceDevice",
    "UpdateParameters",
    "WeightNoiseType",
    "build_config",
]

__getattr__ = missing(globals())
