"""One network three times: run digitally, run on analog chips, and trained for them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from tqdm import tqdm

from adapters.torch import from_torch, reinitialize
from applications.common.torch_threads import one_pool
from applications.mvm_params import set_params
from simulator import CrossSimParameters

from .images import Images
from .networks import network
from .results import ANALOG, AWARE, CLEAN, Comparison, Settings
from .training import count_correct, split, train


def hardware(settings: Settings) -> CrossSimParameters:
    """Return the arrays: 8-bit weights in balanced pairs whose cells miss their targets.

    The error is normally distributed and proportional to the conductance: a cell that should
    conduct G conducts G (1 + error n), with n of variance one. Scripts of the CrossSim course ask
    for the same with ``proportional_error="False"``, a string that is not empty and so counts as
    true.
    """
    params = set_params(
        weight_bits=8,
        wtmodel="BALANCED",
        error_model="generic",
        proportional_error=True,
        alpha_error=settings.error,
    )
    params.simulation.seed = settings.seed
    return params


def compare(images: Images, settings: Settings) -> Comparison:
    """Train twice, digitally and with the device, and count what each gets right on every chip.

    Both trainings start from the same weights and see the same pictures in the same order, and
    chip k has the same random draws for both networks.
    """
    with one_pool(settings.threads):
        return _compared(images, settings)


def _compared(images: Images, settings: Settings) -> Comparison:
    pictures, labels = torch.from_numpy(images.train), torch.from_numpy(images.train_labels)
    data = split(pictures, labels, settings.seed)
    test = torch.from_numpy(images.test), torch.from_numpy(images.test_labels)
    params = hardware(settings)
    untrained = network(images.train.shape[-1], settings.seed)
    digital, aware = untrained, from_torch(untrained, params)
    loop = (settings.epochs, settings.batch_size, settings.seed)
    digital_curve, digital_seconds = train(digital, data, *loop, "digital training")
    aware_curve, aware_seconds = train(aware, data, *loop, "device-aware training")
    return Comparison(
        correct={
            CLEAN: (count_correct(digital, *test),),
            ANALOG: on_chips(from_torch(digital, params), *test, settings.chips),
            AWARE: on_chips(aware, *test, settings.chips),
        },
        images=len(images.test),
        curves={CLEAN: digital_curve, AWARE: aware_curve},
        seconds={CLEAN: digital_seconds, AWARE: aware_seconds},
    )


def on_chips(analog: nn.Module, images: Tensor, labels: Tensor, chips: int) -> tuple[int, ...]:
    """Return how many pictures each of so many new chips puts into the right class.

    The chip that `analog` was trained on is not among them.
    """
    correct = []
    for _ in tqdm(range(chips), desc="chips", unit="chip", leave=False, disable=None):
        reinitialize(analog)
        correct.append(count_correct(analog, images, labels))
    return tuple(correct)
