"""Digits: how a weight is spread over bit slices, and an input over time.

A weight step turns ``w`` in [-1, 1] into slices on a new first axis, as fractions of a full cell,
and merges them: ``w = sum_s merge[s] * value[s] - zero``. Signed slices lie in [-1, 1] (for pairs
of cells), unsigned ones in [0, 1] (for single cells, where ``zero`` stands for the weight 0).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any

from simulator.errors import ParameterError
from simulator.kernels.programming import CellCode, Sides
from simulator.kernels.reference.cells import sliced
from simulator.quantities import Volts


@dataclass(frozen=True)
class WholeWeight:
    """The weight in one cell or pair, analog.

    An unsigned weight shares the cell's range between both signs. With ``cell_bits`` the lowest
    level stays unused, so that the weight zero falls on a level.
    """

    signed: bool
    cell_bits: int = 0

    def __post_init__(self) -> None:
        if not self.signed and self.cell_bits == 1:
            raise ParameterError(
                "xbar.device.cell_bits is 1 with core.style = OFFSET: one level is left for all "
                "weights, because the lowest stays unused; allowed are 0 (continuous) or at least 2"
            )

    @property
    def span(self) -> float:
        """Fraction of the cell's range that unsigned weights use."""
        return (2**self.cell_bits - 2) / (2**self.cell_bits - 1) if self.cell_bits > 0 else 1.0

    @property
    def merge(self) -> tuple[float, ...]:
        """Weight of each slice in the merge."""
        return (1.0,) if self.signed else (2.0 / self.span,)

    @property
    def zero(self) -> float:
        """What the merged slices of the weight zero add up to."""
        return 0.0 if self.signed else (2.0 - self.span) / self.span

    @property
    def unit_values(self) -> tuple[float, ...]:
        """Slice values of a unit-column cell: those of the weight zero."""
        return (0.0,) if self.signed else (1.0 - self.span / 2,)

    def encode(self, w: Any, xp: ModuleType) -> Any:
        """Slice values of shape ``(1, *w.shape)``."""
        return (w if self.signed else 1.0 - self.span / 2 + self.span / 2 * w)[None]


@dataclass(frozen=True)
class SlicedWeight:
    """An integer weight of ``weight_bits`` bits in ``num_slices`` slices, least significant first.

    Signed slices carry the sign of the weight in every digit; unsigned weights are shifted by half
    the range before they are cut. The last slice takes whatever remains.
    """

    signed: bool
    weight_bits: int
    num_slices: int

    def __post_init__(self) -> None:
        needed = 2 if self.signed else 1
        if self.weight_bits <= needed - 1 or self.steps < 1 or self.slice_bits < 1:
            raise ParameterError(
                f"core.weight_bits is {self.weight_bits} with core.bit_sliced.num_slices = "
                f"{self.num_slices}; bit-sliced weights need at least 2 bits and one bit a slice"
            )

    @property
    def steps(self) -> int:
        """Integer that the weight 1 is rounded to."""
        return 2 ** (self.weight_bits - 1) - 1

    @property
    def slice_bits(self) -> int:
        """Bits of one slice."""
        bits, count = self.weight_bits, self.num_slices
        if bits % count == 0:
            return bits // count
        return -(-(bits - 1 if self.signed else bits) // count)

    @property
    def merge(self) -> tuple[float, ...]:
        """Weight of each slice in the merge."""
        full = 2**self.slice_bits - 1
        return tuple(full * 2 ** (i * self.slice_bits) / self.steps for i in range(self.num_slices))

    @property
    def zero(self) -> float:
        """What the merged slices of the weight zero add up to."""
        return 0.0 if self.signed else 2 ** (self.weight_bits - 1) / self.steps

    @property
    def unit_values(self) -> tuple[float, ...]:
        """Slice values of a unit-column cell: half the range of the last slice.

        They stand for the weight zero where the slices divide the weight bits evenly.
        """
        last = 0 if self.signed else 2**self.slice_bits // 2
        return (*[0.0] * (self.num_slices - 1), last / (2**self.slice_bits - 1))

    def encode(self, w: Any, xp: ModuleType) -> Any:
        """Slice values of shape ``(num_slices, *w.shape)``."""
        return sliced(w, self.as_numbers, xp)

    @cached_property
    def as_numbers(self) -> CellCode:
        """What ``encode`` does, as numbers."""
        return CellCode(
            Sides.SINGLE, 0.0, 0, self.num_slices, float(self.steps), float(2**self.slice_bits),
            0.0 if self.signed else 2.0 ** (self.weight_bits - 1), self.signed,
        )  # fmt: skip


@dataclass(frozen=True)
class InputDigits:
    """Inputs applied digit by digit: the phases of a bit-serial multiply."""

    magnitude_bits: int
    digit_bits: int

    @property
    def merge(self) -> tuple[float, ...]:
        """Weight of each phase: ``u = sum_k merge[k] * digit[k]``."""
        count = -(-self.magnitude_bits // self.digit_bits)
        scale = (2**self.digit_bits - 1) / (2**self.magnitude_bits - 1)
        return tuple(scale * 2 ** (self.digit_bits * k) for k in range(count))

    def encode(self, volts: Volts, kernels: Any) -> Any:
        """Phases of shape ``(phases, *volts.shape)``; each in [-1, 1], least significant first."""
        return kernels.digits(volts, self.magnitude_bits, self.digit_bits)
