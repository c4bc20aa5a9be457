"""Models by kind and name: what the ``model`` fields of the parameter tree can refer to.

The base class of each kind registers its subclasses as they are defined, so a class written in
a notebook cell is found like a shipped one, and a later class of the same name wins.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from .errors import ModelError, nearest

KINDS = ("device", "adc", "dac", "circuit")

_models: dict[str, dict[str, type]] = {kind: {} for kind in KINDS}
_checks: dict[str, list[Callable[[type], None]]] = {kind: [] for kind in KINDS}


def _of_kind(kind: str) -> dict[str, type]:
    if kind not in _models:
        raise ModelError(f"unknown kind of model {kind!r}; kinds are {', '.join(KINDS)}")
    return _models[kind]


def check_definitions(kind: str, check: Callable[[type], None]) -> None:
    """Show `check` every class of `kind` as it is defined; what it raises stops the definition."""
    _of_kind(kind)
    _checks[kind].append(check)


def defined(kind: str, cls: type, selectable: bool = True) -> None:
    """A class of `kind` was defined: show it to all checks, and register it if it is selectable."""
    for check in _checks[kind]:
        check(cls)
    if selectable:
        register(kind, cls)


def register(kind: str, cls: type) -> None:
    """Make `cls` selectable under its class name; a later class of the same name wins."""
    _of_kind(kind)[cls.__name__] = cls


def names(kind: str) -> list[str]:
    """Return the sorted names of all registered models of `kind`."""
    return sorted(_of_kind(kind))


def resolve(kind: str, name: str) -> type:
    """Return the class registered as `name`.

    Raises :class:`~simulator.errors.ModelError` that names what is missing, what exists and the
    nearest name.
    """
    models = _of_kind(kind)
    if name not in models:
        existing = ", ".join(names(kind)) or "none"
        raise ModelError(
            f"no {kind} model is called {name!r};"
            f" existing {kind} models: {existing}.{nearest(name, models)}"
        )
    return models[name]


def spec_fields(cls: type) -> dict[str, dataclasses.Field[Any]]:
    """Return the dataclass fields of the model class `cls` that were declared with a spec.

    They are looked up when asked for, because a class is registered before the dataclass
    decorator has seen it.
    """
    declared = getattr(cls, "__dataclass_fields__", {})
    return {name: field for name, field in declared.items() if "spec" in field.metadata}


def fields(kind: str) -> dict[str, dataclasses.Field[Any]]:
    """Return the declared fields of all registered models of `kind`, by name.

    Where several models share a name, the field of the latest registered one is returned.
    """
    union: dict[str, dataclasses.Field[Any]] = {}
    for cls in _of_kind(kind).values():
        union.update(spec_fields(cls))
    return union
