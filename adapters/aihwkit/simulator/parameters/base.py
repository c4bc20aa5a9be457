"""Declaring a field of a configuration once: default, allowed values, what is simulated, meaning.

Configurations are mutable dataclasses whose values are checked when they are assigned. Each class
derives from :class:`Parameters`, its fields are declared by :func:`setting` and :func:`node`."""

from adapters.aihwkit.engine.configuration.base import (
    Instance,
    Member,
    Numbers,
    Parameters,
    fields_of,
    node,
    numbers,
    setting,
    unsimulated,
)

__all__ = [
    "Instance",
    "Member",
    "Numbers",
    "Parameters",
    "fields_of",
    "node",
    "numbers",
    "setting",
    "unsimulated",
]
