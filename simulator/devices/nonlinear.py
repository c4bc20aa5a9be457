"""Cells that do not follow Ohm's law."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator.devices.base import Cell, Device
from simulator.errors import ModelError
from simulator.quantities import Amps, Conductances, Siemens, Volts

CUBIC_SHARE = 0.25
CUBIC_LIMIT = 2.0


@dataclass(frozen=True)
class CellLaw:
    """Current and differential conductance of a model, without units.

    Conductances are in units of Gmax, voltages of the read voltage, currents of their product.
    """

    model: Device
    cell: Cell

    def __call__(self, conductances: Conductances, volts: Volts) -> tuple[Any, Any]:
        """Both, in the shape that the arguments broadcast to."""
        cell = self.cell
        siemens, across = conductances * cell.Gmax, volts * cell.Vread
        shape = np.broadcast_shapes(conductances.shape, np.shape(volts))
        amps, slope = (
            self._checked(getattr(self.model, what)(siemens, across, cell), shape, what)
            for what in ("current", "slope")
        )
        return amps / (cell.Gmax * cell.Vread), slope / cell.Gmax

    def _checked(self, values: Any, shape: tuple[int, ...], what: str) -> Any:
        name = f"{type(self.model).__name__}.{what}"
        if values.shape != shape:
            raise ModelError(f"{name} returned shape {values.shape}; needed is {shape}")
        # A NaN or infinity reaches the sum.
        if not math.isfinite(float(values.sum())):
            raise ModelError(f"{name} returned values that are not all finite numbers")
        return values


@dataclass(frozen=True)
class CubicDevice(Device):
    """An example of a nonlinear cell: I = G (V - 0.25 V^3), V in volts, up to 2 V."""

    def check_cell(self, cell: Cell) -> None:
        """Raise ModelError for a read voltage above 2 V, where the current changes its sign."""
        if cell.Vread > CUBIC_LIMIT:
            raise ModelError(
                f"xbar.device.Vread is {cell.Vread:g} V; CubicDevice describes cells up to "
                f"{CUBIC_LIMIT:g} V"
            )

    def current(self, siemens: Siemens, volts: Volts, cell: Cell) -> Amps:
        """Current in amps."""
        return siemens * volts * (1.0 - CUBIC_SHARE * volts * volts)

    def slope(self, siemens: Siemens, volts: Volts, cell: Cell) -> Siemens:
        """Differential conductance in siemens; negative beyond 1.15 V."""
        return siemens * (1.0 - 3.0 * CUBIC_SHARE * volts * volts)
