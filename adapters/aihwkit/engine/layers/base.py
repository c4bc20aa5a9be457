"""What analog layers and containers offer to look at their tiles."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from adapters.aihwkit.engine.configuration.configs import RPUConfig, SingleRPUConfig
from adapters.aihwkit.engine.exceptions import ConfigError, ModuleError
from adapters.aihwkit.engine.tiles.tile import AnalogTile, make_tile


class AnalogModuleBase(nn.Module):
    """Traversal of layers and tiles, for a layer, a container or a whole model."""

    def analog_modules(self) -> Iterator[nn.Module]:
        """Everything below that holds tiles, and this module where it does."""
        return self.analog_layers()

    def named_analog_layers(self) -> Iterator[tuple[str, AnalogLayer]]:
        """Analog layers with their names, in the order of ``named_modules``."""
        for name, module in self.named_modules():
            if isinstance(module, AnalogLayer):
                yield name, module

    def analog_layers(self) -> Iterator[AnalogLayer]:
        """Analog layers, in the order of ``modules``."""
        return (layer for _, layer in self.named_analog_layers())

    def named_analog_tiles(self) -> Iterator[tuple[str, AnalogTile]]:
        """Tiles with their names."""
        for name, module in self.named_modules():
            if isinstance(module, AnalogTile):
                yield name, module

    def analog_tiles(self) -> Iterator[AnalogTile]:
        """All tiles."""
        return (tile for _, tile in self.named_analog_tiles())

    def analog_tile_count(self) -> int:
        """How many tiles there are."""
        return sum(1 for _ in self.analog_tiles())

    def apply_to_analog_layers(self, fn: Callable[[Any], Any]) -> AnalogModuleBase:
        """Call ``fn`` with every analog layer."""
        for layer in self.analog_layers():
            fn(layer)
        return self

    def apply_to_analog_tiles(self, fn: Callable[[Any], Any]) -> AnalogModuleBase:
        """Call ``fn`` with every tile."""
        for tile in self.analog_tiles():
            fn(tile)
        return self

    def drift_analog_weights(self, t_inference: float = 0.0) -> None:
        """Raises ModuleError: devices of pulsed training do not drift here."""
        raise ModuleError("drift_analog_weights: drift of devices is not simulated here")

    def program_analog_weights(self, noise_model: Any = None) -> None:
        """Raises ModuleError: programming noise is that of inference, which is not simulated."""
        raise ModuleError("program_analog_weights: noise of inference is not simulated here")


class AnalogLayer(AnalogModuleBase):
    """A layer whose matrix is on tiles: ``analog_module``."""

    analog_module: Any

    def _make_tiles(
        self, out_size: int, in_size: int, bias: bool, config: RPUConfig | None
    ) -> None:
        owner = type(self).__name__
        if min(out_size, in_size) < 1:
            raise ModuleError(f"{owner}: a matrix of {out_size} x {in_size}; allowed are 1 or more")
        if not isinstance(config, RPUConfig | None):
            raise ConfigError(f"{owner}: rpu_config: got {config!r}; allowed is an RPUConfig")
        config = SingleRPUConfig() if config is None else copy.deepcopy(config)
        config.check_supported(owner)
        self.analog_module = make_tile(out_size, in_size, config, bias)

    @property
    def rpu_config(self) -> RPUConfig:
        """The configuration of the tiles; to change it after that changes nothing else."""
        return self.analog_module.rpu_config

    @property
    def analog_tile(self) -> AnalogTile:
        """The tile of a layer that has one. Raises ModuleError where it has several."""
        tiles = list(self.analog_tiles())
        if len(tiles) > 1:
            raise ModuleError(f"the layer has {len(tiles)} tiles; use analog_tiles()")
        return tiles[0]

    def get_weights(self) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Weight, in the shape of the digital layer, and bias (None without)."""
        matrix, bias = self.analog_module.get_weights()
        return matrix.reshape(self._weight_shape()), bias

    def set_weights(self, weight: torch.Tensor, bias: torch.Tensor | None = None) -> None:
        """Write weight and bias, in the shapes of the digital layer, into the tiles."""
        shape = self._weight_shape()
        if tuple(weight.shape) != shape and weight.numel() != torch.Size(shape).numel():
            raise ModuleError(f"weights of shape {tuple(weight.shape)}; needed are {shape}")
        self.analog_module.set_weights(weight.reshape(len(weight), -1), bias)

    def take(self, module: Any) -> None:
        """Take over weights of a digital layer, which of them are frozen, and its mode."""
        self.set_weights(module.weight, module.bias)
        self.train(module.training)
        for tile in self.analog_tiles():
            tile.analog_ctx.requires_grad_(module.weight.requires_grad)
        if module.bias is not None and self.analog_module.bias is not None:
            self.analog_module.bias.requires_grad_(module.bias.requires_grad)

    def _weight_shape(self) -> tuple[int, ...]:
        raise NotImplementedError


def digital_twin(module: AnalogLayer, layer: Any, realistic: Any) -> Any:
    """The digital ``layer``, of the same sizes, with the weights that the cells hold."""
    if realistic:
        raise ModuleError("to_digital: realistic reading is not simulated here; allowed is False")
    weight, bias = module.get_weights()
    layer.to(weight.dtype).train(module.training)
    with torch.no_grad():
        layer.weight.copy_(weight)
        if bias is not None:
            layer.bias.copy_(bias)
    frozen = not any(tile.analog_ctx.requires_grad for tile in module.analog_tiles())
    layer.weight.requires_grad_(not frozen)
    if bias is not None:
        digital = module.analog_module.bias
        layer.bias.requires_grad_(not frozen if digital is None else digital.requires_grad)
    return layer


def start_weights(out_size: int, in_size: int, bias: bool) -> tuple[Any, Any]:
    """The matrix and the bias that torch's layers start from."""
    start = nn.Linear(in_size, out_size, bias=bias)
    return start.weight.detach(), start.bias.detach() if bias else None
