"""The chain from a normalised weight to the conductances of its cells, and its linear inverse."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np

from simulator.kernels.programming import CellCode, Sides
from simulator.kernels.reading import ShiftAdd
from simulator.kernels.reference.cells import cells_of
from simulator.mapping.cells import CellStyle
from simulator.mapping.digits import SlicedWeight, WholeWeight
from simulator.mapping.levels import CellLevels
from simulator.quantities import Conductances


@dataclass(frozen=True)
class WeightCode:
    """Digits, sides and levels of one core.

    Reading is linear: ``w = sum_sd merge[s, d] * G[s, d] - zero`` with conductances in units of
    Gmax. With ``unit_column`` every array has one more output that holds the weight zero, and is
    subtracted from the others instead of ``zero``.
    """

    digits: WholeWeight | SlicedWeight
    cells: CellStyle
    levels: CellLevels
    unit_column: bool = False

    @cached_property
    def merge(self) -> np.ndarray:
        """Weight of each cell in w, shape (slices, sides)."""
        per_conductance = 1.0 / (1.0 - self.levels.lowest)
        return np.outer(self.digits.merge, self.cells.merge) * per_conductance

    @cached_property
    def zero(self) -> float:
        """What the merged conductances of the weight zero add up to."""
        if self.digits.signed:
            return 0.0
        return float(self.digits.zero + self.merge.sum() * self.levels.lowest)

    @property
    def product_gain(self) -> float:
        """What a product is worth in units of the weights that are read back.

        Single cells of few levels leave their lowest level unused. Reading back accounts for
        that; the digital scaling of a product is that of the full conductance range, as in the
        simulator whose results this mapping reproduces.
        """
        digits = self.digits
        return 1.0 if isinstance(digits, SlicedWeight) or digits.signed else digits.span

    @property
    def unit_offset(self) -> float:
        """Weight that a unit-column cell stands for: 0, unless uneven slices shift it."""
        values = np.dot(self.digits.merge, self.digits.unit_values)
        return float(values - self.digits.zero) if self.unit_column else 0.0

    @property
    def output_scale(self) -> float:
        """Normalised weight times voltage for each unit of what ``shift_add`` gives."""
        share = 1.0 if self.digits.signed and isinstance(self.digits, WholeWeight) else 2.0
        return share / (1.0 - self.levels.lowest)

    def shift_add(self, takes_off: bool) -> ShiftAdd:
        """Currents of all slices to products, by shift and add as hardware does it, as numbers.

        ``takes_off`` where an offset is taken off with the sum of the voltages, which pairs and
        unit columns need not. Results are in units of ``output_scale``.
        """
        digits, lowest = self.digits, self.levels.lowest
        width = 1.0 - lowest
        if isinstance(digits, WholeWeight):
            offset = lowest + width * digits.unit_values[0]
            return ShiftAdd((1.0,), lowest=offset if takes_off else 0.0)
        return ShiftAdd(
            weights=tuple(2.0 ** (i * digits.slice_bits) for i in range(digits.num_slices)),
            lowest=lowest if takes_off else 0.0,
            width=width,
            full=float(2**digits.slice_bits - 1),
            zero=float(2 ** (digits.weight_bits - 1)) if takes_off else 0.0,
            span=float(2 * digits.steps),
            back=width,
        )

    def encode(self, w: Any, xp: ModuleType) -> Any:
        """Target conductances of weights.

        Args:
            w: weights in [-1, 1], of any shape.
            xp: module of the arrays.

        Returns:
            G / Gmax of shape (slices, sides, *w.shape).
        """
        return cells_of(w, self.as_numbers, xp)

    @cached_property
    def as_numbers(self) -> CellCode:
        """What ``encode`` does, as numbers."""
        digits, levels = self.digits, self.levels
        if isinstance(digits, WholeWeight):
            sides = self.cells.sides if digits.signed else Sides.OFFSET
            return CellCode(sides, levels.lowest, levels.steps, span=digits.span)
        return replace(
            digits.as_numbers, sides=self.cells.sides, lowest=levels.lowest,
            level_steps=levels.steps,
        )  # fmt: skip

    def unit(self, xp: ModuleType) -> Any:
        """Target conductances of a unit-column cell, shape (slices, sides)."""
        values = xp.asarray(self.digits.unit_values)
        return self.levels.encode(self.cells.encode(values, xp), xp)

    def decode(self, conductances: Conductances, unit: Any, xp: ModuleType) -> Any:
        """Weights that conductances stand for; inverts ``encode``.

        Args:
            conductances: (slices, sides, ...) in units of Gmax.
            unit: those of the unit column, which broadcast; None without one.
            xp: module of the arrays.

        Returns:
            Weights in units of the range, of the shape behind slices and sides.
        """
        if unit is not None:
            return self._merged(conductances - unit, xp) + self.unit_offset
        weights = self._merged(conductances, xp)
        return weights - self.zero if self.zero else weights

    def _merged(self, conductances: Conductances, xp: ModuleType) -> Any:
        """Sum over slices and sides. Pairs are subtracted first: equal cells give an exact zero."""
        paired = conductances.shape[1] == 2
        values = conductances[:, 0] - conductances[:, 1] if paired else conductances[:, 0]
        if len(values) == 1:
            return values[0] * float(self.merge[0, 0])
        return xp.tensordot(xp.asarray(self.merge[:, 0]), values, axes=1)

    def product_matrix(self, conductances: Conductances, unit: Any, xp: ModuleType) -> Any:
        """Normalised weights as a product sees them; arguments as in ``decode``."""
        weights = self.decode(conductances, unit, xp)
        if unit is not None:
            weights -= self.unit_offset
        return weights if self.product_gain == 1.0 else weights * self.product_gain
