"""Networks by name, and what a checkpoint holds put into them."""

from __future__ import annotations

import importlib
import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from applications.device_aware.networks import network
from applications.mvm_study.errors import StudyError
from simulator.errors import nearest

from .settings import DIGITS_MODELS, RESNETS

# Checkpoints of training scripts hold the network's tensors under one of these.
_WRAPPERS = ("state_dict", "model_state_dict", "model", "net")
_BROKEN = (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, ValueError, TypeError,
           AttributeError, IndexError, zipfile.BadZipFile)  # fmt: skip


class Block(nn.Module):
    """Two convolutions, and a way past them (He et al. 2016, figure 2)."""

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample: nn.Module | None = None
        if before != width:
            self.downsample = nn.Sequential(
                nn.Conv2d(before, width, 1, stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        past = x if self.downsample is None else self.downsample(x)
        y = functional.relu(self.bn1(self.conv1(x)))
        return functional.relu(self.bn2(self.conv2(y)) + past)


class CifarResNet(nn.Module):
    """The residual network for images of 32 x 32 in ten classes (He et al. 2016, section 4.2).

    Three stages of 16, 32 and 64 channels with `blocks` blocks each: 6 blocks + 2 layers, not
    counting the two 1 x 1 convolutions past blocks that change the number of channels.
    """

    def __init__(self, blocks: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16, eps=1e-3)
        self.res1 = _stage(16, 16, blocks)
        self.res2 = _stage(16, 32, blocks)
        self.res3 = _stage(32, 64, blocks)
        self.classifier = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.relu(self.bn1(self.conv1(x)))
        return self.classifier(self.res3(self.res2(self.res1(x))))


def _stage(before: int, width: int, blocks: int) -> nn.Sequential:
    """Blocks in a row, of which the first halves the image where it changes the channels."""
    first = Block(before, width, 1 if before == width else 2)
    return nn.Sequential(first, *(Block(width, width, 1) for _ in range(blocks - 1)))


def _perceptron(seed: int) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


def build(name: str, seed: int = 1) -> nn.Module:
    """Return the network called `name`, in evaluation mode.

    `name` is one of this module's, or ``package.module:function`` of a function without arguments
    that returns a module. `seed` is that of untrained weights. Raises :class:`StudyError`.
    """
    if ":" in name:
        return _imported(name).eval()
    cnn, mlp = DIGITS_MODELS
    builders: dict[str, Callable[[], nn.Module]] = {
        cnn: lambda: network(8, seed),
        mlp: lambda: _perceptron(seed),
        **{known: lambda blocks=blocks: CifarResNet(blocks) for known, blocks in RESNETS.items()},
    }
    if name not in builders:
        raise StudyError(
            f"--model: got {name!r}; allowed is one of {', '.join(builders)}, or"
            f" package.module:function.{nearest(name, builders)}"
        )
    return builders[name]().eval()


def _imported(name: str) -> nn.Module:
    place, _, attribute = name.partition(":")
    try:
        found: Any = importlib.import_module(place)
    except (ImportError, SyntaxError, ValueError) as error:
        raise StudyError(f"--model {name}: cannot import {place!r}: {error}") from None
    maker = getattr(found, attribute, None)
    if not callable(maker):
        what = "has no" if maker is None else "has, but cannot call,"
        near = nearest(attribute, [n for n in vars(found) if not n.startswith("_")])
        raise StudyError(f"--model {name}: the module {place} {what} {attribute!r}.{near}")
    try:
        model = maker()
    except Exception as error:
        raise StudyError(
            f"--model {name}: {attribute}() raised {type(error).__name__}: {error}; allowed is a"
            " function without arguments that returns a torch.nn.Module"
        ) from error
    if not isinstance(model, nn.Module):
        raise StudyError(
            f"--model {name}: {attribute}() returned {type(model).__name__}; allowed is a"
            " torch.nn.Module"
        )
    return model


def load_checkpoint(model: nn.Module, path: Path) -> None:
    """Put the tensors of the file at `path` into `model`.

    The file holds a state dictionary, bare or under ``state_dict`` or ``model``; nothing in it is
    run. Raises :class:`StudyError` naming the file and the tensors that do not fit.
    """
    state = _state(path)
    own = model.state_dict()
    # Older files do not count the batches that their norms were trained with; nothing needs it.
    for name, value in own.items():
        if name.endswith("num_batches_tracked"):
            state.setdefault(name, value)
    missing, added = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
    if missing or added:
        differences = [f"{_some(missing)} missing"] * bool(missing)
        differences += [f"{_some(added)} unknown to the network"] * bool(added)
        raise StudyError(
            f"{path}: does not fit the network (--model): {'; '.join(differences)} ({len(own)}"
            " tensors needed)"
        )
    for name, value in state.items():
        if value.shape != own[name].shape:
            raise StudyError(
                f"{path}: {name} has shape {tuple(value.shape)}; the network (--model) needs"
                f" {tuple(own[name].shape)}"
            )
        if not torch.isfinite(value).all():
            raise StudyError(f"{path}: {name} holds NaN or infinity")
    model.load_state_dict(state)


def _state(path: Path) -> dict[str, torch.Tensor]:
    if not path.is_file():
        raise StudyError(f"{path}: no such file (--checkpoint)")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except _BROKEN as error:
        raise StudyError(
            f"{path}: not a checkpoint of plain tensors, which torch.save(model.state_dict(), ...)"
            f" writes: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
        ) from None
    for key in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not content:
        raise StudyError(f"{path}: holds a {type(content).__name__}; allowed is a state dictionary")
    strange = [name for name, value in content.items() if not isinstance(value, torch.Tensor)]
    if strange:
        raise StudyError(
            f"{path}: {strange[0]!r} is no tensor; allowed is a state dictionary, bare or under one"
            f" of {', '.join(_WRAPPERS)}"
        )
    # Networks that were trained on several GPUs have one name in front of all.
    wrapped = all(name.startswith("module.") for name in content)
    return {name.removeprefix("module.") if wrapped else name: v for name, v in content.items()}


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
