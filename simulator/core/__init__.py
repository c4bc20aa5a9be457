"""The face that NumPy sees: a matrix on crossbar arrays that multiplies like an array."""

from simulator.core.core import AnalogCore
from simulator.core.views import MaskedCore, TransposedCore

__all__ = ["AnalogCore", "MaskedCore", "TransposedCore"]
