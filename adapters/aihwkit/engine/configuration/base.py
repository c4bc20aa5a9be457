"""Declaring a field of a configuration once: default, allowed values, what is simulated, meaning.

Configurations are mutable dataclasses whose values are checked when they are assigned. Each class
derives from :class:`Parameters`, its fields are declared by :func:`setting` and :func:`node`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from adapters.aihwkit.engine.configuration.words import in_words, shown, told
from adapters.aihwkit.engine.exceptions import ConfigError
from adapters.aihwkit.engine.names import nearest
from simulator import ParameterError, parameter


@dataclass(frozen=True)
class Member:
    """Values that are members of an enumeration; a member's name is taken for it."""

    type: type[Enum]
    doc: str = ""

    @property
    def allowed(self) -> str:
        return "one of " + ", ".join(f"{self.type.__name__}.{member.name}" for member in self.type)

    def check(self, path: str, value: Any) -> Enum:
        if isinstance(value, self.type):
            return value
        names = self.type.__members__
        if isinstance(value, str) and value in names:
            return names[value]
        hint = nearest(value, names) if isinstance(value, str) else ""
        raise ConfigError(f"{path}: got {value!r}; allowed is {self.allowed}.{hint}")


@dataclass(frozen=True)
class Instance:
    """Values that are instances of one of these classes; they are kept, not copied."""

    types: tuple[type, ...]
    doc: str = ""

    def check(self, path: str, value: Any) -> Any:
        if isinstance(value, self.types):
            return value
        allowed = " or ".join(f"an instance of {kind.__name__}" for kind in self.types)
        raise ConfigError(f"{path}: got {value!r} ({type(value).__name__}); allowed is {allowed}")


@dataclass(frozen=True)
class Numbers:
    """Values that are lists of finite numbers with at least one entry."""

    entry: Any
    doc: str = ""

    def check(self, path: str, value: Any) -> list[float]:
        if isinstance(value, (str, bytes, Mapping)) or not hasattr(value, "__iter__"):
            raise ConfigError(f"{path}: got {value!r}; allowed is a list of numbers")
        checked = [self.entry.check(f"{path}[{i}]", number) for i, number in enumerate(value)]
        if not checked:
            raise ConfigError(f"{path}: got {value!r}; allowed is a list of at least one number")
        return checked


def setting(
    default: Any,
    *,
    doc: str,
    simulated: tuple[Any, ...] | None = None,
    always_show: bool = False,
    hint: str = "",
    **interval: Any,
) -> Any:
    """A field for one value of the type of ``default``.

    ``interval`` is low, high, low_open and high_open of :func:`simulator.parameter`. ``simulated``
    lists the values that have their effect here, None for all. ``hint`` ends the message about a
    wrong value. ``always_show`` prints the field also where it has its default.
    """
    if isinstance(default, Enum):
        spec: Any = Member(type(default), doc)
    else:
        declared = parameter(default, type=type(default), doc=doc, **interval)
        spec = declared.metadata["spec"]
    metadata = {"spec": spec, "simulated": simulated, "always_show": always_show, "hint": hint}
    return dataclasses.field(default=default, metadata=metadata)


def unsimulated(default: Any, **declaration: Any) -> Any:
    """A field as of :func:`setting` that has no effect here, so that it must keep its default."""
    return setting(default, simulated=(default,), **declaration)


class DeclaredBy:
    """Fields as a model of the engine declares them: default, type, interval, meaning.

    ``DeclaredBy(ConstantStep).dw_min`` is a field of a configuration, a new one each time.
    """

    def __init__(self, model: type) -> None:
        self._fields = {field.name: field for field in dataclasses.fields(model)}

    def __getattr__(self, name: str) -> Any:
        field = self._fields[name]
        spec = field.metadata["spec"]
        sentence = f"{spec.doc[0].upper()}{spec.doc[1:]}."
        metadata = {
            "spec": dataclasses.replace(spec, doc=sentence), "simulated": None,
            "always_show": False, "hint": "",
        }  # fmt: skip
        return dataclasses.field(default=field.default, metadata=metadata)


def numbers(*default: float, doc: str) -> Any:
    """A field for a list of numbers."""
    entry = parameter(1.0).metadata["spec"]
    return dataclasses.field(
        default_factory=lambda: list(default), metadata={"spec": Numbers(entry, doc)}
    )


def node(default: Any, *allowed: type, doc: str, always_show: bool = True) -> Any:
    """A field for an instance of the class ``default``, or of one of those ``allowed``."""
    metadata = {"spec": Instance(allowed or (default,), doc), "always_show": always_show}
    return dataclasses.field(default_factory=default, metadata=metadata)


class Parameters:
    """What all configurations share: checks of names and values, printing, what is simulated.

    ``str`` shows what differs from the defaults, ``repr`` everything.
    """

    __dataclass_fields__: dict[str, dataclasses.Field[Any]]

    def __setattr__(self, name: str, value: Any) -> None:
        kind = type(self)
        if name in self.__dataclass_fields__:
            value = _checked(kind, name, f"{kind.__name__}.{name}", value)
        elif not name.startswith("_") and not hasattr(getattr(kind, name, None), "__set__"):
            hint = nearest(name, self.__dataclass_fields__)
            raise ConfigError(f"{kind.__name__} has no field {name!r}.{hint}")
        object.__setattr__(self, name, value)

    def __str__(self) -> str:
        return in_words(self)

    def check_supported(self, path: str = "") -> None:
        """Check that every value means something and has its effect in this simulation.

        Raises ConfigError with the dotted path of the field (after ``path``, by default the name
        of the class), its value and what is allowed. Parts that are switched off, such as the
        rest of a perfect product, are not checked.
        """
        path = path or type(self).__name__
        for name in self._fields_in_use():
            value, where = getattr(self, name), f"{path}.{name}"
            _checked(type(self), name, where, value)
            if isinstance(value, Parameters):
                value.check_supported(where)
                continue
            simulated = told(type(self), name).get("simulated")
            if simulated is not None and value not in simulated:
                allowed = " or ".join(map(shown, simulated))
                raise ConfigError(
                    f"{where}: got {shown(value)}, which is not simulated here; "
                    f"allowed is {allowed}"
                )
        for name, wrong in self._contradictions():
            raise ConfigError(f"{path}.{name}: got {getattr(self, name)!r}; {wrong}")

    def _fields_in_use(self) -> Iterator[str]:
        """Names of the fields that are not switched off by another field."""
        yield from self.__dataclass_fields__

    def _contradictions(self) -> Iterator[tuple[str, str]]:
        """Fields that do not go with others, and what is allowed."""
        yield from ()


def fields_of(config: Any) -> dict[str, Any]:
    """The fields of a configuration and their values, as plain Python that shares nothing with it.

    Members of enumerations become their names, configurations within become dictionaries.
    """
    return {field.name: _plain(getattr(config, field.name)) for field in dataclasses.fields(config)}


def _plain(value: Any) -> Any:
    if isinstance(value, Parameters):
        return fields_of(value)
    if isinstance(value, Enum):
        return value.name
    return [_plain(entry) for entry in value] if isinstance(value, list) else value


def _checked(kind: type, name: str, path: str, value: Any) -> Any:
    """The value as declared for this field. Raises ConfigError naming the path."""
    declared = told(kind, name)
    if "spec" not in declared:
        return value
    try:
        return declared["spec"].check(path, value)
    except ParameterError as error:
        hint = declared.get("hint")
        raise ConfigError(f"{error}{f' ({hint})' if hint else ''}") from None
