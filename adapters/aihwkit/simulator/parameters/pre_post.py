"""Digital processing before and after a tile."""

from adapters.aihwkit.engine.configuration.pre_post import (
    InputRangeParameter,
    PrePostProcessingParameter,
)

__all__ = [
    "InputRangeParameter",
    "PrePostProcessingParameter",
]
