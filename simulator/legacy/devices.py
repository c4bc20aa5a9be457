"""Device models in the form of CrossSim: normalised conductances, arguments changed in place.

Defining a subclass of ``EmptyDevice`` registers a model of its name. What the subclass draws from
NumPy's global generator is seeded by the random stream of the core and the generator is put back,
so such a model is as repeatable as any other. Read noise that turns out to be a mean and a spread
is drawn per output, as that of other models.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar

import numpy as np

from simulator import registry
from simulator.devices import Cell, Device, Draw
from simulator.errors import ModelError
from simulator.legacy.moments import law_of, moments
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

    def nonlinear_current_sum(self, input_: Any, voltages: Any) -> Any:
        """Currents of all outputs: those of the cells, added up over the inputs."""
        return self.nonlinear_current(input_, voltages).sum(axis=1)


class _IdealDevice(EmptyDevice):
    """A model of perfect cells, to derive from."""

    def read_noise(self, input_: Any) -> Any:
        """The cells as they are."""
        return input_

    def programming_error(self, input_: Any) -> Any:
        """The cells as they were asked for."""
        return input_

    def drift_error(self, input_: Any, time: float) -> Any:
        """The cells as they began."""
        return input_

    def nonlinear_current(self, input_: Any, voltages: Any) -> Any:
        """Ohm's law."""
        return input_ * voltages


# The model of this name is that of the engine; the underscore kept this class from its place.
_IdealDevice.__name__ = _IdealDevice.__qualname__ = "IdealDevice"
IdealDevice = _IdealDevice


@dataclass(frozen=True)
class _OldDevice(Device):
    """An old model as the engine sees it."""

    old: ClassVar[type[EmptyDevice]]
    # In CrossSim, drift takes the place of the programming error.
    drift_includes_programming: ClassVar[bool] = True
    drift_has_one_seed: ClassVar[bool] = True
    # Distribution of a read that is a mean and a spread; None for any other.
    read_law: ClassVar[str | None] = None

    magnitude: float = parameter(0.0, low=0, doc="size of the effect, as the model takes it")
    nodes: Any = field(default=None, compare=False, repr=False)
    # The last cells whose moments were asked for, and these: both directions ask for the same.
    known: list[Any] = field(default_factory=list, compare=False, repr=False)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self).__name__, self.magnitude, self.nodes, self.read_law)

    def bound(self, device_node: Any, node: Any) -> Device:
        """The model with the nodes of its parameter tree, and with moments where it has any."""
        kind: Any = type(self)
        bound = dataclasses.replace(self, nodes=(device_node, node), known=[])
        if node is not device_node.read_noise or not kind.models("read"):
            return bound
        low, time = device_node.Gmin_norm, device_node.time
        law = law_of(lambda values: bound._made(time).read_noise(values), low)
        if law is None:
            return bound
        return _with_moments(kind, law)(self.magnitude, bound.nodes)

    def _model(self, cell: Cell) -> Any:
        if self.nodes is None:
            raise ModelError(f"{type(self).__name__} needs the parameter tree of a core")
        return self._made(cell.time)

    def _made(self, time: float) -> Any:
        device_node, node = self.nodes
        device_node = device_node.copy()
        device_node.time = time
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


def _read_moments(self: _OldDevice, siemens: Any, cell: Cell) -> Any:
    """Mean and standard deviation of a read, in siemens."""
    if not self.known or self.known[1] != cell or not np.array_equal(self.known[0], siemens):
        found = moments(
            lambda values: self._model(cell).read_noise(values),
            siemens / cell.Gmax, type(self).distribution, type(self).__name__,
        )  # fmt: skip
        self.known[:] = np.array(siemens), cell, *(values * cell.Gmax for values in found)
    return self.known[2:]


def _read_mean(self: _OldDevice, siemens: Any, cell: Cell) -> Any:
    return _read_moments(self, siemens, cell)[0]


def _read_sigma(self: _OldDevice, siemens: Any, cell: Cell) -> Any:
    return _read_moments(self, siemens, cell)[1]


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


@cache
def _with_moments(adapter: type[Device], law: str) -> Any:
    """The same model, read by its mean and spread."""
    namespace: dict[str, Any] = {
        "read": Device.read, "read_mean": _read_mean, "read_sigma": _read_sigma,
        "distribution": law, "read_law": law,
        "__module__": adapter.__module__, "__doc__": adapter.__doc__,
    }  # fmt: skip
    variant = type(f"_{adapter.__name__}", (adapter,), namespace)
    variant.__name__ = adapter.__name__
    return variant


def _restored(name: str, magnitude: float, nodes: Any, law: str | None) -> Device:
    """A copy, of the class that goes by the name now."""
    cls: Any = registry.resolve("device", name)
    return (cls if law is None else _with_moments(cls, law))(magnitude, nodes)
