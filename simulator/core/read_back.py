"""NumPy's methods that say something about a matrix: for a core, about the one its cells hold."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np


def _of_matrix(name: str) -> Callable[..., Any]:
    """The method of NumPy's arrays of this name, on the matrix that is read back."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(np.array(self), name)(*args, **kwargs)

    method.__name__ = name
    method.__qualname__ = f"ReadBack.{name}"
    method.__doc__ = f"``numpy.ndarray.{name}`` of the matrix that the cells hold now."
    return method


class ReadBack:
    """Numbers about the matrix that the cells hold now; each call reads it once.

    They are digital, and results are plain arrays and numbers. ``core.min`` and ``core.max`` are
    limits of the range of weights, as in CrossSim; ``np.min(core)`` gives the smallest weight.
    """

    shape: tuple[int, ...]
    # Comparisons give arrays, but a core is one object all the same: it may be a key.
    __hash__ = object.__hash__

    all = _of_matrix("all")
    any = _of_matrix("any")
    argmax = _of_matrix("argmax")
    argmin = _of_matrix("argmin")
    clip = _of_matrix("clip")
    cumsum = _of_matrix("cumsum")
    diagonal = _of_matrix("diagonal")
    item = _of_matrix("item")
    mean = _of_matrix("mean")
    nonzero = _of_matrix("nonzero")
    prod = _of_matrix("prod")
    round = _of_matrix("round")
    std = _of_matrix("std")
    sum = _of_matrix("sum")
    tolist = _of_matrix("tolist")
    trace = _of_matrix("trace")
    var = _of_matrix("var")

    @property
    def size(self) -> int:
        """Number of weights."""
        return math.prod(self.shape)

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __complex__(self) -> complex:
        return complex(self.item())

    def __bool__(self) -> bool:
        return bool(self.item()) if self.shape == () else self.size > 0

    # NumPy's arrays compare themselves with anything, its universal functions do not.
    def __eq__(self, other: object) -> Any:
        return np.array(self) == _plain(other)

    def __ne__(self, other: object) -> Any:
        return np.array(self) != _plain(other)


def _plain(value: Any) -> Any:
    return np.array(value) if isinstance(value, ReadBack) else value
