"""Layers as matrices, in array terms that know no framework.

The rows of a matrix are outputs. Its columns are the inputs of one output, in the order of the
layer's weight, and then the bias rows: input lines that are driven by the constant 1 and share the
bias evenly.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class GateLayout:
    """The gates of a recurrent layer as outputs of one matrix, each as many as it has units.

    ``from_input`` and ``from_hidden`` say which gates the input and the hidden state add to, in the
    order of their weights.
    """

    count: int
    from_input: tuple[int, ...]
    from_hidden: tuple[int, ...]

    def place(self, weight: Any, gates: Sequence[int], xp: Any) -> Any:
        """The outputs of all gates of a weight or bias that has those of ``gates`` only."""
        if len(gates) == self.count:
            return weight
        units = len(weight) // len(gates)
        blocks = [weight[i * units : (i + 1) * units] for i in range(len(gates))]
        given = dict(zip(gates, blocks, strict=True))
        zero = xp.zeros_like(blocks[0])
        return xp.concatenate([given.get(gate, zero) for gate in range(self.count)])

    def take(self, outputs: Any, gates: Sequence[int], xp: Any) -> Any:
        """The outputs of ``gates`` alone; inverts the above."""
        if len(gates) == self.count:
            return outputs
        units = len(outputs) // self.count
        return xp.concatenate([outputs[gate * units : (gate + 1) * units] for gate in gates])

    def rest(self, outputs: Any, gates: Sequence[int], xp: Any) -> Any:
        """The outputs of all other gates: zero, but for the errors of the cells."""
        others = [gate for gate in range(self.count) if gate not in gates]
        return self.take(outputs, others, xp) if others else outputs[:0]


# The new gate of a GRU weighs what comes of the hidden state before it adds it, so that part has
# outputs of its own: reset, update, new of the input, new of the hidden state.
RNN_GATES = GateLayout(1, (0,), (0,))
LSTM_GATES = GateLayout(4, (0, 1, 2, 3), (0, 1, 2, 3))
GRU_GATES = GateLayout(4, (0, 1, 2), (0, 1, 3))
