"""Networks that several tests of the PyTorch adapter need."""

import json

import numpy as np
import settings
import torch
from torch import nn
from torch.nn import functional

from simulator import CrossSimParameters

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


class Block(nn.Module):
    """Basic residual block (He et al. 2016, figure 5 left)."""

    def __init__(self, width_in, width, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(width_in, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = None
        if stride != 1 or width_in != width:
            self.downsample = nn.Sequential(
                nn.Conv2d(width_in, width, 1, stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, x):
        skip = x if self.downsample is None else self.downsample(x)
        y = functional.relu(self.bn1(self.conv1(x)))
        return functional.relu(self.bn2(self.conv2(y)) + skip)


class ResNet(nn.Module):
    """The residual network for CIFAR-10 of He et al. 2016, section 4.2: 6 * blocks + 2 layers."""

    def __init__(self, blocks=2):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16, eps=1e-3)
        self.res1 = self._stage(16, 16, 1, blocks)
        self.res2 = self._stage(16, 32, 2, blocks)
        self.res3 = self._stage(32, 64, 2, blocks)
        self.classifier = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))

    @staticmethod
    def _stage(width_in, width, stride, blocks):
        first = Block(width_in, width, stride)
        return nn.Sequential(first, *(Block(width, width, 1) for _ in range(blocks - 1)))

    def forward(self, x):
        x = functional.relu(self.bn1(self.conv1(x)))
        return self.classifier(self.res3(self.res2(self.res1(x))))


def resnet14(folder):
    """The trained network of the reference data, in evaluation mode."""
    model = ResNet()
    path = folder / "models" / "resnet14_cifar10.pth"
    state = torch.load(path, map_location="cpu", weights_only=True)
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not missing
    assert all("downsample" in name or "num_batches" in name for name in unexpected), unexpected
    return model.eval()


def cifar10(folder, count):
    """Normalised test images (count, 3, 32, 32) and labels."""
    with np.load(folder / "data" / "cifar10" / "cifar10_test1000_lossless.npz") as data:
        pixels, labels = data["x"][:count], data["y"][:count]
    images = torch.from_numpy(pixels.transpose(0, 3, 1, 2) / np.float32(255))
    mean, std = (torch.tensor(v).reshape(1, 3, 1, 1) for v in (MEAN, STD))
    return (images - mean) / std, labels


def reference_params(folder, name):
    """Parameters of every layer for one of the reference settings."""
    settings = json.loads((folder / "golden" / "resnet14.json").read_text())[name]
    trees = []
    for changes in settings:
        params = CrossSimParameters()
        params.core.mapping.weights.min = params.core.mapping.weights.max = None
        params.update(changes)
        trees.append(params)
    return trees


def seeded(seed=8, **changes):
    """Ideal hardware with a seed, and ``changes`` by their dotted paths (dots as ``__``)."""
    params = CrossSimParameters()
    params.simulation.seed = seed
    for path, value in changes.items():
        params.update({path.replace("__", "."): value})
    return params


PROGRAMMING, NOISE, ADC = (
    {path.replace(".", "__"): value for path, value in changes.items()}
    for changes in (settings.PROGRAMMING, settings.NOISE, settings.ADC)
)
DAC = {"xbar__dac__mvm__model": "SignMagnitudeDAC", "xbar__dac__mvm__bits": 5}


def perceptron():
    """Two linear layers."""
    return nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))


class Nested(nn.Module):
    """Containers in containers, and one layer that is used twice."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 2, 3), nn.Sequential(nn.ReLU(), nn.Conv2d(2, 4, 1, groups=2))
        )
        self.heads = nn.ModuleDict({"one": nn.Linear(4, 4), "other": nn.Linear(4, 4)})
        self.again = self.heads["one"]
        self.classifier = nn.Linear(4, 3)

    def forward(self, x):
        x = self.features(x).mean((2, 3))
        return self.classifier(self.heads["other"](self.again(self.heads["one"](x))))


def forced(layer):
    """An analog layer, with every product through all stages of its arrays.

    How far its products are nothing else is kept until its cells change; to look first keeps the
    next call from looking again.
    """
    for part in getattr(layer, "parts", {"": layer}).values():
        part._keep_up()
        part._reach = 0.0
    return layer
