"""The GPU backend; the only file of the engine that imports CuPy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from simulator.backend.device import Backend
from simulator.errors import NotSupportedError


@dataclass(frozen=True)
class CupyBackend(Backend):
    """CuPy arrays on GPU ``device_id``."""

    def asarray(self, values: Any, dtype: Any = None) -> Any:
        """``values`` on this GPU."""
        with self.xp.cuda.Device(self.device_id):
            return self.xp.asarray(values, dtype=dtype)

    def to_host(self, array: Any) -> np.ndarray:
        """``array`` copied to a NumPy array."""
        return self.xp.asnumpy(array)


@cache
def cupy_backend(gpu_id: int) -> Backend:
    """The backend for one GPU. Raises ImportError without CuPy, NotSupportedError without it."""
    import cupy
    from cupyx.scipy.special import ndtr

    from simulator.kernels.cupy_kernels import CupyKernels

    count = cupy.cuda.runtime.getDeviceCount()
    if gpu_id >= count:
        raise NotSupportedError(f"simulation.gpu_id is {gpu_id}, but {count} GPUs are visible")
    return CupyBackend("cupy", cupy, CupyKernels(cupy, ndtr), gpu_id)
