"""Where a core computes: array module, device and kernels.

- ``device``: the immutable backend that travels with a core, and NumPy's.
- ``cupy_device``: the backend of a GPU.
"""

from simulator.backend.device import Backend, numpy_backend, select_backend

__all__ = ["Backend", "numpy_backend", "select_backend"]
