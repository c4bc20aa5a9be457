"""The engine behind PyTorch's layers: convert a trained network, train it with the device."""

from adapters.torch.conv import AnalogConv1d, AnalogConv2d, AnalogConv3d
from adapters.torch.convert import (
    analog_modules,
    convertible_modules,
    from_torch,
    ideal,
    inconvertible_modules,
    new_epoch,
    reinitialize,
    set_time,
    synchronize,
    to_torch,
)
from adapters.torch.layer import AnalogLayer
from adapters.torch.linear import AnalogLinear
from adapters.torch.summary import summary

__all__ = [
    "AnalogConv1d",
    "AnalogConv2d",
    "AnalogConv3d",
    "AnalogLayer",
    "AnalogLinear",
    "analog_modules",
    "convertible_modules",
    "from_torch",
    "ideal",
    "inconvertible_modules",
    "new_epoch",
    "reinitialize",
    "set_time",
    "summary",
    "synchronize",
    "to_torch",
]
