"""Tensors and arrays over the same memory, and torch's generator as a source of seeds."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np
import torch

from simulator import ParameterError

SEED_BITS = 63


def to_array(tensor: torch.Tensor, backend: Any) -> Any:
    """The tensor's values as an array of the backend, without a copy; bfloat16 and half as float32.

    Raises ParameterError where tensor and backend are on different devices.
    """
    if tensor.dtype in (torch.bfloat16, torch.float16):
        tensor = tensor.float()
    tensor = tensor.detach()
    if backend.xp is np:
        if tensor.device.type != "cpu":
            raise ParameterError(
                f"simulation.useGPU is False, but the tensor is on {tensor.device}; "
                "set it to True, or move the model to the CPU"
            )
        return tensor.resolve_conj().resolve_neg().numpy()
    if tensor.device.type != "cuda":
        raise ParameterError(
            f"simulation.useGPU is True, but the tensor is on {tensor.device}; "
            "move the model to the GPU, or set it to False"
        )
    return backend.xp.from_dlpack(tensor)


def to_tensor(array: Any) -> torch.Tensor:
    """The array's values as a tensor on its device, without a copy."""
    return torch.from_numpy(array) if isinstance(array, np.ndarray) else torch.from_dlpack(array)


Method = TypeVar("Method", bound=Callable[..., Any])


def in_torch_order(method: Method) -> Method:
    """A method of a layer whose work on a GPU is queued with torch's own, in torch's stream.

    Neither library then waits for the other, and memory that one gives back is not written to while
    the other still reads it.
    """

    @wraps(method)
    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        backend = self.core.backend
        if not backend.is_asynchronous:
            return method(self, *args, **kwargs)
        with backend.queued(torch.cuda.current_stream(backend.device_id).cuda_stream):
            return method(self, *args, **kwargs)

    return cast(Method, run)


def torch_entropy() -> int:
    """A seed from torch's global generator, so that ``torch.manual_seed`` repeats a model."""
    return int(torch.randint(0, 2**SEED_BITS - 1, (), dtype=torch.int64, device="cpu"))
