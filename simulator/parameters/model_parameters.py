"""Nodes that choose a model by name and hold the parameters of whichever model is chosen."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from simulator import registry
from simulator.errors import ParameterError
from simulator.schema import Spec

from .base_parameters import BaseParameters

_WELL_KNOWN = {
    "adc": frozenset(
        ("gain_db", "sigma_capacitor", "sigma_comparator", "symmetric_cdac", "split_cdac")
        + ("group_size", "sigma_C1", "sigma_C2", "sigma_Cpar")
    )
}
"""Fields of published converter circuits: known even where none of these models is loaded."""


class ModelParameters(BaseParameters):
    """A node that chooses a model of one kind: parameters of all models, and of the chosen one.

    ``model`` takes a name, a class, or an object of a model, whose parameters are then taken over
    (no effect is switched on by that); names are resolved when a core is built. Any parameter of
    any registered model of the kind may be set at any time, before or after ``model``, and stays
    when the model changes. Only those that have been set are stored and compared; one that has not
    been set reads as the default of the chosen model.
    """

    kind: ClassVar[str] = ""
    model: str

    def model_values(self) -> dict[str, Any]:
        """Parameters of all models, and those of single models that have been set, by name."""
        return {name: value for name, value in self.items() if name != "model"}

    def _extra_names(self) -> list[str]:
        extras = {*_WELL_KNOWN.get(self.kind, ()), *registry.fields(self.kind)}
        return sorted(extras - self._specs.keys())

    def _set_extras(self) -> list[str]:
        others = [name for name in vars(self) if name not in self._specs and name[0] != "_"]
        if not others:
            return others
        known = self._extra_names()
        return [name for name in others if name in known]

    def _knows(self, name: str) -> bool:
        return super()._knows(name) or name in self._extra_names()

    def _spec(self, name: str) -> Spec | None:
        """The spec of `name`: common, of the chosen model, or of any model that has the field."""
        if name in self._specs:
            return self._specs[name]
        field = self._model_fields().get(name) or registry.fields(self.kind).get(name)
        return None if field is None else field.metadata["spec"]

    def _model_fields(self) -> dict[str, Any]:
        model = vars(self).get("model", "")
        if model not in registry.names(self.kind):
            return {}
        return registry.spec_fields(registry.resolve(self.kind, model))

    def _completed(self, values: dict[str, Any]) -> dict[str, Any]:
        if isinstance(values.get("model", ""), str):
            return values
        return {**self._chosen(values.pop("model")), **values}

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "model" and not isinstance(value, str):
            self.update(self._chosen(value))
        else:
            super().__setattr__(name, value)

    def _checked(self, name: str, value: Any) -> Any:
        if name == "model" and not isinstance(value, str):
            value = self._chosen(value)["model"]
        return super()._checked(name, value)

    def _chosen(self, model: Any) -> dict[str, Any]:
        """What a class or an object says: the name of its model, and the object's parameters."""
        cls = model if isinstance(model, type) else type(model)
        name = self._name_of(cls, model)
        if isinstance(model, type):
            return {"model": name}
        for field in dataclasses.fields(model):
            if "spec" not in field.metadata and getattr(model, field.name) is not field.default:
                raise ParameterError(
                    f"{self._where('model')}: {name}.{field.name} is no parameter, so the tree "
                    "cannot hold it; declare it with simulator.parameter"
                )
        return {"model": name, **{n: getattr(model, n) for n in registry.spec_fields(cls)}}

    def _name_of(self, cls: type, given: Any) -> str:
        """The name under which a class is found, which makes it selectable where it was not."""
        name = cls.__name__
        registered = name in registry.names(self.kind)
        if not registry.is_model(self.kind, cls):
            if registered and given is cls:
                # A class of a script written for CrossSim goes by its name.
                return name
            raise ParameterError(
                f"{self._where('model')}: got {given!r} ({type(given).__name__}); allowed is the "
                f"name, the class or an object of a model of kind {self.kind!r}, which "
                f"simulator.models({self.kind!r}) lists"
            )
        if not registered:
            registry.register(self.kind, cls)
        elif registry.resolve(self.kind, name) is not cls:
            raise ParameterError(
                f"{self._where('model')}: the class {name} was defined again after this one, and "
                "the name stands for the later one; use that, or an object of it"
            )
        return name

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._model_fields()})

    def _described(self) -> list[tuple[str, Any]]:
        """Fields of the node, and those of the chosen model that have not been set."""
        listed = self.items()
        known = {name for name, _ in listed}
        return listed + [(n, getattr(self, n)) for n in self._model_fields() if n not in known]

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_"):
            field = self._model_fields().get(name)
            if field is not None:
                return field.metadata["spec"].copy_value(registry.default_of(field))
        return super().__getattr__(name)
