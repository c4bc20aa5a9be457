"""Analog-to-digital converters: what number a column current becomes.

Currents are in units of one cell at Gmax driven at full scale. ``low`` and ``high``, the ends of
the full-scale range, broadcast against them: every slice and every tile has a range of its own.

In a core, currents have the axes (phase, output tile, input tile, slice, side, output, *rest); all
but the first and the rest count physical converters. A side is a cell of a differential pair.

Noise at the input, of the sense amplifier or of the converter itself, is white and normal: every
conversion has its own. The core adds it, so that ``convert`` of a model is free of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulator import registry
from simulator.converters.spans import Span
from simulator.errors import ModelError
from simulator.quantities import Amps, Codes, Normals, Uniforms
from simulator.schema import parameter

if TYPE_CHECKING:
    from simulator.kernels import ReferenceKernels as Kernels

# ``draw(numbers, group_size)``: what the components of converters miss their nominal values by, as
# standard normals of shape (..., groups, len(numbers)). Each number of the range names a component
# of a circuit, which ``group_size`` neighbouring outputs have together; the axes before the groups
# are those of the converters (output tile, input tile, slice, side).
FabricationDraw = Callable[[range, int], Normals]


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
        """True where nothing is rounded or limited, so that ``convert`` is never called."""
        return self.bits == 0

    @property
    def codes(self) -> int:
        """Largest number of different results."""
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
        """The model as a core uses it, for a model that looks at more than its own parameters.

        Called once for each direction when a core is built; without an override, the model itself.

        Args:
            params: The parameter tree.
            adc_node: Its node of this ADC, ``xbar.adc.mvm`` or ``xbar.adc.vmm``.
            dac_node: Its node of the DAC of the same direction.

        Returns:
            The model to be used, which may keep what it needs of the nodes.

        Raises:
            ModelError: For parameters that the model cannot work with.
        """
        return self

    def fabricate(self, shape: tuple[int, ...], draw: FabricationDraw, kernels: Kernels) -> Any:
        """What is fixed when the converters of a core are made; called once in its life.

        Override it for converters that are not all alike.

        Args:
            shape: Number of converters by output tile, input tile, slice, side and output.
            draw: ``draw(numbers, group_size)`` gives standard normals (..., groups, len(numbers))
                for the components that ``numbers`` names, one set for every ``group_size``
                neighbouring outputs; the only source of random numbers.
            kernels: Numerical kernels of the core; ``kernels.xp`` is its array module.

        Returns:
            Anything that ``convert`` needs, which then gets it as a last argument ``made``; None,
            without an override, for converters that are all alike.
        """
        return None

    def levels(self, low: Amps, high: Amps) -> tuple[Amps, Amps, int] | None:
        """The grid of results, for a model whose ``convert`` gives the nearest of equal steps.

        Args:
            low: Lower end of the full-scale range.
            high: Upper end of the full-scale range.

        Returns:
            Lowest level, highest level and number of steps between them; None, without an override,
            for a model that converts otherwise.
        """
        return None

    def convert(
        self, amps: Amps, low: Amps, high: Amps, kernels: Kernels, dither: Uniforms | None = None
    ) -> Codes:
        """Currents after conversion.

        Args:
            amps: Currents of any shape; not to be changed in place.
            low: Lower end of the full-scale range of each current; broadcasts against ``amps``.
            high: Upper end, likewise.
            kernels: Numerical kernels of the core, such as ``kernels.quantize``; ``kernels.xp`` is
                its array module.
            dither: Uniforms in (0, 1) in the shape of ``amps`` where ``stochastic_rounding`` is
                set, else None.

        Returns:
            The currents that the codes stand for, in the shape, dtype and unit of ``amps``.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class IdealADC(ADC):
    """An ADC without quantisation and without limits; ``bits`` is ignored."""

    @property
    def is_ideal(self) -> bool:
        """Always True."""
        return True

    def convert(
        self, amps: Amps, low: Amps, high: Amps, kernels: Kernels, dither: Uniforms | None = None
    ) -> Codes:
        """The currents themselves."""
        return amps


@dataclass(frozen=True)
class QuantizerADC(ADC):
    """``2**bits`` equidistant levels, the lowest at ``low`` and the highest at ``high``."""

    @property
    def span(self) -> Span:
        """Any range; that of the base class for a model that inherits and converts otherwise."""
        return Span.FREE if type(self).convert is _NEAREST else super().span

    def levels(self, low: Amps, high: Amps) -> tuple[Amps, Amps, int] | None:
        """From ``low`` to ``high``; None for a model that inherits and converts otherwise."""
        return (low, high, 2**self.bits - 1) if type(self).convert is _NEAREST else None

    def convert(
        self, amps: Amps, low: Amps, high: Amps, kernels: Kernels, dither: Uniforms | None = None
    ) -> Codes:
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
        """Zero, and as many levels on either side of it."""
        return super().level_count - (not self.is_ideal)

    def levels(self, low: Amps, high: Amps) -> tuple[Amps, Amps, int] | None:
        """From ``-high`` to ``high``; None for a model that inherits and converts otherwise."""
        plain = type(self).convert is _NEAREST_MAGNITUDE
        return (-high, high, 2 * (2 ** (self.bits - 1) - 1)) if plain else None

    def convert(
        self, amps: Amps, low: Amps, high: Amps, kernels: Kernels, dither: Uniforms | None = None
    ) -> Codes:
        """The nearest level between ``-high`` and ``high``."""
        return kernels.quantize_magnitude(amps, high, 2 ** (self.bits - 1) - 1, dither)


_NEAREST_MAGNITUDE = SignMagnitudeADC.convert
