"""Layers with their matrices on resistive tiles."""

from adapters.aihwkit.engine.names import missing
from adapters.aihwkit.nn.container import AnalogSequential
from adapters.aihwkit.nn.conv import AnalogConv2d
from adapters.aihwkit.nn.linear import AnalogLinear

__all__ = ["AnalogConv2d", "AnalogLinear", "AnalogSequential"]

__getattr__ = missing(globals())
