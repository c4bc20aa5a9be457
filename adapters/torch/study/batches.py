"""Running a model over calibration data: what a loader may yield, progress, and what stays."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Any

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence

from simulator import InputError, ParameterError
from simulator.profile import unwatched


class Batches:
    """The first ``limit`` batches of a loader (None: all), again and again.

    What can be gone through only once is kept. Raises InputError for a loader without batches,
    ParameterError for what cannot be gone through and for a limit that is no count.
    """

    def __init__(self, loader: Any, limit: int | None, progress: bool | None) -> None:
        if isinstance(loader, torch.Tensor) or not isinstance(loader, Iterable):
            raise ParameterError(
                f"loader: got {type(loader).__name__}; allowed is a DataLoader or a list of "
                "batches; a single batch x goes as [x]"
            )
        if limit is not None and (isinstance(limit, bool) or int(limit) != limit or limit < 1):
            raise ParameterError(f"batches: got {limit!r}; allowed is an integer >= 1, or None")
        # Not asked by `iter`: a DataLoader draws random numbers as it begins.
        once = isinstance(loader, Iterator)
        self.loader = list(islice(loader, limit)) if once else loader
        self.limit, self.progress = limit, progress

    def run(self, model: nn.Module, title: str) -> int:
        """Feed every batch to the model; how many there were."""
        count = 0
        for batch in self._shown(islice(self.loader, self.limit), title):
            feed(model, batch)
            count += 1
        if not count:
            raise InputError("the loader has no batches")
        return count

    def _shown(self, batches: Iterable[Any], title: str) -> Iterable[Any]:
        """With a progress bar; by default only where somebody can see it."""
        if not (_is_watched() if self.progress is None else self.progress):
            return batches
        try:
            from tqdm.auto import tqdm
        except ImportError:
            return batches
        return tqdm(batches, desc=title, total=self._length(), unit="batch", leave=False)

    def _length(self) -> int | None:
        try:
            length = len(self.loader)
        except TypeError:
            return self.limit
        return length if self.limit is None else min(length, self.limit)


def feed(model: nn.Module, batch: Any) -> Any:
    """The model's answer to a batch of a loader, moved to the model's device.

    ``x``; ``(x, y)`` and longer tuples, of which a model gets as many as its forward requires; a
    dictionary, of which it gets what it has arguments for.
    """
    place = next((p.device for p in model.parameters()), None)
    if isinstance(batch, Mapping):
        return model(**{k: _moved(v, place) for k, v in _accepted(model, batch).items()})
    if not isinstance(batch, (tuple, list)) or isinstance(batch, PackedSequence):
        return model(_moved(batch, place))
    if batch and isinstance(batch[0], (tuple, list, Mapping)):
        return feed(model, batch[0])
    return model(*(_moved(part, place) for part in batch[: _required(model)]))


def _moved(value: Any, place: Any) -> Any:
    return value.to(place) if isinstance(value, (torch.Tensor, PackedSequence)) else value


def _arguments(model: nn.Module) -> list[inspect.Parameter]:
    """The arguments of forward; where it hands on whatever it gets, those of what it overrides."""
    found = [model.forward]
    found += [vars(cls)["forward"] for cls in type(model).__mro__ if "forward" in vars(cls)]
    for forward in found:
        arguments = list(inspect.signature(forward).parameters.values())
        if not any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in arguments):
            break
    return [p for p in arguments if p.name != "self"]


def _required(model: nn.Module) -> int:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = [p for p in _arguments(model) if p.kind in kinds and p.default is p.empty]
    return max(1, len(needed))


def _accepted(model: nn.Module, batch: Mapping[str, Any]) -> dict[str, Any]:
    arguments = _arguments(model)
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in arguments):
        return dict(batch)
    names = {p.name for p in arguments}
    accepted = {name: value for name, value in batch.items() if name in names}
    if not accepted:
        raise InputError(
            f"a batch with the keys {sorted(map(str, batch))}; the model's forward takes "
            f"{sorted(names)}"
        )
    return accepted


def _is_watched() -> bool:
    """Whether there is a terminal or a notebook that shows a bar."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    terminal = sys.stderr is not None and sys.stderr.isatty()
    return terminal or type(shell).__name__ == "ZMQInteractiveShell"


@contextmanager
def undisturbed(model: nn.Module) -> Iterator[None]:
    """Inside, the model is in evaluation mode and without gradients; afterwards all is as before.

    So is torch's random state: what is drawn inside is drawn again afterwards. Nothing is said of
    values that are lost to ranges, which are what the study is about.
    """
    modes = [(module, module.training) for module in model.modules()]
    on_gpu = [p.device for p in model.parameters() if p.device.type == "cuda"][:1]
    with torch.random.fork_rng(devices=on_gpu), torch.no_grad(), unwatched():
        model.eval()
        try:
            yield
        finally:
            for module, training in modes:
                module.training = training
