"""The path by which older scripts import ``AnalogSGD``."""

from adapters.aihwkit.optim.analog_optimizer import AnalogSGD

__all__ = ["AnalogSGD"]
