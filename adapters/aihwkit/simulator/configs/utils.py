"""Parameters and choices under the path that older scripts import them from."""

from adapters.aihwkit.engine.names import missing
from adapters.aihwkit.simulator import parameters
from adapters.aihwkit.simulator.parameters import *  # noqa: F403

__all__ = parameters.__all__

__getattr__ = missing(globals())
