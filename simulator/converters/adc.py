"""Analog-to-digital converters: what number a column current becomes.

Currents are in units of one device at Gmax with full-scale input. ``low`` and ``high`` broadcast
against the currents: every slice and every tile has its own full-scale range.

In a core, currents have the axes (phase, output part, input part, slice, side, output, *rest); all
but the first and the rest count physical converters.

Noise at the input, of the sense amplifier or of the converter itself, is white and normal: every
conversion has its own. The core adds it, so that ``convert`` of a model is free of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulator import registry
from simulator.converters.spans import Span
from simulator.errors import ModelError
from simulator.quantities import Amps, Codes
from simulator.schema import parameter

# ``draw(numbers, group_size)``: standard normals of shape (*places, groups, len(numbers)). Each
# number of a range names a part of a circuit; the outputs of one group have one circuit together.
FabricationDraw = Callable[[range, int], Any]


@dataclass(frozen=True)
class ADC:
    """Base of all ADC models. ``bits`` = 0 means no conversion."""

    bits: int = parameter(0, type=int, low=0, high=24, doc="resolution; 0 = ideal", unit="bit")
    signed: bool = parameter(True, type=bool, doc="both polarities")
    stochastic_rounding: bool = parameter(
        False, type=bool, doc="round up with the probability of the distance from the level below"
    )
    input_noise: float = parameter(
        0.0, low=0, doc="standard deviation of the noise of each conversion, at the input"
    )

    def __init_subclass__(cls, abstract: bool = False, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        registry.defined("adc", cls, selectable=not abstract)

    @property
    def is_ideal(self) -> bool:
        """True where nothing is rounded or limited; ``convert`` is not called."""
        return self.bits == 0

    @property
    def codes(self) -> int:
        """Results that it can give, at most."""
        return int(2**self.bits)

    @property
    def level_count(self) -> int:
        """Levels that its full-scale range is cut into; 1 for an ideal one."""
        return 1 if self.is_ideal else int(2**self.bits)

    @property
    def span(self) -> Span:
        """What full-scale ranges it can have: symmetric, or up from zero where it is unsigned."""
        return Span.SYMMETRIC if self.signed else Span.POSITIVE

    @property
    def is_transparent(self) -> bool:
        """True where currents pass unchanged: nothing is rounded, limited or added."""
        return self.is_ideal and self.input_noise == 0

    @property
    def draws(self) -> bool:
        """True where every conversion takes random numbers."""
        return self.input_noise > 0 or (self.stochastic_rounding and not self.is_ideal)

    @property
    def has_mismatch(self) -> bool:
        """True where no two converters are alike, so that fabricating them takes random numbers."""
        return type(self).fabricate is not ADC.fabricate

    def bound(self, params: Any, adc_node: Any, dac_node: Any) -> ADC:
        """The model for a parameter tree; mostly itself.

        Args:
            params: the whole tree.
            adc_node, dac_node: the nodes of one direction.

        Returns:
            A model of the same class, with what depends on other parameters.
        """
        return self

    def fabricate(self, shape: tuple[int, ...], draw: FabricationDraw, kernels: Any) -> Any:
        """What is fixed when converters are made, kept for the life of the core.

        Args:
            shape: converters by (output part, input part, slice, side, output).
            draw: ``draw(numbers, group_size)`` gives standard normals (output part, input part,
                slice, side, group, number), a group of so many neighbouring outputs sharing its
                numbers.
            kernels: of the arrays.

        Returns:
            Anything, handed to ``convert`` as its last argument ``made``; None for nothing.
        """
        return None

    def levels(self, low: Any, high: Any) -> tuple[Any, Any, int] | None:
        """The levels of a plain quantiser.

        Args:
            low, high: full-scale limits, numbers or arrays, in currents of one full cell.

        Returns:
            Lowest level, highest level and the number of steps between them, where ``convert``
            gives the nearest of equidistant levels; None where it does anything else.
        """
        return None

    def convert(self, amps: Amps, low: Any, high: Any, kernels: Any, dither: Any = None) -> Codes:
        """Convert currents.

        Args:
            amps: (phase, output part, input part, slice, side, output, *vectors), in currents of
                one full cell at full-scale input.
            low, high: full-scale limits, which broadcast against ``amps``.
            kernels: of the arrays.
            dither: uniforms in (0, 1) in the shape of ``amps``, for stochastic rounding only.

        Returns:
            What the codes stand for, in the shape and unit of ``amps``.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class IdealADC(ADC):
    """An ADC without quantisation and without limits; ``bits`` is ignored."""

    @property
    def is_ideal(self) -> bool:
        """Always True."""
        return True

    def convert(self, amps: Amps, low: Any, high: Any, kernels: Any, dither: Any = None) -> Codes:
        """The currents themselves."""
        return amps


@dataclass(frozen=True)
class QuantizerADC(ADC):
    """``2**bits`` equidistant levels, the lowest at ``low`` and the highest at ``high``."""

    @property
    def span(self) -> Span:
        """Any; as the base class says for a model that inherits and converts otherwise."""
        return Span.FREE if type(self).convert is _NEAREST else super().span

    def levels(self, low: Any, high: Any) -> tuple[Any, Any, int] | None:
        """From ``low`` to ``high``; None for a model that inherits and converts otherwise."""
        return (low, high, 2**self.bits - 1) if type(self).convert is _NEAREST else None

    def convert(self, amps: Amps, low: Any, high: Any, kernels: Any, dither: Any = None) -> Codes:
        """The nearest level; a symmetric range has no level at zero."""
        return kernels.quantize(amps, low, high, 2**self.bits - 1, dither)


_NEAREST = QuantizerADC.convert


@dataclass(frozen=True)
class SignMagnitudeADC(ADC):
    """``2**bits - 1`` levels, symmetric about an exact zero."""

    def __post_init__(self) -> None:
        if self.bits == 1 or (self.bits and not self.signed):
            raise ModelError(
                f"SignMagnitudeADC: bits = {self.bits}, signed = {self.signed}; it needs "
                "signed = True and at least 2 bits. Use QuantizerADC for unsigned currents."
            )

    @property
    def level_count(self) -> int:
        """As many on either side of zero, and zero."""
        return super().level_count - (not self.is_ideal)

    def levels(self, low: Any, high: Any) -> tuple[Any, Any, int] | None:
        """From ``-high`` to ``high``; None for a model that inherits and converts otherwise."""
        plain = type(self).convert is _NEAREST_MAGNITUDE
        return (-high, high, 2 * (2 ** (self.bits - 1) - 1)) if plain else None

    def convert(self, amps: Amps, low: Any, high: Any, kernels: Any, dither: Any = None) -> Codes:
        """The nearest level between ``-high`` and ``high``."""
        return kernels.quantize_magnitude(amps, high, 2 ** (self.bits - 1) - 1, dither)


_NEAREST_MAGNITUDE = SignMagnitudeADC.convert
