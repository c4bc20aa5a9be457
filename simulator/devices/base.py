"""What a device model has to say, in siemens.

To add a device, derive from :class:`Device`, declare its parameters as fields, and override
``programming_sigma`` or ``read_sigma``; mean shifts and other distributions are optional::

    @dataclass(frozen=True)
    class MyCell(Device):
        spread: float = parameter(1e-6, low=0, unit="S", doc="standard deviation of programming")

        def programming_sigma(self, siemens, cell):
            return self.spread + 0 * siemens
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from simulator import registry
from simulator.quantities import Amps, Siemens, Volts

SQRT_TWELVE = 3.4641016151377544


@dataclass(frozen=True)
class Cell:
    """The electrical frame of every cell of an array.

    Args:
        Gmin, Gmax: conductances of the lowest and the highest level, in siemens.
        Vread: full-scale read voltage, in volts.
        clip: errors lead to conductances between Gmin and Gmax only, not to any above zero.
        time: since programming, in the time unit of the drift model.
    """

    Gmin: float
    Gmax: float
    Vread: float = 0.1
    clip: bool = False
    time: float = 0.0  # since programming, in the time unit of the drift model

    @property
    def low(self) -> float:
        """Lowest conductance an error can lead to, in siemens."""
        return self.Gmin if self.clip else 0.0

    @property
    def high(self) -> float | None:
        """Highest conductance an error can lead to, in siemens; None without a bound."""
        return self.Gmax if self.clip else None


@dataclass(frozen=True)
class Draw:
    """Random numbers for a block of cells, one for each; drawn only when asked for.

    Normals and uniforms are independent of one another; asked again, each gives the same numbers.
    """

    normals: Callable[[], Any]
    uniforms: Callable[[], Any]
    seeds: Callable[[], Any] | None = None

    def seed(self) -> Any:
        """One normal for all cells, for models that bring a generator of their own."""
        return self.normals() if self.seeds is None else self.seeds()

    def normal(self) -> Any:
        """Standard normals, in the shape of the cells."""
        return self.normals()

    def uniform(self) -> Any:
        """Uniforms in (0, 1), in the shape of the cells."""
        return self.uniforms()

    def standard(self, distribution: str) -> Any:
        """Zero mean and unit variance: ``"normal"`` or ``"uniform"``."""
        if distribution == "normal":
            return self.normal()
        return (self.uniform() - 0.5) * SQRT_TWELVE


@dataclass(frozen=True)
class Device:
    """Base of all device models.

    A subclass describes programming, reading or both by the mean and the standard deviation of a
    cell's conductance; arguments and results are arrays in siemens, one entry per cell, whose
    module (NumPy or CuPy) the model must keep. A model whose law is not ``mean + sigma * draw``
    overrides ``programmed`` or ``read`` itself.
    """

    distribution: ClassVar[Literal["normal", "uniform"]] = "normal"
    # Of ``cell.time``: "s" or "days".
    time_unit: ClassVar[str] = "s"
    # True where the spread after drift contains that of programming.
    drift_includes_programming: ClassVar[bool] = False
    # True for a model that brings a generator of its own: all cells of a chip get one number for
    # their drift, which seeds it.
    drift_draws_for_itself: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        registry.defined("device", cls, selectable=not cls.__name__.startswith("_"))

    @property
    def is_ideal(self) -> bool:
        """True where the parameters leave every cell as it was asked for."""
        return False

    def programming_mean(self, siemens: Siemens, cell: Cell) -> Siemens:
        """Mean conductance after programming.

        Args:
            siemens: conductances asked for, one entry per cell, in siemens.
            cell: limits, read voltage and time that all cells share.

        Returns:
            Siemens, in the shape and array module of ``siemens``.
        """
        return siemens

    def programming_sigma(self, siemens: Siemens, cell: Cell) -> Siemens:
        """Standard deviation after programming.

        Args:
            siemens: conductances asked for, one entry per cell, in siemens.
            cell: limits, read voltage and time that all cells share.

        Returns:
            Siemens, not negative, in the shape of ``siemens``.
        """
        raise NotImplementedError

    def read_mean(self, siemens: Siemens, cell: Cell) -> Siemens:
        """Mean conductance in one read of a cell at ``siemens``."""
        return siemens

    def read_sigma(self, siemens: Siemens, cell: Cell) -> Siemens:
        """Standard deviation from read to read.

        Args:
            siemens: programmed conductances, one entry per cell, in siemens.
            cell: limits, read voltage and time that all cells share.

        Returns:
            Siemens, not negative, in the shape of ``siemens``.
        """
        raise NotImplementedError

    def programmed(self, siemens: Siemens, cell: Cell, draw: Draw) -> Siemens:
        """Conductances after programming, before the limits of the cell.

        Args:
            siemens: conductances asked for, one entry per cell, in siemens.
            cell: limits, read voltage and time that all cells share.
            draw: random numbers for these cells, made when they are asked for.

        Returns:
            Siemens, in the shape and array module of ``siemens``.
        """
        sigma = self.programming_sigma(siemens, cell)
        return self.programming_mean(siemens, cell) + sigma * draw.standard(self.distribution)

    def read(self, siemens: Siemens, cell: Cell, draw: Draw) -> Siemens:
        """Conductances in one read, before the limits of the cell.

        Args:
            siemens: programmed conductances, one entry per cell, in siemens.
            cell: limits, read voltage and time that all cells share.
            draw: random numbers for these cells in this read.

        Returns:
            Siemens, in the shape and array module of ``siemens``.
        """
        sigma = self.read_sigma(siemens, cell)
        return self.read_mean(siemens, cell) + sigma * draw.standard(self.distribution)

    def drift_mean(self, siemens: Siemens, cell: Cell) -> Siemens:
        """Mean conductance at ``cell.time`` of a cell that began at ``siemens``."""
        return siemens

    def drift_sigma(self, siemens: Siemens, cell: Cell) -> Siemens:
        """Standard deviation at ``cell.time`` among cells that began alike.

        Args:
            siemens: conductances just after programming, in siemens.
            cell: limits, read voltage and time that all cells share.

        Returns:
            Siemens, not negative, in the shape of ``siemens``.
        """
        raise NotImplementedError

    def drifted(self, siemens: Siemens, normal: Any, cell: Cell) -> Siemens:
        """Conductances at ``cell.time``, before the limits of the cell.

        Args:
            siemens: conductances just after programming, in siemens.
            normal: a standard normal for each cell, which it keeps for life.
            cell: limits, read voltage and time that all cells share.

        Returns:
            Siemens, in the shape of ``siemens``.
        """
        return self.drift_mean(siemens, cell) + self.drift_sigma(siemens, cell) * normal

    def current(self, siemens: Siemens, volts: Volts, cell: Cell) -> Amps:
        """Current of a cell with a voltage across it.

        Args:
            siemens: conductances, in siemens.
            volts: voltages across the cells; arrays broadcast.
            cell: limits, read voltage and time that all cells share.

        Returns:
            Amperes, positive with the voltage.
        """
        raise NotImplementedError

    def slope(self, siemens: Siemens, volts: Volts, cell: Cell) -> Siemens:
        """Differential conductance: the derivative of ``current`` by the voltage.

        Args:
            siemens: conductances, in siemens.
            volts: voltages across the cells; arrays broadcast.
            cell: limits, read voltage and time that all cells share.

        Returns:
            Siemens.
        """
        raise NotImplementedError

    def bound(self, device_node: Any, node: Any) -> Device:
        """The model for the nodes ``xbar.device`` and ``xbar.device.<effect>``; mostly itself."""
        return self

    def check_cell(self, cell: Cell) -> None:
        """Ask whether the model describes a cell; it does nothing for most models.

        Args:
            cell: limits, read voltage and time that all cells share.

        Raises:
            ModelError: a cell that the model does not describe; the message names the parameter.
        """

    @classmethod
    def has_moments(cls, effect: Literal["programming", "read"]) -> bool:
        """True where mean and sigma describe ``effect`` completely."""
        law, sigma = {
            "programming": (cls.programmed, cls.programming_sigma),
            "read": (cls.read, cls.read_sigma),
        }[effect]
        base_law = Device.programmed if effect == "programming" else Device.read
        base_sigma = Device.programming_sigma if effect == "programming" else Device.read_sigma
        return law is base_law and sigma is not base_sigma

    @classmethod
    def models(cls, effect: Literal["programming", "read", "drift", "current"]) -> bool:
        """True where the class says anything about ``effect``."""
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
    """A cell that is and stays what was asked for."""

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
        """The conductance."""
        return siemens + 0.0 * volts

    def read_sigma(self, siemens: Siemens, cell: Cell) -> Siemens:
        """Zero."""
        return 0.0 * siemens
