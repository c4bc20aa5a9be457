"""How tiles compute."""

from adapters.aihwkit.engine.configuration.runtime import (
    RuntimeParameter,
)

__all__ = [
    "RuntimeParameter",
]
