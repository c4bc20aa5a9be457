"""Arrays by name under a header: the form in which everything of arrays is saved.

The header is an array of bytes, the UTF-8 text of a JSON object:

- ``format``: ``"ohmcore"``; ``version``: a number, 2; ``kind``: whose arrays these are.
- ``words``: what is no array of numbers: names, shapes, parameters.
- ``sum``: CRC-32 of names, types, shapes and bytes of the arrays, eight hexadecimal digits. So
  arrays that were averaged, rounded to another type or exchanged since are told from those that
  were saved.

All numbers that change while arrays are used stand in arrays. Two states of one hardware have
headers of one length, and a checkpoint can be read into the tensors of another.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator.errors import InputError

FORMAT, VERSION = "ohmcore", 2
HEADER = "header"
# How far the bytes of a header may be from whole numbers, after averages of equal ones.
ROUNDING = 1e-2


@dataclass(frozen=True)
class Sealed:
    """Arrays and words of one ``kind``; ``intact`` where the arrays are those that were saved."""

    kind: str
    words: dict[str, Any]
    arrays: dict[str, np.ndarray]
    intact: bool = True

    def named(self) -> dict[str, np.ndarray]:
        """All by name, the header first; arrays of their own, in one piece each."""
        arrays = {name: np.array(array, order="C") for name, array in self.arrays.items()}
        header = {
            "format": FORMAT, "version": VERSION, "kind": self.kind, "sum": _sum(arrays),
            "words": self.words,
        }  # fmt: skip
        text = json.dumps(header, separators=(",", ":"))
        return {HEADER: np.frombuffer(text.encode(), np.uint8).copy(), **arrays}

    @classmethod
    def opened(cls, kind: str, named: Mapping[str, Any]) -> Sealed:
        """What ``named`` gave, also in another process.

        Args:
            kind: what it must be the state of.
            named: arrays by name.

        Raises:
            InputError: no header, one that is none, of a later version, or of something else.
        """
        arrays = dict(named)
        header = _header(arrays.pop(HEADER, None))
        version = header.get("version")
        if header.get("format") != FORMAT or not isinstance(version, int):
            raise InputError("not a saved state: the header is of another format")
        if version > VERSION:
            raise InputError(
                f"the state is of version {version}; this OhmCore reads versions up to {VERSION}"
            )
        if header.get("kind") != kind or not isinstance(header.get("words"), dict):
            raise InputError(f"the state is that of a {header.get('kind')}; needed is a {kind}")
        return cls(kind, header["words"], arrays, header.get("sum") == _sum(arrays))


def _header(array: Any) -> dict[str, Any]:
    if array is None:
        raise InputError("not a saved state: it has no header")
    try:
        numbers = np.asarray(array, dtype=np.float64).ravel()
        whole = np.rint(numbers)
        if not (abs(whole - numbers) <= ROUNDING).all():
            raise ValueError("it is no text")
        header = json.loads(bytes(whole.astype(np.uint8)))
    except (ValueError, TypeError, RecursionError) as error:
        raise InputError(f"not a saved state: the header cannot be read ({error})") from None
    if not isinstance(header, dict):
        raise InputError("not a saved state: the header is no JSON object")
    return header


def _sum(arrays: Mapping[str, np.ndarray]) -> str:
    total = 0
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        described = f"{name}{array.dtype.newbyteorder('<').str}{np.shape(arrays[name])}"
        total = zlib.crc32(array.view(np.uint8).data, zlib.crc32(described.encode(), total))
    return f"{total:08x}"
