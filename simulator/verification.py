"""Write and verify: what became of cells that were written again until they were near enough."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator.errors import InputError, warn_user

# Rows of the printed histogram.
SHOWN = 10


def checked_rule(tolerance: Any, most: Any, name: str = "max_iterations") -> tuple[float, int]:
    """A tolerance and a number of writes.

    Args:
        tolerance: A number from 0; infinity accepts every cell.
        most: A whole number from 1.
        name: What ``most`` is called, for the message.

    Returns:
        Both, as float and int.

    Raises:
        InputError: Anything else.
    """
    try:
        limit = float(tolerance)
    except (TypeError, ValueError):
        limit = math.nan
    if not limit >= 0:
        raise InputError(f"tolerance: got {tolerance!r}; allowed is a number from 0")
    try:
        count = operator.index(most)
    except TypeError:
        count = 0
    if count < 1:
        raise InputError(f"{name}: got {most!r}; allowed is a whole number from 1")
    return limit, count


@dataclass(frozen=True, eq=False)
class WriteVerify:
    """How cells came within a tolerance of their targets.

    Args:
        tolerance: What counted as near enough, in the unit of ``errors``.
        most: How often a cell was written at most.
        writes: How often each cell was written: programmings, or pulses.
        errors: What each cell misses its target by in the end, in the shape of ``writes``.
        unit: The unit of ``errors``, in words.
        write: What one write is, in words.
    """

    tolerance: float
    most: int
    writes: np.ndarray
    errors: np.ndarray
    unit: str
    write: str

    @property
    def failed(self) -> np.ndarray:
        """Which cells never came within the tolerance, bool, in the shape of ``writes``."""
        return np.abs(self.errors) > self.tolerance

    @property
    def failures(self) -> int:
        """How many cells never came within the tolerance."""
        return int(self.failed.sum())

    @property
    def total(self) -> int:
        """All writes of all cells."""
        return int(self.writes.sum())

    @property
    def histogram(self) -> np.ndarray:
        """How many cells were written 0, 1, 2, ... times, (most + 1,)."""
        return np.bincount(self.writes.ravel(), minlength=self.most + 1)

    @property
    def error_sigma(self) -> float:
        """Root mean square of the final errors, in their unit."""
        return float(np.sqrt(np.mean(self.errors**2)))

    def warn_of_failures(self) -> None:
        """Warn of cells that never came within the tolerance, if there are any."""
        if self.failures:
            warn_user(
                f"{self.failures} of {self.writes.size} cells were written {self.most} times and "
                f"are further than {self.tolerance:g} {self.unit} from their targets, up to "
                f"{np.abs(self.errors).max():.3g}: allow more of either, or see which are failed"
            )

    def __str__(self) -> str:
        cells, counts = self.writes.size, self.histogram
        lines = [
            f"{cells} cells, all but {self.failures} within {self.tolerance:g} {self.unit}",
            f"{self.total} {self.write}s, {self.total / cells:.3g} a cell, {self.writes.max()} at "
            "most",
            f"final errors: {self.error_sigma:.3g} {self.unit} (root mean square), "
            f"{np.abs(self.errors).max():.3g} at most",
        ]
        used = np.flatnonzero(counts)
        lines += [f"{count:6d} {self.write}s: {counts[count]} cells" for count in used[:SHOWN]]
        if len(used) > SHOWN:
            lines.append(f"  more {self.write}s: {counts[used[SHOWN:]].sum()} cells")
        return "\n".join(lines)
