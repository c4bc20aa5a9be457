"""What a class from a script written for CrossSim is told as it is defined."""

from __future__ import annotations

from simulator.errors import ModelError

# Methods of CrossSim's device models: of a `Device` nobody would ask them.
DEVICE_METHODS = ("programming_error", "read_noise", "drift_error", "nonlinear_current")


def refuse_methods_of_before(cls: type) -> None:
    """Raise ModelError for a device model that defines a method which is never called."""
    found = [name for name in DEVICE_METHODS if name in vars(cls)]
    if found:
        raise ModelError(
            f"{cls.__name__}.{found[0]} is a method of models written for CrossSim; derive from "
            "simulator.devices.idevice.EmptyDevice or from the names of "
            "simulator.devices.generic_device and simulator.devices.custom.*, or write "
            "programmed, read, drifted and current, in siemens"
        )
