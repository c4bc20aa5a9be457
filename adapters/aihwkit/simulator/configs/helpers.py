"""A configuration from the name of a training algorithm."""

from adapters.aihwkit.engine.configuration.build import (
    NOT_OFFERED,
    OFFERED,
    build_config,
)

__all__ = [
    "NOT_OFFERED",
    "OFFERED",
    "build_config",
]
