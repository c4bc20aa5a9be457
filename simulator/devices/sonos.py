"""Charge-trap flash: SONOS transistors in subthreshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

# Universal functions leave the work to the library of the array they are given (NEP 13).
from numpy import exp

from simulator.devices.base import Cell, Device
from simulator.devices.tables import polynomial
from simulator.errors import ModelError, warn_user
from simulator.quantities import Siemens

NANO = 1e-9
LIMIT, AGED_LIMIT = 3200.0, 1800.0
# Per day from 0 on: A and B of sigma = A (1 - exp(-I / B)), in nA.
SPREAD = (
    (19.88665, 176.3115),
    (25.59102, 186.85544),
    (28.72753, 193.56834),
    (31.04318, 198.90332),
    (33.76214, 204.77023),
    (34.57909, 207.34309),
)
READ_SPREAD = (12.58037, 215.36557)
# Per day from 0 on: powers of the current in nA, from 0 to 10, of the mean shift in nA.
SHIFT = (
    (0.0,) * 11,
    (1.72684e-01, 5.72552e-02, -6.85715e-04, 3.50271e-06, -9.37682e-09, 1.40575e-11)
    + (-1.19803e-14, 5.41293e-18, -8.85448e-22, -1.66869e-25, 5.95180e-29),
    (2.50712e-01, 6.62195e-02, -6.83218e-04, 2.99442e-06, -6.78255e-09, 7.70482e-12)
    + (-3.04983e-15, -2.15919e-18, 2.94617e-21, -1.23359e-24, 1.85329e-28),
    (-1.75300e-02, 9.76883e-02, -9.63791e-04, 4.55551e-06, -1.22391e-08, 1.93786e-11)
    + (-1.85899e-14, 1.07659e-17, -3.58211e-21, 5.96785e-25, -3.30410e-29),
    (4.03338e-02, 1.03111e-01, -1.04740e-03, 4.83961e-06, -1.28132e-08, 1.99484e-11)
    + (-1.85139e-14, 1.00008e-17, -2.84944e-21, 3.01008e-25, 1.18747e-29),
    (3.19927e-01, 1.06596e-01, -1.04054e-03, 4.50290e-06, -1.10352e-08, 1.56477e-11)
    + (-1.27592e-14, 5.45513e-18, -7.26841e-22, -2.43893e-25, 7.14608e-29),
)
LAST_DAY = len(SPREAD) - 1


@dataclass(frozen=True)
class SONOS(Device):
    """SONOS flash read in subthreshold: programming error, retention loss and read noise.

    V. Agrawal et al., "Subthreshold operation of SONOS analog memory to enable accurate low-power
    neural network inference", IEDM 2022, measured for five days; time in days. The laws are of the
    current in nA at full read voltage, I = G Vread: spread A (1 - exp(-I / B)) about the mean
    I + sum over k of p_k I^k. A, B and p stand in tables by day; between whole days, and after the
    fifth (one warning), they follow straight lines. Programming is day 0, and the spread of later
    days contains it. Read noise has the same form and does not age.
    """

    time_unit: ClassVar[str] = "days"
    drift_includes_programming: ClassVar[bool] = True

    def check_cell(self, cell: Cell) -> None:
        """Raise ModelError above 3200 nA, after programming above 1800 nA; warn after 5 days."""
        current = cell.Gmax * cell.Vread / NANO
        limit = AGED_LIMIT if cell.time > 0 else LIMIT
        if current > limit * (1 + 1e-6):
            when = f"at xbar.device.time = {cell.time:g} days" if cell.time > 0 else "at time 0"
            raise ModelError(
                f"a fully on cell carries {current:g} nA (xbar.device.Vread = {cell.Vread:g} V over"
                f" Rmin = {1 / cell.Gmax:g} ohm); SONOS describes up to {limit:g} nA {when}: set "
                f"xbar.device.Rmin to {cell.Vread / (limit * NANO):.6g} ohm or more, or "
                f"xbar.device.Vread to {limit * NANO / cell.Gmax:.4g} V or less"
            )
        if cell.time > LAST_DAY:
            warn_user(
                f"xbar.device.time is {cell.time:g} days; SONOS was measured for {LAST_DAY} days "
                "and is continued in straight lines"
            )

    def programming_sigma(self, siemens: Siemens, cell: Cell) -> Siemens:
        """Standard deviation in siemens, that of day 0."""
        return _spread(SPREAD[0], siemens, cell)

    def drift_mean(self, siemens: Siemens, cell: Cell) -> Siemens:
        """Mean conductance of cells programmed to ``siemens``; the target at time 0."""
        if cell.time <= 0:
            return siemens
        nanoamps = siemens * (cell.Vread / NANO)
        return siemens + polynomial(_on_day(SHIFT, cell.time), nanoamps) * (NANO / cell.Vread)

    def drift_sigma(self, siemens: Siemens, cell: Cell) -> Siemens:
        """Standard deviation among cells programmed to ``siemens``, programming included."""
        return _spread(_on_day(SPREAD, cell.time), siemens, cell)

    def read_sigma(self, siemens: Siemens, cell: Cell) -> Siemens:
        """Standard deviation in siemens."""
        return _spread(READ_SPREAD, siemens, cell)


def _on_day(rows: Any, days: float) -> tuple[float, ...]:
    """The row of a table at a time in days: as it stands on whole days, else linear."""
    if float(days).is_integer() and days <= LAST_DAY:
        return rows[int(days)]
    before = min(int(days), LAST_DAY - 1)
    part = days - before
    return tuple(a + part * (b - a) for a, b in zip(rows[before], rows[before + 1]))


def _spread(law: tuple[float, ...], siemens: Siemens, cell: Cell) -> Any:
    height, width = law
    nanoamps = siemens * (cell.Vread / NANO)
    return (height * (1.0 - exp(nanoamps / -width))).clip(0.0, None) * (NANO / cell.Vread)
