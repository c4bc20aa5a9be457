"""Optimizers that train tiles by pulses and all other parameters as torch does."""

from adapters.aihwkit.optim.analog_optimizer import AnalogAdam, AnalogOptimizer, AnalogSGD
from adapters.aihwkit.simulator.names import missing

__all__ = ["AnalogAdam", "AnalogOptimizer", "AnalogSGD"]

__getattr__ = missing(globals())
