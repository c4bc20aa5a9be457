"""Device models in the form of CrossSim: normalised conductances, arguments changed in place.

Defining a subclass of ``EmptyDevice`` registers a model of its name. What the subclass draws from
NumPy's global generator is seeded by the random stream of the core, and the generator is put back,
so that such a model is as repeatable as any other. Read noise that turns out to be a mean and a
spread is drawn per output, as for other models. Otherwise there is one object for each array, which
lives as long as the core: what it keeps in its attributes from one call to the next stays with its
array.
"""

from __future__ import annotations

import copy
import dataclasses
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar

import numpy as np

from simulator import registry
from simulator.devices import Cell, Device, Draw
from simulator.errors import ModelError
from simulator.legacy.moments import Law, array_by_array, law_of, moments
from simulator.legacy.numbers import GENERATOR, numbers_of, seeded
from simulator.quantities import Amps, Conductances, Normals, Siemens, Volts
from simulator.schema import parameter

# Where Gmin is zero.
LARGEST_RATIO = 1e20
# Step of the numerical derivative of a current, in units of the read voltage.
STEP = 1e-6


class IDevice:
    """Base of all models in the form of CrossSim; see ``EmptyDevice``."""


class EmptyDevice(IDevice):
    """A model without effects; a subclass overrides those that it describes.

    Conductances are in units of Gmax, voltages in units of the read voltage, currents in units of
    their product. An effect gets the cells of one array, (rows, columns), which it may change in
    place, and returns them.

    Args:
        device_params: The node ``xbar.device`` of the parameter tree.
        weight_error_params: The node of the effect below it.
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

    def read_noise(self, input_: Conductances) -> Conductances:
        """Conductances in one read.

        Args:
            input_: Conductances of the cells of one array, (rows, columns).

        Returns:
            Conductances as they are read, in the same shape.
        """
        raise NotImplementedError

    def programming_error(self, input_: Conductances) -> Conductances:
        """Conductances after programming.

        Args:
            input_: Targets of the cells of one array, (rows, columns).

        Returns:
            Conductances after programming, in the same shape.
        """
        raise NotImplementedError

    def drift_error(self, input_: Conductances, time: float) -> Conductances:
        """Conductances of programmed cells after some time.

        Args:
            input_: Targets of the cells of one array, (rows, columns).
            time: Time since programming, in the unit of the model.

        Returns:
            Conductances at that time, in the same shape; programming error included.
        """
        raise NotImplementedError

    def nonlinear_current(self, input_: Conductances, voltages: Volts) -> Amps:
        """Currents of all cells.

        Args:
            input_: Conductances of the cells.
            voltages: Voltages across the cells, in the same shape.

        Returns:
            Currents, in the same shape.
        """
        raise NotImplementedError

    def nonlinear_current_sum(self, input_: Conductances, voltages: Volts) -> Amps:
        """Currents of all outputs: sums of the currents of their cells.

        Args:
            input_: Conductances of the cells.
            voltages: Voltages across the cells, in the same shape.
        """
        return self.nonlinear_current(input_, voltages).sum(axis=1)


class _IdealDevice(EmptyDevice):
    """A model of perfect cells, to derive from."""

    def read_noise(self, input_: Conductances) -> Conductances:
        """The cells as they are."""
        return input_

    def programming_error(self, input_: Conductances) -> Conductances:
        """The cells as they were asked for."""
        return input_

    def drift_error(self, input_: Conductances, time: float) -> Conductances:
        """The cells as they began."""
        return input_

    def nonlinear_current(self, input_: Conductances, voltages: Volts) -> Amps:
        """Ohm's law."""
        return input_ * voltages


# The model of this name is that of the engine; the underscore kept this class from its place.
_IdealDevice.__name__ = _IdealDevice.__qualname__ = "IdealDevice"
IdealDevice = _IdealDevice


@dataclass(frozen=True)
class _OldDevice(Device):
    """A model in the form of CrossSim, as the engine sees it."""

    old: ClassVar[type[EmptyDevice]]
    # In CrossSim, drift takes the place of the programming error.
    drift_includes_programming: ClassVar[bool] = True
    drift_draws_for_itself: ClassVar[bool] = True
    # Law of a read that consists of a mean and a spread; None for any other.
    read_law: ClassVar[Law | None] = None

    magnitude: float = parameter(0.0, low=0, doc="size of the effect, as the model takes it")
    nodes: Any = field(default=None, compare=False, repr=False)
    # The last cells whose moments were computed, and these: both directions ask for the same.
    known: list[Any] = field(default_factory=list, compare=False, repr=False)
    # Old models by the place and the shape of their array.
    kept: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    def __reduce__(self) -> tuple[Any, ...]:
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        del values["known"], values["kept"]
        with GENERATOR:
            states = {key: dict(vars(model)) for key, model in self.kept.items()}
        return _restored, (type(self).__name__, values, self.read_law, states)

    def __deepcopy__(self, memo: dict[int, Any]) -> Device:
        with GENERATOR:
            return dataclasses.replace(self, known=[], kept=copy.deepcopy(self.kept, memo))

    def bound(self, device_node: Any, node: Any) -> Device:
        """The model with the nodes of its parameter tree, and with moments where it has any."""
        kind: Any = type(self)
        bound = dataclasses.replace(self, nodes=(device_node, node), known=[], kept={})
        if node is not device_node.read_noise or not kind.models("read"):
            return bound
        low, clip = device_node.Gmin_norm, device_node.clip_conductance
        law = law_of(bound._read_once, low, (low, 1.0) if clip else (0.0, None))
        if law is None:
            return bound
        return dataclasses.replace(_with_moments(kind, law)(), **vars(bound))

    def _read_once(self, values: Conductances) -> Conductances:
        """A read by an object of its own. Raises ModelError for one that remembers it."""
        model = self._made(self.nodes[0].time)
        before = copy.deepcopy(_attributes(model))
        result = model.read_noise(values)
        if not _equal(before, _attributes(model)):
            raise ModelError(f"{type(self).__name__}.read_noise changes its object")
        return result

    def _model(self, cell: Cell, *key: Any) -> Any:
        """The object of an array, at the time of the cell; made when first asked for."""
        if self.nodes is None:
            raise ModelError(f"{type(self).__name__} needs the parameter tree of a core")
        if key not in self.kept:
            self.kept[key] = self._made(cell.time)
        model = self.kept[key]
        if getattr(model, "time", None) != cell.time:
            model.time = cell.time
            if "device_params" in vars(model):
                model.device_params.time = cell.time
        return model

    def _made(self, time: float) -> Any:
        device_node, node = self.nodes
        device_node = device_node.copy()
        device_node.time = time
        return self.old(device_node, node)

    def _apply(self, effect: str, siemens: Siemens, cell: Cell, *args: Any) -> Siemens:
        def one(place: Any, values: Any) -> Any:
            return getattr(self._model(cell, place, values.shape), effect)(values, *args)

        return array_by_array(one, siemens / cell.Gmax, self) * cell.Gmax


def _attributes(model: Any) -> dict[str, Any]:
    """The attributes of an object, without the parameters that it was given."""
    given = ("device_params", "weight_error_params")
    return {name: value for name, value in vars(model).items() if name not in given}


def _equal(a: Any, b: Any) -> bool:
    """Whether two attributes are the same; what cannot be compared is not."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_equal(a[key], b[key]) for key in a)
    try:
        return type(a) is type(b) and bool(np.all(a == b))
    except (TypeError, ValueError):
        return False


def _programmed(self: _OldDevice, siemens: Siemens, cell: Cell, draw: Draw) -> Siemens:
    with seeded(draw.seed()):
        return self._apply("programming_error", siemens, cell)


def _read(self: _OldDevice, siemens: Siemens, cell: Cell, draw: Draw) -> Siemens:
    with seeded(draw.seed()):
        return self._apply("read_noise", siemens, cell)


def _read_moments(self: _OldDevice, siemens: Siemens, cell: Cell) -> tuple[Siemens, ...]:
    """Mean and standard deviation of a read, in siemens."""
    known = tuple(self.known)
    if not known or known[1] != cell or not np.array_equal(known[0], siemens):
        assert self.read_law is not None
        high = None if cell.high is None else cell.high / cell.Gmax
        with GENERATOR:
            found = moments(
                self._model(cell).read_noise, siemens / cell.Gmax, self.read_law,
                (cell.low / cell.Gmax, high), self,
            )  # fmt: skip
        known = np.array(siemens), cell, *(values * cell.Gmax for values in found)
        self.known[:] = known
    return known[2:]


def _read_mean(self: _OldDevice, siemens: Siemens, cell: Cell) -> Siemens:
    return _read_moments(self, siemens, cell)[0]


def _read_sigma(self: _OldDevice, siemens: Siemens, cell: Cell) -> Siemens:
    return _read_moments(self, siemens, cell)[1]


def _drifted(self: _OldDevice, siemens: Siemens, normal: Normals, cell: Cell) -> Siemens:
    with numbers_of(normal):
        programming = self.nodes[0].programming_error
        if cell.time == 0 and programming.model != "IdealDevice":
            # Drift is asked only later; now it is the turn of the programming error.
            if not programming.enable or programming.model != type(self).__name__:
                return siemens
            return self._apply("programming_error", siemens, cell)
        return self._apply("drift_error", siemens, cell, cell.time)


def _current(self: _OldDevice, siemens: Siemens, volts: Volts, cell: Cell) -> Amps:
    shape = np.broadcast_shapes(np.shape(siemens), np.shape(volts))
    conductances = np.broadcast_to(siemens / cell.Gmax, shape).copy()
    across = np.broadcast_to(volts / cell.Vread, shape).copy()
    amps = self._model(cell).nonlinear_current(conductances, across)
    return np.asarray(amps, dtype=np.float64) * (cell.Gmax * cell.Vread)


def _slope(self: _OldDevice, siemens: Siemens, volts: Volts, cell: Cell) -> Siemens:
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
    adapter: type[Device] = type(f"_{old.__name__}", (_OldDevice,), namespace)
    adapter.__name__ = old.__name__
    return adapter


@cache
def _with_moments(adapter: type[Device], law: Law) -> Any:
    """The same model, read by its mean and spread."""
    namespace: dict[str, Any] = {
        "read_mean": _read_mean, "read_sigma": _read_sigma,
        "has_moments": classmethod(lambda cls, effect: effect == "read"),
        "distribution": law.distribution, "read_law": law,
        "__module__": adapter.__module__, "__doc__": adapter.__doc__,
    }  # fmt: skip
    variant = type(f"_{adapter.__name__}", (adapter,), namespace)
    variant.__name__ = adapter.__name__
    return variant


def _restored(name: str, values: dict[str, Any], law: Law | None, states: Any) -> Device:
    """A copy, of the class that goes by the name now."""
    cls: Any = registry.resolve("device", name)
    device: Any = (cls if law is None else _with_moments(cls, law))(**values)
    for key, state in states.items():
        model = device.kept[key] = cls.old.__new__(cls.old)
        vars(model).update(state)
    return device
