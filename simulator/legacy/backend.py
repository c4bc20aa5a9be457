"""The array module of the process, as scripts ask for it; a core has a backend of its own."""

from __future__ import annotations

from typing import Any

from simulator.backend import Backend, numpy_backend, select_backend


class ComputeBackend:
    """NumPy, or CuPy after ``ComputeBackend(use_gpu=True)``: one object for the whole process.

    Attributes are those of the array module. Raises NotSupportedError where CuPy is missing.
    """

    _shared: ComputeBackend | None = None
    _backend: Backend

    def __new__(cls, use_gpu: bool | None = None, gpu_num: int | None = None) -> ComputeBackend:
        if cls._shared is None:
            cls._shared = super().__new__(cls)
            cls._shared._backend = numpy_backend()
        if use_gpu is not None:
            cls._shared._backend = select_backend(use_gpu, gpu_num or 0)
        return cls._shared

    @property
    def use_gpu(self) -> bool:
        """Whether arrays lie on a GPU."""
        return self._backend.device_id is not None

    def _reset(self) -> None:
        """Be NumPy again, as scripts ask for before their cores change between CPU and GPU."""
        self._backend = numpy_backend()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend.xp, name)

    def __reduce__(self) -> tuple[Any, ...]:
        return ComputeBackend, ()

    def __repr__(self) -> str:
        return f"ComputeBackend({self._backend.name})"
