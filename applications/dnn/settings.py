"""What decides the numbers of one evaluation; importable without PyTorch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

DIGITS = "digits"
DIGITS_MODELS = ("digits-cnn", "digits-mlp")
# Layers of the residual networks for CIFAR (He et al. 2016, section 4.2), and blocks per stage.
RESNETS = {"resnet14": 2, "resnet20": 3, "resnet32": 5, "resnet44": 7, "resnet56": 9}
# What the residual networks were trained with: mean and standard deviation of ImageNet's colours.
COLOUR_MEAN = (0.485, 0.456, 0.406)
COLOUR_STD = (0.229, 0.224, 0.225)
# Training the digits takes seconds, and more epochs change little.
EPOCHS = 60

CALIBRATIONS = ("percentile", "max", "lp", "none")


@dataclass(frozen=True)
class DataOptions:
    """Which images, and how files of them are read; paths as they were given.

    `shape` is (channels, height, width) of rows of a CSV file or an .npz file; `resize` is
    (height, width) for image folders; `mean` and `std` have one number, or one per channel.
    """

    path: str = DIGITS
    calibration: str | None = None
    limit: int | None = None
    calibration_images: int = 256
    keys: tuple[str, str] | None = None
    label: str | None = None
    shape: tuple[int, int, int] | None = None
    resize: tuple[int, int] | None = None
    channels: int | None = None
    scale: float | None = None
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)


@dataclass(frozen=True)
class Settings:
    """Everything that decides the numbers of one evaluation.

    `digests` identifies what files held; `hardware` are the options of the command for arrays, or
    the file they come from.
    """

    model: str
    checkpoint: str | None
    data: DataOptions
    hardware: dict[str, Any]
    calibrate: str
    percentile: float
    norm_ord: float
    fuse_batchnorm: bool
    bias_rows: int
    seed: int
    seeds: int
    batch_size: int
    digests: dict[str, str] = field(default_factory=dict)
