"""Models by kind and name: what the ``model`` fields of the parameter tree can refer to.

The base class of each kind registers its subclasses as they are defined, so a class written in
a notebook cell is found like a shipped one, and a later class of the same name wins.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

from .errors import ModelError, nearest
from .signatures import refuse_other_signatures

KINDS = ("device", "adc", "dac", "circuit")

Check = Callable[[type], None]

_models: dict[str, dict[str, type]] = {kind: {} for kind in KINDS}
_defined: dict[str, WeakSet[type]] = {kind: WeakSet() for kind in KINDS}
_checks: dict[str, list[Callable[[type], None]]] = {kind: [] for kind in KINDS}


def _of_kind(kind: str) -> dict[str, type]:
    if kind not in _models:
        raise ModelError(f"unknown kind of model {kind!r}; kinds are {', '.join(KINDS)}")
    return _models[kind]


def check_definitions(kind: str, check: Check) -> None:
    """Look at every class of a kind as it is defined.

    A place to refuse classes that would be accepted and then not do what their author expects, with
    a sentence that helps. Classes that are defined already are not looked at again.

    Args:
        kind: One of :data:`KINDS`.
        check: Called with the class; what it raises stops the definition.

    Raises:
        ModelError: For an unknown kind.
    """
    _of_kind(kind)
    _checks[kind].append(check)


def defined(kind: str, cls: type, selectable: bool = True) -> None:
    """Say that a model class was defined; the base classes call this for every subclass.

    Args:
        kind: One of :data:`KINDS`.
        cls: The model class.
        selectable: Whether it is registered under its name; False for a base class of others.

    Raises:
        ModelError: For an unknown kind, for methods that cannot be called as those of the base are,
            and what the checks of the kind raise; the class is then not registered.
    """
    models = _of_kind(kind)
    refuse_other_signatures(cls)
    for check in _checks[kind]:
        check(cls)
    _defined[kind].add(cls)
    if selectable:
        models[cls.__name__] = cls


def is_model(kind: str, cls: type) -> bool:
    """Whether a class derives from the base of a kind, selectable by name or not.

    Args:
        kind: One of :data:`KINDS`.
        cls: Any class.

    Raises:
        ModelError: For an unknown kind.
    """
    _of_kind(kind)
    return cls in _defined[kind]


def register(kind: str, cls: type) -> None:
    """Make a model class selectable under its name; a later class of the same name wins.

    Args:
        kind: One of :data:`KINDS`.
        cls: The model class; the checks of the kind are not asked.

    Raises:
        ModelError: For an unknown kind.
    """
    _of_kind(kind)[cls.__name__] = cls


def names(kind: str) -> list[str]:
    """Names of all registered models of a kind, sorted.

    Args:
        kind: One of :data:`KINDS`.

    Raises:
        ModelError: For an unknown kind.
    """
    return sorted(_of_kind(kind))


def resolve(kind: str, name: str) -> type:
    """The class that is registered under a name.

    Args:
        kind: One of :data:`KINDS`.
        name: Name of the class.

    Raises:
        ModelError: For an unknown kind, and for an unknown name; the message says which names
            exist and which is the nearest.
    """
    models = _of_kind(kind)
    if name not in models:
        existing = ", ".join(names(kind)) or "none"
        raise ModelError(
            f"no {kind} model is called {name!r};"
            f" existing {kind} models: {existing}.{nearest(name, models)}"
        )
    return models[name]


def default_of(field: dataclasses.Field[Any]) -> Any:
    """The default of a parameter.

    Args:
        field: Its dataclass field, as in :func:`spec_fields`.
    """
    if field.default is not dataclasses.MISSING:
        return field.default
    assert field.default_factory is not dataclasses.MISSING
    return field.default_factory()


def spec_fields(cls: type) -> dict[str, dataclasses.Field[Any]]:
    """The parameters of a model class: its fields that were declared with ``parameter``.

    They are looked up when asked for, because a class is registered before the dataclass
    decorator has seen it.

    Args:
        cls: The model class.

    Returns:
        Name of each parameter, and its dataclass field.
    """
    declared = getattr(cls, "__dataclass_fields__", {})
    return {name: field for name, field in declared.items() if "spec" in field.metadata}


def fields(kind: str) -> dict[str, dataclasses.Field[Any]]:
    """The parameters of all registered models of a kind.

    Args:
        kind: One of :data:`KINDS`.

    Returns:
        Name of each parameter, and its dataclass field; where several models share a name, that of
        the model that was registered last.

    Raises:
        ModelError: For an unknown kind.
    """
    union: dict[str, dataclasses.Field[Any]] = {}
    for cls in _of_kind(kind).values():
        union.update(spec_fields(cls))
    return union
