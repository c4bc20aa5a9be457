"""Programming error in three parts: of the chip, of the device and of the cycle."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.devices.base import Cell, Device
from simulator.quantities import Siemens
from simulator.schema import parameter


@dataclass(frozen=True)
class VariabilityDevice(Device):
    """Normal programming errors from chip to chip, device to device and cycle to cycle.

    The three parts are independent. Those of chip and device are drawn when a core is made and are
    the same at every programming; that of the cycle is drawn anew. All are standard deviations as
    fractions of the conductance, or of Gmax.
    """

    chip_to_chip: float = parameter(
        0.0, low=0, usual=(0, 1), doc="spread of what all cells of a chip share"
    )
    device_to_device: float = parameter(
        0.0, low=0, usual=(0, 1), doc="spread of what a cell keeps for life"
    )
    cycle_to_cycle: float = parameter(
        0.0, low=0, usual=(0, 1), doc="spread from programming to programming"
    )
    relative_to: str = parameter(
        "G", type=str, choices=("G", "Gmax"), doc="what spreads are fractions of"
    )

    @property
    def is_ideal(self) -> bool:
        """True where all three spreads are zero."""
        return not (self.cycle_to_cycle or self.has_mismatch)

    @property
    def has_mismatch(self) -> bool:
        """True with a spread from device to device or from chip to chip."""
        return bool(self.device_to_device or self.chip_to_chip)

    def programming_sigma(self, siemens: Siemens, cell: Cell) -> Siemens:
        """Cycle to cycle, in siemens."""
        return self.cycle_to_cycle * self._scale(siemens, cell)

    def device_sigma(self, siemens: Siemens, cell: Cell) -> Siemens:
        """Device to device, in siemens."""
        return self.device_to_device * self._scale(siemens, cell)

    def chip_sigma(self, siemens: Siemens, cell: Cell) -> Siemens:
        """Chip to chip, in siemens."""
        return self.chip_to_chip * self._scale(siemens, cell)

    def _scale(self, siemens: Siemens, cell: Cell) -> Siemens:
        return siemens if self.relative_to == "G" else 0.0 * siemens + cell.Gmax
