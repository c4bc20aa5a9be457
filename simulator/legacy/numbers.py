"""NumPy's global generator for models that draw from it, made repeatable."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

# The global generator is one for all threads; a model may ask another one.
GENERATOR = threading.RLock()


@contextlib.contextmanager
def numbers_of(draws: Any) -> Iterator[None]:
    """The generator seeded with the first of ``draws``, and put back afterwards."""
    first = np.asarray(np.ravel(draws)[:1], dtype=np.float64)
    seed = np.frombuffer(first.tobytes(), dtype=np.uint32)
    with GENERATOR:
        before = np.random.get_state()  # noqa: NPY002
        try:
            np.random.seed(seed)  # noqa: NPY002
            yield
        finally:
            np.random.set_state(before)  # noqa: NPY002
