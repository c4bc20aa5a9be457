"""Arrays by name under a header, as one piece of bytes: the form of all that is saved of arrays.

The bytes are those of a safetensors file, which anybody can read without OhmCore: the length of a
JSON header, eight bytes; the header, with type, shape and place of every array; the arrays. The
``__metadata__`` of the header are strings:

- ``format``: ``"ohmcore"``; ``version``: ``"2"``; ``kind``: whose arrays these are.
- ``words``: the text of a JSON object with what is no array: names, shapes, parameters.

The array ``sums`` has the CRC-32 of the words, then of each array in the order of their names. So
arrays that were averaged, rounded to another type or exchanged since are told from saved ones.

All numbers that change while arrays are used stand in arrays. So states of one hardware are of one
length, and a checkpoint can be read into the tensors of another.
"""

from __future__ import annotations

import json
import math
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator.errors import InputError

FORMAT, VERSION = "ohmcore", 2
SUMS, METADATA = "sums", "__metadata__"
TYPES = {"F64": "<f8", "F32": "<f4", "I64": "<i8", "U8": "|u1"}
NAMES = {np.dtype(given): name for name, given in TYPES.items()}
ALIGNMENT = 8


@dataclass(frozen=True)
class Sealed:
    """Arrays and words of one ``kind``; ``changed`` are the names of arrays that were not saved so.

    Arrays are of float64, float32, int64 or bytes.
    """

    kind: str
    words: dict[str, Any]
    arrays: dict[str, np.ndarray]
    changed: frozenset[str] = frozenset()

    def packed(self) -> np.ndarray:
        """All in one new array of bytes, (length,) of uint8."""
        arrays = {name: np.asarray(array, order="C") for name, array in self.arrays.items()}
        words = json.dumps(self.words, separators=(",", ":"))
        sums = [zlib.crc32(words.encode()), *(_sum(arrays[name]) for name in sorted(arrays))]
        arrays[SUMS] = np.array(sums, dtype=np.int64)
        header: dict[str, Any] = {
            METADATA: {
                "format": FORMAT, "version": str(VERSION), "kind": self.kind, "words": words,
            }
        }  # fmt: skip
        end = 0
        for name, array in arrays.items():
            start, end = end, end + array.nbytes
            header[name] = {
                "dtype": NAMES[array.dtype], "shape": list(array.shape),
                "data_offsets": [start, end],
            }  # fmt: skip
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % ALIGNMENT)
        parts = [np.array([len(text)], dtype="<u8"), np.frombuffer(text, np.uint8)]
        return np.concatenate([_bytes(part) for part in (*parts, *arrays.values())])

    @classmethod
    def opened(cls, kind: str, packed: Any) -> Sealed:
        """What ``packed`` returned, also in another process.

        Args:
            kind: what it must be the state of.
            packed: the bytes as an array of any type of numbers; values are rounded.

        Raises:
            InputError: no such bytes, or those of a later version, or of something else.
        """
        header, data = _read(packed)
        known = header.pop(METADATA, None)
        if not isinstance(known, dict) or known.get("format") != FORMAT:
            raise InputError("not a saved state: the header is of another format")
        try:
            version, words = int(known["version"]), json.loads(known["words"])
            if version != VERSION:
                raise InputError(
                    f"the state is of version {version}; this OhmCore reads version {VERSION}"
                )
            arrays = {name: _array(entry, data) for name, entry in header.items()}
            of_words, *sums = arrays.pop(SUMS).tolist()
            if of_words != zlib.crc32(known["words"].encode()):
                raise ValueError("its words have changed")
            pairs = zip(sorted(arrays), sums, strict=True)
            changed = frozenset(name for name, total in pairs if total != _sum(arrays[name]))
        except InputError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise InputError(f"not a saved state: the header cannot be read ({error})") from None
        if known.get("kind") != kind or not isinstance(words, dict):
            raise InputError(f"the state is that of a {known.get('kind')}; needed is a {kind}")
        return cls(kind, words, arrays, changed)


def _read(packed: Any) -> tuple[dict[str, Any], np.ndarray]:
    """Header and data of packed bytes."""
    try:
        data = np.asarray(packed).ravel()
        if data.dtype != np.uint8:
            # Averages and other types of the same bytes.
            with np.errstate(invalid="ignore"):
                data = np.rint(data.astype(np.float64)).astype(np.uint8)
        length = int(data[:8].view("<u8")[0])
        if not 0 < length <= len(data) - 8:
            raise ValueError(f"a header of {length} bytes")
        header = json.loads(data[8 : 8 + length].tobytes())
        if not isinstance(header, dict):
            raise ValueError("no JSON object")
    except (ValueError, TypeError, IndexError, RecursionError) as error:
        raise InputError(f"not a saved state: {error}") from None
    return header, data[8 + length :]


def _array(entry: dict[str, Any], data: np.ndarray) -> np.ndarray:
    start, end = entry["data_offsets"]
    given, shape = np.dtype(TYPES[entry["dtype"]]), tuple(entry["shape"])
    if not 0 <= start <= end <= len(data) or end - start != math.prod(shape) * given.itemsize:
        raise ValueError("an array that lies elsewhere")
    return np.frombuffer(data[start:end].tobytes(), given).reshape(shape)


def _bytes(array: np.ndarray) -> np.ndarray:
    """The bytes of an array, without a copy of one that lies in one piece."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)


def _sum(array: np.ndarray) -> int:
    return zlib.crc32(_bytes(array).data)
