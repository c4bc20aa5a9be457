"""Recurrent layers of every kind and option, and what they are called with."""

from dataclasses import dataclass, field

import torch
from hypothesis import strategies as st
from torch import nn

STEPS, BATCH, INPUTS, UNITS = 4, 3, 3, 4
LENGTHS = [(4, 4, 4), (4, 3, 1), (2, 4, 1)]
KINDS = {
    "tanh": (nn.RNN, {}), "relu": (nn.RNN, {"nonlinearity": "relu"}), "lstm": (nn.LSTM, {}),
    "projected": (nn.LSTM, {"proj_size": 2}), "gru": (nn.GRU, {}),
}  # fmt: skip
CELLS = {
    "tanh": (nn.RNNCell, {}), "relu": (nn.RNNCell, {"nonlinearity": "relu"}),
    "lstm": (nn.LSTMCell, {}), "gru": (nn.GRUCell, {}),
}  # fmt: skip


@dataclass(frozen=True)
class Call:
    """A layer, and whether it is given sequences that are "padded", "packed", or "one"."""

    kind: str
    cell: bool = False
    form: str = "padded"
    lengths: tuple[int, ...] = LENGTHS[0]
    initial: bool = True
    options: dict = field(default_factory=dict)

    def layer(self, dtype=torch.float64):
        make, options = (CELLS if self.cell else KINDS)[self.kind]
        return make(INPUTS, UNITS, **options, **self.options, dtype=dtype)

    def leaves(self, layer):
        """Input and first states, to take gradients of."""
        dtype = next(layer.parameters()).dtype
        single = self.form == "one"
        if self.cell:
            shape = () if single else (BATCH,)
            widths, lead = [UNITS] * (2 if self.kind == "lstm" else 1), ()
            steps = ()
        else:
            shape = () if single else (BATCH,)
            lead = (layer.num_layers * (2 if layer.bidirectional else 1),)
            widths = [layer.proj_size or UNITS]
            widths += [UNITS] if isinstance(layer, nn.LSTM) else []
            steps = (STEPS,)
        first = layer.batch_first if steps else False
        x = torch.rand(*(shape + steps if first else steps + shape), INPUTS, dtype=dtype) - 0.5
        states = [torch.rand(*lead, *shape, width, dtype=dtype) - 0.5 for width in widths]
        return [t.requires_grad_() for t in (x, *(states if self.initial else ()))]

    def run(self, layer, leaves):
        """All results as one list of tensors."""
        x, *states = leaves
        if self.form == "packed":
            x = nn.utils.rnn.pack_padded_sequence(
                x, list(self.lengths), batch_first=layer.batch_first, enforce_sorted=False
            )
        hx = None if not states else states[0] if len(states) == 1 else tuple(states)
        return flat(layer(x, hx))


def flat(results):
    """Tensors in nested tuples, packed sequences by their values."""
    if isinstance(results, torch.Tensor):
        return [results]
    if isinstance(results, nn.utils.rnn.PackedSequence):
        return [results.data]
    return [tensor for entry in results for tensor in flat(entry)]


def gradients(call, layer, leaves):
    """Results, and gradients of their weighted sum for leaves and parameters."""
    layer.zero_grad()
    for leaf in leaves:
        leaf.grad = None
    results = call.run(layer, leaves)
    sum((y * torch.linspace(-1, 1, y.numel()).reshape(y.shape)).sum() for y in results).backward()
    return [*(y.detach() for y in results), *(t.grad for t in (*leaves, *layer.parameters()))]


@st.composite
def sequences(draw, kinds=tuple(KINDS)):
    options = {
        "num_layers": draw(st.sampled_from([1, 2])),
        "bidirectional": draw(st.booleans()),
        "batch_first": draw(st.booleans()),
        "bias": draw(st.booleans()),
    }
    return Call(
        draw(st.sampled_from(kinds)),
        form=draw(st.sampled_from(["padded", "packed", "one"])),
        lengths=draw(st.sampled_from(LENGTHS)),
        initial=draw(st.booleans()),
        options=options,
    )


@st.composite
def cells(draw):
    return Call(
        draw(st.sampled_from(tuple(CELLS))),
        cell=True,
        form=draw(st.sampled_from(["padded", "one"])),
        initial=draw(st.booleans()),
        options={"bias": draw(st.booleans())},
    )
