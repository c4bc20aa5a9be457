"""Parameters in pickles: of this version, of others, and of unknown origin.

A pickle is a program. The reader here runs only those that build parameter nodes, choices,
and arrays of numbers; nothing else that a pickle names is imported or called.
"""

from __future__ import annotations

import contextvars
import enum
import importlib
import io
import os
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.errors import FileFormatError, warn_once, warn_user

from .files import OBSOLETE

if TYPE_CHECKING:
    from .base_parameters import BaseParameters

PACKAGE = "simulator.parameters"
NUMERIC_KINDS = "biufc"
# Names of classes that pickles may ask for, and the class of this package that stands for each.
# Whoever knows names that are no longer in use adds them; the reader admits nothing else by them.
RENAMED: dict[str, str] = {}

_dropped: contextvars.ContextVar[set[str] | None] = contextvars.ContextVar("dropped", default=None)


def load(path: str | os.PathLike[str]) -> Any:
    """What a pickle of parameters holds; see `CrossSimParameters.load_pickle`."""
    data = Path(path).read_bytes()
    token = _dropped.set(set())
    try:
        values = _plain(_Reader(io.BytesIO(data)).load())
        names = _dropped.get()
    except FileFormatError as error:
        raise FileFormatError(f"{os.fspath(path)}: {error}") from None
    # Whatever a broken pickle does to the machine that reads it, the file is what is wrong.
    except Exception as error:
        raise FileFormatError(f"{os.fspath(path)}: not a pickle of parameters: {error!r}") from None
    finally:
        _dropped.reset(token)
    if names:
        warn_user(
            f"{os.fspath(path)}: ignored obsolete parameters without meaning: "
            f"{', '.join(sorted(names))}"
        )
    return values


def without_obsolete(node: BaseParameters, state: dict[str, Any]) -> dict[str, Any]:
    """The state of a pickled node without obsolete fields and with finished arrays.

    Args:
        node: The node to be restored.
        state: Its fields as they were pickled.
    """
    obsolete = sorted(OBSOLETE.intersection(state).difference(node.names()))
    if not obsolete:
        return _plain(state)
    paths = [f"{type(node).__name__}.{name}" for name in obsolete]
    dropped = _dropped.get()
    if dropped is None:
        warn_once(
            ("obsolete in pickle",),
            "ignored obsolete parameters without meaning in a pickle: " + ", ".join(paths),
            stacklevel=3,
        )
    else:
        dropped.update(paths)
    return _plain({name: value for name, value in state.items() if name not in obsolete})


class _Reader(pickle.Unpickler):
    """Admits parameter classes, choices, and what arrays of numbers are made of."""

    def find_class(self, module: str, name: str) -> Any:
        """The class or maker of this name. Raises FileFormatError for all others."""
        if (module, name) in _MAKERS:
            return _Maker(_MAKERS[module, name])
        found = _parameter_class(module, name)
        if found is None:
            raise FileFormatError(
                f"the pickle asks for {module}.{name}; allowed are classes of parameters and "
                "choices, and NumPy arrays of numbers"
            )
        return found


@dataclass
class _Maker:
    """A function that a pickle may call; whatever the pickle does to this object stays with it."""

    make: Callable[..., Any]

    def __call__(self, *args: Any) -> Any:
        return self.make(*args)


def _parameter_class(module: str, name: str) -> Any:
    from . import base_parameters

    if module != PACKAGE and not module.startswith(PACKAGE + "."):
        return None
    if name in RENAMED:
        module, name = PACKAGE, RENAMED[name]
    try:
        found = vars(importlib.import_module(module)).get(name)
    except ImportError:
        return None
    if not isinstance(found, type) or not found.__module__.startswith(PACKAGE + "."):
        return None
    if issubclass(found, enum.IntEnum):
        return _Maker(found)
    return found if issubclass(found, base_parameters.BaseParameters) else None


class _NumberType:
    """A dtype in the making."""

    def __init__(self, code: str, *_: Any) -> None:
        self.dtype = np.dtype(str(code))
        if self.dtype.kind not in NUMERIC_KINDS:
            raise FileFormatError(f"the pickle holds an array of {self.dtype}; allowed are numbers")

    def __setstate__(self, state: Any) -> None:
        order = state[1]
        self.dtype = self.dtype.newbyteorder("=" if order == "|" else order)


class _NumberArray(np.ndarray):
    """An array in the making: empty, until its state arrives."""

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, fortran, data = state
        if not isinstance(kind, _NumberType) or not isinstance(data, bytes):
            raise FileFormatError("the pickle holds an array of something else than numbers")
        super().__setstate__((1, shape, kind.dtype, bool(fortran), data))  # type: ignore[arg-type]


def _empty_array(kind: Any, shape: Any, code: Any) -> np.ndarray:
    if tuple(shape) != (0,):
        raise FileFormatError("the pickle begins with an array that is not empty")
    return np.ndarray.__new__(_NumberArray, (0,), dtype=np.int8)


def _array_of_buffer(data: Any, kind: _NumberType, shape: Any, order: str) -> np.ndarray:
    if not isinstance(data, bytes | bytearray | pickle.PickleBuffer):
        raise FileFormatError("the pickle holds an array of something else than numbers")
    return np.frombuffer(bytes(data), kind.dtype).reshape(shape, order=order)  # type: ignore[call-overload]


def _scalar(kind: _NumberType, data: bytes) -> Any:
    return np.frombuffer(data, kind.dtype, count=1)[0]


def _latin_bytes(text: str, encoding: str) -> bytes:
    return text.encode("latin1")


def _plain(values: Any, seen: dict[int, Any] | None = None) -> Any:
    """``values`` with finished arrays instead of those in the making; what is shared stays so."""
    seen = {} if seen is None else seen
    if id(values) not in seen:
        if isinstance(values, list | tuple):
            found: Any = type(values)(_plain(value, seen) for value in values)
        elif isinstance(values, dict):
            found = {key: _plain(value, seen) for key, value in values.items()}
        else:
            found = np.array(values) if isinstance(values, _NumberArray) else values
        seen[id(values)] = found
    return seen[id(values)]


_MAKERS: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "dtype"): _NumberType,
    # A mark only: arrays begin as the class above.
    ("numpy", "ndarray"): _empty_array,
    ("_codecs", "encode"): _latin_bytes,
    ("builtins", "complex"): complex,
    ("__builtin__", "complex"): complex,
}
for _package in ("numpy.core", "numpy._core"):
    _MAKERS[f"{_package}.multiarray", "_reconstruct"] = _empty_array
    _MAKERS[f"{_package}.multiarray", "scalar"] = _scalar
    _MAKERS[f"{_package}.numeric", "_frombuffer"] = _array_of_buffer
