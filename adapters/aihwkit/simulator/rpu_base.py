"""Whether arrays for training run on a GPU."""

from adapters.aihwkit.engine.gpu import (
    cuda,
)
from adapters.aihwkit.engine.names import missing

__all__ = [
    "cuda",
]

__getattr__ = missing(globals())
