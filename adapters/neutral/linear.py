"""The fully connected layer."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from adapters.neutral.layer import AnalogLayer, count, shaped, with_ones
from adapters.shared.lowering import layer_matrix, split_matrix
from adapters.shared.per_layer import LayerParams
from simulator import ShapeError


class AnalogLinear(AnalogLayer):
    """The product of a weight (out_features, in_features), on one matrix.

    That is (out_features, in_features + bias_rows), with the bias on the last columns.

    Args:
        params: the hardware; one tree, or a list with one for each array.
        in_features: inputs of the layer.
        out_features: outputs of the layer.
        bias_rows: input lines that hold the bias; 0 for none.
        stream: tells layers of one ``simulation.seed`` apart.

    Raises:
        ParameterError: sizes that are no counts, or parameters that no array can have.
    """

    def __init__(
        self,
        params: LayerParams,
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

    def form_matrix(self, weight: ArrayLike, bias: ArrayLike | None = None) -> np.ndarray:
        """The target matrix of weights.

        Args:
            weight: (out_features, in_features).
            bias: (out_features,); None for zeros. Without bias rows it is left out.

        Returns:
            (out_features, in_features + bias_rows), in the dtype of the weight.

        Raises:
            ShapeError: weights of another shape.
        """
        weight = shaped("weight", weight, (self.out_features, self.in_features))
        bias = np.zeros(self.out_features, weight.dtype) if bias is None else np.asarray(bias)
        return layer_matrix(weight, shaped("bias", bias, (self.out_features,)), self.bias_rows, np)

    def get_core_weights(self) -> tuple[np.ndarray, np.ndarray | None]:
        """The weights that the cells hold, with all their errors.

        Returns:
            Weight (out_features, in_features) and bias (out_features,), None without bias rows.
        """
        return split_matrix(
            self.get_matrix(), (self.out_features, self.in_features), self.bias_rows
        )

    def apply(self, inputs: ArrayLike) -> np.ndarray:
        """Products with the arrays.

        Args:
            inputs: (..., in_features), without the constants of bias lines.

        Returns:
            (..., out_features), bias included where lines hold it.

        Raises:
            ShapeError: inputs of another width.
            InputError: inputs that are not finite, or arrays that are not programmed.
        """
        x = np.asarray(inputs)
        if x.ndim == 0 or x.shape[-1] != self.in_features:
            raise ShapeError(f"inputs of shape {x.shape}; needed is (..., {self.in_features})")
        vectors = with_ones(x.reshape(-1, self.in_features), self.bias_rows, axis=1)
        return self.core.matmat(vectors.T).T.reshape(*x.shape[:-1], self.out_features)
