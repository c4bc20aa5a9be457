"""Memory devices: how a cell's conductance differs from what was asked for.

A model is a frozen dataclass derived from :class:`Device`; defining the class registers it under
its name, so a class written in a notebook can be named in ``xbar.device.*.model`` at once.

- ``base``: what a model has to say; ``generic``: errors that follow a simple law; ``variability``:
  errors of which a part is fixed for a chip or a cell.
- ``pcm``, ``rram``, ``sonos``: published devices.
- ``nonlinear``: cells that do not follow Ohm's law.
- ``tables``, ``measurements``: devices from tables, and from measured cells; ``variance``: spread
  from device to device and from cycle to cycle.
- ``curves``: figures of any model.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

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
from simulator.devices.pcm import PCM, HermesPCM, PCMJoshi
from simulator.devices.rram import RRAMCMO, RRAMMilo, RRAMWan, RRAMWan2022
from simulator.devices.sonos import SONOS
from simulator.devices.tables import TableDevice
from simulator.devices.variability import VariabilityDevice

if TYPE_CHECKING:
    from simulator.devices.curves import plot_current, plot_drift, plot_spread
    from simulator.devices.measurements import Fit, from_measurements

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
    "VariabilityDevice",
    "from_measurements",
    "plot_current",
    "plot_drift",
    "plot_spread",
]

# Loaded when they are asked for: no core needs them.
_ON_USE = {
    "Fit": "measurements",
    "from_measurements": "measurements",
    "plot_current": "curves",
    "plot_drift": "curves",
    "plot_spread": "curves",
}


def __getattr__(name: str) -> Any:
    if name not in _ON_USE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_ON_USE[name]}"), name)
