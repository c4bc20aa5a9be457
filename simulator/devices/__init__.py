"""Memory devices: how a cell's conductance differs from what was asked for.

A model is a frozen dataclass derived from :class:`Device`; defining the class registers it under
its name, so a class written in a notebook can be named in ``xbar.device.*.model`` at once.
"""

from simulator.devices.base import Cell, Device, Draw, IdealDevice
from simulator.devices.curves import plot_current, plot_drift, plot_spread
from simulator.devices.generic import (
    NormalIndependentDevice,
    NormalInverseProportionalDevice,
    NormalProportionalDevice,
    UniformIndependentDevice,
    UniformInverseProportionalDevice,
    UniformProportionalDevice,
)
from simulator.devices.measurements import Fit, from_measurements
from simulator.devices.nonlinear import CellLaw, CubicDevice
from simulator.devices.pcm import PCM, HermesPCM, PCMJoshi
from simulator.devices.rram import RRAMCMO, RRAMMilo, RRAMWan, RRAMWan2022
from simulator.devices.sonos import SONOS
from simulator.devices.tables import TableDevice

__all__ = [
    "PCM",
    "RRAMCMO",
    "SONOS",
    "Cell",
    "CellLaw",
    "CubicDevice",
    "Device",
    "Draw",
    "Fit",
    "HermesPCM",
    "IdealDevice",
    "NormalIndependentDevice",
    "NormalInverseProportionalDevice",
    "NormalProportionalDevice",
    "PCMJoshi",
    "RRAMMilo",
    "RRAMWan",
    "RRAMWan2022",
    "TableDevice",
    "UniformIndependentDevice",
    "UniformInverseProportionalDevice",
    "UniformProportionalDevice",
    "from_measurements",
    "plot_current",
    "plot_drift",
    "plot_spread",
]
