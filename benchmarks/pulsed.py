"""Training steps with pulsed updates on devices of constant steps, beside plain ones in PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from adapters.aihwkit.nn import AnalogSequential
from adapters.aihwkit.nn.conversion import convert_to_analog
from adapters.aihwkit.optim import AnalogSGD
from adapters.aihwkit.simulator.configs import ConstantStepDevice, SingleRPUConfig
from benchmarks.timing import Call, Timing, ratio, seconds

# Share of the pixels of a handwritten digit that are not blank.
INK = 0.19


def perceptron() -> nn.Sequential:
    """Three layers for digits of 28 by 28 pixels (Gokmen and Vlasov, 2016)."""
    return nn.Sequential(
        nn.Flatten(), nn.Linear(784, 256), nn.Sigmoid(), nn.Linear(256, 128), nn.Sigmoid(),
        nn.Linear(128, 10), nn.LogSoftmax(dim=1),
    )  # fmt: skip


def lenet() -> nn.Sequential:
    """Two convolutions and two layers for the same digits (Gokmen, Onen and Haensch, 2017)."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 5), nn.Tanh(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 5), nn.Tanh(),
        nn.MaxPool2d(2), nn.Tanh(), nn.Flatten(), nn.Linear(512, 128), nn.Tanh(),
        nn.Linear(128, 10), nn.LogSoftmax(dim=1),
    )  # fmt: skip


def against_torch(make: Callable[[], nn.Sequential], batch: int, rate: float) -> Timing:
    """One step of training by pulses, as a multiple of a plain step."""
    return ratio(*_steps(make, batch, rate), repeats=200)


def milliseconds(make: Callable[[], nn.Sequential], batch: int, rate: float) -> Timing:
    """Milliseconds of one step of training by pulses."""
    return seconds(_steps(make, batch, rate)[0], repeats=200).scaled(1e3)


def _steps(make: Callable[[], nn.Sequential], batch: int, rate: float) -> tuple[Call, Call]:
    """A step on devices, and one of the same network in torch."""
    torch.manual_seed(1)
    plain = make()
    analog = convert_to_analog(plain, SingleRPUConfig(device=ConstantStepDevice()))
    assert isinstance(analog, AnalogSequential)
    optimizer = AnalogSGD(analog.parameters(), lr=rate)
    optimizer.regroup_param_groups(analog)
    by_pulses = _step(analog, optimizer, batch)
    return by_pulses, _step(plain, torch.optim.SGD(plain.parameters(), lr=rate), batch)


def _step(model: nn.Module, optimizer: Any, batch: int) -> Call:
    ink = torch.rand(batch, 1, 28, 28) < INK
    images, labels = torch.rand(batch, 1, 28, 28) * ink, torch.randint(0, 10, (batch,))
    loss = nn.NLLLoss()

    def step() -> None:
        optimizer.zero_grad()
        loss(model(images), labels).backward()
        optimizer.step()

    return step
