"""Everything that an array for training is made of, in one object."""

from adapters.aihwkit.engine.configuration.configs import (
    FloatingPointRPUConfig,
    RPUConfig,
    SingleRPUConfig,
)
from adapters.aihwkit.engine.names import missing

__all__ = [
    "FloatingPointRPUConfig",
    "RPUConfig",
    "SingleRPUConfig",
]

__getattr__ = missing(globals())
