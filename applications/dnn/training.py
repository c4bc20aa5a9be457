"""The network of an evaluation: read from a checkpoint, or trained on the digits."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from applications.common.torch_threads import one_pool, threads_for
from applications.device_aware.training import count_correct, split, train

from .data import Data
from .models import build, load_checkpoint
from .settings import EPOCHS, Settings

_BATCH = 64


def ready(settings: Settings, data: Data, threads: int | None = None) -> tuple[nn.Module, str]:
    """Return the trained network in evaluation mode, and in words where its weights come from.

    `threads` are those of training; None as many as the layers are worth. Raises
    :class:`~applications.mvm_study.errors.StudyError` naming what does not fit.
    """
    model = build(settings.model, settings.seed)
    count = sum(parameter.numel() for parameter in model.parameters())
    network = f"{settings.model} ({count:,} parameters)"
    if settings.checkpoint is not None:
        load_checkpoint(model, Path(settings.checkpoint))
        return model, f"{network} from {settings.checkpoint}"
    if ":" in settings.model:
        return model, f"{network} as it was returned"
    return model, f"{network} {_trained(model, data, settings.seed, threads)}"


def _trained(model: nn.Module, data: Data, seed: int, threads: int | None) -> str:
    """Train in place on the images that are not tested with; return in words what was done."""
    assert data.train is not None
    assert data.train_labels is not None
    images = split(torch.from_numpy(data.train), torch.from_numpy(data.train_labels), seed)
    with one_pool(threads or threads_for(model, images.train[:1], _BATCH)):
        train(model.train(), images, EPOCHS, _BATCH, seed, "training")
    model.eval()
    right = count_correct(model, images.validation, images.validation_labels)
    share = 100 * right / len(images.validation)
    return (
        f"trained for {EPOCHS} epochs on {len(images.train)} digits; of"
        f" {len(images.validation)} others {share:.1f} % are right"
    )
