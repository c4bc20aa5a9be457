"""Declaring a parameter once: default, type, interval, unit and meaning.

:func:`parameter` declares a field of a model (a frozen dataclass) or of a node of the parameter
tree. It carries a :class:`Spec`, from which checking, error messages and the wrong values that
the tests feed to every field are derived.
"""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import ParameterError, nearest


@dataclass(frozen=True)
class Spec:
    """What values a parameter may take.

    Args:
        type: bool, int, float, str, an IntEnum class, ``"array"`` (a [min, max] pair, a list of
            such pairs, or empty), ``list[int]`` or ``list[bool]``.
        low: Lower bound of a number, or of every entry of a list. Without a bound any finite number
            is allowed; infinity only where it is a bound itself.
        high: Upper bound, likewise.
        low_open: Whether ``low`` itself is not allowed.
        high_open: Whether ``high`` itself is not allowed.
        choices: The allowed values; None for no such restriction.
        optional: Whether None is allowed.
        unit: Unit, for messages and documentation.
        doc: Meaning, for documentation.
        usual: Lowest and highest value that hardware has. Others are allowed, but look like a slip
            in the unit, so that building a core warns of them.
    """

    type: Any = float
    low: float | None = None
    high: float | None = None
    low_open: bool = False
    high_open: bool = False
    choices: tuple[Any, ...] | None = None
    optional: bool = False
    unit: str = ""
    doc: str = ""
    usual: tuple[float, float] | None = None

    def check(self, path: str, value: Any) -> Any:
        """Check a value and turn it into the declared type.

        Args:
            path: Path of the parameter, for the message.
            value: What was given.

        Returns:
            The value as the declared type.

        Raises:
            ParameterError: The value has another type or is not allowed; the message names the
                path, what was given, what is allowed and, for names, the nearest one.
        """
        if value is None and self.optional:
            return None
        try:
            coerced = _coercer(self.type)(value)
        except (TypeError, ValueError, OverflowError):
            raise self._error(path, value) from None
        if not self._allows(coerced):
            raise self._error(path, value)
        return coerced

    @property
    def allowed(self) -> str:
        """The allowed values in words, such as ``"a number in (0, inf) ohm"``."""
        words = self._type_in_words()
        if self.choices is not None:
            words = "one of " + ", ".join(map(repr, self.choices))
        elif self.low is not None or self.high is not None:
            words += f" in {self._interval()}"
        unit = f" {self.unit}" if self.unit else ""
        return words + unit + (" or None" if self.optional else "")

    def is_usual(self, value: Any) -> bool:
        """Whether a checked value is one that hardware has."""
        if self.usual is None or value is None or value == 0:
            return True
        return self.usual[0] <= value <= self.usual[1]

    @property
    def mutable(self) -> bool:
        """True where values of this type can be changed in place, so that copies are needed."""
        return self.type in ("array", list[int], list[bool])

    def copy_value(self, value: Any) -> Any:
        """A copy of a checked value, which shares nothing with it that can be changed."""
        if not self.mutable or value is None:
            return value
        return _coercer(self.type)(value)

    def invalid_examples(self) -> list[Any]:
        """Wrong values that follow from the declaration, for tests; :meth:`check` rejects each."""
        wrong: list[Any] = [object(), {"a": 1}, 1j]
        if not self.optional and self.type != "array":
            wrong.append(None)
        if self.type in (int, float):
            return wrong + self._wrong_numbers()
        if _is_enum(self.type):
            return [*wrong, "NO_SUCH_MEMBER", 1.5, True, max(self.type) + 1, [1]]
        if self.type is str:
            return wrong + [3, True, ["text"]] + (["no such choice"] if self.choices else [])
        if self.type is bool:
            return [*wrong, "False", "yes", 2, -1, 0.5, [True]]
        entries = [["a", "b"], [math.nan, 1.0], [None, 1], "banana", 3.0, [[1.0, 2.0], [3.0]]]
        if self.type == "array":
            return wrong + entries + [[1.0], [1.0, 2.0, 3.0], [0.0, math.inf], [True, False]]
        if self.type == list[bool]:
            return wrong + entries + [[2], [None]]
        return wrong + entries + [[1.5], [True]] + [[x] for x in self._outside()]

    def _wrong_numbers(self) -> list[Any]:
        wrong = ["banana", "1", True, math.nan, [1.0], *self._outside()]
        if self.type is int:
            return [*wrong, 0.5, math.inf]
        if self.high != math.inf:
            wrong.append(math.inf)
        if self.low != -math.inf:
            wrong.append(-math.inf)
        return wrong

    def _outside(self) -> list[float]:
        outside = []
        if self.low is not None and math.isfinite(self.low):
            outside += [self.low - 1] + ([self.low] if self.low_open else [])
        if self.high is not None and math.isfinite(self.high):
            outside += [self.high + 1] + ([self.high] if self.high_open else [])
        return outside

    def _allows(self, value: Any) -> bool:
        if self.choices is not None:
            return value in self.choices
        if self.type in (int, float):
            return self._within(value)
        if self.type == list[int]:
            return all(self._within(entry) for entry in value)
        return True

    def _within(self, value: float) -> bool:
        if self.low is None:
            above = value != -math.inf
        else:
            above = value > self.low if self.low_open else value >= self.low
        if self.high is None:
            return above and value != math.inf
        return above and (value < self.high if self.high_open else value <= self.high)

    def _interval(self) -> str:
        low = "(-inf" if self.low is None else f"{'(['[not self.low_open]}{self.low:g}"
        high = "inf)" if self.high is None else f"{self.high:g}{')]'[not self.high_open]}"
        return f"{low}, {high}"

    def _type_in_words(self) -> str:
        if _is_enum(self.type):
            return "one of " + ", ".join(f"{m.name} ({m.value})" for m in self.type)
        if self.type == list[int]:
            return "a list of integers"
        if self.type == list[bool]:
            return "a list of True and False"
        return {
            bool: "True or False",
            int: "an integer",
            float: "a number",
            str: "a string",
            "array": "a [min, max] pair, a list of [min, max] pairs, or an empty list",
        }[self.type]

    def _error(self, path: str, value: Any) -> ParameterError:
        hint = ""
        if isinstance(value, str):
            known = self.type.__members__ if _is_enum(self.type) else self.choices or ()
            hint = nearest(value, map(str, known))
        got = f"{value!r} ({type(value).__name__})"
        return ParameterError(f"{path}: got {got}; allowed is {self.allowed}.{hint}")


def parameter(
    default: Any,
    *,
    type: Any = float,
    low: float | None = None,
    high: float | None = None,
    low_open: bool = False,
    high_open: bool = False,
    choices: tuple[Any, ...] | None = None,
    optional: bool = False,
    unit: str = "",
    doc: str = "",
    usual: tuple[float, float] | None = None,
) -> Any:
    """Declare a parameter of a model, or a leaf of a parameter node.

    Args:
        default: Value where none is given.
        type: bool, int, float, str, an IntEnum class, ``"array"`` (a [min, max] pair, a list of
            such pairs, or empty), ``list[int]`` or ``list[bool]``.
        low: Lower bound of a number, or of every entry of a list. Without a bound any finite number
            is allowed; infinity only where it is a bound itself.
        high: Upper bound, likewise.
        low_open: Whether ``low`` itself is not allowed.
        high_open: Whether ``high`` itself is not allowed.
        choices: The allowed values; None for no such restriction.
        optional: Whether None is allowed.
        unit: Unit, for messages and documentation.
        doc: Meaning, for documentation.
        usual: Lowest and highest value that hardware has; others are allowed, with a warning when
            a core is built.

    Returns:
        A dataclass field whose ``metadata["spec"]`` is the :class:`Spec` of these arguments.

    Raises:
        ParameterError: The declaration does not allow its own default.
    """
    choices = None if choices is None else tuple(choices)
    spec = Spec(type, low, high, low_open, high_open, choices, optional, unit, doc, usual)
    value = spec.check("default", default)
    if spec.mutable and value is not None:
        return dataclasses.field(
            default_factory=lambda: spec.copy_value(value), metadata={"spec": spec}
        )
    return dataclasses.field(default=value, metadata={"spec": spec})


@dataclass(frozen=True)
class Child:
    """A declared sub-node of a parameter node: its class, and its arguments by default."""

    node_class: type[Any]
    defaults: dict[str, Any]


def child(node_class: type[Any], **defaults: Any) -> Any:
    """Declare a sub-node of a parameter node.

    Args:
        node_class: Class of the sub-node.
        **defaults: Its arguments where nothing else is given.
    """
    return Child(node_class, defaults)


def check_fields(model: Any) -> None:
    """Check every parameter of a model and turn it into its declared type; for ``__post_init__``.

    Args:
        model: A dataclass instance, which may be frozen.

    Raises:
        ParameterError: A value is wrong; the message names the class and the field.
    """
    for field in dataclasses.fields(model):
        spec = field.metadata.get("spec")
        if spec is not None:
            path = f"{model.__class__.__name__}.{field.name}"
            object.__setattr__(model, field.name, spec.check(path, getattr(model, field.name)))


def _is_enum(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, enum.IntEnum)


def _coercer(kind: Any) -> Callable[[Any], Any]:
    """The function that turns a value into ``kind``, or raises TypeError or ValueError."""
    if kind == list[int]:
        return _to_integers
    if kind == list[bool]:
        return _to_switches
    if kind in _COERCERS:
        return _COERCERS[kind]
    if _is_enum(kind):
        return lambda value: _to_member(kind, value)
    raise TypeError(f"a parameter cannot be declared with type {kind!r}")


def _scalar(value: Any) -> Any:
    """The number inside a NumPy scalar or zero-dimensional array; any other value as it is."""
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        return value.item()
    return value


def _to_bool(value: Any) -> bool:
    value = _scalar(value)
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    raise TypeError


def _to_int(value: Any) -> int:
    value = _scalar(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    raise TypeError


def _to_float(value: Any) -> float:
    value = _scalar(value)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError
    number = float(value)
    if math.isnan(number):
        raise ValueError
    return number


def _to_text(value: Any) -> str:
    if isinstance(value, str):
        return str(value)
    raise TypeError


def _to_member(kind: type[enum.IntEnum], value: Any) -> enum.IntEnum:
    if isinstance(value, kind):
        return value
    if isinstance(value, str):
        if value not in kind.__members__:
            raise ValueError
        return kind[value]
    member = kind(_to_int(value))
    if isinstance(value, enum.Enum) and value.name != member.name:
        raise TypeError
    return member


def _to_ranges(value: Any) -> Any:
    """Checked ranges: of an array a read-only float64 copy, of anything else a list."""
    if value is None:
        return []
    if not isinstance(value, list | tuple | np.ndarray):
        raise TypeError
    array = np.array(value)
    if array.size:
        if array.dtype.kind not in "iuf" or not np.all(np.isfinite(array)):
            raise ValueError
        if array.ndim not in (1, 2) or array.shape[-1] != 2:
            raise ValueError
    array = array.astype(np.float64)
    if isinstance(value, np.ndarray):
        array.flags.writeable = False
        return array
    return array.tolist()


def _to_switches(value: Any) -> list[bool]:
    if isinstance(value, (str, bytes, dict)):
        raise TypeError
    return [_to_bool(entry) for entry in value]


def _to_integers(value: Any) -> list[int]:
    if not isinstance(value, list | tuple | np.ndarray):
        raise TypeError
    return [_to_int(entry) for entry in value]


_COERCERS: dict[Any, Callable[[Any], Any]] = {
    bool: _to_bool,
    int: _to_int,
    float: _to_float,
    str: _to_text,
    "array": _to_ranges,
}
