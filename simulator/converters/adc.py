"""Analog-to-digital converters: what number a column current becomes.

Currents are in units of one device at Gmax with full-scale input. ``low`` and ``high`` broadcast
against the currents: every slice and every tile has its own full-scale range.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simulator import registry
from simulator.errors import ModelError
from simulator.schema import parameter


@dataclass(frozen=True)
class ADC:
    """Base of all ADC models. ``bits`` = 0 means no conversion."""

    bits: int = parameter(0, type=int, low=0, high=24, doc="resolution; 0 = ideal", unit="bit")
    signed: bool = parameter(True, type=bool, doc="both polarities")
    stochastic_rounding: bool = parameter(
        False, type=bool, doc="round up with the probability of the distance from the level below"
    )

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        registry.register("adc", cls)

    @property
    def is_ideal(self) -> bool:
        """True where currents pass unchanged, without any limit."""
        return self.bits == 0

    def convert(self, amps: Any, low: Any, high: Any, kernels: Any, dither: Any = None) -> Any:
        """Currents after conversion, same shape and unit as ``amps``.

        ``dither``: uniforms in (0, 1) of the same shape, given for stochastic rounding only.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class IdealADC(ADC):
    """An ADC without quantisation and without limits; ``bits`` is ignored."""

    @property
    def is_ideal(self) -> bool:
        """Always True."""
        return True

    def convert(self, amps: Any, low: Any, high: Any, kernels: Any, dither: Any = None) -> Any:
        """The currents themselves."""
        return amps


@dataclass(frozen=True)
class QuantizerADC(ADC):
    """``2**bits`` equidistant levels, the lowest at ``low`` and the highest at ``high``."""

    def convert(self, amps: Any, low: Any, high: Any, kernels: Any, dither: Any = None) -> Any:
        """The nearest level; a symmetric range has no level at zero."""
        return kernels.quantize(amps, low, high, 2**self.bits - 1, dither)


@dataclass(frozen=True)
class SignMagnitudeADC(ADC):
    """``2**bits - 1`` levels, symmetric about an exact zero."""

    def __post_init__(self) -> None:
        if self.bits == 1 or (self.bits and not self.signed):
            raise ModelError(
                f"SignMagnitudeADC: bits = {self.bits}, signed = {self.signed}; it needs "
                "signed = True and at least 2 bits. Use QuantizerADC for unsigned currents."
            )

    def convert(self, amps: Any, low: Any, high: Any, kernels: Any, dither: Any = None) -> Any:
        """The nearest level between ``-high`` and ``high``."""
        return kernels.quantize_magnitude(amps, high, 2 ** (self.bits - 1) - 1, dither)
