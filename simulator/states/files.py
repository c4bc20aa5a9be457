"""A core as one file, in the form of ``sealed``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from simulator.errors import FileFormatError, InputError
from simulator.states.of_core import from_arrays, to_arrays
from simulator.states.sealed import Sealed

KIND = "core"


def write_core(state: dict[str, Any], path: str | os.PathLike[str]) -> None:
    """Write the state of a core; a file of this name is replaced once the new one is whole.

    Args:
        state: what ``AnalogCore.get_state`` returned.
        path: name of the file, which is kept as it is given.
    """
    target = Path(path)
    part = target.with_name(f".{target.name}.part")
    try:
        Sealed(KIND, *to_arrays(state)).packed().tofile(part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def read_core(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The state in a file of ``write_core``.

    Args:
        path: name of the file.

    Returns:
        What ``AnalogCore.set_state`` takes.

    Raises:
        FileFormatError: a file of something else, or a damaged one.
        FileNotFoundError: there is no such file.
    """
    try:
        sealed = Sealed.opened(KIND, np.fromfile(path, np.uint8))
        if sealed.changed:
            raise InputError("its arrays are not those that were saved")
        return from_arrays(sealed.words, sealed.arrays)
    except InputError as error:
        raise FileFormatError(f"{path}: not a saved core: {error}") from None
