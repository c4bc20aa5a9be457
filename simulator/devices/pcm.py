"""Phase-change memory: programming error, drift that follows a power law, and 1/f noise."""

from __future__ import annotations

import math
from dataclasses import dataclass

# Universal functions leave the work to the library of the array they are given (NEP 13).
from numpy import exp, log

from simulator.devices.base import Cell, Device
from simulator.devices.tables import MICRO, polynomial, require_conductances
from simulator.errors import warn_user
from simulator.quantities import Array, Normals, Siemens
from simulator.schema import check_fields, parameter

JOSHI_SIGMA = (0.28638599, 0.07585724, -0.00178767)
JOSHI_LOW, JOSHI_HIGH = 0.25e-6, 25e-6

PCM_FULL = 25e-6
PCM_SIGMA = (0.26348, 1.9650, -1.1731)
# Moments of the exponent: slope and offset over ln u, low and high limit.
PCM_MEAN = (-0.0155, 0.0244, 0.049, 0.1)
PCM_SPREAD = (-0.0125, -0.0059, 0.008, 0.045)

# State below which logarithms stop, in units of the full conductance.
LOWEST_STATE = 1e-7


@dataclass(frozen=True)
class PCMJoshi(Device):
    """Phase-change memory after program and verify.

    V. Joshi et al., Nature Communications 11, 2473 (2020): quadratic fit to Fig. 3b, which covers
    0.25 to 25 uS: sigma = max(-0.00178767 G^2 + 0.07585724 G + 0.28638599, 0), both in uS. The same
    fit in normalised conductance is sigma / (Gmax - Gmin) times a normal of the normalised range,
    which is sigma in siemens again.
    """

    def check_cell(self, cell: Cell) -> None:
        """Raise ModelError above 25 uS, where the fit turns down; warn below 0.25 uS."""
        require_conductances(self, cell, 0.0, JOSHI_HIGH)
        if cell.Gmin < JOSHI_LOW * (1 - 1e-6):
            warn_user(
                f"cells conduct down to {cell.Gmin / MICRO:g} uS (xbar.device.Rmax); PCMJoshi was "
                "fitted from 0.25 uS and is continued below"
            )

    def programming_sigma(self, siemens: Siemens, cell: Cell) -> Siemens:
        """Standard deviation in siemens."""
        return polynomial(JOSHI_SIGMA, siemens / MICRO).clip(0.0, None) * MICRO


@dataclass(frozen=True)
class _DriftingPCM(Device):
    """G(t) = G0 ((t + t_0) / t_0)^-nu, with an exponent nu that each cell keeps for life."""

    programming_scale: float = parameter(1.0, low=0, doc="factor on the programming error")
    drift_scale: float = parameter(1.0, low=0, doc="factor on the drift exponents")
    read_scale: float = parameter(1.0, low=0, doc="factor on the read noise")

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def full(self) -> float:
        """The conductance of a fully on cell, in siemens."""
        raise NotImplementedError

    @property
    def start_time(self) -> float:
        """Seconds from programming to the reference of drift, t_0."""
        raise NotImplementedError

    @property
    def read_time(self) -> float:
        """Seconds that a read takes."""
        raise NotImplementedError

    def exponent_moments(self, siemens: Siemens) -> tuple[Array, Array]:
        """Mean and standard deviation of the exponent, before its sign is dropped."""
        raise NotImplementedError

    def noise_share(self, siemens: Siemens) -> Array:
        """1/f noise of a cell that began at ``siemens``, as a fraction of its conductance."""
        raise NotImplementedError

    def check_cell(self, cell: Cell) -> None:
        """Raise ModelError above the conductance of a fully on cell."""
        require_conductances(self, cell, 0.0, self.full)

    def state(self, siemens: Siemens) -> Array:
        """Conductance in units of that of a fully on cell, cut off just above zero."""
        return (siemens / self.full).clip(LOWEST_STATE, None)

    def drift_exponent(self, siemens: Siemens, normal: Normals) -> Array:
        """Exponents of cells that began at ``siemens``, from one standard normal for each."""
        mean, sigma = self.exponent_moments(siemens)
        return self.drift_scale * abs(mean + sigma * normal)

    def drifted(self, siemens: Siemens, normal: Normals, cell: Cell) -> Siemens:
        """Conductances at ``cell.time``."""
        return siemens * exp(-self._log_age(cell) * self.drift_exponent(siemens, normal))

    def read_sigma(self, siemens: Siemens, cell: Cell) -> Siemens:
        """Standard deviation in siemens at ``cell.time``, of cells that now are at ``siemens``.

        The noise follows from where a cell began. A read knows only where it is, so the start is
        where a cell of the mean exponent would have begun.
        """
        age = cell.time + self.start_time
        reads = (age + self.read_time) / (2 * self.read_time)
        growth = math.sqrt(math.log(max(reads, 1.0)))
        share = self.noise_share(self._start(siemens, cell))
        return self.read_scale * growth * share * siemens

    def _log_age(self, cell: Cell) -> float:
        return math.log1p(cell.time / self.start_time)

    def _start(self, siemens: Siemens, cell: Cell) -> Siemens:
        """Where a cell of mean exponent began that now is at ``siemens``."""
        log_age = self.drift_scale * self._log_age(cell)
        if log_age == 0:
            return siemens
        return self.full * exp(self._log_start(log(self.state(siemens)), log_age))

    def _log_start(self, depth: Array, log_age: float) -> Array:
        """The logarithm x of the first state for which x - log_age mu(x) is ``depth``."""
        raise NotImplementedError


@dataclass(frozen=True)
class PCM(_DriftingPCM):
    """Phase-change memory in 90 nm: programming error, drift from cell to cell, 1/f noise.

    V. Joshi et al., Nature Communications 11, 2473 (2020), Methods; S. R. Nandakumar et al., ICECS
    2019. With u = G / g_max:
    programming: sigma = (g_max / 25 uS) (0.26348 + 1.9650 u - 1.1731 u^2) uS;
    drift: nu = |N(mu, s)|, mu = -0.0155 ln u + 0.0244 within 0.049 to 0.1 and
    s = -0.0125 ln u - 0.0059 within 0.008 to 0.045, u taken where the cell began;
    noise: sigma = G Q sqrt(ln((t + t_0 + t_read) / (2 t_read))), Q = 0.0088 / u^0.65, at most 0.2.
    """

    g_max: float = parameter(
        PCM_FULL,
        low=0,
        low_open=True,
        unit="S",
        usual=(1e-9, 1e-2),
        doc="conductance of a fully on cell",
    )
    t_0: float = parameter(20.0, low=0, low_open=True, unit="s", doc="reference time of drift")
    t_read: float = parameter(
        250e-9, low=0, low_open=True, unit="s", usual=(1e-12, 1), doc="duration of a read"
    )

    @property
    def full(self) -> float:
        """``g_max``."""
        return self.g_max

    @property
    def start_time(self) -> float:
        """``t_0``."""
        return self.t_0

    @property
    def read_time(self) -> float:
        """``t_read``."""
        return self.t_read

    def programming_sigma(self, siemens: Siemens, cell: Cell) -> Siemens:
        """Standard deviation in siemens."""
        sigma = polynomial(PCM_SIGMA, siemens / self.g_max).clip(0.0, None)
        return self.programming_scale * self.g_max / PCM_FULL * MICRO * sigma

    def exponent_moments(self, siemens: Siemens) -> tuple[Array, Array]:
        """Mean and standard deviation of the exponent."""
        depth = log(self.state(siemens))
        slope, offset, low, high = PCM_MEAN
        mean = (slope * depth + offset).clip(low, high)
        slope, offset, low, high = PCM_SPREAD
        return mean, (slope * depth + offset).clip(low, high)

    def _log_start(self, depth: Array, log_age: float) -> Array:
        # Straight pieces in x: the middle one, or where it leaves its limits the outer ones.
        slope, offset, low, high = PCM_MEAN
        middle = (depth + offset * log_age) / (1 - slope * log_age)
        least, most = low * log_age, high * log_age
        return depth + (middle - depth).clip(least, most)

    def noise_share(self, siemens: Siemens) -> Array:
        """Q, at most 0.2."""
        return (0.0088 / (self.state(siemens) ** 0.65).clip(1e-3, None)).clip(None, 0.2)


@dataclass(frozen=True)
class _Pair:
    """Constants of one kind of unit cell of the HERMES chip; polynomials, lowest power first."""

    full: float
    start_time: float
    sigma: tuple[float, ...]
    # Below the state ``bend``: slope * ln u + offset within limits; above it a polynomial.
    spread: tuple[float, float, float, float, float]
    spread_above: tuple[float, ...]
    noise: tuple[float, float, float, float, float]
    noise_above: tuple[float, ...]


# bend, slope, offset, low limit, high limit
HERMES_MEAN = (0.0945, -0.0387, -0.0182, 0.072, 0.13)
HERMES_MEAN_ABOVE = (0.0736, -0.0126, -0.0436)
# The largest fall of the mean exponent per unit of ln u, at u = 1.
HERMES_STEEPEST = 0.0126 + 2 * 0.0436
HERMES_STEPS = 12
HERMES_READ_TIME = 512e-9
HERMES = {
    1: _Pair(
        full=10.35e-6,
        start_time=200.0,
        sigma=(0.15781817, 2.32443916, -2.16310839, 0.68841818),
        spread=(0.3039, -0.0120, -0.0023, 0.0124, 0.04),
        spread_above=(0.0104, 0.0116, -0.0165),
        noise=(0.1591, -0.0078, 0.0038, 0.0179, 0.04),
        noise_above=(0.0088, 0.0768, -0.1352, 0.0664),
    ),
    2: _Pair(
        full=20.7e-6,
        start_time=300.0,
        sigma=(0.16603222, 4.71806468, -8.48101252, 4.68961419),
        spread=(0.3055, -0.0117, -0.0057, 0.0091, 0.04),
        spread_above=(0.0073, 0.0093, -0.0118),
        noise=(0.16, -0.0117, -0.0069, 0.015, 0.04),
        noise_above=(0.0123, 0.0211, -0.0280, 0.0069),
    ),
}


@dataclass(frozen=True)
class HermesPCM(_DriftingPCM):
    """Phase-change memory of the HERMES chip in 14 nm, one or two devices per polarity.

    M. Le Gallo et al., Nature Electronics 6, 680 (2023). The laws are those of :class:`PCM` with
    u = G / 10.35 uS (one device) or G / 20.7 uS (two), t_0 = 200 s or 300 s, t_read = 512 ns;
    mu, s and Q are logarithms of u below a bend and polynomials above it.
    """

    num_devices: int = parameter(
        2, type=int, choices=(1, 2), doc="phase-change devices side by side in one cell"
    )

    @property
    def full(self) -> float:
        """10.35 uS for each device."""
        return HERMES[self.num_devices].full

    @property
    def start_time(self) -> float:
        """200 s for one device, 300 s for two."""
        return HERMES[self.num_devices].start_time

    @property
    def read_time(self) -> float:
        """512 ns."""
        return HERMES_READ_TIME

    def programming_sigma(self, siemens: Siemens, cell: Cell) -> Siemens:
        """Standard deviation in siemens."""
        sigma = polynomial(HERMES[self.num_devices].sigma, siemens / self.full)
        return self.programming_scale * MICRO * sigma.clip(0.0, None)

    def exponent_moments(self, siemens: Siemens) -> tuple[Array, Array]:
        """Mean and standard deviation of the exponent."""
        state, pair = self.state(siemens), HERMES[self.num_devices]
        sigma = _bent(state, pair.spread, pair.spread_above).clip(0.0, None)
        return _bent(state, HERMES_MEAN, HERMES_MEAN_ABOVE), sigma

    def noise_share(self, siemens: Siemens) -> Array:
        """Q."""
        pair = HERMES[self.num_devices]
        return _bent(self.state(siemens), pair.noise, pair.noise_above).clip(0.0, None)

    def _log_start(self, depth: Array, log_age: float) -> Array:
        # The left side rises by 1 to 1 + HERMES_STEEPEST log_age per unit of x; steps by the middle
        # of both leave less than half of the error each, within 10 years.
        step, start = 1 / (1 + 0.5 * HERMES_STEEPEST * log_age), depth
        for _ in range(HERMES_STEPS):
            mean, _sigma = self.exponent_moments(self.full * exp(start))
            start = start - step * (start - log_age * mean - depth)
        return start


def _bent(
    state: Array, logarithm: tuple[float, float, float, float, float], above: tuple[float, ...]
) -> Array:
    bend, slope, offset, low, high = logarithm
    deep = (slope * log(state) + offset).clip(low, high)
    return (state < bend) * deep + (state >= bend) * polynomial(above, state)
