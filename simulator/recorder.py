"""Recording what converters see, in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

# Values kept of each weight slice; beyond that every second one is dropped, again and again.
CAPACITY = 1 << 20


@dataclass
class Recorder:
    """Currents at the ADCs of one stack, in units of one full cell; every slice on its own.

    ``low`` and ``high`` are exact over everything recorded; ``values`` is an evenly thinned sample.
    """

    slices: int
    low: np.ndarray = field(init=False)
    high: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.low = np.full(self.slices, np.inf)
        self.high = np.full(self.slices, -np.inf)
        self._kept: list[np.ndarray] = [np.empty(0, np.float32) for _ in range(self.slices)]
        self._stride = 1
        self._skip = 0

    def add(self, amps: np.ndarray) -> None:
        """Record currents (slices, ...)."""
        flat = amps.reshape(self.slices, -1)
        if not flat.size:
            return
        self.low = np.minimum(self.low, flat.min(axis=1))
        self.high = np.maximum(self.high, flat.max(axis=1))
        sample = flat[:, self._skip :: self._stride].astype(np.float32)
        self._skip = (self._skip - flat.shape[1]) % self._stride
        self._kept = [np.concatenate(pair) for pair in zip(self._kept, sample, strict=True)]
        while len(self._kept[0]) > CAPACITY:
            self._kept = [kept[::2].copy() for kept in self._kept]
            self._skip += self._stride * (len(self._kept[0]) % 2)
            self._stride *= 2
            self._skip %= self._stride

    def values(self, slice_: int = 0) -> np.ndarray:
        """Recorded currents of one weight slice, least significant first."""
        return self._kept[slice_]
