"""Where a core computes: array module, device, kernels; and its random streams."""

from simulator.backend.device import Backend, numpy_backend, select_backend
from simulator.backend.streams import EventsAhead, Purpose, RandomSource, Stream

__all__ = [
    "Backend", "EventsAhead", "Purpose", "RandomSource", "Stream", "numpy_backend",
    "select_backend",
]  # fmt: skip
