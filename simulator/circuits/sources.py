"""Arrays with wire resistance: four networks, by where the current of a cell comes from.

Input source: the input line that carries the voltage also carries the current. Separate source: an
input only switches cells, which take their current from a supply line along their output line.
Interleaved: both cells of a pair feed one output line, driven with opposite voltages.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any, Literal

import numpy as np

from simulator.circuits import effective, iterative, ladder, line_noise, nodal
from simulator.circuits.ideal import (
    CellState,
    Circuit,
    CurrentLaw,
    IdealCircuit,
    UncoupledNonlinearCircuit,
    cell_volts,
    line_currents,
)
from simulator.circuits.line_noise import Joint, LineNoise
from simulator.circuits.wires import Wires
from simulator.errors import ModelError, NotSupportedError
from simulator.quantities import Amps, Array, Conductances, Volts

Method = Literal["auto", "effective", "iterative", "nodal"]
# Iterations for a look inside: it may take longer than a multiply.
PATIENCE = 20_000
# For voltages that only the noise of lines is found from; and the cells of arrays in work for it.
ZONE_TOLERANCE, NOISE_PLACES = 1e-5, 1 << 18
# Of wires behind full cells, where the form of `line_noise` was found right to a few percent.
STRONGEST = 8.0
Profiles = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class _WiredCircuit(Circuit):
    """Wires, and how their currents are solved for.

    Args:
        wires: Resistances of the wires, in units of one over a full cell.
        law: Current of the cells; None stands for Ohm's law.
        method: Solver; "auto" takes the one that is expected to be faster.
        tolerance: Largest error of an output current, relative to the largest output current of its
            vector, for the iterative solver.
        iterations: Most iterations of it.
    """

    wires: Wires
    law: CurrentLaw | None = None
    method: Method = "auto"
    tolerance: float = 1e-6
    iterations: int = iterative.LIMIT

    @property
    def without_wires(self) -> Circuit:
        """The same cells on wires without resistance."""
        if self.law is None:
            return IdealCircuit(self.shares_lines)
        return UncoupledNonlinearCircuit(self.law, self.shares_lines)

    def slopes(self, conductances: Conductances) -> Conductances:
        """Differential conductances of the cells at zero volts."""
        return conductances if self.law is None else self.law(conductances, 0.0)[1]

    def _networks(self, cells: Array, behind: int = 2) -> Array:
        """Cells (..., sides, outputs, inputs) as solvers take them: (..., p, outputs, inputs).

        Where the sides share their lines they are the p cells at each place of one network, else
        each side is a network with one cell at each place. ``behind`` axes follow the sides.
        """
        return cells if self.shares_lines else cells[(..., None, *[slice(None)] * behind)]

    def _sides(self, cells: Array, behind: int = 2) -> Array:
        """The inverse of ``_networks``."""
        return cells if self.shares_lines else cells.squeeze(-behind - 1)

    def _state(self, amps: Amps, potentials: tuple[Volts, Volts], xp: ModuleType) -> CellState:
        sides = (self._sides(xp.broadcast_to(volts, amps.shape), 3) for volts in potentials)
        return CellState(self._sides(amps, 3), *sides)

    def _require_ohmic(self) -> None:
        if self.law is not None and self.method == "nodal":
            raise ModelError(
                "simulation.parasitics_solver is 'nodal', which knows ohmic cells only, and "
                "xbar.device.nonlinear_IV.enable is True; choose 'auto'"
            )


class _InputSource(_WiredCircuit):
    """Input lines carry the current of their cells."""

    @property
    def is_linear(self) -> bool:
        """True for ohmic cells."""
        return self.law is None

    @property
    def small_signals(self) -> Circuit:
        """The same wires with ohmic cells."""
        return replace(self, law=None)

    @property
    def solves_each_input(self) -> bool:
        """True where cells are nonlinear or the iterative solver is asked for."""
        return not self.is_linear or self.method == "iterative"

    def prefers_currents(self, conductances: Conductances, vectors: int) -> bool:
        """Decided by the expected time of both solvers."""
        if self.method != "auto" or not self.is_linear:
            return self.solves_each_input
        *arrays, p, m, n = self._networks(conductances).shape
        count = int(np.prod(arrays))
        mean = float(conductances.mean())
        each = iterative.predicted_seconds(
            p, m, n, count * vectors, self.wires.strength(m, n, mean, p), self.tolerance
        )
        return each < effective.predicted_seconds(p, m, n, count)

    def effective(
        self, conductances: Conductances, transposed: bool = False, xp: ModuleType = np
    ) -> Conductances:
        """Effective conductances; exact. Raises ModelError for nonlinear cells."""
        if not self.is_linear:
            raise ModelError("an array of nonlinear cells has no effective conductances")
        cells = self._networks(conductances)
        if self.method == "nodal":
            return self._sides(_nodal_effective(cells, self.wires, transposed, xp))
        solve = effective.effective_vmm if transposed else effective.effective
        return self._sides(solve(cells, self.wires, xp))

    @property
    def has_moments(self) -> bool:
        """True for ohmic cells."""
        return self.law is None

    def second_order(
        self, spread: float, outputs: int, inputs: int, transposed: bool = False
    ) -> float:
        """Of ohmic cells, behind wires that leave the voltages smooth."""
        cells = 2 if self.shares_lines else 1
        strength = self.wires.strength(outputs, inputs, 1.0, cells)
        if not self.has_moments or self.method == "iterative" or strength > STRONGEST:
            return math.inf
        along, across = self.wires.output_profile(inputs)[::-1], self.wires.input_profile(outputs)
        if transposed:
            along, across, cells = across, along, 1
        return shift_of_mean(spread, across.sum() + along.cumsum(), cells)

    def _joint(self, conductances: Conductances, transposed: bool) -> Joint:
        if not self.shares_lines or conductances.shape[-3] != 2:
            return None
        return "driven" if transposed else "read"

    def line_noise(
        self,
        conductances: Conductances,
        variances: Array,
        gains: Conductances,
        zones: np.ndarray,
        transposed: bool = False,
        xp: ModuleType = np,
    ) -> LineNoise:
        """To first order in the spread of the cells."""
        joint = self._joint(conductances, transposed)
        if joint == "read":
            gains = gains[..., :1, :, :] - gains[..., 1:, :, :]
        arrays = [self._networks(part) for part in (conductances, variances)]
        arrays.append(gains if joint else self._networks(gains))
        leading = arrays[0].shape[:-3]
        cells, spread, net = (part.reshape(-1, *part.shape[-3:]) for part in arrays)
        step = max(1, NOISE_PLACES // max(1, math.prod(cells.shape[1:])))
        pieces = [slice(i, i + step) for i in range(0, len(cells), step)]
        parts = [
            self._noise_of(cells[i], spread[i], net[i], zones, joint, transposed, xp)
            for i in pieces
        ]
        return line_noise.joined(parts, leading if joint else leading[:-1], xp)

    def _noise_of(
        self, cells: Conductances, variances: Array, gains: Conductances, zones: np.ndarray,
        joint: Joint, transposed: bool, xp: ModuleType,
    ) -> LineNoise:  # fmt: skip
        """Of networks (arrays, p, outputs, inputs)."""
        m, n = cells.shape[-2:]
        members = xp.asarray((zones[:, None] == np.arange(line_noise.ZONES)) * 1.0)
        drive = cell_volts(cells, members[None], transposed, joint == "read", xp)
        amps = iterative.solve(
            cells[..., None], self.wires, drive, max(self.tolerance, ZONE_TOLERANCE), xp,
            limit=self.iterations, transposed=transposed,
        )  # fmt: skip
        conducting = (cells > 0)[..., None]
        volts = xp.where(conducting, amps / xp.where(conducting, cells[..., None], 1.0), 0.0)
        driver, ground = self.wires.input_profile(m), self.wires.output_profile(n)
        if transposed:
            cells, variances, gains = (a.swapaxes(-1, -2) for a in (cells, variances, gains))
            volts, driver, ground = volts.swapaxes(-2, -3), ground[::-1], driver[::-1]
        network = line_noise.Network(cells, variances, driver, ground, joint, xp)
        return network.noise(gains, zones, volts)

    def moments(
        self,
        conductances: Conductances,
        variances: Array,
        volts: Volts,
        transposed: bool = False,
        xp: ModuleType = np,
    ) -> tuple[Amps, Array]:
        """To first order in the spread of the cells, with the sensitivities of every line."""
        amps = self.cell_currents(conductances, volts, transposed, xp)
        joint = self._joint(conductances, transposed)
        variance = line_noise.exact(
            self._networks(conductances), self._networks(variances), self.wires,
            self._networks(amps, 3), joint, transposed, self.tolerance, xp, self.iterations,
        )  # fmt: skip
        variance = variance if joint else variance.squeeze(-3)
        if joint == "read":
            variance = xp.concatenate([variance, xp.zeros_like(variance)], axis=-3)
        return line_currents(amps, transposed, self.shares_lines), variance

    def currents(
        self,
        conductances: Conductances,
        volts: Volts,
        transposed: bool = False,
        xp: ModuleType = np,
    ) -> Amps:
        """Currents of the lines, by the faster of the solvers that ``method`` allows."""
        if self.is_linear and not self.prefers_currents(conductances, volts.shape[-1]):
            return super().currents(conductances, volts, transposed, xp)
        amps = self.cell_currents(conductances, volts, transposed, xp)
        return line_currents(amps, transposed, self.shares_lines)

    def cell_currents(
        self,
        conductances: Conductances,
        volts: Volts,
        transposed: bool = False,
        xp: ModuleType = np,
    ) -> Amps:
        """Currents of all cells, by the iterative solver.

        Args:
            conductances: Of the cells, (..., sides, outputs, inputs).
            volts: At the lines that are driven, as in :meth:`currents`.
            transposed: Whether the outputs are driven, as in a VMM.
            xp: Array module of the arguments.

        Returns:
            Currents (..., sides, outputs, inputs, batch).

        Raises:
            ModelError: The solver does not reach its tolerance.
        """
        self._require_ohmic()
        cells = self._networks(conductances)[..., None]
        drive = cell_volts(conductances, volts, transposed, self.shares_lines, xp)
        drive, law = self._networks(drive, 3), self.law
        options: dict[str, Any] = {"limit": self.iterations, "transposed": transposed}
        if law is None:
            amps = iterative.solve(cells, self.wires, drive, self.tolerance, xp, **options)
        else:
            amps = iterative.newton(
                lambda v: law(cells, v), self.wires, drive, self.tolerance, xp, **options
            )
        return self._sides(amps, 3)

    def cell_state(
        self,
        conductances: Conductances,
        volts: Volts,
        transposed: bool = False,
        xp: ModuleType = np,
    ) -> CellState:
        """Currents and voltages inside the array."""
        patient = replace(self, iterations=max(self.iterations, PATIENCE))
        amps = self._networks(patient.cell_currents(conductances, volts, transposed, xp), 3)
        drive = cell_volts(conductances, volts, transposed, self.shares_lines, xp)
        drops = iterative.Drops(amps.shape, self.wires, transposed, xp)
        return self._state(amps, drops.potentials(amps, self._networks(drive, 3)), xp)


class NoninterleavedInputSourceCircuit(_InputSource):
    """Each side of a pair is an array of its own; input lines carry the current."""


class InterleavedInputSourceCircuit(_InputSource):
    """Pairs on shared output lines, with an input line for each cell; these carry the current."""

    shares_lines = True


@dataclass(frozen=True)
class _SeparateSource(_WiredCircuit):
    """Inputs switch cells between a supply line and the output line next to it.

    Args:
        array_inputs: Number of inputs that the array has; 0 for as many as the matrix.
        selected: Which end of the array holds a matrix that has fewer; the rest of both lines then
            lies in series with it.
    """

    array_inputs: int = 0
    selected: Literal["top", "bottom"] = "top"

    @property
    def small_signals(self) -> Circuit:
        """No network: cells that are all switched on, without wires."""
        return IdealCircuit()

    @property
    def is_linear(self) -> bool:
        """Always False: which cells conduct depends on the inputs."""
        return False

    def currents(
        self,
        conductances: Conductances,
        volts: Volts,
        transposed: bool = False,
        xp: ModuleType = np,
    ) -> Amps:
        """Currents of the lines, solved line by line. Raises NotSupportedError for a VMM."""
        _require_inputs(transposed)
        self._require_ohmic()
        cells, drive = self._gated(conductances, volts, xp)
        profiles = self.profiles(conductances.shape[-1])
        if self.law is not None:
            net = self._cell_currents(cells, profiles, drive, xp).sum(axis=(-4, -2))
        elif self.method == "nodal":
            net = _nodal_separate(cells, profiles, drive, xp)
        else:
            net = ladder.currents(cells, *profiles, drive, xp)
        return self._read(net, conductances, xp)

    def _read(self, net: Array, conductances: Conductances, xp: ModuleType) -> Array:
        """Values of the output lines (..., outputs, batch) with the sides of the cells."""
        if not self.shares_lines:
            return net
        # Only the sum of a pair's currents leaves the array: nothing is left to subtract.
        sides = [net, xp.zeros_like(net)][: conductances.shape[-3]]
        return xp.stack(sides, axis=-3)

    @property
    def has_moments(self) -> bool:
        """True for ohmic cells."""
        return self.law is None

    def second_order(
        self, spread: float, outputs: int, inputs: int, transposed: bool = False
    ) -> float:
        """Of ohmic cells on ladders."""
        if not self.has_moments or self.method == "nodal":
            return math.inf
        supply, output = self.profiles(inputs)
        paths = supply.cumsum() + output[::-1].cumsum()[::-1]
        return shift_of_mean(spread, paths, 2 if self.shares_lines else 1)

    def moments(
        self,
        conductances: Conductances,
        variances: Array,
        volts: Volts,
        transposed: bool = False,
        xp: ModuleType = np,
    ) -> tuple[Amps, Array]:
        """To first order in the spread of the cells, by ladders."""
        _require_inputs(transposed)
        cells, drive = self._gated(conductances, volts, xp)
        profiles = self.profiles(conductances.shape[-1])
        spread = self._networks(variances)
        both = ladder.moments(cells, spread, *profiles, drive, xp)
        mean, variance = (self._read(values, conductances, xp) for values in both)
        return mean, variance

    def cell_state(
        self,
        conductances: Conductances,
        volts: Volts,
        transposed: bool = False,
        xp: ModuleType = np,
    ) -> CellState:
        """Currents and voltages inside the array."""
        _require_inputs(transposed)
        cells, drive = self._gated(conductances, volts, xp)
        profiles = self.profiles(conductances.shape[-1])
        patient = replace(self, iterations=max(self.iterations, PATIENCE))
        amps = patient._cell_currents(cells, profiles, drive, xp)
        drops = iterative.Drops(amps.shape, self.wires, transposed, xp, profiles)
        return self._state(amps, drops.potentials(amps, drive[..., None, :, :]), xp)

    def _gated(
        self, conductances: Conductances, volts: Volts, xp: ModuleType
    ) -> tuple[Conductances, Volts]:
        """Cells of networks (..., p, outputs, inputs) and their inputs (..., p, inputs, batch)."""
        drive = self._networks(cell_volts(conductances, volts, False, self.shares_lines, xp), 3)
        cells, drive = self._networks(conductances), drive[..., 0, :, :]
        return cells, drive.reshape(*[1] * (cells.ndim - drive.ndim), *drive.shape)

    def _cell_currents(
        self, cells: Array, profiles: Profiles, drive: Volts, xp: ModuleType
    ) -> Amps:
        """Currents (..., p, outputs, inputs, batch), iteratively."""
        drive = drive[..., None, :, :]
        gates = (xp.abs(drive) > ladder.LEAST_INPUT) * 1.0
        law = self.law or _ohmic

        def gated(volts: Volts) -> tuple[Amps, Conductances]:
            amps, slope = law(cells[..., None], volts)
            return amps * gates, slope * gates

        return iterative.newton(
            gated, self.wires, drive, self.tolerance, xp, limit=self.iterations, supply=profiles
        )

    def profiles(self, inputs: int) -> Profiles:
        """Resistances along the two lines of an output.

        Args:
            inputs: Number of inputs of the matrix.

        Returns:
            Those of the supply line (inputs,), each before its input, and those of the output line
            (inputs,), each after it; terminals and unused inputs included.
        """
        wires, idle = self.wires, max(self.array_inputs - inputs, 0)
        supply, output = np.full(inputs, wires.input_segment), wires.output_profile(inputs)
        supply[0] += wires.input_terminal
        if self.selected == "top":
            output[-1] += idle * wires.output_segment
        else:
            supply[0] += idle * wires.input_segment
        return supply, output


class NoninterleavedSeparateSourceCircuit(_SeparateSource):
    """Each side of a pair is an array of its own, with a supply line for each output."""


class InterleavedSeparateSourceCircuit(_SeparateSource):
    """Pairs on shared output lines, each with two supply lines."""

    shares_lines = True


def shift_of_mean(spread: float, paths: np.ndarray, cells: int) -> float:
    """Largest shift of the mean of a line by its own cells, in standard deviations of its noise.

    By Cauchy and Schwarz, the shift ``sum (S v s) (s R)`` is at most ``sqrt(sum (S v s)^2)``, the
    standard deviation, times ``sqrt(sum (s R)^2)``; and no cell sees more resistance R than that of
    its ``paths`` through the wires.
    """
    return spread * math.sqrt(cells * float((paths**2).sum()))


def _require_inputs(transposed: bool) -> None:
    if transposed:
        raise NotSupportedError(
            "x @ core with xbar.array.parasitics.current_from_input = False: outputs cannot be "
            "driven, because only the input lines switch cells"
        )


def _ohmic(conductances: Conductances, volts: Volts) -> tuple[Amps, Conductances]:
    return conductances * volts, conductances + 0.0 * volts


def _nodal_effective(cells: Array, wires: Wires, transposed: bool, xp: ModuleType) -> Conductances:
    """Effective conductances (..., p, m, n) by one plain solve for each array."""
    host = _on_host(cells, xp)
    p, m, n = host.shape[-3:]
    result = np.empty(host.shape)
    for index in np.ndindex(host.shape[:-3]):
        if transposed:
            solution = nodal.solve(host[index], wires, np.eye(m), transposed=True)
            result[index] = solution.output_currents.transpose(0, 2, 1)
        else:
            volts = np.eye(p * n).reshape(p, n, p * n)
            solution = nodal.solve(host[index], wires, volts)
            result[index] = solution.output_currents.reshape(m, p, n).transpose(1, 0, 2)
    return xp.asarray(result, dtype=cells.dtype)


def _nodal_separate(cells: Array, profiles: Profiles, drive: Volts, xp: ModuleType) -> Amps:
    """Output currents (..., m, B) of gated cells by one plain solve for each array and input."""
    host, volts = _on_host(cells, xp), _on_host(drive, xp)
    leading = np.broadcast_shapes(host.shape[:-3], volts.shape[:-3])
    host = np.broadcast_to(host, (*leading, *host.shape[-3:]))
    volts = np.broadcast_to(volts, (*leading, *volts.shape[-3:]))
    result = np.empty((*leading, host.shape[-2], volts.shape[-1]))
    for index in np.ndindex(leading):
        result[index] = nodal.solve_separate(host[index], *profiles, volts[index]).output_currents
    return xp.asarray(result)


def _on_host(array: Array, xp: ModuleType) -> np.ndarray:
    return np.asarray(array if xp is np else array.get())
