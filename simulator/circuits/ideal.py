"""The base of all circuit models, and the array without wire resistance."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, ClassVar

import numpy as np

from simulator import registry
from simulator.circuits.line_noise import LineNoise, uncoupled
from simulator.errors import ModelError
from simulator.quantities import Amps, Array, Conductances, Volts

# Currents and differential conductances of cells, from their conductances and the voltages across
# them, which broadcast.
CurrentLaw = Callable[[Conductances, Volts], tuple[Amps, Conductances]]


@dataclass(frozen=True)
class CellState:
    """Currents of all cells, and voltages of the nodes where they meet their lines.

    Each is an array (..., sides, outputs, inputs, batch). The input node of a cell with a separate
    source is the one on its supply line.
    """

    amps: Amps
    input_volts: Volts
    output_volts: Volts


@dataclass(frozen=True)
class Circuit:
    """Base of all circuit models: what currents flow for given voltages.

    Conductances have the shape (..., sides, outputs, inputs), in units of Gmax; a side is a cell of
    a differential pair, and single cells have one. An MVM drives the inputs, a VMM (``transposed``)
    the outputs. Voltages are in units of full scale, currents in units of one full cell driven at
    full scale. Results live where the arguments do, which are not to be changed in place.

    A linear network is a matrix: its effective conductances, which on wires without resistance
    would carry the same currents.

    Defining a subclass registers it, unless its name begins with an underscore.
    """

    # True where the two cells of a pair feed one output line, False where the sides are two arrays.
    shares_lines: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        registry.defined("circuit", cls, selectable=not cls.__name__.startswith("_"))

    @property
    def is_ideal(self) -> bool:
        """True where every current is a conductance times an input voltage."""
        return False

    @property
    def is_linear(self) -> bool:
        """True where currents of several inputs add up, so that ``effective`` exists."""
        return True

    @property
    def without_wires(self) -> Circuit:
        """The same cells on wires without resistance."""
        return IdealCircuit()

    @property
    def small_signals(self) -> Circuit:
        """The linear network that this one is near zero volts, of cells as in ``slopes``."""
        return self

    def slopes(self, conductances: Conductances) -> Conductances:
        """Differential conductances of cells at zero volts.

        Args:
            conductances: Of the cells, in any shape.

        Returns:
            Differential conductances in the same shape; for ohmic cells the argument itself.
        """
        return conductances

    @property
    def solves_each_input(self) -> bool:
        """True where every input vector has to be solved on its own, by ``currents``."""
        return not self.is_linear

    def prefers_currents(self, conductances: Conductances, vectors: int) -> bool:
        """True where ``currents`` of some vectors takes less time than ``effective``.

        Args:
            conductances: Of the cells, (..., sides, outputs, inputs).
            vectors: Number of input vectors.
        """
        return False

    def effective(
        self, conductances: Conductances, transposed: bool = False, xp: ModuleType = np
    ) -> Conductances:
        """Conductances that would carry the same currents on wires without resistance.

        Args:
            conductances: Of the cells, (..., sides, outputs, inputs).
            transposed: Whether the outputs are driven, as in a VMM.
            xp: Array module of ``conductances``.

        Returns:
            Effective conductances in the same shape, also for a VMM.

        Raises:
            ModelError: Currents of several inputs do not add up (``is_linear`` is False).
        """
        raise NotImplementedError

    @property
    def has_moments(self) -> bool:
        """True where the variance of the lines is known from that of independent cells."""
        return False

    def second_order(
        self, spread: float, outputs: int, inputs: int, transposed: bool = False
    ) -> float:
        """A bound on what moments to first order in the spread of the cells leave out.

        Args:
            spread: Largest standard deviation of a cell, in units of Gmax.
            outputs: Number of outputs of an array.
            inputs: Number of inputs.
            transposed: Whether the outputs are driven, as in a VMM.

        Returns:
            The shift of the mean of a line, in standard deviations; the variance is off by no more
            than eight times its square. Infinite where there are no moments that take less than
            drawing all cells.
        """
        return math.inf

    def line_noise(
        self,
        conductances: Conductances,
        variances: Array,
        gains: Conductances,
        zones: np.ndarray,
        transposed: bool = False,
        xp: ModuleType = np,
    ) -> LineNoise:
        """Means and variances of the lines as functions of the inputs, for a linear circuit.

        Args:
            conductances: Means of the cells, (..., sides, outputs, inputs).
            variances: Of the cells, in the same shape.
            gains: What ``effective`` gives for the means.
            zones: Zone of every driven line; below zero for one that is never driven.
            transposed: Whether the outputs are driven, as in a VMM.
            xp: Array module of the arguments.

        Returns:
            With the axes (..., sides, read lines, driven lines); one side where a line carries both
            cells of a pair, the second with the opposite sign.

        Raises:
            ModelError: The circuit has none (``has_moments`` is False).
        """
        raise ModelError(f"{type(self).__name__} knows no noise of its lines")

    def moments(
        self,
        conductances: Conductances,
        variances: Array,
        volts: Volts,
        transposed: bool = False,
        xp: ModuleType = np,
    ) -> tuple[Amps, Array]:
        """Means and variances of the lines for every input, for a circuit that solves each input.

        Args:
            conductances: Means of the cells, (..., sides, outputs, inputs).
            variances: Of the cells, in the same shape.
            volts: At the lines that are driven, as in :meth:`currents`.
            transposed: Whether the outputs are driven, as in a VMM.
            xp: Array module of the arguments.

        Returns:
            Means as those of :meth:`currents`, and variances in the same shape; where a line
            carries both cells of a pair, all of its variance is that of the first side.

        Raises:
            ModelError: The circuit has none (``has_moments`` is False).
        """
        raise ModelError(f"{type(self).__name__} knows no noise of its lines")

    def currents(
        self,
        conductances: Conductances,
        volts: Volts,
        transposed: bool = False,
        xp: ModuleType = np,
    ) -> Amps:
        """Currents of the lines that are read.

        Args:
            conductances: Of the cells, (..., sides, outputs, inputs).
            volts: At the lines that are driven, (..., 1, inputs, batch), or (..., 1, outputs,
                batch) for a VMM; one value stands for both sides.
            transposed: Whether the outputs are driven, as in a VMM.
            xp: Array module of the arguments.

        Returns:
            Currents (..., sides, outputs, batch), or (..., sides, inputs, batch) for a VMM. That of
            the second side of a pair is the one to be subtracted from that of the first.

        Raises:
            ModelError: The solver does not reach its accuracy.
            NotSupportedError: The array cannot be driven from its outputs.
        """
        cells = self.effective(conductances, transposed, xp)
        return (cells.swapaxes(-1, -2) if transposed else cells) @ volts

    def cell_state(
        self,
        conductances: Conductances,
        volts: Volts,
        transposed: bool = False,
        xp: ModuleType = np,
    ) -> CellState:
        """Currents and voltages inside the array.

        Args:
            conductances: Of the cells, (..., sides, outputs, inputs).
            volts: At the lines that are driven, as in :meth:`currents`.
            transposed: Whether the outputs are driven, as in a VMM.
            xp: Array module of the arguments.

        Returns:
            Current of every cell, and voltages of both of its nodes.

        Raises:
            ModelError: The solver does not reach its accuracy.
            NotSupportedError: The array cannot be driven from its outputs.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class IdealCircuit(Circuit):
    """Wires without resistance: Ohm's law in every cell, Kirchhoff's on every line.

    The cells of an ``interleaved`` pair share an output line. Only :meth:`cell_state` shows that.
    """

    interleaved: bool = False

    @property
    def without_wires(self) -> Circuit:
        """This circuit itself."""
        return self

    @property
    def is_ideal(self) -> bool:
        """Always True."""
        return True

    @property
    def has_moments(self) -> bool:
        """Always True."""
        return True

    def effective(
        self, conductances: Conductances, transposed: bool = False, xp: ModuleType = np
    ) -> Conductances:
        """The conductances themselves."""
        return conductances

    def line_noise(
        self,
        conductances: Conductances,
        variances: Array,
        gains: Conductances,
        zones: np.ndarray,
        transposed: bool = False,
        xp: ModuleType = np,
    ) -> LineNoise:
        """Sums over the cells of each line."""
        if self.interleaved and not transposed and conductances.shape[-3] == 2:
            gains = gains[..., :1, :, :] - gains[..., 1:, :, :]
            variances = variances.sum(axis=-3, keepdims=True)
        if transposed:
            gains, variances = gains.swapaxes(-1, -2), variances.swapaxes(-1, -2)
        return uncoupled(gains, variances, xp)

    def moments(
        self,
        conductances: Conductances,
        variances: Array,
        volts: Volts,
        transposed: bool = False,
        xp: ModuleType = np,
    ) -> tuple[Amps, Array]:
        """Sums over the cells of each line."""
        return (
            self.currents(conductances, volts, transposed, xp),
            self.currents(variances, volts**2, transposed, xp),
        )

    def cell_state(
        self,
        conductances: Conductances,
        volts: Volts,
        transposed: bool = False,
        xp: ModuleType = np,
    ) -> CellState:
        """Currents and voltages inside the array."""
        across = cell_volts(conductances, volts, transposed, self.interleaved, xp)
        return _at_the_drivers(conductances[..., None] * across, across, transposed, xp)


@dataclass(frozen=True)
class UncoupledNonlinearCircuit(Circuit):
    """Wires without resistance, cells with a law of their own.

    The cells of an ``interleaved`` pair share an output line and see opposite voltages.
    """

    law: CurrentLaw
    interleaved: bool = False

    @property
    def without_wires(self) -> Circuit:
        """This circuit itself."""
        return self

    @property
    def small_signals(self) -> Circuit:
        """The same lines with ohmic cells."""
        return IdealCircuit(self.interleaved)

    def slopes(self, conductances: Conductances) -> Conductances:
        """Differential conductances of cells at zero volts."""
        return self.law(conductances, 0.0)[1]

    @property
    def is_linear(self) -> bool:
        """Always False."""
        return False

    def currents(
        self,
        conductances: Conductances,
        volts: Volts,
        transposed: bool = False,
        xp: ModuleType = np,
    ) -> Amps:
        """Sums of the currents of the cells along each line."""
        across = cell_volts(conductances, volts, transposed, self.interleaved, xp)
        amps, _ = self.law(conductances[..., None], across)
        return line_currents(amps, transposed, self.interleaved)

    def cell_state(
        self,
        conductances: Conductances,
        volts: Volts,
        transposed: bool = False,
        xp: ModuleType = np,
    ) -> CellState:
        """Currents and voltages inside the array."""
        across = cell_volts(conductances, volts, transposed, self.interleaved, xp)
        amps, _ = self.law(conductances[..., None], across)
        return _at_the_drivers(amps, across, transposed, xp)


def _at_the_drivers(amps: Amps, across: Volts, transposed: bool, xp: ModuleType) -> CellState:
    """The state of an array whose driven lines are at the drivers' voltage, the others at zero."""
    driven = xp.broadcast_to(across, amps.shape)
    ground = xp.zeros_like(driven)
    return CellState(amps, *((ground, driven) if transposed else (driven, ground)))


def cell_volts(
    conductances: Conductances, volts: Volts, transposed: bool, shares_lines: bool, xp: ModuleType
) -> Volts:
    """Voltages that drive the cells.

    An MVM drives the cells of a pair on a shared output line with opposite voltages; a VMM drives
    that line.

    Args:
        conductances: Of the cells, (..., sides, outputs, inputs).
        volts: At the lines that are driven, as in ``Circuit.currents``.
        transposed: Whether the outputs are driven.
        shares_lines: Whether the cells of a pair share an output line.
        xp: Array module of the arguments.

    Returns:
        Voltages that broadcast to (..., sides, outputs, inputs, batch).
    """
    if transposed:
        return volts[..., :, None, :]
    spread = volts[..., None, :, :]
    if shares_lines and conductances.shape[-3] == 2:
        return spread * xp.asarray([1.0, -1.0]).reshape(2, 1, 1, 1)
    return spread


def line_currents(amps: Amps, transposed: bool, shares_lines: bool) -> Amps:
    """Currents of the lines that are read.

    Args:
        amps: Currents of the cells, (..., sides, outputs, inputs, batch).
        transposed: Whether the outputs are driven, so that the inputs are read.
        shares_lines: Whether the cells of a pair share an output line.

    Returns:
        Sums along the lines, as ``Circuit.currents`` returns them: that of the second side of a
        pair is the one to be subtracted.
    """
    if transposed:
        return amps.sum(axis=-3)
    sums = amps.sum(axis=-2)
    if shares_lines and sums.shape[-3] == 2:
        sums[..., 1, :, :] *= -1
    return sums
