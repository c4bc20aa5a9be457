"""Read noise of lines behind wires, to first order in the spread of the cells.

A cell whose conductance is off by ``dg`` changes the current of line k by ``S_k v dg``: v is its
voltage in the network of the mean conductances, and S_k, by reciprocity, the voltage that it has
when the far end of line k is driven with one volt and all drivers are at zero. Cells are
independent, so the variance of the line is ``sum (S_k v s)^2`` over all cells, s being the spread
of a cell. `exact` evaluates this sum as it stands.

Because v is linear in the inputs, the variance is a quadratic form of them. Its diagonal is one
matrix; the rest is the fall of the voltages along the lines, which is smooth, and which the
currents of a few zones of each line, and the inputs of these zones, tell to about a percent.
`line_noise` finds the nearest form of them, with the diagonal as it is, in a time that is
proportional to the number of cells.

What is left out is of second order: the shift of the mean, at most the standard deviation times
``sqrt(sum (s R)^2)`` over the cells, R being the resistance of the wires that a cell sees, and a
few times that sum of the variance (eight times for a line of one cell, less for more). What cells
of one line do to others is in the variances, but lines are drawn independently of one another: a
correlation of the order of the crosstalk, the wires' resistance times the conductance of one cell.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Literal

import numpy as np

from simulator.circuits import iterative
from simulator.circuits.chains import Chains
from simulator.circuits.wires import Wires
from simulator.quantities import Array, Conductances, Volts

# Zones of each line, for its currents and for the inputs.
ZONES = 4
# A zone whose conductances differ by less, relative to them, has no current of its own.
UNIFORM = 1e-3
# Steps from the form to its diagonal and back: each leaves what a zone of few lines cannot tell.
STEPS = 12
# What the cells of a place have in common.
Joint = Literal["read", "driven"] | None


@dataclass(frozen=True)
class LineNoise:
    """Mean and variance of the currents of lines, as functions of the inputs.

    With ``X_b`` the sum of the inputs of zone b, and ``c_b`` the current that they cause, the
    current is the sum of all c_b, and its variance is ``squares @ x**2`` plus the form of
    ``(X_1, ..., c_1 - shift_1 X_1, ...)``.

    Args:
        gains: Effective conductances, (..., lines, inputs).
        squares: Variance for the square of each input, (..., lines, inputs).
        shift: Mean conductance of each zone, (..., lines, zones).
        form: Symmetric, (..., lines, 2 * zones, 2 * zones).
    """

    gains: Array
    squares: Array
    shift: Array
    form: Array

    @property
    def arrays(self) -> tuple[Array, Array, Array, Array]:
        """All four."""
        return self.gains, self.squares, self.shift, self.form


def noise_axes(inputs: int) -> tuple[tuple[int, ...], ...]:
    """The last axes of the arrays of a `LineNoise`."""
    return (inputs,), (inputs,), (ZONES,), (2 * ZONES, 2 * ZONES)


def uncoupled(gains: Array, squares: Array, xp: ModuleType = np) -> LineNoise:
    """The noise of lines whose cells do not disturb one another."""
    shape = gains.shape[:-1]
    rest = (xp.zeros((*shape, *last)) for last in noise_axes(0)[2:])
    return LineNoise(gains, squares, *rest)


def joined(parts: Sequence[LineNoise], leading: tuple[int, ...], xp: ModuleType) -> LineNoise:
    """The noise of pieces of work as one, with the axes ``leading`` before those of an array."""

    def whole(name: str) -> Array:
        values = xp.concatenate([getattr(part, name) for part in parts])
        sides = values.shape[1] * len(values) // math.prod(leading)
        return values.reshape(*leading, sides, *values.shape[2:])

    return LineNoise(*map(whole, ("gains", "squares", "shift", "form")))


def zones_of(lines: int) -> np.ndarray:
    """The zone of every driven line, (lines,): neighbours, in equal parts but for the last."""
    return np.arange(lines) // max(1, -(-lines // ZONES))


@dataclass(frozen=True)
class Network:
    """Cells (arrays, p, read lines, driven lines) of arrays, as the direction meets them.

    Args:
        cells: Mean conductances.
        variances: Of the conductances, in the same shape.
        driver: Resistances along a driven line, before each read line, (read lines,).
        ground: Along a read line, towards its ground, after each driven line, (driven lines,).
        joint: Which lines the p cells of a place share: "read", whose driven lines then have
            opposite voltages, or "driven"; None for arrays of their own.
        xp: Array module of the cells.
    """

    cells: Conductances
    variances: Array
    driver: np.ndarray
    ground: np.ndarray
    joint: Joint
    xp: ModuleType = np

    @property
    def signs(self) -> Array:
        """Sign of the voltage that drives each of the p cells, (p, 1, 1)."""
        signs = [1.0, -1.0] if self.joint == "read" else [1.0] * self.cells.shape[1]
        return self.xp.asarray(signs).reshape(-1, 1, 1)

    def on_read(self, values: Array) -> Array:
        """Sums over the cells of a place that share their read line."""
        return values.sum(axis=1, keepdims=True) if self.joint == "read" else values

    def on_driven(self, values: Array) -> Array:
        """Sums over the cells of a place that share their driven line."""
        return values.sum(axis=1, keepdims=True) if self.joint == "driven" else values

    def _drivers(self, loads: Conductances) -> Chains:
        return Chains(_along_driven(self.on_driven(loads), self.xp), self.driver, self.xp)

    def _readers(self, loads: Conductances) -> Chains:
        return Chains(_along_read(self.on_read(loads), self.xp), self.ground[::-1], self.xp)

    def noise(self, gains: Conductances, zones: np.ndarray, zone_volts: Volts) -> LineNoise:
        """The noise of all read lines.

        Args:
            gains: Effective conductances (arrays, read lines of a place, read lines, driven lines).
            zones: Zone of every driven line; below zero for one that is never driven.
            zone_volts: Voltages of the cells (arrays, p, read lines, driven lines, zones) for one
                volt on all lines of a zone.
        """
        xp = self.xp
        fed = _Fed.of(self)
        members = xp.asarray((zones == np.arange(ZONES)[:, None]) * 1.0)  # (zones, driven lines)
        counts = xp.maximum(members.sum(axis=1), 1.0)
        shift = gains @ members.T / counts
        apart = (gains - shift @ members) * members.sum(axis=0)
        size = xp.sqrt(apart**2 @ members.T)
        uniform = size <= UNIFORM * xp.sqrt(gains**2 @ members.T)
        scale = xp.where(uniform, 0.0, 1 / xp.where(uniform, 1.0, size))
        apart = apart * (scale @ members)
        # Both features of a zone, of length 1: its inputs alike, and along its conductances.
        alike = 1 / xp.sqrt(counts)
        volts = xp.concatenate([zone_volts * alike, fed.volts(apart, members)], axis=-1)
        weighted = volts * xp.sqrt(fed.weights)[..., None]
        form = self.on_read(weighted.swapaxes(-1, -2) @ weighted)
        form, squares = _apart_from_diagonal(form, fed, apart, members, alike, xp)
        units = xp.concatenate([xp.broadcast_to(alike, scale.shape), scale], axis=-1)
        form = form * units[..., None] * units[..., None, :]
        return LineNoise(gains, squares, shift, form)


def _along_driven(values: Array, xp: ModuleType) -> Array:
    return xp.ascontiguousarray(xp.moveaxis(values, -2, 0))


def _along_read(values: Array, xp: ModuleType) -> Array:
    return xp.ascontiguousarray(xp.moveaxis(values, -1, 0)[::-1])


def _from_read(values: Array, xp: ModuleType, behind: int = 0) -> Array:
    return xp.moveaxis(values[::-1], 0, -1 - behind)


@dataclass(frozen=True)
class _Fed:
    """Every read line alone: other read lines count as grounds, behind their own wires.

    ``weights``: variance of each cell times the square of its sensitivity. ``diagonal`` and
    ``crosstalk``: variance of a line for one volt on one input, all of it, and what of it comes
    from the cells of other read lines.
    """

    network: Network
    readers: Chains
    drive: Volts
    feeds: Array
    share: Array
    weights: Array
    diagonal: Array
    crosstalk: Array

    @staticmethod
    def of(network: Network) -> _Fed:
        xp, g, variances = network.xp, network.cells, network.variances
        behind = network._readers(g).seen_by(_along_read(g, xp))
        seen = g / (1 + g * _from_read(behind, xp))
        drivers = network._drivers(seen)
        source = xp.moveaxis(drivers.seen_by(_along_driven(seen, xp)), 0, -2)
        open_volts = xp.moveaxis(drivers.driven(), 0, -2) * (1 + seen * source) * network.signs
        share = 1 / (1 + g * source)
        readers = network._readers(g * share)
        feeds = network.on_read(g * share * open_volts)
        answer = _from_read(readers.seen, xp) * feeds
        own = (open_volts - answer) * share
        sensitivity = _from_read(readers.driven(), xp) * share
        weights = sensitivity**2 * variances

        # A cell of line k lifts its driven line, and with it the cells of other read lines there.
        noise = variances * own**2
        together = network.on_driven(noise)
        others = xp.moveaxis(drivers.spread(_along_driven(together, xp)), 0, -2)
        lifted = (sensitivity * g * source) ** 2
        crosstalk = network.on_read(lifted * (others + together - noise))
        along = readers.spread(_along_read(network.on_read(weights * share**2), xp))
        diagonal = network.on_read(weights * own**2) + answer**2 * _from_read(along, xp) + crosstalk
        return _Fed(
            network, readers, open_volts, feeds, share, weights, diagonal, crosstalk
        )  # fmt: skip

    def volts(self, inputs: Array, members: Array) -> Volts:
        """Voltages of the cells (..., zones) for ``inputs`` of each zone, which every line has."""
        xp = self.network.xp
        amps = xp.moveaxis((self.feeds * inputs)[..., None] * members.T, -2, 0)[::-1]
        risen = _from_read(self.readers.potentials(amps), xp, 1)
        return ((self.drive * inputs)[..., None] * members.T - risen) * self.share[..., None]


def _apart_from_diagonal(
    form: Array, fed: _Fed, apart: Array, members: Array, alike: Array, xp: ModuleType
) -> tuple[Array, Array]:
    """The form without what belongs to the diagonal, and the diagonal without the form.

    Together they are the nearest to the variance of all forms that have its diagonal.
    """
    count = len(alike)
    first, second = xp.arange(count), xp.arange(count, 2 * count)

    def blocks(diagonal: Array) -> tuple[Array, Array, Array]:
        return (
            diagonal @ members.T * alike**2,
            (diagonal * apart) @ members.T * alike,
            (diagonal * apart**2) @ members.T,
        )

    places = (first, first), (first, second), (second, second)
    whole = [form[(..., *place)] + part
             for place, part in zip(places, blocks(fed.crosstalk), strict=True)]  # fmt: skip
    squares = fed.diagonal
    for _ in range(STEPS):
        left = [all_ - part for all_, part in zip(whole, blocks(squares), strict=True)]
        aa, ab, bb = (part @ members for part in (left[0] * alike**2, left[1] * alike, left[2]))
        squares = fed.diagonal - aa - 2 * ab * apart - bb * apart**2
    for place, part in zip(places, left, strict=True):
        form[(..., *place)] = part
    form[(..., second, first)] = left[1]
    return form, squares


def exact(
    cells: Conductances,
    variances: Array,
    wires: Wires,
    amps: Array,
    joint: Joint,
    transposed: bool,
    tolerance: float,
    xp: ModuleType = np,
    limit: int = iterative.LIMIT,
) -> Array:
    """Variances of all read lines, by solving for the sensitivities of every line.

    Args:
        cells: Mean conductances (..., p, outputs, inputs).
        variances: Of the conductances, in the same shape.
        wires: Resistances of the wires, in units of one over a full cell.
        amps: Currents of the cells, (..., p, outputs, inputs, batch).
        joint: Which lines the p cells of a place share.
        transposed: Whether the output lines are driven, as in a VMM.
        tolerance: Of the sensitivities, relative to the largest of a line.
        xp: Array module of the arguments.
        limit: Most iterations.

    Returns:
        (..., p, read lines, batch), p being 1 where the cells share their read line.
    """
    p, m, n = cells.shape[-3:]
    lines = n if transposed else m
    relative = xp.where(cells > 0, variances / xp.where(cells > 0, cells, 1.0) ** 2, 0.0)
    noise = relative[..., None] * amps**2
    groups = [range(p)] if joint == "read" else [[k] for k in range(p)]
    out = xp.empty((*cells.shape[:-3], len(groups), lines, amps.shape[-1]))
    for place, group in enumerate(groups):
        for line in range(lines):
            volts = xp.zeros((p, m, n, 1))
            for k in group:
                volts[(k, slice(None), line) if transposed else (k, line)] = 1.0
            answer = iterative.solve(
                cells[..., None], wires, volts, tolerance, xp, limit=limit, transposed=transposed
            )
            across = xp.where(cells > 0, answer[..., 0] / xp.where(cells > 0, cells, 1.0), 0.0)
            out[..., place, line, :] = xp.einsum("...pmn,...pmnb->...b", across**2, noise)
    return out
