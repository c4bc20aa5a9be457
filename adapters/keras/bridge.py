"""From the tensors of Keras to NumPy and back, for whichever backend runs.

What happens in NumPy has no gradient; a layer gives it one (see ``AnalogLayer``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from simulator import NotSupportedError

try:
    from keras.src.backend.common.symbolic_scope import in_symbolic_scope
except ImportError:

    def in_symbolic_scope() -> bool:
        """Older versions of Keras do not say."""
        return False


BACKEND = keras.backend.backend()
BACKENDS = ("torch", "tensorflow", "jax", "numpy")
HALVES = ("float16", "bfloat16")
# Shape, with None for what is not known yet, and dtype.
Spec = tuple[Sequence[int | None], str]


def require_backend() -> None:
    """Raise NotSupportedError for a backend that cannot run arrays in NumPy."""
    if BACKEND not in BACKENDS:
        raise NotSupportedError(
            f"the backend {BACKEND!r} of Keras cannot run simulated arrays; set the environment "
            f"variable KERAS_BACKEND to one of {', '.join(BACKENDS)}"
        )


def is_outline(x: Any) -> bool:
    """Whether a tensor stands for its shape and dtype only, while Keras tries out a layer."""
    return in_symbolic_scope() or (BACKEND == "torch" and x.device.type == "meta")


def is_concrete(tensors: Sequence[Any]) -> bool:
    """Whether all tensors have values now, and not only once a graph runs."""
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return tf.executing_eagerly()
    if BACKEND == "jax":
        import jax

        return not any(isinstance(t, jax.core.Tracer) for t in tensors)
    return True


def may_need_gradient(tensors: Sequence[Any]) -> bool:
    """Whether somebody may ask for a gradient with respect to one of the tensors."""
    if BACKEND == "torch":
        import torch

        return torch.is_grad_enabled() and any(t.requires_grad for t in tensors)
    if BACKEND == "jax":
        return not is_concrete(tensors)
    # Tensorflow does not say whether a tape looks on.
    return BACKEND == "tensorflow"


def to_numpy(tensor: Any) -> np.ndarray:
    """The values of a tensor or a variable, half precision as float32; no copy if possible."""
    values = keras.ops.convert_to_tensor(tensor)
    if keras.backend.standardize_dtype(values.dtype) in HALVES:
        values = keras.ops.cast(values, "float32")
    return values.detach().cpu().numpy() if BACKEND == "torch" else np.asarray(values)


def in_numpy(
    function: Callable[..., list[np.ndarray]], tensors: Sequence[Any], specs: Sequence[Spec]
) -> list[Any]:
    """Tensors of ``specs`` that a function makes of arrays whenever a graph runs.

    For tensors that are not concrete.
    """
    constants = [keras.ops.stop_gradient(t) for t in tensors]
    if BACKEND == "tensorflow":
        import tensorflow as tf

        made = tf.numpy_function(function, constants, [dtype for _, dtype in specs])
        for tensor, (shape, _) in zip(made, specs, strict=True):
            tensor.set_shape(shape)
    else:
        import jax
        from jax.experimental import io_callback

        outlines = [jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in specs]
        made = io_callback(lambda *a: function(*map(np.asarray, a)), outlines, *constants)
    return [keras.ops.stop_gradient(tensor) for tensor in made]
