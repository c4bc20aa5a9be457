"""Devices given by tables, and what all fitted models share: polynomials and the ranges they hold.

Everything on cells is done with operators and methods of the given arrays: they may live on a GPU.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from simulator.devices.base import Cell, Device
from simulator.errors import FileFormatError, ModelError, ParameterError, nearest, warn_user
from simulator.quantities import Amps, Array, Siemens, Volts
from simulator.schema import Spec

MICRO = 1e-6
# A conductance is one over a resistance that was itself written as one over a conductance.
RANGE_TOLERANCE = 1e-6
# A voltage this close to one of a table, in units of the table's width, is that voltage.
KNOT_TOLERANCE = 1e-9


def polynomial(coefficients: Sequence[float], x: Array) -> Array:
    """Value of a polynomial.

    Args:
        coefficients: Of each power, the lowest first.
        x: Where to evaluate it, an array of any shape.

    Returns:
        Values in the shape of ``x``.
    """
    total = coefficients[-1] + 0.0 * x
    for coefficient in reversed(coefficients[:-1]):
        total = total * x + coefficient
    return total


def interpolate(knots: Sequence[float], values: Sequence[float], x: Array) -> Array:
    """Values on the straight lines between points; beyond the ends, the end values.

    Args:
        knots: Positions of the points, rising.
        values: Values at the points.
        x: Where to evaluate the lines, an array of any shape.

    Returns:
        Values in the shape of ``x``.
    """
    total = values[0] + 0.0 * x
    for k in range(len(knots) - 1):
        low, high = knots[k], knots[k + 1]
        total = total + (values[k + 1] - values[k]) / (high - low) * (x.clip(low, high) - low)
    return total


def require_conductances(model: Device, cell: Cell, low: float, high: float) -> None:
    """Refuse cells whose range of conductances a model does not describe.

    Args:
        model: The model, for the message.
        cell: What the cells have in common.
        low: Lowest conductance that the model describes, in siemens.
        high: Highest one, in siemens.

    Raises:
        ModelError: Where Gmin is below ``low`` or Gmax above ``high``; it says what to set.
    """
    name = type(model).__name__
    if cell.Gmax > high * (1 + RANGE_TOLERANCE):
        raise ModelError(
            f"xbar.device.Rmin is {1 / cell.Gmax:g} ohm ({cell.Gmax / MICRO:g} uS); {name} "
            f"describes cells up to {high / MICRO:g} uS: set it to {1 / high:.6g} ohm or more"
        )
    if cell.Gmin < low * (1 - RANGE_TOLERANCE):
        raise ModelError(
            f"the lowest conductance is {cell.Gmin / MICRO:g} uS; {name} describes cells from "
            f"{low / MICRO:g} uS: set xbar.device.Rmax to {1 / low:.6g} ohm or less and "
            "xbar.device.infinite_on_off_ratio to False"
        )


@dataclass(frozen=True)
class TableSpec(Spec):
    """What a table may hold: numbers in a list, or in a list of rows of equal length.

    ``dimensions`` is 1 for a list and 2 for a list of rows; ``low`` bounds every number.
    """

    dimensions: int = 1

    def check(self, path: str, value: Any) -> Any:
        """Return ``value`` as lists of floats. Raises ParameterError naming ``path``."""
        try:
            array = np.array(value)
        except ValueError:
            raise self._error(path, value) from None
        if array.size == 0 and isinstance(value, list | tuple | np.ndarray):
            return []
        numbers = array.dtype.kind in "iuf" and array.ndim == self.dimensions
        if not numbers or not np.isfinite(array).all():
            raise self._error(path, value)
        if self.low is not None and array.min() < self.low:
            raise self._error(path, value)
        return array.astype(np.float64).tolist()

    @property
    def allowed(self) -> str:
        """The allowed values in words."""
        shape = "a list of numbers" if self.dimensions == 1 else "a list of rows of equal length"
        least = "" if self.low is None else f", none below {self.low:g}"
        return f"{shape}{least} {self.unit}".rstrip()

    @property
    def mutable(self) -> bool:
        """Always True: lists can be changed in place."""
        return True

    def copy_value(self, value: Any) -> Any:
        """Return lists that share nothing with ``value``."""
        return np.array(value, dtype=np.float64).tolist()

    def invalid_examples(self) -> list[Any]:
        """Return wrong values built from the declaration; :meth:`check` rejects each of them."""
        deeper = [[1.0]] if self.dimensions == 1 else [1.0]
        wrong = [object(), None, "banana", 3.0, deeper, ["a"], [math.nan], [[1.0], [1.0, 2.0]]]
        return wrong if self.low is None else [*wrong, [self.low - 1], [[self.low - 1]]]


def _table(dimensions: int, unit: str, doc: str, low: float | None = None) -> Any:
    spec = TableSpec("array", low=low, unit=unit, doc=doc, dimensions=dimensions)
    return field(default=(), metadata={"spec": spec})


class _Described:
    """``models`` of a table device: an instance models what it has tables for, the class all."""

    def __get__(self, device: TableDevice | None, cls: type[Device]) -> Any:
        return (lambda effect: True) if device is None else device._holds


@dataclass(frozen=True)
class TableDevice(Device):
    """A device as it was measured: tables over conductance, time and voltage.

    An effect without a table is not described. Between the values of a table, results lie on
    straight lines over conductance and over voltage. Over time, shifts are linear in log time, and
    so are the variances of ``aged_spread``; before the first time both grow linearly from zero at
    time 0. Beyond a table its end values hold (one warning), except for currents, which continue in
    proportion to the conductance and along the last line over voltage. Currents over voltages that
    begin at 0 are odd: I(-V) = -I(V).

    :meth:`save` and :meth:`load` keep a device as YAML;
    :func:`~simulator.devices.from_measurements` fits one to data. Raises ParameterError for tables
    whose values do not rise or whose shapes do not fit together.
    """

    levels: Any = _table(1, "S", "rising conductances that all tables refer to", low=0)
    error: Any = _table(1, "S", "mean programming error at each level; none if empty")
    spread: Any = _table(1, "S", "standard deviation of programming at each level", low=0)
    device_spread: Any = _table(1, "S", "that from device to device, fixed for life", low=0)
    read_spread: Any = _table(1, "S", "standard deviation of a read at each level", low=0)
    times: Any = _table(1, "s", "rising times since programming, above 0", low=0)
    shift: Any = _table(2, "S", "mean shift since programming: a row per time, a column per level")
    aged_spread: Any = _table(2, "S", "spread added since programming; rows as in shift", low=0)
    volts: Volts = _table(1, "V", "rising voltages: from 0, or on both sides of 0")
    amps: Amps = _table(2, "A", "current: a row per voltage, a column per level")

    models: ClassVar[Any] = _Described()

    def __post_init__(self) -> None:
        for item in fields(self):
            spec, path = item.metadata["spec"], f"{type(self).__name__}.{item.name}"
            object.__setattr__(self, item.name, _frozen(spec.check(path, getattr(self, item.name))))
        self._check_axes()
        self._check_shapes()
        if self.volts and any(self.amps[self.volts.index(0.0)]):
            raise ParameterError(f"{type(self).__name__}.amps: a current flows at 0 V")

    def _check_axes(self) -> None:
        name = type(self).__name__
        for axis in ("levels", "times", "volts"):
            values = getattr(self, axis)
            if any(b <= a for a, b in zip(values, values[1:])):
                raise ParameterError(f"{name}.{axis}: got {list(values)}; values have to rise")
        if self.times and self.times[0] <= 0:
            raise ParameterError(
                f"{name}.times: got {list(self.times)}; the first has to be above 0"
            )
        if self.volts and 0.0 not in self.volts[:-1]:
            raise ParameterError(
                f"{name}.volts: got {list(self.volts)}; needed are 0 and voltages above, and below "
                "it where the current is not odd"
            )
        if not self.levels:
            raise ParameterError(f"{name}.levels is empty; all tables refer to it")

    def _check_shapes(self) -> None:
        columns = len(self.levels)
        wanted = {
            "error": (columns,),
            "spread": (columns,),
            "device_spread": (columns,),
            "read_spread": (columns,),
            "shift": (len(self.times), columns),
            "aged_spread": (len(self.times), columns),
            "amps": (len(self.volts), columns),
        }
        rows = {"shift": "times", "aged_spread": "times", "amps": "volts"}
        for name, shape in wanted.items():
            got = np.shape(getattr(self, name))
            if got not in (shape, (0,)):
                asked = " x ".join(map(str, shape))
                per = f"one row per value of {rows[name]}, " if name in rows else ""
                raise ParameterError(
                    f"{type(self).__name__}.{name}: got {' x '.join(map(str, got))} values; needed "
                    f"are {asked}: {per}one for each of levels"
                )
        if self.times and not (self.shift or self.aged_spread):
            raise ParameterError(f"{type(self).__name__}.times without shift or aged_spread")
        if self.volts and not self.amps:
            raise ParameterError(f"{type(self).__name__}.volts without amps")

    def _holds(self, effect: str) -> bool:
        """True where the tables describe ``effect``."""
        table = {
            "programming": self.spread or self.error or self.device_spread,
            "read": self.read_spread,
            "drift": self.shift or self.aged_spread,
            "current": self.amps,
        }[effect]
        return bool(table)

    def check_cell(self, cell: Cell) -> None:
        """Warn about conductances, a time or a voltage beyond the tables."""
        name, slack = type(self).__name__, RANGE_TOLERANCE
        low, high = self.levels[0], self.levels[-1]
        if cell.Gmin < low * (1 - slack) or cell.Gmax > high * (1 + slack):
            warn_user(
                f"cells conduct {cell.Gmin / MICRO:g} to {cell.Gmax / MICRO:g} uS (xbar.device.Rmax"
                f" and Rmin); the tables of {name} end at {low / MICRO:g} and {high / MICRO:g} uS, "
                "and their end values are used beyond"
            )
        if self.times and cell.time > self.times[-1] * (1 + slack):
            warn_user(
                f"xbar.device.time is {cell.time:g} s; the tables of {name} end at "
                f"{self.times[-1]:g} s, and that state is used"
            )
        if self.volts and cell.Vread > self.volts[-1] * (1 + slack):
            warn_user(
                f"xbar.device.Vread is {cell.Vread:g} V; the currents of {name} are known up to "
                f"{self.volts[-1]:g} V and continued along the last line"
            )

    def programming_mean(self, siemens: Siemens, cell: Cell) -> Siemens:
        """The target plus the mean error."""
        if not self.error:
            return siemens
        return siemens + interpolate(self.levels, self.error, siemens)

    def programming_sigma(self, siemens: Siemens, cell: Cell) -> Siemens:
        """Standard deviation in siemens."""
        return self._spread(self.spread, siemens)

    @property
    def has_mismatch(self) -> bool:
        """True with a table of the spread from device to device."""
        return bool(self.device_spread)

    def device_sigma(self, siemens: Siemens, cell: Cell) -> Siemens:
        """Standard deviation in siemens."""
        return self._spread(self.device_spread, siemens)

    def read_sigma(self, siemens: Siemens, cell: Cell) -> Siemens:
        """Standard deviation in siemens."""
        return self._spread(self.read_spread, siemens)

    def drift_mean(self, siemens: Siemens, cell: Cell) -> Siemens:
        """The conductance at the start plus the mean shift."""
        if not self.shift or cell.time <= 0:
            return siemens
        row = self._at_time(self.shift, cell.time, power=1)
        return siemens + interpolate(self.levels, row, siemens)

    def drift_sigma(self, siemens: Siemens, cell: Cell) -> Siemens:
        """Standard deviation of what was added since programming."""
        if not self.aged_spread or cell.time <= 0:
            return 0.0 * siemens
        return self._spread(self._at_time(self.aged_spread, cell.time, power=2), siemens)

    def _spread(self, values: Sequence[float], siemens: Siemens) -> Siemens:
        if not values:
            return 0.0 * siemens
        return interpolate(self.levels, values, siemens).clip(0.0, None)

    def _at_time(self, rows: Any, time: float, power: int) -> list[float]:
        """The row of a table at ``time``, entries interpolated after taking them to ``power``."""
        before, after, fraction = self._place_in_time(time)
        old = [0.0] * len(self.levels) if before is None else rows[before]
        mixed = [a**power + fraction * (b**power - a**power) for a, b in zip(old, rows[after])]
        return [max(value, 0.0) ** 0.5 if power == 2 else value for value in mixed]

    def _place_in_time(self, time: float) -> tuple[int | None, int, float]:
        """The rows before and after a time, and what fraction of the way lies behind it."""
        if time <= self.times[0]:
            return None, 0, time / self.times[0]
        last = len(self.times) - 1
        if time >= self.times[last]:
            return last, last, 0.0
        after = next(k for k, limit in enumerate(self.times) if time < limit)
        start, end = self.times[after - 1], self.times[after]
        return after - 1, after, math.log(time / start) / math.log(end / start)

    def current(self, siemens: Siemens, volts: Volts, cell: Cell) -> Amps:
        """Current in amps."""
        rows, knots = self._rows(siemens), self._voltages
        volts = volts + 0.0 * siemens
        total = rows[0] + 0.0 * volts
        for k, rise in enumerate(self._rises(rows)):
            # The first and the last line go on beyond the table.
            low = None if k == 0 else knots[k]
            high = None if k == len(knots) - 2 else knots[k + 1]
            total = total + rise * (volts.clip(low, high) - knots[k])
        # What two halves of a table leave of each other at 0 V is rounding, and no current.
        return total * (volts != 0)

    def slope(self, siemens: Siemens, volts: Volts, cell: Cell) -> Siemens:
        """Slope of the lines; where two of them meet, the mean of both."""
        knots, rises = self._voltages, self._rises(self._rows(siemens))
        near = KNOT_TOLERANCE * (knots[-1] - knots[0])
        total = rises[0] + 0.0 * volts
        for k in range(1, len(rises)):
            beyond = 0.5 * ((volts > knots[k] + near) + (0.0 * volts)) + 0.5 * (
                (volts >= knots[k] - near) + (0.0 * volts)
            )
            total = total + (rises[k] - rises[k - 1]) * beyond
        return total

    def _rows(self, siemens: Siemens) -> list[Amps]:
        """Currents at the voltages of the table for cells between its levels, and beyond."""
        low, high = self.levels[0], self.levels[-1]
        share = siemens.clip(high, None) / high if high > 0 else 1.0
        if low > 0:
            share = share * (siemens.clip(None, low) / low)
        return [share * interpolate(self.levels, row, siemens) for row in self._currents]

    def _rises(self, rows: list[Amps]) -> list[Siemens]:
        knots = self._voltages
        return [(rows[k + 1] - rows[k]) / (knots[k + 1] - knots[k]) for k in range(len(rows) - 1)]

    @cached_property
    def _voltages(self) -> tuple[float, ...]:
        mirrored = tuple(-v for v in reversed(self.volts[1:])) if self.volts[0] == 0 else ()
        return mirrored + self.volts

    @cached_property
    def _currents(self) -> tuple[tuple[float, ...], ...]:
        if self.volts[0] != 0:
            return self.amps
        mirrored = tuple(tuple(-i for i in row) for row in reversed(self.amps[1:]))
        return mirrored + self.amps

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the device to a YAML file; :meth:`load` reads it back exactly.

        Args:
            path: Path of the file, which is overwritten.
        """
        import yaml

        named = {item.name: _plain(getattr(self, item.name)) for item in fields(self)}
        given = {name: value for name, value in named.items() if value}
        with open(path, "w", encoding="utf-8") as file:
            yaml.safe_dump({"model": type(self).__name__, **given}, file, sort_keys=False)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> TableDevice:
        """Read a device from a YAML file, written by :meth:`save` or by hand.

        Args:
            path: Path of the file.

        Returns:
            The device.

        Raises:
            FileFormatError: The file is not YAML, holds no device of this class, or a table in it
                is unknown or wrong; the message names the file.
            FileNotFoundError: There is no such file.
        """
        import yaml

        with open(path, encoding="utf-8") as file:
            try:
                values = yaml.safe_load(file)
            except (yaml.YAMLError, UnicodeDecodeError) as error:
                raise FileFormatError(f"{path}: {error}") from None
        names = [item.name for item in fields(cls)]
        if not isinstance(values, dict) or values.pop("model", None) != cls.__name__:
            raise FileFormatError(f"{path}: holds no device; expected 'model: {cls.__name__}'")
        for name in values:
            if name not in names:
                raise FileFormatError(
                    f"{path}: {name!r} is no table; tables are {', '.join(names)}."
                    f"{nearest(str(name), names)}"
                )
        try:
            return cls(**{name: _numbers(value) for name, value in values.items()})
        except ParameterError as error:
            raise FileFormatError(f"{path}: {error}") from None


def _frozen(values: Any) -> Any:
    return tuple(map(_frozen, values)) if isinstance(values, list) else values


def _plain(values: Any) -> Any:
    return list(map(_plain, values)) if isinstance(values, tuple) else values


def _numbers(values: Any) -> Any:
    """YAML takes 1e-6 for text, for want of a point; a person who wrote it meant the number."""
    if isinstance(values, list):
        return list(map(_numbers, values))
    try:
        return float(values) if isinstance(values, str) else values
    except ValueError:
        return values
