"""Generic error models: a distribution times a dependence on the conductance.

The spread is the same for programming and for reading. ``magnitude`` is in units of Gmax
(independent), of the conductance itself (proportional), or of Gmax squared over the conductance
(inverse). For the normal models it is the standard deviation, for the uniform ones the full width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from simulator.devices.base import SQRT_TWELVE, Cell, Device
from simulator.kernels.programming import Spread
from simulator.kernels.reference.cells import spread_scale
from simulator.quantities import Siemens
from simulator.schema import parameter


@dataclass(frozen=True)
class _GenericDevice(Device):
    """An error of zero mean whose spread is ``magnitude * scale(G)``."""

    magnitude: float = parameter(0.0, low=0, usual=(0, 1), doc="spread, in the units of the model")

    @property
    def is_ideal(self) -> bool:
        """True at magnitude zero."""
        return self.magnitude == 0

    def scale(self, siemens: Siemens, cell: Cell) -> Siemens:
        """What ``magnitude`` is multiplied by, in siemens, in the shape of ``siemens``."""
        raise NotImplementedError

    def programming_sigma(self, siemens: Siemens, cell: Cell) -> Siemens:
        """Standard deviation in siemens."""
        per_width = 1.0 if self.distribution == "normal" else 1.0 / SQRT_TWELVE
        return self.magnitude * per_width * self.scale(siemens, cell)

    def read_sigma(self, siemens: Siemens, cell: Cell) -> Siemens:
        """Standard deviation in siemens."""
        return self.programming_sigma(siemens, cell)


class _Independent:
    spread: ClassVar[Spread] = Spread.CONSTANT

    def scale(self, siemens: Siemens, cell: Cell) -> Siemens:
        """Gmax, for every conductance."""
        return spread_scale(siemens, self.spread, cell.Gmax)


class _Proportional:
    spread: ClassVar[Spread] = Spread.CONDUCTANCE

    def scale(self, siemens: Siemens, cell: Cell) -> Siemens:
        """The conductance."""
        return spread_scale(siemens, self.spread, cell.Gmax)


class _InverseProportional:
    spread: ClassVar[Spread] = Spread.INVERSE

    def scale(self, siemens: Siemens, cell: Cell) -> Siemens:
        """Gmax squared over the conductance; zero for a cell that does not conduct."""
        return spread_scale(siemens, self.spread, cell.Gmax)


@dataclass(frozen=True)
class NormalIndependentDevice(_Independent, _GenericDevice):
    """Normal error with the standard deviation ``magnitude * Gmax``."""


@dataclass(frozen=True)
class NormalProportionalDevice(_Proportional, _GenericDevice):
    """Normal error with the standard deviation ``magnitude * G``."""


@dataclass(frozen=True)
class NormalInverseProportionalDevice(_InverseProportional, _GenericDevice):
    """Normal error with the standard deviation ``magnitude * Gmax**2 / G``."""


@dataclass(frozen=True)
class UniformIndependentDevice(_Independent, _GenericDevice):
    """Uniform error of full width ``magnitude * Gmax``."""

    distribution: ClassVar[Literal["normal", "uniform"]] = "uniform"


@dataclass(frozen=True)
class UniformProportionalDevice(_Proportional, _GenericDevice):
    """Uniform error of full width ``magnitude * G``."""

    distribution: ClassVar[Literal["normal", "uniform"]] = "uniform"


@dataclass(frozen=True)
class UniformInverseProportionalDevice(_InverseProportional, _GenericDevice):
    """Uniform error of full width ``magnitude * Gmax**2 / G``."""

    distribution: ClassVar[Literal["normal", "uniform"]] = "uniform"


_NORMAL = (NormalIndependentDevice, NormalProportionalDevice, NormalInverseProportionalDevice)


def spread_of(model: Device) -> tuple[Spread, float] | None:
    """The programming error of a model in the two numbers that a compiled kernel takes.

    Args:
        model: Any device model.

    Returns:
        What the standard deviation is proportional to, and the magnitude; None for a model with
        another law, as one derived from these may have.
    """
    if model.is_ideal:
        return Spread.NONE, 0.0
    for kind in _NORMAL:
        if type(model) is kind:
            return kind.spread, model.magnitude
    return None
