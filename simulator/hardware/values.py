"""Frozen values that find what follows from them when it is asked for, and keep it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any


class Kept(dict):
    """What was found for a key: ``kept[key]`` finds it the first time."""

    def __init__(self, find: Callable[[Any], Any]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, key: Any) -> Any:
        found = self[key] = self._find(key)
        return found


class Value:
    """A frozen dataclass that travels (pickle, copy) as its fields.

    What it found since (its cached properties) stays behind: a copy finds it again.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        fields = dataclasses.fields(self)  # type: ignore[arg-type]
        return type(self), tuple(getattr(self, field.name) for field in fields)
