"""Saved states as what ``torch.load`` reads without running code: tensors, numbers, strings."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch


def as_tensors(state: Any) -> Any:
    """Arrays in nested dicts and lists as tensors."""
    if isinstance(state, dict):
        return {name: as_tensors(value) for name, value in state.items()}
    if isinstance(state, list):
        return [as_tensors(value) for value in state]
    return torch.from_numpy(state) if isinstance(state, np.ndarray) else state


def as_arrays(state: Any) -> Any:
    """Tensors in nested dicts and lists as arrays; inverts the above."""
    if isinstance(state, dict):
        return {name: as_arrays(value) for name, value in state.items()}
    if isinstance(state, list):
        return [as_arrays(value) for value in state]
    return state.cpu().numpy() if isinstance(state, torch.Tensor) else state
