"""The base of device models, which describe cells in siemens, volts and amps.

To add a device, derive from :class:`Device`, declare its parameters as fields, and override
``programming_sigma`` or ``read_sigma``; mean shifts and other distributions are optional::

    @dataclass(frozen=True)
    class MyCell(Device):
        spread: float = parameter(1e-6, low=0, unit="S", doc="standard deviation of programming")

        def programming_sigma(self, siemens, cell):
            return self.spread + 0 * siemens
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from simulator import registry
from simulator.errors import ModelError
from simulator.quantities import Amps, Array, Normals, Siemens, Uniforms, Volts

SQRT_TWELVE = 3.4641016151377544


@dataclass(frozen=True)
class Cell:
    """What all cells of an array have in common, whatever their model.

    Args:
        Gmin: Conductance of a fully off cell, in siemens.
        Gmax: Conductance of a fully on cell, in siemens.
        Vread: Full-scale read voltage, in volts.
        clip: Whether no error leads beyond [Gmin, Gmax]; without it, only not below zero.
        time: Time since programming, in the time unit of the drift model (``Device.time_unit``).
    """

    Gmin: float
    Gmax: float
    Vread: float = 0.1
    clip: bool = False
    time: float = 0.0

    @property
    def low(self) -> float:
        """Lowest conductance that an error can lead to, in siemens."""
        return self.Gmin if self.clip else 0.0

    @property
    def high(self) -> float | None:
        """Highest conductance that an error can lead to, in siemens; None without a bound."""
        return self.Gmax if self.clip else None


@dataclass(frozen=True)
class Draw:
    """Random numbers for a block of cells: at one programming, or in one read.

    Numbers are drawn only when they are asked for. Normals and uniforms are independent of one
    another; asked again, each gives the same numbers.

    Args:
        normals: Gives one standard normal for each cell, in the shape of the cells.
        uniforms: Gives one uniform in (0, 1) for each cell, in the shape of the cells.
        one_normal: Gives the normal of the first cell alone, where that is less work than drawing
            all of them; without it, all are drawn.
        device_normals: Gives the normal that each cell keeps for life, drawn when it was made, in
            the shape of the cells.
        chip_normals: Gives the normal that all cells of the chip share for life; it broadcasts
            against the cells.
    """

    normals: Callable[[], Normals]
    uniforms: Callable[[], Uniforms]
    one_normal: Callable[[], Normals] | None = None
    device_normals: Callable[[], Normals] | None = None
    chip_normals: Callable[[], Normals] | None = None

    def device_normal(self) -> Normals:
        """One standard normal for each cell: the same at every programming of this chip.

        Raises:
            ModelError: Here cells have no such numbers: they belong to programming alone.
        """
        return _given(self.device_normals)

    def chip_normal(self) -> Normals:
        """One standard normal for the whole chip, the same at every programming.

        Raises:
            ModelError: As ``device_normal``.
        """
        return _given(self.chip_normals)

    def normal(self) -> Normals:
        """Standard normals, in the shape of the cells."""
        return self.normals()

    def uniform(self) -> Uniforms:
        """Uniforms in (0, 1), in the shape of the cells."""
        return self.uniforms()

    def standard(self, distribution: str) -> Array:
        """Numbers of zero mean and unit variance, in the shape of the cells.

        Args:
            distribution: ``"normal"`` or ``"uniform"``.
        """
        if distribution == "normal":
            return self.normal()
        return (self.uniform() - 0.5) * SQRT_TWELVE

    def seed(self) -> int:
        """A number below 2**64 for a model that brings a random generator of its own.

        The same block at the same programming or read always has the same seed, so that such a
        model is as repeatable as any other. It follows from the normal of the first cell.
        """
        return seed_of(self.normals() if self.one_normal is None else self.one_normal())


def _given(numbers: Callable[[], Normals] | None) -> Normals:
    if numbers is None:
        raise ModelError("numbers of a device or a chip are drawn for programming alone")
    return numbers()


def seed_of(draws: Array) -> int:
    """The first of some floating-point numbers, as a whole number: the 64 bits of its double."""
    first = draws.reshape(-1)[0] if hasattr(draws, "reshape") else draws
    return int.from_bytes(struct.pack("<d", float(first)), "little")


@dataclass(frozen=True)
class Device:
    """Base of all device models.

    A subclass describes programming, reading, drift and current, or some of them. Programming,
    reading and drift are described by the mean and the standard deviation of a cell's conductance;
    a model whose law is not ``mean + sigma * draw`` overrides ``programmed``, ``read`` or
    ``drifted`` itself.

    Conductances are arrays in siemens, one entry per cell, of any shape. A result has the shape of
    its argument, or that to which the arguments broadcast, and lives where the argument does: with
    operators, methods and universal functions on the given arrays, a model runs on NumPy and on
    CuPy alike. Arguments are not to be changed in place.

    Defining a subclass registers it, unless its name begins with an underscore.
    """

    # What ``mean + sigma * draw`` draws from.
    distribution: ClassVar[Literal["normal", "uniform"]] = "normal"
    # Of ``cell.time``: "s" or "days".
    time_unit: ClassVar[str] = "s"
    # True where the spread after drift contains that of programming: drift then begins at the
    # target, and takes the place of the programming error.
    drift_includes_programming: ClassVar[bool] = False
    # True for a model that brings a random generator of its own: instead of a normal for each cell,
    # `drifted` gets one number for all cells of a chip, drawn when the chip is made, as a seed.
    drift_draws_for_itself: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        registry.defined("device", cls, selectable=not cls.__name__.startswith("_"))

    @property
    def is_ideal(self) -> bool:
        """True where the parameters leave every cell as it was asked for."""
        return False

    def programming_mean(self, siemens: Siemens, cell: Cell) -> Siemens:
        """Mean conductance of cells after programming; without an override, the target.

        Args:
            siemens: Targets, one for each cell.
            cell: What the cells have in common.

        Returns:
            Mean of each cell in siemens, in the shape of ``siemens``.
        """
        return siemens

    def programming_sigma(self, siemens: Siemens, cell: Cell) -> Siemens:
        """Standard deviation of the conductance of cells after programming.

        Args:
            siemens: Targets, one for each cell.
            cell: What the cells have in common.

        Returns:
            Standard deviation of each cell in siemens, not negative, in the shape of ``siemens``.
        """
        raise NotImplementedError

    @property
    def has_mismatch(self) -> bool:
        """True where cells differ by numbers that were drawn when the chip was made."""
        cls = type(self)
        own = cls.device_sigma is not Device.device_sigma
        return own or cls.chip_sigma is not Device.chip_sigma

    def device_sigma(self, siemens: Siemens, cell: Cell) -> Siemens:
        """Standard deviation from device to device; without an override, all are alike.

        Each cell has one number for life: programmed again to the same target, it misses by the
        same amount, beside what ``programming_sigma`` adds anew each time.

        Args:
            siemens: Targets, one for each cell.
            cell: What the cells have in common.

        Returns:
            Standard deviation of each cell in siemens, not negative, in the shape of ``siemens``.
        """
        return 0.0 * siemens

    def chip_sigma(self, siemens: Siemens, cell: Cell) -> Siemens:
        """Standard deviation from chip to chip: of an error that all cells of a chip share.

        Args:
            siemens: Targets, one for each cell.
            cell: What the cells have in common.

        Returns:
            Standard deviation of each cell in siemens, not negative, in the shape of ``siemens``;
            without an override 0.
        """
        return 0.0 * siemens

    def read_mean(self, siemens: Siemens, cell: Cell) -> Siemens:
        """Mean conductance of cells over many reads; without an override, their conductance.

        Args:
            siemens: Conductance of each cell as it was programmed and has aged.
            cell: What the cells have in common.

        Returns:
            Mean of each cell in siemens, in the shape of ``siemens``.
        """
        return siemens

    def read_sigma(self, siemens: Siemens, cell: Cell) -> Siemens:
        """Standard deviation of the conductance of cells from read to read.

        Args:
            siemens: Conductance of each cell as it was programmed and has aged.
            cell: What the cells have in common.

        Returns:
            Standard deviation of each cell in siemens, not negative, in the shape of ``siemens``.
        """
        raise NotImplementedError

    def programmed(self, siemens: Siemens, cell: Cell, draw: Draw) -> Siemens:
        """Conductances after programming, before the limits of the cell.

        Override it for a law other than ``programming_mean + programming_sigma * draw``, to which
        ``device_sigma`` and ``chip_sigma`` add what a cell and a chip keep for life.

        Args:
            siemens: Targets, one for each cell.
            cell: What the cells have in common; the caller applies its limits.
            draw: The only source of random numbers, so that results are repeatable.

        Returns:
            Conductances in siemens, in the shape of ``siemens``.
        """
        sigma = self.programming_sigma(siemens, cell)
        result = self.programming_mean(siemens, cell) + sigma * draw.standard(self.distribution)
        return result + self._mismatch(siemens, cell, draw) if self.has_mismatch else result

    def _mismatch(self, siemens: Siemens, cell: Cell, draw: Draw) -> Siemens:
        """What cells miss their targets by at every programming."""
        own = self.device_sigma(siemens, cell) * draw.device_normal()
        return own + self.chip_sigma(siemens, cell) * draw.chip_normal()

    def read(self, siemens: Siemens, cell: Cell, draw: Draw) -> Siemens:
        """Conductances in one read, before the limits of the cell.

        Override it for a law other than ``read_mean + read_sigma * draw``.

        Args:
            siemens: Conductance of each cell as it was programmed and has aged.
            cell: What the cells have in common; the caller applies its limits.
            draw: The only source of random numbers, so that results are repeatable.

        Returns:
            Conductances in siemens, in the shape of ``siemens``.
        """
        sigma = self.read_sigma(siemens, cell)
        return self.read_mean(siemens, cell) + sigma * draw.standard(self.distribution)

    def drift_mean(self, siemens: Siemens, cell: Cell) -> Siemens:
        """Mean conductance of cells at ``cell.time``; without an override, they do not drift.

        Args:
            siemens: Where the cells began: their conductance after programming, or their target
                where ``drift_includes_programming``.
            cell: What the cells have in common.

        Returns:
            Mean of each cell in siemens, in the shape of ``siemens``.
        """
        return siemens

    def drift_sigma(self, siemens: Siemens, cell: Cell) -> Siemens:
        """Standard deviation at ``cell.time`` among cells that began at the same conductance.

        Args:
            siemens: Where the cells began, as in :meth:`drift_mean`.
            cell: What the cells have in common.

        Returns:
            Standard deviation of each cell in siemens, not negative, in the shape of ``siemens``.
        """
        raise NotImplementedError

    def drifted(self, siemens: Siemens, normal: Normals, cell: Cell) -> Siemens:
        """Conductances of cells at ``cell.time``, before the limits of the cell.

        Override it for a law other than ``drift_mean + drift_sigma * normal``.

        Args:
            siemens: Where the cells began, as in :meth:`drift_mean`.
            normal: One standard normal for each cell, which it keeps for life: at another time the
                same cell has aged further, and is not another cell.
            cell: What the cells have in common; the caller applies its limits.

        Returns:
            Conductances in siemens, in the shape of ``siemens``.
        """
        return self.drift_mean(siemens, cell) + self.drift_sigma(siemens, cell) * normal

    def current(self, siemens: Siemens, volts: Volts, cell: Cell) -> Amps:
        """Current of cells that do not follow Ohm's law.

        Args:
            siemens: Conductance of each cell, as it is programmed.
            volts: Voltage across each cell; it broadcasts against ``siemens``.
            cell: What the cells have in common.

        Returns:
            Currents in amps, zero at zero volts, in the shape to which the arguments broadcast.
        """
        raise NotImplementedError

    def slope(self, siemens: Siemens, volts: Volts, cell: Cell) -> Siemens:
        """Differential conductance of cells: the derivative of ``current`` by the voltage.

        Args:
            siemens: Conductance of each cell, as it is programmed.
            volts: Voltage across each cell; it broadcasts against ``siemens``.
            cell: What the cells have in common.

        Returns:
            dI/dV in siemens, in the shape to which the arguments broadcast.
        """
        raise NotImplementedError

    def bound(self, device_node: Any, node: Any) -> Device:
        """The model as a core uses it, for a model that looks at more than its own parameters.

        Called once when a core is built; without an override, the model itself.

        Args:
            device_node: The node ``xbar.device`` of the parameter tree.
            node: The node of the effect below it, such as ``xbar.device.read_noise``.

        Returns:
            The model to be used, which may keep what it needs of the nodes.
        """
        return self

    def check_cell(self, cell: Cell) -> None:
        """Refuse cells that the model does not describe; called when a core is built.

        Args:
            cell: What the cells have in common.

        Raises:
            ModelError: It says which parameter to change, and to what.
        """

    @classmethod
    def has_moments(cls, effect: Literal["programming", "read"]) -> bool:
        """True where mean and standard deviation describe an effect completely."""
        law, sigma = {
            "programming": (cls.programmed, cls.programming_sigma),
            "read": (cls.read, cls.read_sigma),
        }[effect]
        base_law = Device.programmed if effect == "programming" else Device.read
        base_sigma = Device.programming_sigma if effect == "programming" else Device.read_sigma
        return law is base_law and sigma is not base_sigma

    @classmethod
    def models(cls, effect: Literal["programming", "read", "drift", "current"]) -> bool:
        """True where the class says anything about an effect."""
        if effect == "drift":
            drifts = cls.drift_sigma is not Device.drift_sigma
            return drifts or cls.drifted is not Device.drifted
        if effect == "current":
            return cls.current is not Device.current and cls.slope is not Device.slope
        base_law = Device.programmed if effect == "programming" else Device.read
        law = cls.programmed if effect == "programming" else cls.read
        return cls.has_moments(effect) or law is not base_law


@dataclass(frozen=True)
class IdealDevice(Device):
    """A cell that is and stays what was asked for, and follows Ohm's law."""

    @property
    def is_ideal(self) -> bool:
        """Always True."""
        return True

    def programming_sigma(self, siemens: Siemens, cell: Cell) -> Siemens:
        """Zero."""
        return 0.0 * siemens

    def drift_sigma(self, siemens: Siemens, cell: Cell) -> Siemens:
        """Zero."""
        return 0.0 * siemens

    def current(self, siemens: Siemens, volts: Volts, cell: Cell) -> Amps:
        """Ohm's law."""
        return siemens * volts

    def slope(self, siemens: Siemens, volts: Volts, cell: Cell) -> Siemens:
        """The conductance, at every voltage."""
        return siemens + 0.0 * volts

    def read_sigma(self, siemens: Siemens, cell: Cell) -> Siemens:
        """Zero."""
        return 0.0 * siemens
