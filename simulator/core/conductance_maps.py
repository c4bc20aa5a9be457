"""Measured conductances for cells: their unit, their range, and their order in a core."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator.backend import Backend
from simulator.core.arraylike import numeric_array, require_finite
from simulator.devices import Cell
from simulator.errors import ClippingWarning, InputError, ShapeError, nearest, warn_user

# The unit of conductances as fractions of Gmax.
GMAX = "Gmax"
UNITS = ("S", "mS", "uS", "nS", GMAX)
OUTSIDE = ("error", "clip", "keep")
# Rounding of one over a resistance that was written as one over a conductance.
SLACK = 1e-9
# Fractions of Gmax that are no conductances in another unit lie between these.
LEAST_FRACTION, MOST_FRACTION = 1e-2, 2.0
# In the right unit, a map's highest conductance is at least so much of Gmax, and at most so much.
LEAST_SHARE, MOST_SHARE = 1e-2, 10.0


def fractions_of_gmax(values: Any, unit: str, cell: Cell, backend: Backend) -> np.ndarray:
    """Conductances as fractions of Gmax, on the host, float64.

    Args:
        values: Conductances in ``unit``, real, finite and not negative.
        unit: ``"S"``, ``"mS"``, ``"uS"``, ``"nS"``, a unit of resistance such as ``"kohm"``, or
            ``"Gmax"``.
        cell: What the cells have in common.
        backend: Where the core computes.

    Raises:
        InputError: Another unit, or values that are no conductances.
    """
    from simulator.lab import unit_of

    array = backend.to_host(numeric_array(values, "conductances", backend))
    if array.dtype.kind == "c":
        raise InputError("conductances are complex; give their real part if that is what is meant")
    require_finite(array, "conductances", backend)
    known = None if unit == GMAX else unit_of(str(unit))
    if unit != GMAX and (known is None or known.quantity != "S"):
        raise InputError(
            f"unit: got {unit!r}; allowed are {', '.join(UNITS)}, and ohm, kohm, ... for "
            f"resistances.{nearest(str(unit), UNITS)}"
        )
    array = array.astype(np.float64)
    if (array < 0).any():
        raise InputError(
            f"conductances must be finite and not negative, in units of {unit}; the lowest is "
            f"{array.min():g}"
        )
    if known is None:
        return array
    if known.inverse and not array.all():
        raise InputError("a resistance is 0; cells have finite conductances")
    siemens = known.factor / array if known.inverse else known.factor * array
    return siemens / cell.Gmax


def likely_unit(fractions: np.ndarray, cell: Cell) -> str | None:
    """The unit that values given as fractions of Gmax look like; None for fractions."""
    largest = float(fractions.max(initial=0.0))
    for unit, factor, beyond in (
        ("S", 1.0, largest < LEAST_FRACTION),
        ("uS", 1e-6, largest > MOST_FRACTION),
        ("nS", 1e-9, largest > MOST_FRACTION),
    ):
        if beyond and LEAST_SHARE <= largest * factor / cell.Gmax <= MOST_SHARE:
            return unit
    return None


def warn_of_unit(fractions: np.ndarray, cell: Cell) -> None:
    """Warn of values that were given without a unit and look like siemens."""
    unit = likely_unit(fractions, cell)
    if unit is not None:
        warn_user(
            f"conductances up to {fractions.max():g} are taken as fractions of Gmax, which is "
            f"{_siemens(cell.Gmax)}; they look like {unit}: say unit={unit!r}"
        )


@dataclass(frozen=True)
class Limits:
    """The range of cells, as fractions of Gmax, and what to do with values beyond it.

    Args:
        cell: What the cells have in common.
        outside: ``"error"``, ``"clip"`` or ``"keep"``.

    Raises:
        InputError: Another word for ``outside``.
    """

    cell: Cell
    outside: str

    def __post_init__(self) -> None:
        if self.outside not in OUTSIDE:
            raise InputError(
                f"outside: got {self.outside!r}; allowed are {', '.join(OUTSIDE)}."
                f"{nearest(str(self.outside), OUTSIDE)}"
            )

    def applied(self, fractions: np.ndarray, unit: str) -> np.ndarray:
        """Values within the range of the cells. Raises InputError, or warns, with counts."""
        low, high = self.cell.Gmin / self.cell.Gmax, 1.0
        if self.outside == "keep":
            return fractions
        too_high, too_low = fractions > high * (1 + SLACK), fractions < low * (1 - SLACK)
        count = int(too_high.sum() + too_low.sum())
        if not count:
            return fractions.clip(low, high)
        told = []
        if too_high.any():
            told.append(
                f"{too_high.sum()} above Gmax = {_siemens(self.cell.Gmax)}, up to "
                f"{_siemens(fractions.max() * self.cell.Gmax)}"
            )
        if too_low.any():
            told.append(
                f"{too_low.sum()} below Gmin = {_siemens(self.cell.Gmin)}, down to "
                f"{_siemens(fractions.min() * self.cell.Gmax)}"
            )
        said = f"{count} of {fractions.size} conductances lie beyond the cells: {'; '.join(told)}"
        if self.outside == "error":
            likely = likely_unit(fractions, self.cell) if unit == GMAX else None
            raise InputError(
                f"{said}. "
                + (f"They look like {likely}: say unit={likely!r}. " if likely else "")
                + "Set xbar.device.Rmin and Rmax (1 / Gmax and 1 / Gmin) to what was measured, or "
                "say outside='clip' or outside='keep'"
            )
        warn_user(f"{said}; they are clipped", ClippingWarning)
        return fractions.clip(low, high)


def stacked(
    positive: Any, negative: Any, shape: tuple[int, int, int, int], backend: Backend
) -> np.ndarray:
    """Given arrays in the order of the cells: (slices, sides, rows, columns), on the host.

    Args:
        positive: Conductances of the positive, or the only, cells: an array, a file, or one of them
            for each slice.
        negative: Those of the negative cells; None for cores of single cells.
        shape: What the core needs.
        backend: Where the core computes.

    Raises:
        InputError: An array for cells that are not there, or none for cells that are.
        ShapeError: Arrays of another shape.
    """
    slices, sides, *matrix = shape
    given = [positive] if negative is None else [positive, negative]
    if len(given) != sides:
        raise InputError(
            "this core holds every weight in a pair of cells: give positive and negative arrays"
            if sides == 2
            else "this core has single cells, no pairs: give one array"
        )
    arrays = []
    for name, values in zip(("positive", "negative"), given, strict=False):
        array = backend.to_host(numeric_array(_read(values), f"{name} conductances", backend))
        wanted = (*matrix,) if slices == 1 else (slices, *matrix)
        if array.shape not in (wanted, (slices, *matrix)):
            raise ShapeError(
                f"{name} conductances of shape {array.shape}; the core needs {wanted}"
                + (", the least significant slice first" if slices > 1 else "")
            )
        arrays.append(array.reshape(slices, *matrix))
    return np.stack(arrays, axis=1)


def _read(values: Any) -> Any:
    """An array, from files where paths are given."""
    from simulator.lab import read_matrix

    if isinstance(values, str | os.PathLike):
        return read_matrix(values)
    if isinstance(values, Sequence) and values and isinstance(values[0], str | os.PathLike):
        return np.stack([read_matrix(path) for path in values])
    return values


def _siemens(value: float) -> str:
    return f"{value * 1e6:g} uS"
