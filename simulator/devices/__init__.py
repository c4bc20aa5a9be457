"""Memory devices: how a cell's conductance differs from what was asked for.

A model is a frozen dataclass derived from :class:`Device`; defining the class registers it under
its name, so a class written in a notebook can be named in ``xbar.device.*.model`` at once.
"""

from simulator.devices.base import Cell, Device, Draw, IdealDevice
from simulator.devices.generic import (
    NormalIndependentDevice,
    NormalInverseProportionalDevice,
    NormalProportionalDevice,
    UniformIndependentDevice,
    UniformInverseProportionalDevice,
    UniformProportionalDevice,
)
from simulator.devices.nonlinear import CellLaw, CubicDevice

__all__ = [
    "Cell",
    "CellLaw",
    "CubicDevice",
    "Device",
    "Draw",
    "IdealDevice",
    "NormalIndependentDevice",
    "NormalInverseProportionalDevice",
    "NormalProportionalDevice",
    "UniformIndependentDevice",
    "UniformInverseProportionalDevice",
    "UniformProportionalDevice",
]
