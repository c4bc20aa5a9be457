"""Layers as matrices, in array terms that know no framework.

The rows of a matrix are outputs. Its columns are the inputs of one output, in the order of the
layer's weight, and then the bias rows: input lines that are driven by the constant 1 and share the
bias evenly.
"""

from __future__ import annotations

import hashlib
from typing import Any

STREAM_BYTES = 8


def layer_matrix(weight: Any, bias: Any, bias_rows: int, xp: Any) -> Any:
    """The matrix (outputs, inputs + bias rows) of a weight (outputs, ...) and a bias (outputs,).

    ``bias`` counts only with ``bias_rows`` > 0; else it is added digitally.
    """
    matrix = weight.reshape(len(weight), -1)
    if bias is None or bias_rows == 0:
        return matrix
    share = (bias / bias_rows)[:, None]
    return xp.concatenate([matrix, xp.broadcast_to(share, (len(bias), bias_rows))], axis=1)


def split_matrix(matrix: Any, shape: tuple[int, ...], bias_rows: int) -> tuple[Any, Any]:
    """Weight of ``shape`` and bias (None without bias rows) of a matrix; inverts the above."""
    lines = matrix.shape[1] - bias_rows
    bias = matrix[:, lines:].sum(axis=1) if bias_rows else None
    return matrix[:, :lines].reshape(shape), bias


def stream_of(path: str) -> int:
    """Number of the random stream of the layer at ``path`` of a model.

    It depends on the name alone, so the order in which layers are built never enters.
    """
    digest = hashlib.blake2b(path.encode(), digest_size=STREAM_BYTES).digest()
    return int.from_bytes(digest, "little")
