"""Containers that know the tiles below them."""

from __future__ import annotations

from torch import nn

from adapters.aihwkit.engine.layers.base import AnalogModuleBase


class AnalogSequential(nn.Sequential, AnalogModuleBase):
    """``torch.nn.Sequential`` with the tiles of all layers below it, however deep.

    Scripts also derive models from it that have a ``forward`` of their own.
    """
