"""The training loop, and counting what a network gets right."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from tqdm import tqdm

from adapters.torch import synchronize

from .results import LEARNING_RATE, VALIDATION_SHARE, Curve

# Pictures that go through a network at once where no gradient is needed.
_AT_ONCE = 1000


@dataclass(frozen=True)
class Split:
    """Pictures and classes to train with, and others that only watch the training."""

    train: Tensor
    train_labels: Tensor
    validation: Tensor
    validation_labels: Tensor


def split(images: Tensor, labels: Tensor, seed: int) -> Split:
    """Hold back a fifth of the pictures, chosen by `seed`."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(images), generator=generator)
    count = int(VALIDATION_SHARE * len(order))
    held, used = order[:count], order[count:]
    return Split(images[used], labels[used], images[held], labels[held])


def train(
    network: nn.Module, data: Split, epochs: int, batch_size: int, seed: int, title: str
) -> tuple[Curve, float]:
    """Train `network` in place with Adam; return its losses and the seconds it took.

    Arrays in the network, if it has any, are programmed anew after every step, and miss their
    targets anew each time: the network cannot learn one chip's errors, only to live with errors.
    `seed` decides the order of the pictures.
    """
    loss_of = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    generator = torch.Generator().manual_seed(seed)
    steps = math.ceil(len(data.train) / batch_size)
    train_losses, validation_losses = [], []
    started = time.perf_counter()
    with tqdm(total=epochs * steps, desc=title, unit="step", disable=None) as progress:
        for _ in range(epochs):
            total = torch.zeros(())
            for batch in torch.randperm(len(data.train), generator=generator).split(batch_size):
                optimizer.zero_grad()
                loss = loss_of(network(data.train[batch]), data.train_labels[batch])
                loss.backward()
                optimizer.step()
                synchronize(network)
                total += loss.detach() * len(batch)
                progress.update()
            train_losses.append(float(total) / len(data.train))
            validation_losses.append(mean_loss(network, data.validation, data.validation_labels))
            progress.set_postfix(loss=f"{validation_losses[-1]:.3f}")
    seconds = time.perf_counter() - started
    return Curve(tuple(train_losses), tuple(validation_losses)), seconds


def mean_loss(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Return the mean cross-entropy of the network's answers."""
    return float(nn.functional.cross_entropy(scores(network, images), labels))


def count_correct(network: nn.Module, images: Tensor, labels: Tensor) -> int:
    """Return how many pictures the network puts into the right class."""
    return int((scores(network, images).argmax(dim=1) == labels).sum())


@torch.no_grad()
def scores(network: nn.Module, images: Tensor) -> Tensor:
    """Return what the network makes of the pictures, (pictures, classes)."""
    return torch.cat([network(batch) for batch in images.split(_AT_ONCE)])
