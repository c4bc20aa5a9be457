"""Parameters that configurations consist of."""

from adapters.aihwkit.engine.names import missing
from adapters.aihwkit.simulator.parameters.base import Parameters, fields_of
from adapters.aihwkit.simulator.parameters.enums import (
    AnalogMVType,
    BoundManagementType,
    NoiseManagementType,
    OutputWeightNoiseType,
    PulseType,
    RPUDataType,
    WeightNoiseType,
)
from adapters.aihwkit.simulator.parameters.inference import DriftParameter, SimpleDriftParameter
from adapters.aihwkit.simulator.parameters.io import BackwardIOParameters, IOParameters
from adapters.aihwkit.simulator.parameters.mapping import MappingParameter
from adapters.aihwkit.simulator.parameters.pre_post import (
    InputRangeParameter,
    PrePostProcessingParameter,
)
from adapters.aihwkit.simulator.parameters.runtime import RuntimeParameter
from adapters.aihwkit.simulator.parameters.training import UpdateParameters

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
    "Parameters",
    "PrePostProcessingParameter",
    "PulseType",
    "RPUDataType",
    "RuntimeParameter",
    "SimpleDriftParameter",
    "UpdateParameters",
    "WeightNoiseType",
    "fields_of",
]

__getattr__ = missing(globals())
