"""Recording what converters see, in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

# Values kept of each slice, all input digits together; beyond that every second one goes.
CAPACITY = 1 << 20
# 2**32 over the golden ratio. Its multiples modulo 2**32 lie evenly, also those of every second or
# every thousandth number, so that a sample is in step with no width of an image.
STEP = np.uint32(2654435769)
LAST = (1 << 32) - 1
# Values that are looked at together, so that their keys do not fill the memory.
TOGETHER = 1 << 22
# Axes of currents as they are recorded.
LINE, PHASE = 1, 2


@dataclass
class Recorder:
    """Extremes and an evenly thinned sample of all values that were added; every slice on its own.

    Of ADCs these are the currents of one stack of tiles, in units of one full cell at full input.
    ``low`` and ``high``, (slices,), are exact over everything. The sample is float32; which values
    are kept depends on their order alone, not on how they were cut into calls.
    """

    slices: int
    low: np.ndarray = field(init=False)
    high: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.low = np.full(self.slices, np.inf)
        self.high = np.full(self.slices, -np.inf)
        self._kept = np.empty((self.slices, 1, 0), np.float32)
        self._keys = np.empty(0, np.uint32)
        self._last, self._seen = LAST, 0

    def add(self, amps: np.ndarray) -> None:
        """Take in values of the shape (slices, lines, phases, ...)."""
        if not amps.size:
            return
        rows = np.moveaxis(amps, PHASE, LINE).reshape(self.slices, amps.shape[PHASE], -1)
        for start in range(0, rows.shape[-1], TOGETHER):
            self._add(rows[..., start : start + TOGETHER])

    def _add(self, rows: np.ndarray) -> None:
        """Take in values of the shape (slices, phases, values)."""
        self.low = np.minimum(self.low, rows.min(axis=(1, 2)))
        self.high = np.maximum(self.high, rows.max(axis=(1, 2)))
        keys = np.arange(rows.shape[-1], dtype=np.uint32)
        keys += np.uint32(self._seen & LAST)
        keys *= STEP
        self._seen += len(keys)
        picked = np.flatnonzero(keys <= self._last)
        sample = rows[..., picked].astype(np.float32)
        if not len(self._keys):
            self._kept = sample[..., :0]
        self._kept = np.concatenate([self._kept, sample], axis=2)
        self._keys = np.concatenate([self._keys, keys[picked]])
        while self._kept[0].size > CAPACITY:
            self._last >>= 1
            kept = self._keys <= self._last
            self._kept, self._keys = self._kept[..., kept], self._keys[kept]

    def values(self, slice_: int = 0) -> np.ndarray:
        """The sample of one slice, one-dimensional; weight slices are least significant first."""
        return self._kept[slice_].reshape(-1)

    @property
    def phases(self) -> np.ndarray:
        """The sample, (slices, input digits, values); one digit where they are merged."""
        return self._kept
