"""Generic error models in two halves, as CrossSim's scripts combine them.

A distribution and a dependence on the conductance, mixed into ``GenericDevice`` in any order::

    class MyDevice(GenericDevice, NormalError, Proportional): ...
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.legacy.devices import EmptyDevice
from simulator.legacy.shipped import (
    NormalIndependentDevice,
    NormalInverseProportionalDevice,
    NormalProportionalDevice,
    UniformIndependentDevice,
    UniformInverseProportionalDevice,
    UniformProportionalDevice,
)
from simulator.quantities import Array, Conductances

__all__ = [
    "GenericDevice",
    "Independent",
    "Inverse",
    "NormalError",
    "NormalIndependentDevice",
    "NormalInverseProportionalDevice",
    "NormalProportionalDevice",
    "Proportional",
    "UniformError",
    "UniformIndependentDevice",
    "UniformInverseProportionalDevice",
    "UniformProportionalDevice",
]


class NormalError:
    """Normally distributed errors of standard deviation ``magnitude``."""

    magnitude: float

    def errors(self, shape: tuple[int, ...]) -> Array:
        """One error for each cell."""
        return np.random.normal(scale=self.magnitude, size=shape)  # noqa: NPY002


class UniformError:
    """Uniformly distributed errors of full width ``magnitude``."""

    magnitude: float

    def errors(self, shape: tuple[int, ...]) -> Array:
        """One error for each cell."""
        return (np.random.random_sample(shape) - 0.5) * self.magnitude  # noqa: NPY002


class Independent:
    """Errors of the same size for every conductance."""

    def scale(self, input_: Conductances) -> Array:
        """What errors are multiplied by: 1."""
        return 1.0


class Proportional:
    """Errors in proportion to the conductance."""

    def scale(self, input_: Conductances) -> Array:
        """What errors are multiplied by: the conductance."""
        return input_


class Inverse:
    """Errors in inverse proportion to the conductance; none for a cell that does not conduct."""

    def scale(self, input_: Conductances) -> Array:
        """What errors are multiplied by: one over the conductance."""
        return np.divide(1.0, input_, out=np.zeros_like(input_), where=input_ != 0)


class _GenericDevice(EmptyDevice):
    """Errors of programming and reads, from a distribution and a dependence mixed in."""

    errors: Any
    scale: Any

    def programming_error(self, input_: Conductances) -> Conductances:
        """Conductances with one error each."""
        return input_ + self.scale(input_) * self.errors(input_.shape)

    def read_noise(self, input_: Conductances) -> Conductances:
        """Conductances with one error each."""
        return input_ + self.scale(input_) * self.errors(input_.shape)


# Not a model itself: the underscore kept it from being one.
_GenericDevice.__name__ = _GenericDevice.__qualname__ = "GenericDevice"
GenericDevice = _GenericDevice
