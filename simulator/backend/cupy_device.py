"""The GPU backend; the only file of the engine that imports CuPy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from simulator.backend.device import Backend
from simulator.errors import NotSupportedError


@dataclass(frozen=True)
class CupyBackend(Backend):
    """CuPy arrays on GPU ``device_id``."""

    def active(self) -> AbstractContextManager[Any]:
        """A context in which this GPU is the current one."""
        return self.xp.cuda.Device(self.device_id)

    @contextmanager
    def queued(self, stream: int) -> Iterator[None]:
        """A context in which work goes to the CUDA stream at an address, of another library, say.

        Memory is then given out and taken back in the order of that stream too.
        """
        with self.active(), self.xp.cuda.ExternalStream(stream, self.device_id):
            yield

    def wait(self) -> None:
        """Return when this GPU has nothing left to do."""
        self.xp.cuda.Device(self.device_id).synchronize()

    def asarray(self, values: Any, dtype: Any = None) -> Any:
        """``values`` on this GPU."""
        with self.active():
            return self.xp.asarray(values, dtype=dtype)

    def to_host(self, array: Any) -> np.ndarray:
        """``array`` copied to a NumPy array."""
        return self.xp.asnumpy(array)


@cache
def cupy_backend(gpu_id: int) -> Backend:
    """The backend for one GPU. Raises ImportError without CuPy, NotSupportedError without it."""
    import cupy
    from cupyx.scipy.special import ndtr

    from simulator.kernels.gpu.kernels import CupyKernels

    count = cupy.cuda.runtime.getDeviceCount()
    if gpu_id >= count:
        raise NotSupportedError(f"simulation.gpu_id is {gpu_id}, but {count} GPUs are visible")
    return CupyBackend("cupy", cupy, CupyKernels(cupy, ndtr), gpu_id)
