"""What all conformance checks share."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from simulator import registry
from simulator.quantities import Array

# How far a drawn moment may be from the declared one.
STANDARD_ERRORS = 5.0


class ConformanceError(AssertionError):
    """A model breaks a law that every model of its kind has to obey."""


def require(holds: Any, model: Any, law: str) -> None:
    """Raise ConformanceError, which names the model and the law, unless ``holds``."""
    if not holds:
        raise ConformanceError(f"{model!r}: {law}")


def instance(
    kind: str, base: type, model: Any, parameters: dict[str, Any], declared: bool = True
) -> Any:
    """A model to be checked.

    Args:
        kind: Kind of model, as in the registry.
        base: Base class of the kind.
        model: An instance, a class, or the name of a registered model.
        parameters: Arguments of the class, or what to replace in the instance.
        declared: Whether all of its fields have to be declared with ``parameter``.

    Returns:
        An instance.

    Raises:
        ConformanceError: It is not derived from ``base``, no frozen dataclass, or has a field that
            is not declared.
        ModelError: There is no model of this name.
    """
    if isinstance(model, str):
        model = registry.resolve(kind, model)
    if isinstance(model, type):
        model = model(**parameters)
    elif parameters:
        model = dataclasses.replace(model, **parameters)
    require(isinstance(model, base), model, f"is not derived from {base.__name__}")
    options = getattr(type(model), "__dataclass_params__", None)
    frozen = options is not None and options.frozen
    require(frozen, model, "is not a frozen dataclass; put @dataclass(frozen=True) above the class")
    missing = [f.name for f in dataclasses.fields(model) if "spec" not in f.metadata]
    require(
        not (declared and missing), model, f"fields {missing} are not declared with parameter(...)"
    )
    return model


def require_shape(result: Array, like: np.ndarray, model: Any, what: str) -> None:
    """Raise ConformanceError unless a result is finite, of the shape and dtype of ``like``."""
    shape, dtype = getattr(result, "shape", None), getattr(result, "dtype", None)
    require(shape == like.shape, model, f"{what}: shape {shape} for an input of {like.shape}")
    require(dtype == like.dtype, model, f"{what}: dtype {dtype} for an input of {like.dtype}")
    require(np.isfinite(result).all(), model, f"{what}: result is not finite")
