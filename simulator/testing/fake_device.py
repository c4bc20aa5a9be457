"""A stand-in for a GPU on a machine without one: arrays that cannot be mixed with host arrays.

:func:`fake_backend` gives a backend whose arrays behave as those of CuPy where it matters:
operations with NumPy arrays raise, and so does every implicit conversion to one. New arrays are
refused where the device is not the current one, and inside :func:`no_waiting` so is every look at a
value.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from types import ModuleType
from typing import Any

import numpy as np

from simulator.backend import Backend
from simulator.kernels import ReferenceKernels


class _Thread(threading.local):
    """State of one thread."""

    active = 0
    may_wait = True


_thread = _Thread()
CREATE = ("arange", "empty", "eye", "full", "linspace", "ones", "zeros")


@contextmanager
def no_waiting() -> Iterator[None]:
    """A context in which a look at a value on the device raises: the host would have to wait."""
    _thread.may_wait = False
    try:
        yield
    finally:
        _thread.may_wait = True


@contextmanager
def _active() -> Iterator[None]:
    _thread.active += 1
    try:
        yield
    finally:
        _thread.active -= 1


def _looked_at(values: np.ndarray) -> np.ndarray:
    if not _thread.may_wait:
        raise RuntimeError("the host waits for the device, to look at a value")
    return values


class DeviceArray(np.lib.mixins.NDArrayOperatorsMixin):
    """An array that pretends to live on a device."""

    __array_priority__ = 100.0

    def __init__(self, values: np.ndarray) -> None:
        self._values = values

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return _wrapped(getattr(ufunc, method)(*_unwrapped(inputs), **_unwrapped(kwargs)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        raise TypeError("implicit conversion of a device array to a host array")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in ("item", "tolist"):
            _looked_at(self._values)
        attribute = getattr(self._values, name)
        if callable(attribute):
            return lambda *args, **kwargs: _wrapped(
                attribute(*_unwrapped(args), **_unwrapped(kwargs))
            )
        return _wrapped(attribute)

    def __getitem__(self, key: Any) -> Any:
        return _wrapped(self._values[_unwrapped(key)])

    def __setitem__(self, key: Any, value: Any) -> None:
        self._values[_unwrapped(key)] = _unwrapped(value)

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Any:
        return (_wrapped(value) for value in self._values)

    def __bool__(self) -> bool:
        return bool(_looked_at(self._values))

    def __float__(self) -> float:
        return float(_looked_at(self._values))

    def __int__(self) -> int:
        return int(_looked_at(self._values))

    def __repr__(self) -> str:
        return f"DeviceArray({self._values!r})"


class _Module(ModuleType):
    """NumPy's functions on device arrays only."""

    ndarray = DeviceArray

    @staticmethod
    def asarray(values: Any, dtype: Any = None) -> DeviceArray:
        """A device array; the only way from the host to the device."""
        if isinstance(values, DeviceArray):
            return values if dtype is None else values.astype(dtype, copy=False)
        if not _thread.active:
            raise RuntimeError("asarray: the device is not the current one")
        return DeviceArray(np.array(values, dtype=dtype))

    def __getattr__(self, name: str) -> Any:
        if name in CREATE and not _thread.active:
            raise RuntimeError(f"{name}: the device is not the current one")
        attribute = getattr(np, name)
        if isinstance(attribute, type) or not callable(attribute):
            return attribute
        return lambda *args, **kwargs: _wrapped(attribute(*_unwrapped(args), **_unwrapped(kwargs)))


class FakeBackend(Backend):
    """A backend on device arrays; host arrays cross only through ``asarray`` and ``to_host``."""

    def active(self) -> AbstractContextManager[Any]:
        """A context in which new arrays can be made."""
        return _active()

    def asarray(self, values: Any, dtype: Any = None) -> Any:
        """``values`` as a device array."""
        with self.active():
            return self.xp.asarray(values, dtype)

    def to_host(self, array: Any) -> np.ndarray:
        """The values of a device array, as a NumPy array."""
        if not isinstance(array, DeviceArray):
            return np.asarray(array)
        return np.array(_looked_at(array._values))

    def __reduce__(self) -> tuple[Any, ...]:
        return fake_backend, ()


@lru_cache(maxsize=1)
def fake_backend() -> Backend:
    """The backend of the stand-in; give it to ``AnalogCore(..., backend=fake_backend())``."""
    module = _Module("fake_device")
    return FakeBackend("fake", module, ReferenceKernels(module, _normal_cdf), 0)


def _normal_cdf(z: Any) -> Any:
    from scipy.special import ndtr

    return DeviceArray(ndtr(z._values))


def _wrapped(value: Any) -> Any:
    # As on a GPU, a reduction to one value stays a (zero-dimensional) device array.
    if isinstance(value, np.ndarray | np.generic):
        return DeviceArray(np.asarray(value))
    if isinstance(value, tuple | list):
        return type(value)(_wrapped(v) for v in value)
    return value


def _unwrapped(value: Any) -> Any:
    if isinstance(value, DeviceArray):
        return value._values
    if isinstance(value, np.ndarray) and value.ndim > 0:
        raise TypeError("a host array meets a device array; use backend.asarray")
    if isinstance(value, tuple | list):
        return type(value)(_unwrapped(v) for v in value)
    if isinstance(value, dict):
        return {k: _unwrapped(v) for k, v in value.items()}
    return value
