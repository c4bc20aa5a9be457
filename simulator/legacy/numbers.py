"""NumPy's global generator for models that draw from it, made repeatable."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import numpy as np

from simulator.devices.base import seed_of
from simulator.quantities import Normals

# The global generator is one for all threads; a model may ask another one.
GENERATOR = threading.RLock()


def numbers_of(draws: Normals) -> contextlib.AbstractContextManager[None]:
    """The generator seeded with the first of ``draws``, and put back afterwards."""
    return seeded(seed_of(draws))


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """The generator seeded with a whole number below 2**64, and put back afterwards."""
    words = np.array([seed & 0xFFFFFFFF, seed >> 32], dtype=np.uint32)
    with GENERATOR:
        before = np.random.get_state()  # noqa: NPY002
        try:
            np.random.seed(words)  # noqa: NPY002
            yield
        finally:
            np.random.set_state(before)  # noqa: NPY002
