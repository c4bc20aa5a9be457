"""Device models in the form of CrossSim: normalised conductances, arguments changed in place.

Defining a subclass of ``EmptyDevice`` registers a model of its name. What the subclass draws from
NumPy's global generator is seeded by the random stream of the core and the generator is put back,
so such a model is as repeatable as any other.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from simulator import registry
from simulator.devices import Cell, Device, Draw
from simulator.errors import ModelError
from simulator.legacy.numbers import numbers_of
from simulator.schema import parameter

# Where Gmin is zero.
LARGEST_RATIO = 1e20
# Step of the numerical derivative of a current, in units of the read voltage.
STEP = 1e-6


class IDevice:
    """What every old model is: see ``EmptyDevice``."""


class EmptyDevice(IDevice):
    """A model without effects; a subclass overrides those that it describes.

    ``device_params`` and ``weight_error_params`` are the nodes of the parameter tree; conductances
    are in units of Gmax, voltages of the read voltage.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not cls.__name__.startswith("_"):
            registry.register("device", _adapter(cls))

    def __init__(self, device_params: Any, weight_error_params: Any) -> None:
        self.device_params = device_params
        self.Gmin_norm, self.Gmax_norm = device_params.Gmin_norm, 1.0
        self.Grange_norm = self.Gmax_norm - self.Gmin_norm
        self.on_off_ratio = 1 / self.Gmin_norm if self.Gmin_norm > 0 else LARGEST_RATIO
        self.clip_conductance = device_params.clip_conductance
        self.cell_bits = device_params.cell_bits
        self.levels = 2**device_params.cell_bits if device_params.cell_bits > 0 else 0
        self.time, self.initial_time = device_params.time, 0
        self.magnitude = weight_error_params.magnitude

    def read_noise(self, input_: Any) -> Any:
        """Conductances of one read."""
        raise NotImplementedError

    def programming_error(self, input_: Any) -> Any:
        """Conductances after programming."""
        raise NotImplementedError

    def drift_error(self, input_: Any, time: float) -> Any:
        """Conductances of programmed cells after some time."""
        raise NotImplementedError

    def nonlinear_current(self, input_: Any, voltages: Any) -> Any:
        """Currents of all cells."""
        raise NotImplementedError


@dataclass(frozen=True)
class _OldDevice(Device):
    """An old model as the engine sees it."""

    old: ClassVar[type[EmptyDevice]]
    # In CrossSim, drift takes the place of the programming error.
    drift_includes_programming: ClassVar[bool] = True
    drift_has_one_seed: ClassVar[bool] = True

    magnitude: float = parameter(0.0, low=0, doc="size of the effect, as the model takes it")
    nodes: Any = field(default=None, compare=False, repr=False)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self).__name__, self.magnitude, self.nodes)

    def bound(self, device_node: Any, node: Any) -> Device:
        """The model with the nodes of its parameter tree."""
        return dataclasses.replace(self, nodes=(device_node, node))

    def _model(self, cell: Cell) -> Any:
        if self.nodes is None:
            raise ModelError(f"{type(self).__name__} needs the parameter tree of a core")
        device_node, node = self.nodes
        device_node = device_node.copy()
        device_node.time = cell.time
        return self.old(device_node, node)

    def _apply(self, effect: Callable[..., Any], siemens: Any, cell: Cell, *args: Any) -> Any:
        # The method may write into its argument.
        result = effect(np.array(siemens / cell.Gmax), *args)
        return np.asarray(result, dtype=np.float64) * cell.Gmax


def _programmed(self: _OldDevice, siemens: Any, cell: Cell, draw: Draw) -> Any:
    with numbers_of(draw.normal()):
        return self._apply(self._model(cell).programming_error, siemens, cell)


def _read(self: _OldDevice, siemens: Any, cell: Cell, draw: Draw) -> Any:
    with numbers_of(draw.normal()):
        return self._apply(self._model(cell).read_noise, siemens, cell)


def _drifted(self: _OldDevice, siemens: Any, normal: Any, cell: Cell) -> Any:
    with numbers_of(normal):
        model = self._model(cell)
        programming = self.nodes[0].programming_error
        if cell.time == 0 and programming.model != "IdealDevice":
            # Drift is asked only later; now it is the turn of the programming error.
            if not programming.enable or programming.model != type(self).__name__:
                return siemens
            return self._apply(model.programming_error, siemens, cell)
        return self._apply(model.drift_error, siemens, cell, cell.time)


def _current(self: _OldDevice, siemens: Any, volts: Any, cell: Cell) -> Any:
    shape = np.broadcast_shapes(np.shape(siemens), np.shape(volts))
    conductances = np.broadcast_to(siemens / cell.Gmax, shape).copy()
    across = np.broadcast_to(volts / cell.Vread, shape).copy()
    amps = self._model(cell).nonlinear_current(conductances, across)
    return np.asarray(amps, dtype=np.float64) * (cell.Gmax * cell.Vread)


def _slope(self: _OldDevice, siemens: Any, volts: Any, cell: Cell) -> Any:
    step = STEP * cell.Vread
    above, below = (_current(self, siemens, volts + s, cell) for s in (step, -step))
    return (above - below) / (2 * step)


# Methods of an old class, and what they are here.
METHODS: dict[str, dict[str, Any]] = {
    "programming_error": {"programmed": _programmed},
    "read_noise": {"read": _read},
    "drift_error": {"drifted": _drifted},
    "nonlinear_current": {"current": _current, "slope": _slope},
}


def _adapter(old: type[EmptyDevice]) -> type[Device]:
    """The model class that stands for an old one; it has the effects that ``old`` overrides."""
    namespace: dict[str, Any] = {"old": old, "__module__": old.__module__, "__doc__": old.__doc__}
    for name, methods in METHODS.items():
        if getattr(old, name) is not getattr(EmptyDevice, name):
            namespace.update(methods)
    # Not registered by its base class: the underscore keeps it from that.
    adapter = type(f"_{old.__name__}", (_OldDevice,), namespace)
    adapter.__name__ = old.__name__
    return adapter


def _restored(name: str, magnitude: float, nodes: Any) -> Device:
    """A copy, of the class that goes by the name now."""
    cls: Any = registry.resolve("device", name)
    return cls(magnitude, nodes)
