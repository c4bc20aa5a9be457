"""The analog recurrent layers of torch: whole sequences and single steps."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from adapters.torch.gates import State
from adapters.torch.recurrence import AnalogRecurrent, Direction


class _Sequence(AnalogRecurrent):
    """Layers that run through whole sequences."""

    @property
    def _mode(self) -> str:
        return self.mode

    @property
    def _directions(self) -> list[Direction]:
        ways = ("", "_reverse") if self.bidirectional else ("",)
        return [Direction(k, f"_l{k}{way}") for k in range(self.num_layers) for way in ways]

    @property
    def _names(self) -> list[str]:
        return self._flat_weights_names

    def form_matrix(self) -> list[torch.Tensor]:
        """The target matrices (gates, input + hidden state + bias rows).

        One for each direction of each layer; each is followed by that of its projection.
        """
        return list(super().form_matrix().values())

    def get_matrix(self) -> list[torch.Tensor]:
        """The matrices that the arrays hold, as in ``form_matrix``."""
        return list(super().get_matrix().values())

    def get_core_weights(self) -> list[list[torch.Tensor]]:
        """The parameters as in torch's ``all_weights``, with all errors of the cells."""
        found = self._core_weights()
        return [[found[name] for name in names] for names in self._all_weights]

    def __getstate__(self) -> dict[str, Any]:
        self._update_flat_weights()
        state = super().__getstate__()
        # Weak references do not travel; torch makes them anew.
        state.pop("_flat_weight_refs", None)
        return state

    def _state_place(self, args: tuple[Any, ...]) -> int:
        # A packed sequence has its sizes between input and state.
        return 2 if isinstance(args[3], (list, tuple)) else 1

    def _with_weights(self, weights: list[Any], args: tuple[Any, ...]) -> tuple[Any, ...]:
        return weights, *args[1:]

    def _is_fit(self, x: torch.Tensor, sizes: Any, state: State) -> bool:
        batch = int(sizes[0][0]) if sizes else x.shape[0 if self.batch_first else 1]
        is_empty = not sizes and x.shape[1 if self.batch_first else 0] == 0
        widths = [self.proj_size or self.hidden_size, self.hidden_size][: len(state)]
        wanted = [(len(self._directions), batch, width) for width in widths]
        fits = [tuple(s.shape) for s in state] == wanted and x.shape[-1] == self.input_size
        return fits and not is_empty

    def _on_arrays(self, x: torch.Tensor, sizes: Any, state: State) -> State:
        if sizes:
            return self._run(x, sizes[0].tolist(), state)
        x = x.transpose(0, 1) if self.batch_first else x
        steps, batch, width = x.shape
        rows, *last = self._run(x.reshape(steps * batch, width), [batch] * steps, state)
        y = rows.reshape(steps, batch, rows.shape[1])
        return (y.transpose(0, 1) if self.batch_first else y, *last)

    def _run(self, rows: torch.Tensor, sizes: list[int], state: State) -> State:
        """All layers: hidden states of the topmost in the order of ``rows``, and last states."""
        last, directions = [], self._directions
        ways = len(directions) // self.num_layers
        for first in range(0, len(directions), ways):
            if first:
                rows = functional.dropout(rows, self.dropout, self.training)
            hidden = []
            for number in range(first, first + ways):
                initial = tuple(s[number] for s in state)
                outputs, final = self._scan(directions[number], rows, sizes, initial)
                hidden.append(outputs)
                last.append(final)
            rows = torch.cat(hidden, dim=1)
        return (rows, *(torch.stack(finals) for finals in zip(*last, strict=True)))


class AnalogRNN(_Sequence, nn.RNN):
    """``torch.nn.RNN`` on arrays: ``AnalogRNN(params, input_size, hidden_size, ...)``.

    Otherwise as ``AnalogLSTM``.
    """


class AnalogLSTM(_Sequence, nn.LSTM):
    """``torch.nn.LSTM`` on arrays: ``AnalogLSTM(params, input_size, hidden_size, ...)``.

    One matrix for each direction of each layer, and one more with ``proj_size``. ``bias_ih_rows``
    and ``bias_hh_rows`` > 0 hold that bias on so many input lines: one number, or one for each
    layer.
    """


class AnalogGRU(_Sequence, nn.GRU):
    """``torch.nn.GRU`` on arrays: ``AnalogGRU(params, input_size, hidden_size, ...)``.

    Its matrices have four outputs for each unit: reset, update, and of the new gate what comes of
    the input and what comes of the hidden state. Otherwise as ``AnalogLSTM``.
    """


class _Cell(AnalogRecurrent):
    """Cells: one step."""

    @property
    def _directions(self) -> list[Direction]:
        return [Direction()]

    @property
    def _names(self) -> list[str]:
        return ["weight_ih", "weight_hh", "bias_ih", "bias_hh"]

    def form_matrix(self) -> torch.Tensor:
        """The target matrix (gates, input + hidden state + bias rows)."""
        return super().form_matrix()["cell"]

    def get_matrix(self) -> torch.Tensor:
        """The matrix that the arrays hold, in the shape of ``form_matrix``."""
        return super().get_matrix()["cell"]

    def get_core_weights(self) -> tuple[torch.Tensor | None, ...]:
        """Weights and biases (None without) of input and hidden state, with errors of the cells."""
        return tuple(self._core_weights().values())

    def _followed(self) -> dict[str, torch.Tensor]:
        return {name: p for name, p in super()._followed().items() if p is not None}

    def _state_place(self, args: tuple[Any, ...]) -> int:
        return 1

    def _with_weights(self, weights: list[Any], args: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(weights)

    def _is_fit(self, x: torch.Tensor, sizes: Any, state: State) -> bool:
        wanted = (len(x), self.hidden_size)
        return x.shape[1] == self.input_size and all(tuple(s.shape) == wanted for s in state)

    def _on_arrays(self, x: torch.Tensor, sizes: Any, state: State) -> Any:
        _, last = self._scan(Direction(), x, [len(x)], state)
        return last if len(last) > 1 else last[0]


class AnalogRNNCell(_Cell, nn.RNNCell):
    """``torch.nn.RNNCell`` on arrays; parameters as of ``AnalogLSTM``."""

    @property
    def _mode(self) -> str:
        return f"RNN_{self.nonlinearity.upper()}"


class AnalogLSTMCell(_Cell, nn.LSTMCell):
    """``torch.nn.LSTMCell`` on arrays; parameters as of ``AnalogLSTM``."""

    _mode = "LSTM"


class AnalogGRUCell(_Cell, nn.GRUCell):
    """``torch.nn.GRUCell`` on arrays; parameters as of ``AnalogLSTM``."""

    _mode = "GRU"
