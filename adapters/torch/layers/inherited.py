"""Analog layers of a user's subclass keep the methods of that class."""

from __future__ import annotations

from functools import cache
from typing import Any

from torch import nn

from adapters.torch.layers.layer import AnalogLayer


class Inherited(AnalogLayer):
    """An analog layer with the methods of a subclass of its digital layer."""

    analog_class: type[AnalogLayer]
    digital_class: type[nn.Module]

    def __reduce_ex__(self, protocol: Any) -> tuple:
        # The class is made on use; those it is made of can be found by their names.
        return _bare, (self.digital_class, self.analog_class), self.__getstate__()


@cache
def with_methods_of(
    given: type[nn.Module], analog: type[AnalogLayer], base: type[nn.Module]
) -> type[AnalogLayer]:
    """The class of an analog layer that stands for one of the class ``given``.

    Args:
        given: the class of the digital layer: ``base`` or a subclass of it.
        analog: the analog counterpart of ``base``.
        base: the class of torch.

    Returns:
        ``analog``, or a subclass of it and of ``given``.
    """
    if given is base:
        return analog
    return _joined(given, analog)


@cache
def _joined(given: type[nn.Module], analog: type[AnalogLayer]) -> type[AnalogLayer]:
    members = {"analog_class": analog, "digital_class": given, "__doc__": analog.__doc__}
    return type(f"Analog{given.__name__}", (Inherited, analog, given), members)


def _bare(given: type[nn.Module], analog: type[AnalogLayer]) -> AnalogLayer:
    made = _joined(given, analog)
    return made.__new__(made)
