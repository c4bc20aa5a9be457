"""Configurations in words: only what differs from the defaults, one item per line where many."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

INDENT = "    "
# Items that fit on one line.
FEW = 3


def told(kind: type, name: str) -> Mapping[str, Any]:
    """How a field is declared; a subclass that gives another default keeps what a base told."""
    for base in kind.__mro__:
        field = vars(base).get("__dataclass_fields__", {}).get(name)
        if field is not None and field.metadata:
            return field.metadata
    return {}


def in_words(config: Any) -> str:
    """The configuration with the fields that are shown, such as ``IOParameters(out_res=-1.0)``."""
    items = [f"{name}={shown(value)}" for name, value in _items(config)]
    return f"{type(config).__name__}({_joined(items)})"


def shown(value: Any) -> str:
    """One value as it is printed: a list has one entry per line."""
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    if isinstance(value, list):
        entries = ",\n".join(shown(entry) for entry in value)
        return f"[\n{textwrap.indent(entries, INDENT)}\n]" if value else "[]"
    return str(value) if dataclasses.is_dataclass(value) else repr(value)


def _items(config: Any) -> Iterator[tuple[str, Any]]:
    """Names and values that are shown; of a perfect product only that it is."""
    if getattr(config, "is_perfect", False):
        yield "is_perfect", True
        return
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if told(type(config), field.name).get("always_show") or value != _default(field):
            yield field.name, value


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def _joined(items: list[str]) -> str:
    if len(items) <= FEW and not any("\n" in item for item in items):
        return ", ".join(items)
    return "\n" + textwrap.indent(",\n".join(items), INDENT) + "\n"
