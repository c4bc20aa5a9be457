"""Shipped models in the form of CrossSim, to derive models of one's own from.

They do what the models of their names in ``simulator.devices`` do; these stay registered. A class
derived from one of these overrides ``programming_error``, ``read_noise``, ``drift_error`` or
``nonlinear_current``, and may call them with ``super()``.
"""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar

import numpy as np

from simulator import devices, registry
from simulator.devices import Cell, Draw
from simulator.errors import ModelError
from simulator.legacy.devices import METHODS, EmptyDevice
from simulator.quantities import Amps, Conductances, Volts

__all__ = [
    "SONOS",
    "CubicDevice",
    "NormalIndependentDevice",
    "NormalInverseProportionalDevice",
    "NormalProportionalDevice",
    "PCMJoshi",
    "RRAMMilo",
    "RRAMWan",
    "UniformIndependentDevice",
    "UniformInverseProportionalDevice",
    "UniformProportionalDevice",
]

# Methods of the models of the engine: on a class of this form nobody would ask them.
ENGINE_METHODS = {
    "programming_mean", "programming_sigma", "programmed", "read_mean", "read_sigma", "read",
    "drift_mean", "drift_sigma", "drifted", "current", "slope",
}  # fmt: skip


class _ShippedDevice(EmptyDevice):
    """A model of the engine behind the methods of CrossSim."""

    engine: ClassVar[Any]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        found = ENGINE_METHODS & vars(cls).keys()
        if found:
            name = cls.engine.__name__
            raise ModelError(
                f"{cls.__name__}.{min(found)}: {name} was imported by a path of CrossSim, where "
                f"models have the methods {', '.join(METHODS)}; for methods in siemens use "
                f"from simulator.devices import {name}"
            )
        super().__init_subclass__(**kwargs)

    def __init__(self, device_params: Any, weight_error_params: Any) -> None:
        super().__init__(device_params, weight_error_params)
        known = registry.spec_fields(self.engine)
        values = weight_error_params.model_values()
        self._model = self.engine(**{name: values[name] for name in known if name in values})
        self._model.check_cell(self._cell(self.time))

    def _cell(self, time: float) -> Cell:
        p = self.device_params
        return Cell(p.Gmin_norm / p.Rmin, 1 / p.Rmin, p.Vread, p.clip_conductance, time)


def _draw(shape: tuple[int, ...]) -> Draw:
    """Numbers of NumPy's global generator, the same when asked again."""
    return Draw(
        cache(lambda: np.random.standard_normal(shape)),  # noqa: NPY002
        cache(lambda: np.random.random_sample(shape)),  # noqa: NPY002
    )


def _programming_error(self: _ShippedDevice, input_: Conductances) -> Conductances:
    cell = self._cell(0.0)
    siemens = self._model.programmed(input_ * cell.Gmax, cell, _draw(input_.shape))
    return siemens / cell.Gmax


def _read_noise(self: _ShippedDevice, input_: Conductances) -> Conductances:
    cell = self._cell(self.time)
    return self._model.read(input_ * cell.Gmax, cell, _draw(input_.shape)) / cell.Gmax


def _drift_error(self: _ShippedDevice, input_: Conductances, time: float) -> Conductances:
    cell = self._cell(time)
    siemens = self._model.drifted(input_ * cell.Gmax, _draw(input_.shape).normal(), cell)
    return siemens / cell.Gmax


def _nonlinear_current(self: _ShippedDevice, input_: Conductances, voltages: Volts) -> Amps:
    cell = self._cell(self.time)
    amps = self._model.current(input_ * cell.Gmax, voltages * cell.Vread, cell)
    return amps / (cell.Gmax * cell.Vread)


EFFECTS = {
    "programming": ("programming_error", _programming_error),
    "read": ("read_noise", _read_noise),
    "drift": ("drift_error", _drift_error),
    "current": ("nonlinear_current", _nonlinear_current),
}


def _shipped(engine: Any) -> Any:
    """A class with the methods of CrossSim for the effects that ``engine`` describes."""
    namespace: dict[str, Any] = dict(
        method for effect, method in EFFECTS.items() if engine.models(effect)
    )
    namespace.update(engine=engine, __module__=__name__, __doc__=engine.__doc__)
    # Not a model itself: the underscore keeps it from taking the place of the engine's.
    old = type(f"_{engine.__name__}", (_ShippedDevice,), namespace)
    old.__name__ = old.__qualname__ = engine.__name__
    return old


SONOS = _shipped(devices.SONOS)
CubicDevice = _shipped(devices.CubicDevice)
NormalIndependentDevice = _shipped(devices.NormalIndependentDevice)
NormalInverseProportionalDevice = _shipped(devices.NormalInverseProportionalDevice)
NormalProportionalDevice = _shipped(devices.NormalProportionalDevice)
PCMJoshi = _shipped(devices.PCMJoshi)
RRAMMilo = _shipped(devices.RRAMMilo)
RRAMWan = _shipped(devices.RRAMWan)
UniformIndependentDevice = _shipped(devices.UniformIndependentDevice)
UniformInverseProportionalDevice = _shipped(devices.UniformInverseProportionalDevice)
UniformProportionalDevice = _shipped(devices.UniformProportionalDevice)
