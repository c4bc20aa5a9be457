"""The analog ``torch.nn.Linear``."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from adapters.shared.per_layer import LayerParams
from adapters.torch.layers.columns import ColumnProduct
from adapters.torch.layers.matrix import Gradients, MatrixLayer, Needs
from adapters.torch.runtime.tensors import in_torch_order, to_array, to_tensor


class AnalogLinear(MatrixLayer, nn.Linear):
    """``torch.nn.Linear`` on arrays: inputs (..., in_features), results (..., out_features).

    Args:
        params: the hardware; one tree, or a list with one for each array.
        args, kwargs: those of ``torch.nn.Linear``.
        bias_rows: input lines that hold the bias; 0 adds it digitally.

    Raises:
        ParameterError, ModelError: parameters that no array can have.
    """

    groups = 1

    def __init__(self, params: LayerParams, *args: Any, bias_rows: int = 0, **kwargs: Any) -> None:
        nn.Linear.__init__(self, *args, **kwargs)
        self._wire(params, bias_rows)

    def _digital(
        self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None
    ) -> torch.Tensor:
        return functional.linear(x, weight, bias)

    def _columns(self, x: torch.Tensor) -> Any:
        """What drives the lines, (inputs and bias lines, vectors)."""
        rows = x.reshape(math.prod(x.shape[:-1]), x.shape[-1])
        if self.analog_bias:
            rows = torch.cat([rows, rows.new_ones(len(rows), self._bias_rows)], dim=1)
        return to_array(rows, self.core.backend).T

    @in_torch_order
    def _inputs_in_range(self, x: torch.Tensor) -> torch.Tensor | None:
        limits = self.core.own_input_limits(self._columns(x.detach()))
        if limits is None:
            return MatrixLayer._inputs_in_range(self, x)
        return x.abs() <= to_tensor(limits).reshape(*x.shape[:-1], 1)

    def _multiply(self, x: torch.Tensor) -> torch.Tensor:
        columns = self._columns(x)
        out = self.core.multiply(columns, ColumnProduct(backend=self.core.backend)).T
        # Shaped as an array: a tensor that is a view could not be changed in place by its users.
        return to_tensor(out.reshape(*x.shape[:-1], self.out_features))

    def _add_bias(self, y: torch.Tensor) -> torch.Tensor:
        return y.add_(self.bias) if y.dtype == self.bias.dtype else y + self.bias

    def _gradients(
        self, grad: torch.Tensor, x: torch.Tensor, held: torch.Tensor | None, needs: Needs
    ) -> Gradients:
        count = math.prod(x.shape[:-1])
        flat, rows = grad.reshape(count, grad.shape[-1]), x.reshape(count, x.shape[-1])
        return (
            (flat @ held.to(grad.dtype)).reshape(x.shape) if needs[0] else None,
            flat.T @ rows if needs[1] else None,
            flat.sum(0) if needs[2] else None,
        )
