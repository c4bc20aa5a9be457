"""How the matrix of a layer becomes weights of tiles."""

from adapters.aihwkit.engine.configuration.mapping import (
    MappingParameter,
)

__all__ = [
    "MappingParameter",
]
