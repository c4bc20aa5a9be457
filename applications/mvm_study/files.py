"""Matrices and inputs from NumPy's files, text files and Excel files."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from pathlib import Path

import numpy as np

from simulator import FileFormatError, lab

from .errors import StudyError

TEXTS = (".csv", ".tsv", ".txt", ".dat", ".xlsx")
FORMATS = ", ".join((".npy", ".npz", *TEXTS))

# What NumPy raises for files that are not what their name says.
_BROKEN = (ValueError, EOFError, KeyError, IndexError, TypeError, SyntaxError, OverflowError,
           MemoryError, zipfile.BadZipFile, zlib.error, NotImplementedError)  # fmt: skip


def read_matrix(path: Path) -> np.ndarray:
    """Return the matrix in `path`, float64 of shape (outputs, inputs).

    Raises :class:`StudyError` naming the file (and the lines of a text file) where it is missing,
    broken, empty, not of real numbers, not two-dimensional, or holds NaN or infinity.
    """
    matrix = _read(path, "matrix")
    if matrix.ndim != 2:
        raise StudyError(
            f"{path}: got an array of shape {matrix.shape}; allowed is a matrix (outputs, inputs)"
        )
    if not matrix.any():
        raise StudyError(f"{path}: every weight is zero, so there is nothing to compare")
    return matrix


def read_inputs(path: Path, matrix: np.ndarray, matrix_path: Path) -> np.ndarray:
    """Return the input vectors in `path` as columns, float64 of shape (inputs, vectors).

    Raises :class:`StudyError` as :func:`read_matrix`, and where the vectors do not fit `matrix`
    or are all zero.
    """
    inputs = _read(path, "inputs")
    if inputs.ndim == 1:
        inputs = inputs[:, np.newaxis]
    wanted = matrix.shape[1]
    if inputs.ndim != 2 or inputs.shape[0] != wanted:
        hint = ""
        if inputs.ndim == 2 and inputs.shape[1] == wanted:
            hint = " The file holds one vector per row: transpose it."
        raise StudyError(
            f"{path}: got an array of shape {inputs.shape}; allowed is ({wanted}, vectors), one"
            f" vector per column, because {matrix_path} has shape {matrix.shape}.{hint}"
        )
    if not (matrix @ inputs).any():
        raise StudyError(f"{path}: the product with {matrix_path} is zero: nothing to compare")
    return inputs


def fingerprint(*paths: Path) -> str:
    """Return the SHA-256 of the files' bytes, one after the other."""
    digest = hashlib.sha256()
    for path in paths:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise _unreadable(path, error) from None
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()


def _read(path: Path, name: str) -> np.ndarray:
    readers = {".npy": _read_npy, ".npz": _read_npz, **dict.fromkeys(TEXTS, _read_text)}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise StudyError(f"{path}: got the ending {path.suffix!r}; allowed are {FORMATS}")
    try:
        if path.stat().st_size == 0:
            raise StudyError(f"{path}: the file is empty")
        return _checked(path, reader(path, name))
    except OSError as error:
        raise _unreadable(path, error) from None


def _read_npy(path: Path, _: str) -> np.ndarray:
    with path.open("rb") as file:
        if file.read(6) != b"\x93NUMPY":
            raise StudyError(f"{path}: not a .npy file (pickled objects are not read)")
    try:
        return np.load(path, allow_pickle=False)
    except _BROKEN as error:
        raise _broken(path, error) from None


def _read_npz(path: Path, name: str) -> np.ndarray:
    if not zipfile.is_zipfile(path):
        raise StudyError(f"{path}: not a .npz file")
    try:
        with np.load(path, allow_pickle=False) as archive:
            names = archive.files
            if name not in names and len(names) != 1:
                held = ", ".join(names) or "none"
                raise StudyError(
                    f"{path}: holds the arrays {held}; allowed is one array, or one called {name!r}"
                )
            return archive[name if name in names else names[0]]
    except _BROKEN as error:
        raise _broken(path, error) from None


def _read_text(path: Path, _: str) -> np.ndarray:
    """Read numbers as instruments and spreadsheets write them; see `simulator.lab`."""
    try:
        return lab.read_matrix(path)
    except FileFormatError as error:
        raise StudyError(str(error)) from None


def _checked(path: Path, array: np.ndarray) -> np.ndarray:
    if array.dtype.kind not in "biuf":
        raise StudyError(
            f"{path}: got an array of {array.dtype}; allowed are real numbers (float or integer)"
        )
    if array.size == 0:
        raise StudyError(f"{path}: got an array of shape {array.shape}, which holds no numbers")
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise StudyError(f"{path}: got {array[where]} at {list(where)}; allowed are finite numbers")
    return array


def _unreadable(path: Path, error: OSError) -> StudyError:
    return StudyError(f"{path}: cannot be read: {error.strerror or type(error).__name__}")


def _broken(path: Path, error: BaseException) -> StudyError:
    if "allow_pickle" in str(error):
        return StudyError(f"{path}: holds pickled objects, which are not read; save numbers")
    problem = " ".join(str(error).split()) or type(error).__name__
    return StudyError(f"{path}: the file is broken: {problem[:160]}")
