"""As many threads as the work of a network pays for.

Threads of PyTorch wait for one another several times in every layer, and keep a processor busy
while they wait. On layers of microseconds, or where others use the machine too, that takes up to a
hundred times as long as the work itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from simulator.kernels.threads import usable_processors

# Multiplications of a layer in one call that keep one thread busy for about a millisecond.
WORTH_A_THREAD = 1 << 24


@contextmanager
def one_pool(threads: int) -> Iterator[None]:
    """Inside, PyTorch and NumPy use so many threads each."""
    before = torch.get_num_threads()
    with threadpool_limits(threads):
        torch.set_num_threads(threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def threads_for(network: nn.Module, inputs: Tensor, batch_size: int) -> int:
    """Return how many threads the layers of a network are worth, at least one.

    It depends on the sizes of the layers alone, not on how busy the machine is, so that a command
    gives the same numbers again.

    Args:
        network: The network; it is run once.
        inputs: A batch of one input.
        batch_size: How many inputs it will be given at once.
    """
    most = min(torch.get_num_threads(), usable_processors())
    return max(1, min(most, batch_size * multiplications(network, inputs) // WORTH_A_THREAD))


def multiplications(network: nn.Module, inputs: Tensor) -> int:
    """Return how many numbers a layer with weights multiplies in one call, the mean of all."""
    counts: list[int] = []

    def count(layer: nn.Module, _: Any, output: Any) -> None:
        weight = layer.weight
        if isinstance(weight, Tensor) and weight.ndim > 1 and isinstance(output, Tensor):
            counts.append(output.numel() * weight[0].numel())

    layers = [layer for layer in network.modules() if hasattr(layer, "weight")]
    handles = [layer.register_forward_hook(count) for layer in layers]
    training = network.training
    try:
        with torch.no_grad():
            network.eval()(inputs)
    finally:
        network.train(training)
        for handle in handles:
            handle.remove()
    return sum(counts) // max(len(counts), 1)
