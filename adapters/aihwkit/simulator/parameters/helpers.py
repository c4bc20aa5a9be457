"""Configurations in words: only what differs from the defaults, one item per line where many."""

from adapters.aihwkit.engine.configuration.words import (
    FEW,
    INDENT,
    in_words,
    shown,
    told,
)

__all__ = [
    "FEW",
    "INDENT",
    "in_words",
    "shown",
    "told",
]
