"""Gates of recurrent layers: which outputs of the arrays they are, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

State = tuple[torch.Tensor, ...]
Step = Callable[[torch.Tensor, State], State]


@dataclass(frozen=True)
class Gates:
    """The gates of one kind of layer, each as many outputs of the arrays as the layer has units.

    ``from_input`` and ``from_hidden`` say which gates the input and the hidden state add to, in the
    order of their weights in torch. ``step`` makes the next state of the pre-activations (batch,
    outputs) and the state.
    """

    count: int
    from_input: tuple[int, ...]
    from_hidden: tuple[int, ...]
    step: Step

    def place(self, weight: torch.Tensor, gates: Sequence[int]) -> torch.Tensor:
        """The outputs of all gates of a weight or bias that has those of ``gates`` only."""
        if len(gates) == self.count:
            return weight
        units = len(weight) // len(gates)
        given = dict(zip(gates, weight.split(units), strict=True))
        zero = weight.new_zeros(units, *weight.shape[1:])
        return torch.cat([given.get(gate, zero) for gate in range(self.count)])

    def take(self, outputs: torch.Tensor, gates: Sequence[int]) -> torch.Tensor:
        """The outputs of ``gates`` alone; inverts the above."""
        if len(gates) == self.count:
            return outputs
        blocks = outputs.split(len(outputs) // self.count)
        return torch.cat([blocks[gate] for gate in gates])

    def rest(self, outputs: torch.Tensor, gates: Sequence[int]) -> torch.Tensor:
        """The outputs of all other gates: zero, but for the errors of the cells."""
        others = [gate for gate in range(self.count) if gate not in gates]
        return self.take(outputs, others) if others else outputs[:0]


def _tanh(pre: torch.Tensor, state: State) -> State:
    return (torch.tanh(pre),)


def _relu(pre: torch.Tensor, state: State) -> State:
    return (torch.relu(pre),)


def _lstm(pre: torch.Tensor, state: State) -> State:
    admit, keep, new, show = pre.chunk(4, dim=-1)
    cell = torch.sigmoid(keep) * state[1] + torch.sigmoid(admit) * torch.tanh(new)
    return torch.sigmoid(show) * torch.tanh(cell), cell


def _gru(pre: torch.Tensor, state: State) -> State:
    reset, keep, new_input, new_hidden = pre.chunk(4, dim=-1)
    new = torch.tanh(new_input + torch.sigmoid(reset) * new_hidden)
    return (new + torch.sigmoid(keep) * (state[0] - new),)


# By torch's names of the modes. A GRU weighs what the hidden state adds to the new gate before it
# adds it, so that this has outputs of its own.
GATES = {
    "RNN_TANH": Gates(1, (0,), (0,), _tanh),
    "RNN_RELU": Gates(1, (0,), (0,), _relu),
    "LSTM": Gates(4, (0, 1, 2, 3), (0, 1, 2, 3), _lstm),
    "GRU": Gates(4, (0, 1, 2), (0, 1, 3), _gru),
}


def scan(
    step: Step, rows: torch.Tensor, sizes: list[int], initial: State, reverse: bool
) -> tuple[torch.Tensor, State]:
    """Take all steps of a batch of sequences of different lengths.

    Args:
        step: the next state of inputs (batch, inputs) and a state.
        rows: inputs (sum of sizes, inputs), step after step.
        sizes: how many sequences take part in each step; the longest are first.
        initial: the state of every sequence before, tensors (sequences, ...).
        reverse: begin with the last step.

    Returns:
        Hidden states in the order of ``rows``, and the state of every sequence at its end.
    """
    steps = list(rows.split(sizes))
    if reverse:
        steps.reverse()
    state, hidden, over = tuple(s[: len(steps[0])] for s in initial), [], []
    for x in steps:
        count, before = len(x), len(state[0])
        if count < before:
            over.append(tuple(s[count:] for s in state))
            state = tuple(s[:count] for s in state)
        elif count > before:
            begun = (s[before:count] for s in initial)
            state = tuple(torch.cat(pair) for pair in zip(state, begun, strict=True))
        state = step(x, state)
        hidden.append(state[0])
    if reverse:
        hidden.reverse()
    ends = [state, *reversed(over)]
    return torch.cat(hidden), tuple(torch.cat(pieces) for pieces in zip(*ends, strict=True))
