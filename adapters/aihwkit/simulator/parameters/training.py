"""Parameters of the pulsed update."""

from adapters.aihwkit.engine.configuration.training import (
    UpdateParameters,
)

__all__ = [
    "UpdateParameters",
]
