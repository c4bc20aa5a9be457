"""Weights across: from an analog model to a digital one, and the other way round."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from adapters.shared.loaded import LoadedWeights
from adapters.torch.layers.layer import AnalogLayer
from adapters.torch.runtime.state import EXTRA_STATE
from simulator import ShapeError


def digital_state_dict(state: Mapping[str, Any]) -> dict[str, Any]:
    """What a digital model has of the state dictionary of an analog one.

    Args:
        state: of a model that ``from_torch`` returned; of a digital model all is kept.

    Returns:
        The entries without those of the arrays; the tensors are the same.
    """
    return {key: value for key, value in state.items() if not _is_of_arrays(key)}


def _is_of_arrays(key: str) -> bool:
    return key.rpartition(".")[2] == EXTRA_STATE


def load_weights(model: nn.Module, state: Mapping[str, Any]) -> LoadedWeights:
    """Load what fits by name and shape, between digital and analog models in any direction.

    Arrays of the model are programmed with the weights that come; those in the state stay behind.
    ``load_state_dict`` continues a whole analog model with its arrays.

    Args:
        model: digital, or what ``from_torch`` returned.
        state: the state dictionary of the same network, digital or analog.

    Returns:
        What was taken, and what was left and why.

    Raises:
        ShapeError: nothing fits; the model stays as it was.
        InputError: weights that are not finite, for arrays.
    """
    own = digital_state_dict(model.state_dict())
    left = {key: _reason(key, value, own) for key, value in state.items()}
    left = {key: reason for key, reason in left.items() if reason}
    fitting = {key: state[key] for key in state if key not in left}
    if not fitting:
        raise ShapeError(
            "no entry of the state fits the model by name and shape: "
            + "; ".join(f"{key}: {reason}" for key, reason in list(left.items())[:5])
        )
    model.load_state_dict(fitting, strict=False)
    layers = [name for name, m in model.named_modules() if isinstance(m, AnalogLayer)]
    programmed = [name for name in layers if _has_part(name, fitting)]
    missing = tuple(key for key in own if key not in state)
    return LoadedWeights(tuple(fitting), left, missing, tuple(programmed))


def _has_part(layer: str, keys: Mapping[str, Any]) -> bool:
    return any(key.startswith(f"{layer}.") for key in keys) or not layer


def _reason(key: str, value: Any, own: Mapping[str, Any]) -> str:
    """Why an entry of a state is not loaded; empty for one that is."""
    if _is_of_arrays(key):
        return "state of arrays"
    if key not in own:
        return "the model has no such entry"
    here = own[key]
    if isinstance(value, torch.Tensor) and isinstance(here, torch.Tensor):
        if value.shape != here.shape:
            return f"of shape {tuple(value.shape)}; the model has {tuple(here.shape)}"
        return ""
    return "" if type(value) is type(here) else f"a {type(value).__name__}, not a tensor"
