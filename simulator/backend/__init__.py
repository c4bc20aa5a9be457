"""Where a core computes: array module, device and kernels."""

from simulator.backend.device import Backend, numpy_backend, select_backend

__all__ = ["Backend", "numpy_backend", "select_backend"]
