"""Nodes that choose a model by name and hold the parameters of whichever model is chosen."""

from __future__ import annotations

from typing import Any, ClassVar

from simulator import registry
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

    ``model`` takes a name or a class; names are resolved when a core is built. Any parameter of any
    registered model of the kind may be set at any time, before or after ``model``, and stays when
    the model changes. Only those that have been set are stored and compared; one that has not been
    set reads as the default of the chosen model.
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

    def _checked(self, name: str, value: Any) -> Any:
        if name == "model" and isinstance(value, type):
            value = value.__name__
        return super()._checked(name, value)

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_"):
            field = self._model_fields().get(name)
            if field is not None:
                return field.metadata["spec"].copy_value(_default(field))
        return super().__getattr__(name)


def _default(field: Any) -> Any:
    import dataclasses

    if field.default is not dataclasses.MISSING:
        return field.default
    return field.default_factory()
