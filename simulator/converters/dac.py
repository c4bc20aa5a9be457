"""Digital-to-analog converters: what voltage an input becomes.

Voltages are in units of the full-scale read voltage.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simulator import registry
from simulator.converters.spans import Span
from simulator.errors import ModelError
from simulator.quantities import Volts
from simulator.schema import parameter


@dataclass(frozen=True)
class DAC:
    """Base of all DAC models. ``bits`` = 0 means no quantisation."""

    bits: int = parameter(0, type=int, low=0, high=24, doc="resolution; 0 = ideal", unit="bit")
    signed: bool = parameter(True, type=bool, doc="both polarities")

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        registry.defined("dac", cls)

    @property
    def is_ideal(self) -> bool:
        """True where inputs pass unchanged, without any limit."""
        return self.bits == 0

    @property
    def level_count(self) -> int:
        """Levels between the lowest and the highest input; 1 for an ideal one."""
        return 1 if self.is_ideal else int(2**self.bits)

    @property
    def span(self) -> Span:
        """What ranges of inputs it can have: symmetric, or up from zero where it is unsigned."""
        return Span.SYMMETRIC if self.signed else Span.POSITIVE

    @property
    def magnitude_bits(self) -> int:
        """Bits of an input's magnitude, for input bit slicing; ModelError where undefined."""
        raise ModelError(
            f"xbar.dac.*.input_bitslicing is True, but the DAC model {type(self).__name__} with "
            f"bits = {self.bits} and signed = {self.signed} has no digits to slice; use "
            "SignMagnitudeDAC, or QuantizerDAC with signed = False, and bits > 0"
        )

    def on_digit_grid(self, low: float, high: float) -> bool:
        """True where every level is a whole number of the smallest digit, so that digits lose
        nothing."""
        return False

    def levels(self, low: float, high: float) -> tuple[float, float, int] | None:
        """The levels of a plain quantiser.

        Args:
            low, high: voltages of the lowest and the highest input, in units of full scale.

        Returns:
            Lowest level, highest level and the number of steps between them, where ``convert``
            gives the nearest of equidistant levels; None where it does anything else.
        """
        return None

    def convert(self, volts: Volts, low: float, high: float, kernels: Any) -> Volts:
        """Convert voltages to those that the converter can give.

        Args:
            volts: of any shape, in units of full scale.
            low, high: voltages of the lowest and the highest input.
            kernels: of the arrays.

        Returns:
            Voltages between the limits, in the shape of ``volts``.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class IdealDAC(DAC):
    """A DAC without quantisation and without limits; ``bits`` is ignored."""

    @property
    def is_ideal(self) -> bool:
        """Always True."""
        return True

    def convert(self, volts: Volts, low: float, high: float, kernels: Any) -> Volts:
        """The voltages themselves."""
        return volts


@dataclass(frozen=True)
class QuantizerDAC(DAC):
    """``2**bits`` equidistant levels from the lowest to the highest input."""

    @property
    def magnitude_bits(self) -> int:
        """``bits`` for unsigned inputs; signed levels have no separate magnitude."""
        return super().magnitude_bits if self.signed or not self.bits else self.bits

    def on_digit_grid(self, low: float, high: float) -> bool:
        """True for unsigned levels from zero to full scale."""
        return low == 0 and high == 1 and type(self).convert is _NEAREST

    def levels(self, low: float, high: float) -> tuple[float, float, int] | None:
        """From ``low`` to ``high``; None for a model that inherits and converts otherwise."""
        return (low, high, 2**self.bits - 1) if type(self).convert is _NEAREST else None

    def convert(self, volts: Volts, low: float, high: float, kernels: Any) -> Volts:
        """The nearest level between ``low`` and ``high``."""
        return kernels.quantize(volts, low, high, 2**self.bits - 1)


_NEAREST = QuantizerDAC.convert


@dataclass(frozen=True)
class SignMagnitudeDAC(DAC):
    """A sign bit and ``2**(bits-1)`` magnitudes from zero to full scale; zero is exact."""

    def __post_init__(self) -> None:
        if self.bits == 1:
            raise ModelError("SignMagnitudeDAC: bits = 1 leaves no magnitude; use 0 or at least 2")

    @property
    def level_count(self) -> int:
        """As many on either side of zero, and zero."""
        return super().level_count - (not self.is_ideal)

    @property
    def magnitude_bits(self) -> int:
        """All bits but the sign."""
        return self.bits - 1 if self.bits else super().magnitude_bits

    def on_digit_grid(self, low: float, high: float) -> bool:
        """True, but for a model that inherits and converts otherwise."""
        return type(self).convert is _NEAREST_MAGNITUDE

    def levels(self, low: float, high: float) -> tuple[float, float, int] | None:
        """Between full scales; None for a model that inherits and converts otherwise."""
        plain = type(self).convert is _NEAREST_MAGNITUDE
        return (-1.0, 1.0, 2 * (2 ** (self.bits - 1) - 1)) if plain else None

    def convert(self, volts: Volts, low: float, high: float, kernels: Any) -> Volts:
        """The nearest level between minus and plus full scale."""
        return kernels.quantize_magnitude(volts, 1.0, 2 ** (self.bits - 1) - 1)


_NEAREST_MAGNITUDE = SignMagnitudeDAC.convert
