"""The two networks: small enough to train in a minute, and without anything but layers in a row."""

from __future__ import annotations

import torch
from torch import nn

_OF_SIZE = {
    # 28 x 28, the course network: 7018 parameters.
    28: lambda: nn.Sequential(
        nn.Conv2d(1, 8, 3, stride=2),
        nn.ReLU(),
        nn.Conv2d(8, 16, 3, stride=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(16 * 6 * 6, 10),
    ),
    # 8 x 8: the same without strides, which would leave hardly a pixel; 3818 parameters.
    8: lambda: nn.Sequential(
        nn.Conv2d(1, 8, 3),
        nn.ReLU(),
        nn.Conv2d(8, 16, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(16 * 4 * 4, 10),
    ),
}


def network(pixels: int, seed: int) -> nn.Sequential:
    """Return an untrained network for pictures of `pixels` x `pixels`, 8 or 28.

    The same seed gives the same weights; torch's own generator is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _OF_SIZE[pixels]()
