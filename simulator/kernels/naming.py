"""Names of random numbers, as counters of the Philox generator.

A number is named by ``minor`` (a column or an output), ``major`` (a row, a tile), ``event`` (the
number of a programming or a vector) and ``slot``; see `simulator.randomness.addresses`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator.kernels.reference.philox import LANES, slot_word


@dataclass(frozen=True)
class LineNames:
    """For currents of the axes (phase, output part, input part, slice, side, line, *rest).

    ``key`` of the stream; ``outputs``: numbers of the outputs in the whole matrix; ``first`` and
    ``sizes``: number of the first output of each output part, and how many follow; ``lines``:
    output of every line of every part, counted from the first, (parts, lines); ``tiles``: a number
    for each input part; ``vectors``: one for each vector. Phases, slices and sides are counted to
    the slot. Line 0 of each output part is a unit column where ``unit_slot`` is given: its slots
    begin there, and it goes by the first output.
    """

    key: tuple[int, int]
    outputs: range
    first: Sequence[int]
    sizes: Sequence[int]
    lines: Any
    tiles: Any
    vectors: Any
    unit_slot: int | None

    @property
    def most_counters(self) -> int:
        """Counters of one vector in one array, for the part that needs the most of them."""
        ends = zip(self.first, self.sizes, strict=True)
        return max((first + size - 1) // LANES - first // LANES + 1 for first, size in ends)

    @property
    def numbers(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
        """First outputs, sizes, tiles, and the first slot of unit columns."""
        first, sizes = (np.asarray(part, dtype=np.int64) for part in (self.first, self.sizes))
        return first, sizes, np.asarray(self.tiles, dtype=np.uint64), self.unit_slot or 0

    @property
    def events(self) -> tuple[np.ndarray, np.ndarray]:
        """Number of every vector: its low word, and what its high part adds to the slot."""
        vectors = np.asarray(self.vectors).reshape(-1)
        return vectors.astype(np.uint64), slot_word(0, vectors).astype(np.uint64)
