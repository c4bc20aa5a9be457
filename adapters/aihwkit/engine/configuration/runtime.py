"""How tiles compute."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.aihwkit.engine.configuration.base import Parameters, setting, unsimulated
from adapters.aihwkit.engine.configuration.enums import RPUDataType


@dataclass
class RuntimeParameter(Parameters):
    """Numbers and memory of the simulation itself."""

    data_type: RPUDataType = setting(
        RPUDataType.FLOAT,
        simulated=(RPUDataType.FLOAT, RPUDataType.DOUBLE),
        doc="Floating-point numbers of the tiles.",
    )
    on_the_fly_bindings: bool = unsimulated(
        False, doc="Whether changes of a configuration reach tiles that are built."
    )
    offload_input: bool = unsimulated(False, doc="Whether stored inputs wait outside the GPU.")
    offload_gradient: bool = unsimulated(
        False, doc="Whether stored gradients wait outside the GPU."
    )
