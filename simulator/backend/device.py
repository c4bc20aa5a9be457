"""The backend a core carries: array module, device and kernels, immutable."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from types import ModuleType
from typing import Any

import numpy as np

from simulator.errors import NotSupportedError
from simulator.kernels import ReferenceKernels, cpu_kernels

# The context that changes nothing; it can be entered again and from several threads.
HERE: AbstractContextManager[Any] = nullcontext()


@dataclass(frozen=True)
class Backend:
    """Arrays of one module on one device. Cores with different backends live side by side."""

    name: str
    xp: ModuleType = field(repr=False)
    kernels: ReferenceKernels = field(repr=False)
    device_id: int | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return select_backend, (self.device_id is not None, self.device_id or 0)

    @cached_property
    def is_asynchronous(self) -> bool:
        """True where work is queued on a device, so that a look at a value waits for it."""
        return self.device_id is not None

    def active(self) -> AbstractContextManager[Any]:
        """A context in which new arrays are made on this backend's device."""
        return HERE

    def queued(self, stream: int) -> AbstractContextManager[Any]:
        """A context in which work goes to the CUDA stream at an address; nothing on the CPU."""
        return HERE

    def wait(self) -> None:
        """Return when all work that was queued is done."""

    def asarray(self, values: Any, dtype: Any = None) -> Any:
        """``values`` as an array on this backend's device; no copy where none is needed."""
        return self.xp.asarray(values, dtype=dtype)

    def to_host(self, array: Any) -> np.ndarray:
        """``array`` as a NumPy array."""
        return array if isinstance(array, np.ndarray) else np.asarray(array)


@lru_cache(maxsize=1)
def numpy_backend() -> Backend:
    """The CPU backend; ``OHMCORE_KERNELS`` chooses its kernels, see `simulator.kernels`."""
    return Backend("numpy", np, cpu_kernels())


def select_backend(use_gpu: bool, gpu_id: int) -> Backend:
    """The backend for ``simulation.useGPU`` and ``simulation.gpu_id``.

    On the CPU, kernels are compiled where numba is installed; the environment variable
    ``OHMCORE_KERNELS`` = "reference" turns that off. Raises NotSupportedError where CuPy or the GPU
    is missing; there is no silent fall-back.
    """
    if not use_gpu:
        return numpy_backend()
    from simulator.backend import cupy_device

    try:
        return cupy_device.cupy_backend(gpu_id)
    except ImportError as error:
        raise NotSupportedError(
            "simulation.useGPU is True but CuPy cannot be imported "
            f"({error}). Install the extra gpu12 or gpu13, or set simulation.useGPU = False."
        ) from error
