"""Laws of mapping steps: each owns its inverse."""

from __future__ import annotations

import numpy as np

from simulator.mapping import CellLevels, CellStyle, SlicedWeight, WholeWeight
from simulator.testing.conformance import require

EPS = float(np.finfo(np.float64).eps)


def check_weight_digits(step: WholeWeight | SlicedWeight, tolerance: float = 4 * EPS) -> None:
    """Check that merging the slices of a weight gives it back, and that slices lie in their range.

    Args:
        step: A mapping step such as WholeWeight or SlicedWeight.
        tolerance: How far the weight may be off; half a step for integer weights.

    Raises:
        ConformanceError: A law does not hold; the message says which.
    """
    w = np.linspace(-1.0, 1.0, 1001).reshape(7, 143)
    slices = step.encode(w, np)
    low = -1.0 if step.signed else 0.0
    require(slices.shape == (len(step.merge), *w.shape), step, f"slices of shape {slices.shape}")
    # The last slice takes what remains, which may be more than its bits.
    require(
        slices.min() >= low and slices[:-1].max(initial=0.0) <= 1.0, step, "slices out of range"
    )
    merged = np.tensordot(step.merge, slices, axes=1) - step.zero
    slack = 8 * EPS * float(np.sum(np.abs(step.merge)))
    require(
        np.abs(merged - w).max() <= tolerance + slack, step, "slices do not merge to the weight"
    )


def check_cells(step: CellStyle) -> None:
    """Check that merging the cells of a value gives it back, and that cells lie in [0, 1].

    Args:
        step: A mapping step such as OneSidedPair, TwoSidedPair or SingleCell.

    Raises:
        ConformanceError: A law does not hold; the message says which.
    """
    paired = len(step.merge) == 2
    values = np.linspace(-1.0 if paired else 0.0, 1.0, 401)[None]
    cells = step.encode(values, np)
    require(cells.shape == (1, len(step.merge), 401), step, f"cells of shape {cells.shape}")
    require(cells.min() >= 0.0 and cells.max() <= 1.0, step, "cells out of range")
    merged = np.tensordot(step.merge, cells[0], axes=1)
    require(np.abs(merged - values[0]).max() <= 2 * EPS, step, "cells do not merge to the value")


def check_levels(step: CellLevels) -> None:
    """Check that values come back within half a level, and levels as they are.

    Args:
        step: The mapping step.

    Raises:
        ConformanceError: A law does not hold; the message says which.
    """
    values = np.linspace(0.0, 1.0, 777)
    conductances = step.encode(values, np)
    half = 0.5 / (2**step.cell_bits - 1) if step.cell_bits > 0 else 0.0
    slack = 8 * EPS / (1 - step.lowest)
    require(np.all(conductances >= step.lowest - EPS), step, "conductance below the lowest")
    off = np.abs(step.decode(conductances) - values).max()
    require(off <= half + slack, step, "a value moves by more than half a level")
    again = step.encode(step.decode(conductances), np)
    require(np.abs(again - conductances).max() <= slack, step, "a level is not itself again")
