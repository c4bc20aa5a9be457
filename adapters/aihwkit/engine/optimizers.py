"""Optimizers of torch that also apply the pulsed update of every tile among their parameters."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import torch
from torch import optim

from adapters.aihwkit.engine.tiles.tile import AnalogContext, AnalogTile


class AnalogOptimizerMixin:
    """The analog part of an optimizer: one update by pulses for each tile in each step.

    Tiles follow the learning rate of their parameter group; momentum, weight decay and the like
    are for digital parameters. Without gradients that are accumulated, a script may leave out
    ``zero_grad``: what a step has applied to digital parameters beside the tiles is used up then.
    """

    param_groups: list[dict[str, Any]]
    _zeroes = False

    def regroup_param_groups(self, *_: Any) -> None:
        """Give every tile a parameter group of its own, with the settings of the one it was in."""
        groups, tiles = [], []
        for group in self.param_groups:
            contexts = [p for p in group["params"] if isinstance(p, AnalogContext)]
            if len(contexts) == len(group["params"]) == 1:
                tiles.append(group)
                continue
            kept = [p for p in group["params"] if not isinstance(p, AnalogContext)]
            tiles += [{**group, "params": [context]} for context in contexts]
            if kept or not contexts:
                groups.append({**group, "params": kept})
        self.param_groups[:] = groups + tiles

    def _tiles(self) -> Iterator[tuple[AnalogTile, float]]:
        """All tiles and their learning rates, below zero where the objective is to grow."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if isinstance(parameter, AnalogContext):
                    sign = -1 if group.get("maximize") else 1
                    yield parameter.analog_tile, sign * float(group["lr"])

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """One step of all parameters; returns what ``closure`` does."""
        step = super().step.__func__  # type: ignore[misc]
        # Where torch has put its hooks around the step of the base as well, they would run twice.
        loss = (step.__wrapped__ if getattr(step, "hooked", False) else step)(self, closure)
        tiles = list(self._tiles())
        for tile, learning_rate in tiles:
            tile.update(learning_rate)
        for tile, _ in tiles:
            tile.post_update_step()
        if tiles and not self._zeroes:
            for group in self.param_groups:
                for parameter in group["params"]:
                    parameter.grad = None
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop all gradients, and what tiles kept for their update."""
        self._zeroes = True
        super().zero_grad(set_to_none)  # type: ignore[misc]
        for tile, _ in self._tiles():
            tile.forget()


class AnalogSGD(AnalogOptimizerMixin, optim.SGD):
    """``torch.optim.SGD`` for models with tiles."""


class AnalogAdam(AnalogOptimizerMixin, optim.Adam):
    """``torch.optim.Adam`` for models with tiles; these are trained by plain descent."""


@cache
def _analog(kind: type[optim.Optimizer]) -> type:
    return type(f"AnalogOptimizer{kind.__name__}", (AnalogOptimizerMixin, kind), {})


class AnalogOptimizer:
    """Makes an analog optimizer of any optimizer of torch: ``AnalogOptimizer(Adam, params, ...)``.

    What is made is an instance of that class.
    """

    def __new__(cls, kind: type[optim.Optimizer], *args: Any, **kwargs: Any) -> Any:
        """The optimizer with these arguments, for tiles too."""
        return _analog(kind)(*args, **kwargs)
