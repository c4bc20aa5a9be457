"""The base of all circuit models, and the array without wire resistance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, ClassVar

import numpy as np

from simulator import registry
from simulator.quantities import Amps, Conductances, Volts

# Cell currents and differential conductances from conductances and voltages, which broadcast.
CurrentLaw = Callable[[Any, Any], tuple[Any, Any]]


@dataclass(frozen=True)
class CellState:
    """Currents of all cells and voltages of the nodes where they meet their lines.

    Each (..., sides, outputs, inputs, batch). The input node of a cell with a separate source lies
    behind its supply line.
    """

    amps: Amps
    input_volts: Any
    output_volts: Any


@dataclass(frozen=True)
class Circuit:
    """Base of all circuit models: what currents flow for given voltages.

    Conductances have the shape (..., sides, outputs, inputs), in units of Gmax; the two sides of a
    pair are two arrays, or share their output lines where ``shares_lines``. An MVM drives the
    inputs, a VMM (``transposed``) the outputs. Voltages are in units of full scale.

    A linear network has one current per output and input voltage, so it is a matrix: the
    conductances that an array without wires would need for the same currents.
    """

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
        """The linear network that this one is for small voltages, of cells as in ``slopes``."""
        return self

    def slopes(self, conductances: Conductances) -> Any:
        """Differential conductances of the cells at zero volts."""
        return conductances

    @property
    def solves_each_input(self) -> bool:
        """True where every input vector is to be solved on its own, by ``currents``."""
        return not self.is_linear

    def prefers_currents(self, conductances: Conductances, vectors: int) -> bool:
        """True where ``currents`` of so many vectors costs less than ``effective``."""
        return False

    def effective(
        self, conductances: Conductances, transposed: bool = False, xp: ModuleType = np
    ) -> Conductances:
        """Conductances that an array without wires would need for the same currents.

        Args:
            conductances: (..., sides, outputs, inputs) in units of Gmax.
            transposed: the outputs are driven and the inputs read.
            xp: module of the arrays.

        Returns:
            Effective conductances, in the shape of the cells'.
        """
        raise NotImplementedError

    def currents(
        self,
        conductances: Conductances,
        volts: Volts,
        transposed: bool = False,
        xp: ModuleType = np,
    ) -> Amps:
        """Line currents for one set of cells.

        Args:
            conductances: (..., sides, outputs, inputs) in units of Gmax.
            volts: (..., 1 for the sides, inputs or outputs, batch) in units of the read voltage.
            transposed: the outputs are driven and the inputs read.
            xp: module of the arrays.

        Returns:
            (..., sides, outputs or inputs, batch) in currents of one full cell. The current of the
            second side of a pair counts as it is subtracted: positive where it lowers the
            difference.
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
        """Everything inside the array.

        Args:
            conductances: (..., sides, outputs, inputs) in units of Gmax.
            volts: (..., 1 for the sides, inputs or outputs, batch) in units of the read voltage.
            transposed: the outputs are driven and the inputs read.
            xp: module of the arrays.

        Returns:
            Voltages at both ends of every cell, and the current through it.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class IdealCircuit(Circuit):
    """Wires without resistance: Ohm's law in every cell, Kirchhoff's on every line.

    The cells of an ``interleaved`` pair share an output line; only inside can that be told.
    """

    interleaved: bool = False

    @property
    def without_wires(self) -> Circuit:
        """This one."""
        return self

    @property
    def is_ideal(self) -> bool:
        """Always True."""
        return True

    def effective(
        self, conductances: Conductances, transposed: bool = False, xp: ModuleType = np
    ) -> Conductances:
        """The conductances themselves."""
        return conductances

    def cell_state(
        self,
        conductances: Conductances,
        volts: Volts,
        transposed: bool = False,
        xp: ModuleType = np,
    ) -> CellState:
        """Everything inside the array, for arguments as in ``currents``."""
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
        """This one."""
        return self

    @property
    def small_signals(self) -> Circuit:
        """Ohmic cells."""
        return IdealCircuit(self.interleaved)

    def slopes(self, conductances: Conductances) -> Any:
        """Differential conductances of the cells at zero volts."""
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
        """Sums of cell currents along the lines."""
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
        """Everything inside the array, for arguments as in ``currents``."""
        across = cell_volts(conductances, volts, transposed, self.interleaved, xp)
        amps, _ = self.law(conductances[..., None], across)
        return _at_the_drivers(amps, across, transposed, xp)


def _at_the_drivers(amps: Amps, across: Any, transposed: bool, xp: ModuleType) -> CellState:
    """The state of an array whose driven lines are at their drivers' voltage, the others at 0."""
    driven = xp.broadcast_to(across, amps.shape)
    ground = xp.zeros_like(driven)
    return CellState(amps, *((ground, driven) if transposed else (driven, ground)))


def cell_volts(
    conductances: Conductances, volts: Volts, transposed: bool, shares_lines: bool, xp: ModuleType
) -> Any:
    """Voltages (..., sides, outputs, inputs, batch) that drive the cells, ready to broadcast.

    An MVM drives the pairs of a shared output line with opposite voltages; a VMM drives the line.
    """
    if transposed:
        return volts[..., :, None, :]
    spread = volts[..., None, :, :]
    if shares_lines and conductances.shape[-3] == 2:
        return spread * xp.asarray([1.0, -1.0]).reshape(2, 1, 1, 1)
    return spread


def line_currents(amps: Amps, transposed: bool, shares_lines: bool) -> Any:
    """Sums of cell currents (..., sides, outputs, inputs, batch) along the lines that are read.

    In the sense in which the difference of a pair takes them.
    """
    if transposed:
        return amps.sum(axis=-3)
    sums = amps.sum(axis=-2)
    if shares_lines and sums.shape[-3] == 2:
        sums[..., 1, :, :] *= -1
    return sums
