"""One step of a recurrent layer: pre-activations of all gates, from input and hidden state."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from adapters.neutral.layer import AnalogLayer, count, shaped, with_ones
from adapters.shared.lowering import GRU_GATES, LSTM_GATES, RNN_GATES, GateLayout
from adapters.shared.per_layer import LayerParams
from simulator import ParameterError, ShapeError


class AnalogCell(AnalogLayer):
    """One step of a recurrent layer: matrix (gates * hidden_size, input + hidden + bias lines).

    Columns are input, hidden state, and the lines of either bias. ``weight_ih_mask`` and its like
    index the matrix as a NumPy array; rows are numbers where those of a part are not in one piece.

    Args:
        params: the hardware; one tree, or a list with one for each array.
        input_size: inputs of the cell.
        hidden_size: units of the cell.
        bias_ih_rows: input lines that hold ``bias_ih``; 0 for none.
        bias_hh_rows: those of ``bias_hh``, likewise.
        stream: tells layers of one ``simulation.seed`` apart.

    Raises:
        ParameterError: sizes that are no counts, or parameters that no array can have.
    """

    gates: ClassVar[GateLayout]

    def __init__(
        self,
        params: LayerParams,
        input_size: int,
        hidden_size: int,
        bias_ih_rows: int = 0,
        bias_hh_rows: int = 0,
        *,
        stream: int = 0,
    ) -> None:
        self.input_size = count("input_size", input_size)
        self.hidden_size = count("hidden_size", hidden_size)
        self.bias_ih_rows = count("bias_ih_rows", bias_ih_rows, 0)
        self.bias_hh_rows = count("bias_hh_rows", bias_hh_rows, 0)
        sizes = (self.input_size, self.hidden_size, self.bias_ih_rows, self.bias_hh_rows)
        ends = [int(end) for end in np.cumsum(sizes)]
        lines = [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]
        rows_ih, rows_hh = self._rows(self.gates.from_input), self._rows(self.gates.from_hidden)
        self.weight_ih_mask, self.weight_hh_mask = (rows_ih, lines[0]), (rows_hh, lines[1])
        self.bias_ih_mask = (rows_ih, lines[2]) if self.bias_ih_rows else None
        self.bias_hh_mask = (rows_hh, lines[3]) if self.bias_hh_rows else None
        outputs = self.gates.count * self.hidden_size
        self.weight_mask = (slice(0, outputs), slice(0, ends[1]))
        biased = ends[3] > ends[1]
        self.bias_mask = (slice(0, outputs), slice(ends[1], ends[3])) if biased else None
        self._build((outputs, ends[3]), params, stream)

    def _rows(self, gates: tuple[int, ...]) -> Any:
        if gates == tuple(range(len(gates))):
            return slice(0, len(gates) * self.hidden_size)
        numbers = np.arange(self.gates.count * self.hidden_size)
        return self.gates.take(numbers, gates, np)

    def form_matrix(
        self,
        weight_ih: ArrayLike,
        weight_hh: ArrayLike,
        bias_ih: ArrayLike | None = None,
        bias_hh: ArrayLike | None = None,
    ) -> np.ndarray:
        """The target matrix of weights and biases in torch's shapes.

        Args:
            weight_ih: (gates of the input * hidden_size, input_size).
            weight_hh: (gates of the hidden state * hidden_size, hidden_size).
            bias_ih: (gates of the input * hidden_size,); None for zeros.
            bias_hh: (gates of the hidden state * hidden_size,); None for zeros.

        Returns:
            (gates * hidden_size, lines); biases without lines are left out.

        Raises:
            ShapeError: weights of another shape.
        """
        layout, units = self.gates, self.hidden_size
        rows_ih, rows_hh = len(layout.from_input) * units, len(layout.from_hidden) * units
        weight_ih = shaped("weight_ih", weight_ih, (rows_ih, self.input_size))
        weight_hh = shaped("weight_hh", weight_hh, (rows_hh, units))
        dtype = np.result_type(weight_ih, weight_hh)
        matrix = np.zeros(self.shape, dtype)
        matrix[self.weight_ih_mask], matrix[self.weight_hh_mask] = weight_ih, weight_hh
        for name, bias, mask, rows, lines in (
            ("bias_ih", bias_ih, self.bias_ih_mask, rows_ih, self.bias_ih_rows),
            ("bias_hh", bias_hh, self.bias_hh_mask, rows_hh, self.bias_hh_rows),
        ):
            if bias is not None:
                bias = shaped(name, bias, (rows,))
            if bias is not None and mask is not None:
                matrix[mask] = (bias / lines)[:, None]
        return matrix

    def get_core_weights(self) -> tuple[Any, Any, Any, Any]:
        """The weights that the cells hold, with all their errors.

        Returns:
            weight_ih, weight_hh, bias_ih and bias_hh in torch's shapes, a bias None without lines.
            What cells hold where a layer has no weight is left out.
        """
        matrix = self.get_matrix()
        biases = [
            None if mask is None else matrix[mask].sum(axis=1)
            for mask in (self.bias_ih_mask, self.bias_hh_mask)
        ]
        return matrix[self.weight_ih_mask], matrix[self.weight_hh_mask], biases[0], biases[1]

    def apply(self, x: ArrayLike, h: ArrayLike, c: ArrayLike | None = None) -> np.ndarray:
        """Pre-activations of one step.

        Args:
            x: inputs (batch, input_size), or without the batch.
            h: hidden state (batch, hidden_size), likewise.
            c: cell state of an LSTM, which drives no lines.

        Returns:
            (batch, gates * hidden_size), or without the batch.

        Raises:
            ShapeError: inputs of other shapes.
            InputError: inputs that are not finite, or arrays that are not programmed.
        """
        x, h = np.asarray(x), np.asarray(h)
        sizes = (self.input_size, self.hidden_size)
        if x.ndim not in (1, 2) or x.shape[:-1] != h.shape[:-1] or sizes != (
            x.shape[-1], h.shape[-1],
        ):  # fmt: skip
            raise ShapeError(
                f"x of shape {x.shape} and h of shape {h.shape}; needed are (batch, {sizes[0]}) "
                f"and (batch, {sizes[1]}), or both without the batch"
            )
        vectors = np.concatenate([x, h], axis=-1)
        vectors = with_ones(vectors, self.bias_ih_rows + self.bias_hh_rows, axis=-1)
        return self.core.matmat(vectors.T).T if x.ndim == 2 else self.core.matvec(vectors)


class AnalogRNNCell(AnalogCell):
    """The plain cell; ``nonlinearity`` ("tanh" or "relu") is for whoever applies it.

    Other arguments as of ``AnalogCell``.
    """

    gates = RNN_GATES

    def __init__(
        self,
        params: LayerParams,
        input_size: int,
        hidden_size: int,
        nonlinearity: str = "tanh",
        bias_ih_rows: int = 0,
        bias_hh_rows: int = 0,
        *,
        stream: int = 0,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ParameterError(f"nonlinearity: got {nonlinearity!r}; allowed is 'tanh' or 'relu'")
        self.nonlinearity = nonlinearity
        super().__init__(params, input_size, hidden_size, bias_ih_rows, bias_hh_rows, stream=stream)


class AnalogLSTMCell(AnalogCell):
    """Four gates: input, forget, new, output."""

    gates = LSTM_GATES


class AnalogGRUCell(AnalogCell):
    """Four outputs for each unit: reset, update, new of the input, new of the hidden state."""

    gates = GRU_GATES
