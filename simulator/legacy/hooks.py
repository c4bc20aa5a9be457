"""What the engine lets others add to it, filled with what old scripts and files need."""

from __future__ import annotations

from simulator import registry
from simulator.errors import ModelError
from simulator.parameters import pickles

# Methods of device models written for CrossSim: on a class of the engine nobody would ask them.
OLD_METHODS = ("programming_error", "read_noise", "drift_error", "nonlinear_current")
# CrossSim has a class of parameters for each converter circuit; here one class has all fields.
OLD_CONVERTER_NODES = (
    "RampADCParameters",
    "SarADCParameters",
    "PipelineADCParameters",
    "CyclicADCParameters",
)


def refuse_old_methods(cls: type) -> None:
    """Raise ModelError for a device model of the engine that has methods of CrossSim."""
    old = [name for name in OLD_METHODS if hasattr(cls, name)]
    if old:
        raise ModelError(
            f"{cls.__name__}.{old[0]} is a method of models written for CrossSim; derive from "
            "simulator.devices.idevice.EmptyDevice or from the names of "
            "simulator.devices.generic_device and simulator.devices.custom.*, or write "
            "programmed, read, drifted and current, in siemens"
        )


def install() -> None:
    """Fill the hooks; a second call changes nothing."""
    registry.add_check("device", refuse_old_methods)
    pickles.RENAMED.update(dict.fromkeys(OLD_CONVERTER_NODES, "ADCParameters"))
