"""A trained network on arrays: converted, calibrated, and run on one chip after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from adapters.torch import analog_modules, calibrate, convertible_modules, from_torch, report
from applications.common.torch_threads import one_pool, threads_for
from applications.mvm_study.errors import StudyError
from simulator import CrossSimParameters

from .data import Data
from .hardware import Trees, any_random, unsigned_inputs, with_seed
from .results import Chip, Outcome
from .settings import Settings


@dataclass(frozen=True)
class Evaluation:
    """What came out, the parameters of every layer, and a table of what each layer does."""

    outcome: Outcome
    layers: dict[str, Trees]
    table: Any


def evaluate(
    model: nn.Module,
    params: CrossSimParameters | Mapping[str, Trees],
    data: Data,
    settings: Settings,
    threads: int | None = None,
) -> Evaluation:
    """Run `model` digitally and on `settings.seeds` chips, with ranges set once for all.

    Chip k has the seed ``settings.seed + k``: it is built anew, with errors of its own. Ranges are
    set on the first. Where nothing is random, there is one chip, because every further one would
    give the same numbers. `threads` are those of PyTorch; None as many as the layers are worth.
    Raises :class:`StudyError` for data that do not fit the network.
    """
    images = torch.from_numpy(np.ascontiguousarray(data.test))
    shown = torch.from_numpy(np.ascontiguousarray(data.calibration))
    check_fit(model, images, data)
    with one_pool(threads or threads_for(model, images[:1], settings.batch_size)):
        return _evaluated(model, params, data, settings, images, shown)


def _evaluated(
    model: nn.Module,
    params: CrossSimParameters | Mapping[str, Trees],
    data: Data,
    settings: Settings,
    images: Tensor,
    shown: Tensor,
) -> Evaluation:
    loader = shown.split(settings.batch_size)
    if isinstance(params, CrossSimParameters) and settings.calibrate != "none":
        params = _signs_as_needed(model, params, loader, "params" not in settings.hardware)
    analog = _on_chip(model, params, settings, settings.seed)
    if settings.calibrate != "none":
        calibrate(
            analog,
            loader,
            inputs=settings.calibrate,
            outputs=settings.calibrate,
            percentile=settings.percentile,
            norm_ord=settings.norm_ord,
        )
    layers: dict[str, Trees] = {layer.path: layer.params for layer in analog_modules(analog)}
    count = settings.seeds if any_random(layers) else 1
    with tqdm(total=(1 + count) * len(images), unit="image", disable=None) as progress:
        digital = _classes(model, images, settings.batch_size, progress, "digital")
        chips = []
        for number in range(count):
            seed = settings.seed + number
            chip = _on_chip(model, layers, settings, seed)
            found = _classes(chip, images, settings.batch_size, progress, f"chip {number + 1}")
            chips.append(_counted(seed, found, digital, data.labels))
    first = _on_chip(model, layers, settings, settings.seed)
    return Evaluation(
        Outcome(int((digital == data.labels).sum()), len(images), tuple(chips)),
        with_seed(layers, settings.seed),
        report(first, loader).to_frame().reset_index(),
    )


def check_fit(model: nn.Module, images: Tensor, data: Data) -> None:
    """Raise :class:`StudyError` where the network cannot take the images, or has other classes."""
    shape = " x ".join(map(str, images.shape[1:]))
    try:
        with torch.no_grad():
            scores = model.eval()(images[:1])
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise StudyError(
            f"{data.where}: images of {shape} do not fit the network: {reason}"
        ) from None
    if not isinstance(scores, Tensor) or scores.ndim != 2 or len(scores) != 1:
        got = tuple(scores.shape) if isinstance(scores, Tensor) else type(scores).__name__
        raise StudyError(
            f"the network answers one image with {got}; allowed is (1, classes), one score per"
            " class"
        )
    if not torch.isfinite(scores).all():
        raise StudyError("the network answers with NaN or infinity, before any array is involved")
    if not convertible_modules(model):
        raise StudyError("the network has no linear or convolution layer that arrays could hold")
    data.check_classes(scores.shape[1])


def _on_chip(model: nn.Module, params: Any, settings: Settings, seed: int) -> nn.Module:
    """Return the network on one chip; `params` by names, or the same for all."""
    if isinstance(params, CrossSimParameters):
        params = {"*": params}
    seeded = with_seed(params, seed)
    return from_torch(model, seeded, settings.bias_rows, settings.fuse_batchnorm).eval()


def _signs_as_needed(
    model: nn.Module, tree: CrossSimParameters, loader: Any, may_change: bool
) -> dict[str, Trees]:
    """Return the parameters by layer; where inputs are never negative, DACs convert no sign."""
    names = {id(layer): name for name, layer in model.named_modules()}
    layers = convertible_modules(model)
    with _lowest_inputs(layers) as lowest:
        for batch in loader if may_change else ():
            with torch.no_grad():
                model(batch)
    without = unsigned_inputs(tree) if may_change else tree
    return {
        names[id(layer)]: without if lowest.get(id(layer), -1.0) >= 0 else tree for layer in layers
    }


@contextmanager
def _lowest_inputs(layers: list[nn.Module]) -> Iterator[dict[int, float]]:
    """Inside, the lowest input that each layer has seen, by the identity of the layer."""
    lowest: dict[int, float] = {}

    def look(layer: nn.Module, args: tuple[Any, ...]) -> None:
        if args and isinstance(args[0], Tensor):
            lowest[id(layer)] = min(lowest.get(id(layer), np.inf), float(args[0].min()))

    handles = [layer.register_forward_pre_hook(look) for layer in layers]
    try:
        yield lowest
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def _classes(
    model: nn.Module, images: Tensor, batch_size: int, progress: Any, title: str
) -> np.ndarray:
    """Return the class of every image."""
    progress.set_description(title)
    found = []
    for batch in images.split(batch_size):
        found.append(model(batch).argmax(dim=1))
        progress.update(len(batch))
    return torch.cat(found).numpy()


def _counted(seed: int, found: np.ndarray, digital: np.ndarray, labels: np.ndarray) -> Chip:
    return Chip(seed, int((found == labels).sum()), int((found == digital).sum()))
