"""The fully connected layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from adapters.neutral.layer import AnalogLayer, count, shaped, with_ones
from adapters.shared.lowering import layer_matrix, split_matrix
from simulator import ShapeError


class AnalogLinear(AnalogLayer):
    """Matrix (out_features, in_features + bias_rows); the bias is on the last columns."""

    def __init__(
        self,
        params: Any,
        in_features: int,
        out_features: int,
        bias_rows: int = 0,
        *,
        stream: int = 0,
    ) -> None:
        self.in_features = count("in_features", in_features)
        self.out_features = count("out_features", out_features)
        self.bias_rows = count("bias_rows", bias_rows, 0)
        rows, lines = slice(0, self.out_features), self.in_features + self.bias_rows
        self.weight_mask = (rows, slice(0, self.in_features))
        self.bias_mask = (rows, slice(self.in_features, lines)) if self.bias_rows else None
        self._build((self.out_features, lines), params, stream)

    def form_matrix(self, weight: Any, bias: Any = None) -> np.ndarray:
        """The target matrix of a weight (out, in) and a bias (out,), zero if None."""
        weight = shaped("weight", weight, (self.out_features, self.in_features))
        bias = np.zeros(self.out_features, weight.dtype) if bias is None else np.asarray(bias)
        return layer_matrix(weight, shaped("bias", bias, (self.out_features,)), self.bias_rows, np)

    def get_core_weights(self) -> tuple[Any, Any]:
        """Weight (out, in) and bias (out,), None without bias rows, as the cells hold them."""
        return split_matrix(
            self.get_matrix(), (self.out_features, self.in_features), self.bias_rows
        )

    def apply(self, inputs: Any) -> Any:
        """Products (..., out) of inputs (..., in). Raises ShapeError."""
        x = np.asarray(inputs)
        if x.ndim == 0 or x.shape[-1] != self.in_features:
            raise ShapeError(f"inputs of shape {x.shape}; needed is (..., {self.in_features})")
        vectors = with_ones(x.reshape(-1, self.in_features), self.bias_rows, axis=1)
        return self.core.matmat(vectors.T).T.reshape(*x.shape[:-1], self.out_features)
