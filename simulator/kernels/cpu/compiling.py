"""How the kernels for the CPU are compiled: serial, without Python's lock, kept on disk."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numba

# A division by zero gives what NumPy gives.
_compiler = partial(numba.njit, nogil=True, error_model="numpy")


def compiled(function: Callable[..., Any]) -> Any:
    """``function`` in machine code, made at its first call for each set of types.

    Operations stay in the order in which they are written.
    """
    try:
        return _compiler(cache=True)(function)
    except RuntimeError:
        # There is no folder to keep it in.
        return _compiler()(function)


def inlined(function: Callable[..., Any]) -> Any:
    """A part of a compiled function, which is not compiled once more for itself."""
    return _compiler(inline="always")(function)
