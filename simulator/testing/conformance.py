"""What all conformance checks share."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from simulator import registry

# A drawn moment may leave the declared one by so many standard errors.
STANDARD_ERRORS = 5.0


class ConformanceError(AssertionError):
    """A model breaks a law that every model of its kind has to obey."""


def require(holds: Any, model: Any, law: str) -> None:
    """Raise ConformanceError naming the model and the law unless it ``holds``."""
    if not holds:
        raise ConformanceError(f"{model!r}: {law}")


def instance(
    kind: str, base: type, model: Any, parameters: dict[str, Any], declared: bool = True
) -> Any:
    """The model itself, from an instance, a class or a registered name.

    ``declared``: its fields have to be declared as parameters.
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


def require_shape(result: Any, like: np.ndarray, model: Any, what: str) -> None:
    """The result has shape and dtype of ``like`` and is finite."""
    shape, dtype = getattr(result, "shape", None), getattr(result, "dtype", None)
    require(shape == like.shape, model, f"{what}: shape {shape} for an input of {like.shape}")
    require(dtype == like.dtype, model, f"{what}: dtype {dtype} for an input of {like.dtype}")
    require(np.isfinite(result).all(), model, f"{what}: result is not finite")
