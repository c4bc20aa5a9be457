"""Optimizers that train tiles by pulses and all other parameters as torch does."""

from adapters.aihwkit.engine.names import missing
from adapters.aihwkit.optim.analog_optimizer import AnalogAdam, AnalogOptimizer, AnalogSGD

__all__ = ["AnalogAdam", "AnalogOptimizer", "AnalogSGD"]

__getattr__ = missing(globals())
