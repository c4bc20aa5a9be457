"""The network of an evaluation: read from a checkpoint, or trained on the digits."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from applications.device_aware.training import count_correct, split, train

from .data import Data
from .models import build, load_checkpoint
from .settings import EPOCHS, Settings

_BATCH = 64


def ready(settings: Settings, data: Data) -> tuple[nn.Module, str]:
    """Return the trained network in evaluation mode, and in words where its weights come from.

    Raises :class:`~applications.mvm_study.errors.StudyError` naming what does not fit.
    """
    model = build(settings.model, settings.seed)
    count = sum(parameter.numel() for parameter in model.parameters())
    network = f"{settings.model} ({count:,} parameters)"
    if settings.checkpoint is not None:
        load_checkpoint(model, Path(settings.checkpoint))
        return model, f"{network} from {settings.checkpoint}"
    if ":" in settings.model:
        return model, f"{network} as it was returned"
    return model, f"{network} {_trained(model, data, settings.seed)}"


def _trained(model: nn.Module, data: Data, seed: int) -> str:
    """Train in place on the images that are not tested with; return in words what was done."""
    assert data.train is not None
    assert data.train_labels is not None
    images = split(torch.from_numpy(data.train), torch.from_numpy(data.train_labels), seed)
    train(model.train(), images, EPOCHS, _BATCH, seed, "training")
    model.eval()
    right = count_correct(model, images.validation, images.validation_labels)
    share = 100 * right / len(images.validation)
    return (
        f"trained for {EPOCHS} epochs on {len(images.train)} digits; of"
        f" {len(images.validation)} others {share:.1f} % are right"
    )
