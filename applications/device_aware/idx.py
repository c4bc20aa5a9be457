"""Files of unsigned bytes in the idx format, in which MNIST and its relatives are published.

Two zero bytes, the type (8: unsigned byte), the number of dimensions, each dimension as a 32-bit
big-endian number, then the values (LeCun, Cortes and Burges, "The MNIST database", 1998).
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from applications.mvm_study.errors import StudyError

_GZIP = b"\x1f\x8b"
_LARGEST = 2**30


def find_idx(folder: Path, name: str) -> Path:
    """Return the file called `name` in `folder`, plain or with the ending .gz.

    Raises :class:`StudyError` naming the file that is missing.
    """
    if not folder.is_dir():
        raise StudyError(f"{folder}: not a folder")
    # Some distributors write a dot in front of "idx".
    for stem in (name, name.replace("-idx", ".idx")):
        for path in (folder / stem, folder / f"{stem}.gz"):
            if path.is_file():
                return path
    raise StudyError(f"{folder / name}: no such file, neither plain nor with the ending .gz")


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """Return the values in `path`, uint8 with `dimensions` axes; compressed or not.

    Raises :class:`StudyError` naming the file where it cannot be read or is not what it says.
    """
    try:
        with path.open("rb") as file:
            compressed = file.read(len(_GZIP)) == _GZIP
            file.seek(0)
            if not compressed:
                return _values(path, file, dimensions)
            with gzip.GzipFile(fileobj=file) as unpacked:
                return _values(path, unpacked, dimensions)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise StudyError(f"{path}: broken gzip file: {error}") from None
    except OSError as error:
        raise StudyError(
            f"{path}: cannot be read: {error.strerror or type(error).__name__}"
        ) from None


def _values(path: Path, file: BinaryIO | gzip.GzipFile, dimensions: int) -> np.ndarray:
    wanted = bytes((0, 0, 8, dimensions))
    magic = file.read(4)
    if magic != wanted:
        raise StudyError(
            f"{path}: begins with {magic.hex(' ') or 'nothing'}; an idx file of unsigned bytes"
            f" with {dimensions} dimension{'s' if dimensions > 1 else ''} begins with"
            f" {wanted.hex(' ')}"
        )
    header = file.read(4 * dimensions)
    if len(header) < 4 * dimensions:
        raise StudyError(f"{path}: ends within its header")
    shape = tuple(int(size) for size in np.frombuffer(header, ">u4"))
    count = math.prod(shape)
    if not 0 < count <= _LARGEST:
        raise StudyError(f"{path}: announces {count} values; allowed are 1 to {_LARGEST}")
    content = file.read(count + 1)
    if len(content) != count:
        found = "more" if len(content) > count else str(len(content))
        raise StudyError(f"{path}: announces {count} values and holds {found}")
    return np.frombuffer(content, np.uint8).reshape(shape)
