"""The analog recurrent layers of torch: whole sequences and single steps.

Every direction of every layer is one matrix: outputs are the gates, lines the input, the hidden
state before it, and the lines of both biases. Gates and the recurrence are digital.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from adapters.shared.lowering import GateLayout
from adapters.shared.per_layer import LayerParams
from adapters.torch.layers.composite import CompositeLayer
from adapters.torch.layers.gates import GATES, Gates, State, scan
from adapters.torch.layers.layer import AnalogLayer, checked_rows
from adapters.torch.layers.matrix import standing_in
from simulator import InputError, ParameterError

KERNELS = frozenset(
    {torch.rnn_tanh, torch.rnn_relu, torch.lstm, torch.gru,
     torch.rnn_tanh_cell, torch.rnn_relu_cell, torch.lstm_cell, torch.gru_cell}
)  # fmt: skip


@dataclass(frozen=True)
class Direction:
    """One direction of one layer, and how torch ends the names of its parameters."""

    layer: int = 0
    suffix: str = ""

    @property
    def part(self) -> str:
        """Its part with the gates."""
        return self.suffix[1:] or "cell"

    @property
    def projection(self) -> str:
        """Its part that makes the hidden state smaller."""
        return f"{self.part}_proj"

    @property
    def reverse(self) -> bool:
        """Whether it begins with the last step."""
        return self.suffix.endswith("reverse")


class AnalogRecurrent(CompositeLayer):
    """A recurrent layer of torch on arrays; inputs, states and results are those of torch.

    Args:
        params: the hardware of every matrix; one tree, or a list with one for each array.
        args, kwargs: those of torch's layer.
        bias_ih_rows: input lines that hold ``bias_ih``: one number, or one for each layer; 0 adds
            it digitally.
        bias_hh_rows: those of ``bias_hh``, likewise.

    Raises:
        ParameterError, ModelError: parameters that no array can have.
    """

    input_size: int
    hidden_size: int
    bias: bool

    def __init__(
        self,
        params: LayerParams,
        *args: Any,
        bias_ih_rows: int | Sequence[int] = 0,
        bias_hh_rows: int | Sequence[int] = 0,
        **kwargs: Any,
    ) -> None:
        super(AnalogLayer, self).__init__(*args, **kwargs)
        self._wire(params, (bias_ih_rows, bias_hh_rows))

    # -- what kinds of layers say of themselves ------------------------------------------------

    @property
    def _mode(self) -> str:
        """Torch's name of the kind of gates."""
        raise NotImplementedError

    @property
    def _directions(self) -> list[Direction]:
        """Layer after layer, in the order of torch's states."""
        raise NotImplementedError

    @property
    def _names(self) -> list[str]:
        """The parameters in the order of torch's kernels."""
        raise NotImplementedError

    def _state_place(self, args: tuple[Any, ...]) -> int:
        """Where the state is in the arguments of torch's kernel."""
        raise NotImplementedError

    def _is_fit(self, x: torch.Tensor, sizes: Any, state: State) -> bool:
        """Whether the shapes are those of the layer."""
        raise NotImplementedError

    def _with_weights(self, weights: list[Any], args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Arguments of torch's kernel after the state, with other weights."""
        raise NotImplementedError

    def _on_arrays(self, x: torch.Tensor, sizes: Any, state: State) -> State:
        """The results of torch's kernel, with products on the arrays."""
        raise NotImplementedError

    # -- parameters and matrices ---------------------------------------------------------------

    @property
    def _gates(self) -> Gates:
        return GATES[self._mode]

    @property
    def _layout(self) -> GateLayout:
        return self._gates.layout

    def _placed(self, parameter: str, gates: tuple[int, ...]) -> torch.Tensor:
        """The outputs of all gates of a parameter that has those of ``gates`` only."""
        return self._layout.place(getattr(self, parameter), gates, torch)

    @property
    def _sources(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """What drives the lines, as parameters call it, and the gates that it adds to."""
        return ("ih", self._layout.from_input), ("hh", self._layout.from_hidden)

    @property
    def _is_projected(self) -> bool:
        return getattr(self, "proj_size", 0) > 0

    def _rows(self, direction: Direction) -> tuple[int, ...]:
        """Lines of the two biases."""
        return tuple(rows[direction.layer] if self.bias else 0 for rows in self._bias_rows)

    def _biases(self, direction: Direction) -> list[tuple[torch.Tensor, int]]:
        """The two biases, for the outputs of all gates, and their rows; none without bias."""
        if not self.bias:
            return []
        return [
            (self._placed(f"bias_{source}{direction.suffix}", gates), rows)
            for (source, gates), rows in zip(self._sources, self._rows(direction), strict=True)
        ]

    def _matrix(self, direction: Direction) -> torch.Tensor:
        """The matrix (gates, input + hidden state + bias rows) of the present parameters."""
        columns = [
            self._placed(f"weight_{source}{direction.suffix}", gates)
            for source, gates in self._sources
        ]
        for bias, rows in self._biases(direction):
            if rows:
                columns.append((bias / rows)[:, None].expand(-1, rows))
        return torch.cat(columns, dim=1)

    def _columns(self, direction: Direction, matrix: torch.Tensor) -> list[tuple[Any, ...]]:
        """Parameter, its columns and its gates, for all that the matrix is joined of."""
        end, kinds = direction.suffix, ("weight", "bias")
        counts = [getattr(self, f"weight_{source}{end}").shape[1] for source, _ in self._sources]
        blocks = matrix.split([*counts, *self._rows(direction)], dim=1)
        named = [(f"{kind}_{name}{end}", gates) for kind in kinds for name, gates in self._sources]
        joined = zip(named, blocks, strict=True)
        return [(name, block, gates) for (name, gates), block in joined if block.shape[1]]

    def _projection(self, direction: Direction) -> torch.Tensor:
        return getattr(self, f"weight_hr{direction.suffix}")

    def _forms(self) -> dict[str, Callable[[], torch.Tensor]]:
        forms: dict[str, Callable[[], torch.Tensor]] = {}
        for direction in self._directions:
            forms[direction.part] = partial(self._matrix, direction)
            if self._is_projected:
                forms[direction.projection] = partial(self._projection, direction)
        return forms

    def _parameters_in(self, matrices: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """The parameters that the matrices of all parts hold; inverts ``_forms``."""
        found = {}
        for direction in self._directions:
            for name, block, gates in self._columns(direction, matrices[direction.part]):
                taken = self._layout.take(block, gates, torch)
                found[name] = taken.sum(1) if name.startswith("bias") else taken
            if self._is_projected:
                found[f"weight_hr{direction.suffix}"] = matrices[direction.projection]
        return found

    def _followed(self) -> dict[str, torch.Tensor]:
        digital = {
            f"bias_{source}{direction.suffix}"
            for direction in self._directions
            for (source, _), rows in zip(self._sources, self._rows(direction), strict=True)
            if not rows
        }
        return {name: getattr(self, name) for name in self._names if name not in digital}

    def physical_parameters(self) -> dict[str, torch.Tensor]:
        """All parameters that the arrays hold, with the errors of the cells."""
        return self._parameters_in(self._held_matrices())

    def _core_weights(self) -> dict[str, torch.Tensor | None]:
        """All parameters, with the errors of the cells where the arrays hold them."""
        parameters = ((name, getattr(self, name)) for name in self._names)
        digital = {name: None if p is None else p.detach().clone() for name, p in parameters}
        return {**digital, **self.physical_parameters()}

    # -- bias rows ---------------------------------------------------------------------------

    @AnalogLayer.bias_rows.getter
    def bias_rows(self) -> Any:
        """Input lines of the biases: one number, or those of ``bias_ih`` and of ``bias_hh``.

        0 adds a bias digitally. Assigning builds new arrays.
        """
        both = self.bias_ih_rows, self.bias_hh_rows
        return both[0] if both[0] == both[1] else both

    @property
    def bias_ih_rows(self) -> Any:
        """Input lines of ``bias_ih``: one number, or one for each layer where they differ."""
        return _plainly(self._bias_rows[0])

    @bias_ih_rows.setter
    def bias_ih_rows(self, rows: Any) -> None:
        self.bias_rows = rows, self._bias_rows[1]

    @property
    def bias_hh_rows(self) -> Any:
        """Input lines of ``bias_hh``, likewise."""
        return _plainly(self._bias_rows[1])

    @bias_hh_rows.setter
    def bias_hh_rows(self, rows: Any) -> None:
        self.bias_rows = self._bias_rows[0], rows

    def _checked_rows(self, rows: Any) -> tuple[tuple[int, ...], ...]:
        both = rows if isinstance(rows, (list, tuple)) else (rows, rows)
        if len(both) != 2:
            raise ParameterError(
                f"bias_rows: got {len(both)} entries; allowed is a number, or two: the rows of "
                "bias_ih and of bias_hh"
            )
        return tuple(self._rows_by_layer(rows) for rows in both)

    def _rows_by_layer(self, rows: Any) -> tuple[int, ...]:
        layers = getattr(self, "num_layers", 1)
        entries = rows if isinstance(rows, (list, tuple)) else [rows] * layers
        if len(entries) != layers:
            raise ParameterError(f"bias_rows: got {len(entries)} entries for {layers} layers")
        return tuple(checked_rows(entry) for entry in entries)

    # -- a call ------------------------------------------------------------------------------

    @torch.compiler.disable
    def _analog_forward(self, *args: Any, **kwargs: Any) -> Any:
        with _Kernels(self):
            return super(AnalogLayer, self).forward(*args, **kwargs)

    def _kernel(self, func: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """What torch's kernel ``func`` returns, with the weights on arrays."""
        x, place = args[0], self._state_place(args)
        state = args[place] if isinstance(args[place], (list, tuple)) else (args[place],)
        mixed = torch.is_autocast_enabled(x.device.type)
        alike = mixed or all(s.dtype == x.dtype for s in state)
        if not (x.is_floating_point() and alike and self._is_fit(x, args[1:place], state)):
            func(*args)  # has the words for it
            raise InputError(f"layer {self.path!r}: input and state do not fit the layer")
        dtype, x, state = x.dtype, _wide(x), tuple(_wide(s) for s in state)
        with torch.autocast(x.device.type, enabled=False):
            if self._is_linear_for(x, state):
                hx = state[0] if len(state) == 1 else state
                rest = self._with_weights(self._standing_in(), args[place + 1 :])
                out = func(x, *args[1:place], hx, *rest)
            else:
                out = self._on_arrays(x, args[1:place], state)
        if isinstance(out, torch.Tensor):
            return out.to(dtype)
        return tuple(y.to(dtype) for y in out)

    def _is_linear_for(self, x: torch.Tensor, state: State) -> bool:
        """Whether nothing but products is left of the arrays, so that torch can take them."""
        weight = getattr(self, self._names[0])
        if self.clip_gradient or x.dtype != weight.dtype or x.device != weight.device:
            return False
        parts = self.parts.values()
        if not x.numel() or any(part._forward_pre_hooks for part in parts):
            # Empty, or somebody watches what drives the lines.
            return False
        reach = min(part.linear_reach for part in parts)
        if reach <= 0:
            return False
        if x.is_cuda:
            # A look at the values would make the host wait for the device.
            return reach == math.inf and self._is_apart()
        largest = [_magnitude(t) for t in (x, *state)]
        if not all(math.isfinite(m) for m in largest):
            # The arrays name the place.
            return False
        driven = max(largest[0], self._ceiling(largest[1]))
        return (driven < reach or reach == math.inf) and self._is_apart()

    def _ceiling(self, first: float) -> float:
        """A bound of hidden states, dropped out or not, that begin with magnitudes of ``first``."""
        if self._mode == "RNN_RELU":
            return math.inf
        top = max(1.0, first)
        if self._is_projected:
            held = (self.parts[d.projection]._held_parameters[0] for d in self._directions)
            top = max(top, *(float(matrix.abs().sum(1).max()) for matrix in held))
        dropout = getattr(self, "dropout", 0.0) if self.training else 0.0
        return top / (1 - dropout) if dropout < 1 else top

    def _is_apart(self) -> bool:
        """Whether the cells hold nothing at all where a source adds nothing to a gate."""
        if len(self._layout.from_input) == self._layout.count:
            return True
        held = ((d, self.parts[d.part]._held_parameters[0]) for d in self._directions)
        return not any(
            bool(self._layout.rest(block, gates, torch).any())
            for direction, matrix in held
            for _, block, gates in self._columns(direction, matrix)
        )

    def _standing_in(self) -> list[torch.Tensor | None]:
        """The parameters for torch's kernel, as the arrays hold them."""
        matrices = {name: part._held_parameters[0] for name, part in self.parts.items()}
        held = self._parameters_in(matrices)
        parameters = ((name, getattr(self, name)) for name in self._names)
        return [
            standing_in(p, held[name].contiguous()) if name in held else p for name, p in parameters
        ]

    def _scan(
        self, direction: Direction, rows: torch.Tensor, sizes: list[int], initial: State
    ) -> tuple[torch.Tensor, State]:
        """One direction of one layer, as ``scan``."""
        multiply, biases = self._product(direction.part), self._biases(direction)
        project = self._product(direction.projection) if self._is_projected else None
        ones = rows.new_ones(len(initial[0]), sum(self._rows(direction)))
        digital = [bias for bias, count in biases if not count]
        bias = sum(digital) if digital else None

        def step(x: torch.Tensor, state: State) -> State:
            pre = multiply(torch.cat([x, state[0], ones[: len(x)]], dim=1))
            state = self._gates.step(pre if bias is None else pre + bias, state)
            return (project(state[0]), *state[1:]) if project else state

        return scan(step, rows, sizes, initial, direction.reverse)

    def _product(self, name: str) -> Callable[[torch.Tensor], torch.Tensor]:
        """The product of a part, whose matrix is made once for all steps."""
        part = self.parts[name]
        return partial(part, matrix=part.form())


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

    Arguments as of ``AnalogRecurrent``.
    """


class AnalogLSTM(_Sequence, nn.LSTM):
    """``torch.nn.LSTM`` on arrays: ``AnalogLSTM(params, input_size, hidden_size, ...)``.

    One matrix for each direction of each layer, and one more with ``proj_size``. Arguments as of
    ``AnalogRecurrent``.
    """


class AnalogGRU(_Sequence, nn.GRU):
    """``torch.nn.GRU`` on arrays: ``AnalogGRU(params, input_size, hidden_size, ...)``.

    Its matrices have four outputs for each unit: reset, update, and of the new gate what comes of
    the input and what comes of the hidden state. Arguments as of ``AnalogRecurrent``.
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
    """``torch.nn.RNNCell`` on arrays; arguments as of ``AnalogRecurrent``."""

    @property
    def _mode(self) -> str:
        return f"RNN_{self.nonlinearity.upper()}"


class AnalogLSTMCell(_Cell, nn.LSTMCell):
    """``torch.nn.LSTMCell`` on arrays; arguments as of ``AnalogRecurrent``."""

    _mode = "LSTM"


class AnalogGRUCell(_Cell, nn.GRUCell):
    """``torch.nn.GRUCell`` on arrays; arguments as of ``AnalogRecurrent``."""

    _mode = "GRU"


class _Kernels(TorchFunctionMode):
    """Inside, torch's recurrent kernels run on the arrays of a layer.

    Torch's own forward does the rest: it sorts out arguments, batches and packed sequences.
    """

    def __init__(self, layer: AnalogRecurrent) -> None:
        super().__init__()
        self.layer = layer

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func in KERNELS:
            return self.layer._kernel(func, args)
        return func(*args, **(kwargs or {}))


def _plainly(rows: tuple[int, ...]) -> Any:
    return rows[0] if len(set(rows)) == 1 else rows


def _wide(x: torch.Tensor) -> torch.Tensor:
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def _magnitude(x: torch.Tensor) -> float:
    """The largest magnitude; not finite where a value is not."""
    low, high = torch.aminmax(x.detach())
    return max(-float(low), float(high))
