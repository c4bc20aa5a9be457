"""Gates of recurrent layers: which outputs of the arrays they are, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from adapters.shared.lowering import GRU_GATES, LSTM_GATES, RNN_GATES, GateLayout

State = tuple[torch.Tensor, ...]
Step = Callable[[torch.Tensor, State], State]


@dataclass(frozen=True)
class Gates:
    """The gates of one kind of layer: where they are, and ``step``, which makes the next state of
    the pre-activations (batch, outputs) and the state."""

    layout: GateLayout
    step: Step


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


# By torch's names of the modes.
GATES = {
    "RNN_TANH": Gates(RNN_GATES, _tanh),
    "RNN_RELU": Gates(RNN_GATES, _relu),
    "LSTM": Gates(LSTM_GATES, _lstm),
    "GRU": Gates(GRU_GATES, _gru),
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
