"""The chain from a normalised weight to the conductances of its cells, and its linear inverse."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from types import ModuleType

import numpy as np

from simulator.kernels.programming import CellCode, Sides
from simulator.kernels.reading import ShiftAdd
from simulator.kernels.reference.cells import cells_of
from simulator.mapping.cells import CellStyle
from simulator.mapping.digits import SlicedWeight, WholeWeight
from simulator.mapping.levels import CellLevels
from simulator.quantities import Conductances, Weights

# Weights that the error of rounding is looked at for: no power of two, which some codes repeat at.
SAMPLES = 4099


@dataclass(frozen=True)
class WeightCode:
    """How a core holds weights: the steps from a weight to cells, and the linear way back.

    ``w = sum_sd merge[s, d] * G[s, d] - zero`` over slices s and sides d, with conductances in
    units of Gmax.

    Args:
        digits: How a weight is spread over slices.
        cells: How the value of a slice becomes one or two cells, its sides.
        levels: The conductances that a cell can be programmed to.
        unit_column: Whether every array has one more output that holds the weight zero, which is
            subtracted from the others in place of ``zero``.
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
        """Sum of the merged conductances of the weight zero."""
        if self.digits.signed:
            return 0.0
        return float(self.digits.zero + self.merge.sum() * self.levels.lowest)

    @property
    def digits_fit(self) -> bool:
        """Whether every digit has a level of its own, so that cells add no rounding to slices."""
        digits = self.digits
        if not isinstance(digits, SlicedWeight) or not self.levels.steps:
            return True
        return self.levels.steps % (2**digits.slice_bits - 1) == 0

    def rounding_error(self) -> float:
        """Error of a product that rounding to digits and levels makes, relative to the product.

        For weights that are distributed uniformly over their range; rms. What a unit column adds
        is left out.
        """
        weights = np.linspace(-1.0, 1.0, SAMPLES)
        held = replace(self, unit_column=False).decode(self.encode(weights, np), None, np)
        return float(np.sqrt(np.mean((held - weights) ** 2) / np.mean(weights**2)))

    @property
    def product_gain(self) -> float:
        """Factor between the weights that a product sees and those that are read back.

        Single cells with levels leave the lowest one unused. Reading back accounts for that; the
        digital scaling of a product is that of the full range of conductances, as in the simulator
        whose results this mapping reproduces.
        """
        digits = self.digits
        return 1.0 if isinstance(digits, SlicedWeight) or digits.signed else digits.span

    @property
    def unit_offset(self) -> float:
        """Weight that a cell of the unit column stands for: 0, unless uneven slices shift it."""
        values = np.dot(self.digits.merge, self.digits.unit_values)
        return float(values - self.digits.zero) if self.unit_column else 0.0

    @property
    def output_scale(self) -> float:
        """Weight times voltage, as fractions of full scale, per unit of what shift-add gives."""
        share = 1.0 if self.digits.signed and isinstance(self.digits, WholeWeight) else 2.0
        return share / (1.0 - self.levels.lowest)

    def shift_add(self, takes_off: bool) -> ShiftAdd:
        """The constants of shift and add: from the currents of all slices to products.

        Products are in units of ``output_scale``.

        Args:
            takes_off: Whether the offset is subtracted by the sum of the inputs, which pairs and
                unit columns do not need.
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

    def encode(self, w: Weights, xp: ModuleType) -> Conductances:
        """Conductances that cells are to be programmed to.

        Args:
            w: Weights in [-1, 1], of any shape.
            xp: Array module of ``w``.

        Returns:
            Targets G / Gmax, (slices, sides, *w.shape).
        """
        return cells_of(w, self.as_numbers, xp)

    @cached_property
    def as_numbers(self) -> CellCode:
        """The constants of ``encode``."""
        digits, levels = self.digits, self.levels
        if isinstance(digits, WholeWeight):
            sides = self.cells.sides if digits.signed else Sides.OFFSET
            return CellCode(sides, levels.lowest, levels.steps, span=digits.span)
        return replace(
            digits.as_numbers, sides=self.cells.sides, lowest=levels.lowest,
            level_steps=levels.steps,
        )  # fmt: skip

    def unit(self, xp: ModuleType) -> Conductances:
        """Conductances that a cell of the unit column is to be programmed to.

        Args:
            xp: Array module of the result.

        Returns:
            Targets G / Gmax, (slices, sides).
        """
        values = xp.asarray(self.digits.unit_values)
        return self.levels.encode(self.cells.encode(values, xp), xp)

    def decode(
        self, conductances: Conductances, unit: Conductances | None, xp: ModuleType
    ) -> Weights:
        """Weights that cells hold: the inverse of ``encode``, but for rounding to levels.

        Args:
            conductances: G / Gmax, (slices, sides, ...).
            unit: Those of the unit column, which broadcast; None without one.
            xp: Array module of ``conductances``.

        Returns:
            Weights as fractions of the largest one, (...).
        """
        if unit is not None:
            return self._merged(conductances - unit, xp) + self.unit_offset
        weights = self._merged(conductances, xp)
        return weights - self.zero if self.zero else weights

    def _merged(self, conductances: Conductances, xp: ModuleType) -> Weights:
        """Sum over slices and sides. Pairs are subtracted first: equal cells give an exact zero."""
        paired = conductances.shape[1] == 2
        values = conductances[:, 0] - conductances[:, 1] if paired else conductances[:, 0]
        if len(values) == 1:
            return values[0] * float(self.merge[0, 0])
        return xp.tensordot(xp.asarray(self.merge[:, 0]), values, axes=1)

    def product_matrix(
        self, conductances: Conductances, unit: Conductances | None, xp: ModuleType
    ) -> Weights:
        """Weights as a product sees them: those of ``decode`` times ``product_gain``.

        Args:
            conductances: G / Gmax, (slices, sides, ...).
            unit: Those of the unit column, which broadcast; None without one.
            xp: Array module of ``conductances``.

        Returns:
            Weights as fractions of the largest one, (...).
        """
        weights = self.decode(conductances, unit, xp)
        if unit is not None:
            weights -= self.unit_offset
        return weights if self.product_gain == 1.0 else weights * self.product_gain
