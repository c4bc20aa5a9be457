"""Resistive memory: filaments in metal oxides."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

# Universal functions leave the work to the library of the array they are given (NEP 13).
from numpy import log10

from simulator.devices.base import Cell, Device
from simulator.devices.tables import MICRO, polynomial, require_conductances
from simulator.errors import ModelError, warn_user
from simulator.quantities import Amps, Siemens, Volts
from simulator.schema import check_fields, parameter

MILO_LOW, MILO_HIGH = 49.99e-6, 225.01e-6
MILO_SIGMA = (4.782321, -0.009107)
# Of the logarithm of the conductance in siemens; the current in amps, the voltage in volts.
MILO_SQUARE = (0.007063, 0.005711, 0.001541, 0.0001388)
MILO_CUBE = (1.2968e-3, 6.7919e-4, 8.8710e-05)
MILO_OHMIC = 1e-9
MILO_VOLTS = 0.5

WAN_HIGH = 39.26e-6
WAN_SIGMA = (1.053, 0.2374, -1.167e-2, 1.536e-4)

WAN_2022_FULL = 40e-6
# Seconds since programming, and the spread then: powers of G / 40 uS.
WAN_2022_SIGMA = (
    (1.0, (0.348, 16.03, -43.853, 45.393, -16.815)),
    (86400.0, (0.701, 22.086, -50.773, 47.095, -16.458)),
    (172800.0, (0.782, 20.274, -43.507, 37.062, -11.934)),
)

CMO_LOW, CMO_HIGH = 9e-6, 88.2e-6
# Percent of the target within which a cell is accepted, and the spread: uS, and per uS.
CMO_SIGMA = {0.2: (0.00081107, 0.00106879), 2.0: (0.0112185391, 0.01129027418)}
CMO_SHIFT = -0.08900206
CMO_AGED = (0.41183342, 0.04201137)
CMO_NOISE = 0.0277316483
CMO_READ_TIME = 1e-6
CMO_FIRST, CMO_LAST = 1.0, 10 * 365.25 * 86400.0


@dataclass(frozen=True)
class RRAMMilo(Device):
    """Hafnium oxide in 4-kbit arrays: programming error and nonlinear current.

    V. Milo et al., "Optimized programming algorithms for multilevel RRAM in hardware neural
    networks", IRPS 2021. Programming (Fig. 4, IGVVA-100): sigma = max(4.782321 - 0.009107 G, 0),
    both in uS, 50 to 225 uS; in normalised conductance sigma / (Gmax - Gmin) times the normalised
    range, which is the same in siemens. Current (fit to Fig. 1: 62.5, 76.2, 93.9 and 110 uS, and
    ohmic at 225 uS; below 62.5 uS it goes on, and bends much more): I = G V + a(G) V^2 + b(G) V^3
    with a and b polynomials of log10 G, up to 0.5 V; ohmic below 1 nS. The square is meant as it
    stands: a cell conducts differently in its two directions.
    """

    def check_cell(self, cell: Cell) -> None:
        """Raise ModelError outside 50 to 225 uS or above 0.5 V."""
        require_conductances(self, cell, MILO_LOW, MILO_HIGH)
        if cell.Vread > MILO_VOLTS * (1 + 1e-6):
            raise ModelError(
                f"xbar.device.Vread is {cell.Vread:g} V; RRAMMilo describes cells up to "
                f"{MILO_VOLTS:g} V"
            )

    def programming_sigma(self, siemens: Siemens, cell: Cell) -> Siemens:
        """Standard deviation in siemens."""
        return polynomial(MILO_SIGMA, siemens / MICRO).clip(0.0, None) * MICRO

    def current(self, siemens: Siemens, volts: Volts, cell: Cell) -> Amps:
        """Current in amps."""
        square, cube = self._bends(siemens)
        return volts * (siemens + volts * (square + volts * cube))

    def slope(self, siemens: Siemens, volts: Volts, cell: Cell) -> Siemens:
        """Differential conductance in siemens."""
        square, cube = self._bends(siemens)
        return siemens + volts * (2.0 * square + volts * (3.0 * cube))

    def _bends(self, siemens: Siemens) -> tuple[Any, Any]:
        """Coefficients of the square and of the cube of the voltage."""
        bent = siemens >= MILO_OHMIC
        decades = log10(siemens.clip(MILO_OHMIC, None))
        return bent * polynomial(MILO_SQUARE, decades), bent * polynomial(MILO_CUBE, decades)


@dataclass(frozen=True)
class RRAMWan(Device):
    """Hafnium oxide of the NeuRRAM chip, one second after programming.

    W. Wan et al., Nature 608, 504 (2022), Extended Data Fig. 3:
    sigma = max(1.536e-4 G^3 - 1.167e-2 G^2 + 0.2374 G + 1.053, 0), both in uS, up to 39.26 uS; in
    normalised conductance sigma / (Gmax - Gmin) times the normalised range, which is the same in
    siemens.
    """

    def check_cell(self, cell: Cell) -> None:
        """Raise ModelError above 39.26 uS."""
        require_conductances(self, cell, 0.0, WAN_HIGH)

    def programming_sigma(self, siemens: Siemens, cell: Cell) -> Siemens:
        """Standard deviation in siemens."""
        return polynomial(WAN_SIGMA, siemens / MICRO).clip(0.0, None) * MICRO


@dataclass(frozen=True)
class RRAMWan2022(Device):
    """Hafnium oxide of the NeuRRAM chip: the whole spread, from one second to two days.

    W. Wan et al., Nature 608, 504 (2022), Extended Data Fig. 3, at 1 s, 1 day and 2 days after
    programming: polynomials of G / 40 uS, which stay with that conductance for cells that use less
    of it. Between those times the standard deviation is linear in the logarithm of time; other
    times are errors, time 0 among them. The spread contains that of programming.
    """

    drift_includes_programming: ClassVar[bool] = True

    def check_cell(self, cell: Cell) -> None:
        """Raise ModelError above 40 uS and for times that were not measured."""
        require_conductances(self, cell, 0.0, WAN_2022_FULL)
        first, last = WAN_2022_SIGMA[0][0], WAN_2022_SIGMA[-1][0]
        if not first <= cell.time <= last:
            raise ModelError(
                f"xbar.device.time is {cell.time:g} s; RRAMWan2022 describes {first:g} s to "
                f"{last:g} s (2 days)"
            )

    def drift_sigma(self, siemens: Siemens, cell: Cell) -> Siemens:
        """Standard deviation in siemens about the target."""
        self.check_cell(cell)
        (start, before), (end, after) = next(
            pair for pair in zip(WAN_2022_SIGMA, WAN_2022_SIGMA[1:]) if cell.time <= pair[1][0]
        )
        part = math.log(cell.time / start) / math.log(end / start)
        mixed = [(1 - part) * a + part * b for a, b in zip(before, after)]
        return polynomial(mixed, siemens / WAN_2022_FULL).clip(0.0, None) * MICRO


@dataclass(frozen=True)
class RRAMCMO(Device):
    """Conductive metal oxide on hafnium oxide: programming error, relaxation and 1/f noise.

    D. F. Falcone et al., "All-in-one analog AI hardware: on-chip training and inference with
    conductive-metal-oxide/HfOx ReRAM devices", arXiv:2502.04524 (2025); 9 to 88.2 uS. In uS and s:
    programming within 0.2 % or 2 % of the target, sigma = 0.00081107 + 0.00106879 G or
    0.0112185391 + 0.01129027418 G; from 1 s on, a shift of -0.08900206 ln t and an added spread of
    0.41183342 + 0.04201137 ln t; reads of 1 us, sigma = 0.0277316483 log10(G)
    sqrt(ln((t + 1e-6) / 2e-6)), none at time 0.
    """

    acceptance_range: float = parameter(
        2.0, choices=(0.2, 2.0), unit="percent", doc="distance from the target that is accepted"
    )

    def __post_init__(self) -> None:
        check_fields(self)

    def check_cell(self, cell: Cell) -> None:
        """Raise ModelError outside 9 to 88.2 uS or within the first second; warn after 10 years."""
        require_conductances(self, cell, CMO_LOW, CMO_HIGH)
        if 0 < cell.time < CMO_FIRST:
            raise ModelError(
                f"xbar.device.time is {cell.time:g} s; RRAMCMO describes cells as programmed (0) "
                f"and from {CMO_FIRST:g} s on"
            )
        if cell.time > CMO_LAST:
            warn_user(
                f"xbar.device.time is {cell.time:g} s; RRAMCMO was used for up to 10 years "
                f"({CMO_LAST:.4g} s) and is continued beyond"
            )

    def programming_sigma(self, siemens: Siemens, cell: Cell) -> Siemens:
        """Standard deviation in siemens."""
        return polynomial(CMO_SIGMA[self.acceptance_range], siemens / MICRO) * MICRO

    def drift_mean(self, siemens: Siemens, cell: Cell) -> Siemens:
        """The conductance at the start plus the mean shift."""
        return siemens + CMO_SHIFT * _log_seconds(cell) * MICRO

    def drift_sigma(self, siemens: Siemens, cell: Cell) -> Siemens:
        """Standard deviation of what was added since programming; none at time 0."""
        if cell.time <= 0:
            return 0.0 * siemens
        return polynomial(CMO_AGED, _log_seconds(cell)) * MICRO + 0.0 * siemens

    def read_sigma(self, siemens: Siemens, cell: Cell) -> Siemens:
        """Standard deviation in siemens; none at time 0 (one warning)."""
        if cell.time <= 0:
            warn_user(
                "xbar.device.time is 0: the read noise of RRAMCMO grows with time from none; it is "
                "known from 1 s on"
            )
            return 0.0 * siemens
        growth = math.sqrt(math.log((cell.time + CMO_READ_TIME) / (2 * CMO_READ_TIME)))
        decades = log10((siemens / MICRO).clip(1.0, None))
        return CMO_NOISE * growth * MICRO * decades


def _log_seconds(cell: Cell) -> float:
    """Logarithm of the time in seconds, which begins at 1 s."""
    return math.log(max(cell.time, CMO_FIRST))
