"""Cells that do not follow Ohm's law."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from simulator.devices.base import Cell, Device
from simulator.errors import ModelError
from simulator.quantities import Amps, Array, Conductances, Siemens, Volts

CUBIC_SHARE = 0.25
CUBIC_LIMIT = 2.0


@dataclass(frozen=True)
class CellLaw:
    """The current of a device model as circuits take it: in relative units, slope included.

    Conductances are in units of Gmax, voltages in units of the read voltage, and currents in units
    of their product.

    Args:
        model: A device model that describes a current.
        cell: What the cells have in common: the units.
    """

    model: Device
    cell: Cell

    def __call__(self, conductances: Conductances, volts: Volts) -> tuple[Amps, Conductances]:
        """Currents and differential conductances of cells.

        Args:
            conductances: Of each cell, in units of Gmax.
            volts: Across each cell, in units of the read voltage; broadcasts against them.

        Returns:
            Currents and differential conductances, in the shape to which the arguments broadcast.

        Raises:
            ModelError: Where the model gives another shape or values that are not finite.
        """
        cell = self.cell
        siemens, across = conductances * cell.Gmax, volts * cell.Vread
        shape = np.broadcast_shapes(conductances.shape, np.shape(volts))
        amps, slope = (
            self._checked(getattr(self.model, what)(siemens, across, cell), shape, what)
            for what in ("current", "slope")
        )
        return amps / (cell.Gmax * cell.Vread), slope / cell.Gmax

    def _checked(self, values: Array, shape: tuple[int, ...], what: str) -> Array:
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
