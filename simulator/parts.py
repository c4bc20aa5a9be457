"""The physical arrays of a core under the names that scripts know: ``core.cores[r][c]``.

Balanced arrays are ``core_pos`` and ``core_neg``, an offset array is ``core``, bit slices are
``core_slices[i][0]`` (and ``[1]`` for the negative cells), least significant first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.errors import InputError, ShapeError

if TYPE_CHECKING:
    from simulator.parameters import CrossSimParameters
    from simulator.stack import TileStack


class Conductances(np.ndarray):
    """A read-only copy of conductances; writing says how to change the array itself."""

    def __setitem__(self, key: Any, value: Any) -> None:
        raise ValueError(
            "these conductances are a copy; use set_conductances(values) of the same array, "
            "as in core.cores[0][0].core_pos.set_conductances(values)"
        )


class PhysicalArray:
    """One array of cells: one part of the matrix, one slice, one side."""

    def __init__(self, stack: TileStack, rows: slice, cols: slice, slice_: int, side: int) -> None:
        self._stack = stack
        self._where = (slice_, side, rows, cols)

    @property
    def shape(self) -> tuple[int, int]:
        """Outputs and inputs of the array, without a unit column."""
        return self.matrix.shape

    @property
    def matrix(self) -> np.ndarray:
        """Programmed conductances G / Gmax, (outputs, inputs); a fresh read-only copy."""
        backend = self._stack.backend
        values = backend.to_host(self._stack.held.cells[self._where])
        copy = np.array(values).view(Conductances)
        copy.flags.writeable = False
        return copy

    @matrix.setter
    def matrix(self, values: Any) -> None:
        raise AttributeError("conductances are set with set_conductances(values)")

    def set_conductances(self, values: Any) -> None:
        """Replace the conductances G / Gmax of this array; everything folded is recomputed.

        Raises ShapeError, or InputError for values that are negative, NaN or infinite.
        """
        values = np.asarray(values, dtype=np.float64)
        if values.shape != self.shape:
            raise ShapeError(f"conductances of shape {values.shape}; the array has {self.shape}")
        if not np.isfinite(values).all() or (values < 0).any():
            raise InputError("conductances must be finite and not negative, in units of Gmax")
        self._stack.replace_cells(self._where, values)


class ArrayPart:
    """All arrays that hold one part of the matrix."""

    def __init__(
        self, stack: TileStack, rows: slice, cols: slice, params: CrossSimParameters
    ) -> None:
        code = stack.hardware.code
        slices, sides = code.merge.shape
        arrays = [
            [PhysicalArray(stack, rows, cols, i, side) for side in range(sides)]
            for i in range(slices)
        ]
        self.params = params
        if stack.hardware.style.name == "BITSLICED":
            self.core_slices = arrays
        elif sides == 2:
            self.core_pos, self.core_neg = arrays[0]
        else:
            self.core = arrays[0][0]
