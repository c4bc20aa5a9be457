"""The analog ``torch.nn.Linear``."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from adapters.torch.layer import AnalogLayer
from adapters.torch.tensors import to_array, to_tensor


class AnalogLinear(AnalogLayer, nn.Linear):
    """``torch.nn.Linear`` on arrays: inputs (..., in_features), results (..., out_features).

    ``params`` is the hardware; ``bias_rows`` > 0 holds the bias on so many input lines.
    """

    groups = 1

    def __init__(self, params: Any, *args: Any, bias_rows: int = 0, **kwargs: Any) -> None:
        nn.Linear.__init__(self, *args, **kwargs)
        self._wire(params, bias_rows)

    def _multiply(self, x: torch.Tensor) -> torch.Tensor:
        rows = x.reshape(-1, x.shape[-1]) if x.ndim != 2 else x
        if self.analog_bias:
            rows = torch.cat([rows, rows.new_ones(len(rows), self._bias_rows)], dim=1)
        out = to_tensor(self.core.matmat(to_array(rows, self.core.backend).T).T)
        return out if x.ndim == 2 else out.reshape(*x.shape[:-1], -1)

    def _add_bias(self, y: torch.Tensor) -> torch.Tensor:
        return y.add_(self.bias) if y.dtype == self.bias.dtype else y + self.bias

    def _gradients(self, grad: Any, x: Any, held: Any, needs: tuple[bool, ...]) -> tuple:
        flat, rows = grad.reshape(-1, grad.shape[-1]), x.reshape(-1, x.shape[-1])
        return (
            (flat @ held.to(grad.dtype)).reshape(x.shape) if needs[0] else None,
            (flat.T @ rows).to(self.weight.dtype) if needs[1] else None,
            flat.sum(0).to(self.bias.dtype) if needs[2] else None,
        )
