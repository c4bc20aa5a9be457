"""The physical arrays of a core under the names that scripts know: ``core.cores[r][c]``.

Balanced arrays are ``core_pos`` and ``core_neg``, an offset array is ``core``, bit slices are
``core_slices[i][0]`` (and ``[1]`` for the negative cells), least significant first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.core.conductance_maps import GMAX, fractions_of_gmax, warn_of_unit
from simulator.errors import ShapeError

if TYPE_CHECKING:
    from simulator.chip.chip import Chip
    from simulator.parameters import CrossSimParameters


HOW_TO_WRITE = (
    "these conductances are a copy; use set_conductances(values) of the same array, "
    "as in core.cores[0][0].core_pos.set_conductances(values)"
)


class HeldConductances(np.ndarray):
    """A read-only copy of conductances; writing says how to change the array itself."""

    def __setitem__(self, key: Any, value: Any) -> None:
        if not self.flags.writeable:
            raise ValueError(HOW_TO_WRITE)
        super().__setitem__(key, value)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """Results are plain arrays; writing into the copy is refused."""
        if any(out is self for out in kwargs.get("out", ())):
            raise ValueError(HOW_TO_WRITE)
        plain = [i.view(np.ndarray) if isinstance(i, HeldConductances) else i for i in inputs]
        return getattr(ufunc, method)(*plain, **kwargs)


class PhysicalArray:
    """One array of cells: one part of the matrix, one slice, one side."""

    def __init__(
        self,
        chip: Chip,
        place: tuple[int, tuple[int, int, slice, slice]],
        changed: Callable[[], None],
    ) -> None:
        self._chip, self._changed = chip, changed
        self._index, self._where = place

    @property
    def shape(self) -> tuple[int, int]:
        """Outputs and inputs of the array, without a unit column."""
        return self.matrix.shape

    @property
    def matrix(self) -> np.ndarray:
        """Programmed conductances G / Gmax, (outputs, inputs); a fresh read-only copy."""
        held = self._chip.held[self._index]
        values = self._chip.backend.to_host(held.cells.matrix[self._where])
        copy = np.array(values).view(HeldConductances)
        copy.flags.writeable = False
        return copy

    @matrix.setter
    def matrix(self, values: Any) -> None:
        raise AttributeError("conductances are set with set_conductances(values)")

    def set_conductances(self, values: Any, unit: str = GMAX) -> None:
        """Replace the conductances of this array; everything folded is recomputed.

        Args:
            values: (outputs, inputs), in ``unit``; they may lie beyond Gmin and Gmax.
            unit: ``"Gmax"``, or ``"S"``, ``"mS"``, ``"uS"``, ``"nS"``, ``"kohm"`` and the like.

        Raises:
            ShapeError: an array of another shape.
            InputError: an unknown unit, or values that are complex, negative, NaN or infinite.
        """
        backend, cell = self._chip.backend, self._chip.held[self._index].hardware.cell
        values = fractions_of_gmax(values, unit, cell, backend)
        if values.shape != self.shape:
            raise ShapeError(f"conductances of shape {values.shape}; the array has {self.shape}")
        if unit == GMAX:
            warn_of_unit(values, cell)
        with backend.active():
            self._chip.put(self._index, self._where, values)
            self._changed()


class ArrayPart:
    """All arrays that hold one part of the matrix."""

    def __init__(self, chip: Chip, part: tuple[int, int], changed: Callable[[], None]) -> None:
        index, rows, cols = chip.place(*part)
        hardware = chip.tiles[index].hardware
        slices, sides = hardware.code.merge.shape
        arrays = [
            [PhysicalArray(chip, (index, (i, side, rows, cols)), changed) for side in range(sides)]
            for i in range(slices)
        ]
        self.params: CrossSimParameters = chip.tree(*part)
        if hardware.style.name == "BITSLICED":
            self.core_slices = arrays
        elif sides == 2:
            self.core_pos, self.core_neg = arrays[0]
        else:
            self.core = arrays[0][0]


def parts_of(chip: Chip, changed: Callable[[], None]) -> list[list[ArrayPart]]:
    """The arrays by row part and column part; ``changed`` is called when one is written."""
    return [
        [ArrayPart(chip, (r, c), changed) for c in range(len(chip.cols.sizes))]
        for r in range(len(chip.rows.sizes))
    ]
