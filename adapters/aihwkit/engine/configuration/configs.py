"""Everything that an array for training is made of, in one object."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.aihwkit.engine.configuration.base import Parameters, node
from adapters.aihwkit.engine.configuration.devices import (
    ConstantStepDevice,
    FloatingPointDevice,
    IdealDevice,
    PulsedDevice,
)
from adapters.aihwkit.engine.configuration.io import IOParameters
from adapters.aihwkit.engine.configuration.mapping import MappingParameter
from adapters.aihwkit.engine.configuration.pre_post import PrePostProcessingParameter
from adapters.aihwkit.engine.configuration.runtime import RuntimeParameter
from adapters.aihwkit.engine.configuration.training import UpdateParameters


@dataclass
class RPUConfig(Parameters):
    """What all configurations share. Parts may be shared between configurations."""

    runtime: RuntimeParameter = node(RuntimeParameter, doc="Numbers and memory.")
    pre_post: PrePostProcessingParameter = node(
        PrePostProcessingParameter, doc="Digital processing before and after a tile."
    )
    mapping: MappingParameter = node(MappingParameter, doc="From a matrix to tiles.")


@dataclass
class SingleRPUConfig(RPUConfig):
    """One device per crosspoint, trained by pulses."""

    forward: IOParameters = node(IOParameters, doc="The product W x.")
    backward: IOParameters = node(
        IOParameters, doc="The product W^T d; it has no bound management."
    )
    update: UpdateParameters = node(UpdateParameters, doc="The pulsed update.")
    device: PulsedDevice | IdealDevice = node(
        ConstantStepDevice, PulsedDevice, IdealDevice, doc="The device of every crosspoint."
    )


@dataclass
class FloatingPointRPUConfig(RPUConfig):
    """A matrix in digital memory, for comparison."""

    device: FloatingPointDevice = node(FloatingPointDevice, doc="The number at a crosspoint.")
