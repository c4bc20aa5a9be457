"""A tile as a torch module: arrays, digital bias and scales, and what the optimizer has to know."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.autograd.function import once_differentiable

from adapters.aihwkit.engine.configuration.configs import RPUConfig
from adapters.aihwkit.engine.exceptions import AnalogBiasConfigError, TileError
from adapters.aihwkit.engine.tiles.crossbar import Crossbar
from adapters.aihwkit.engine.tiles.state import as_arrays, as_tensors
from adapters.torch.runtime.tensors import torch_entropy


class AnalogContext(nn.Parameter):
    """Stands for the weights of a tile among the parameters of a model; holds no value of its own.

    An analog optimizer finds the tile by it. Its gradient is zero while the tile keeps something
    for its next update, and None else: whoever drops it drops that too.
    """

    analog_tile: AnalogTile

    def __new__(cls, requires_grad: bool = True) -> AnalogContext:
        """One element, so that it has a place in parameter groups."""
        return torch.Tensor._make_subclass(cls, torch.zeros(1), requires_grad)

    def __deepcopy__(self, memo: dict[int, Any]) -> AnalogContext:
        # The tile that is copied along with it puts itself into its place.
        memo[id(self)] = copy = type(self)(self.requires_grad)
        return copy

    def __reduce_ex__(self, protocol: Any) -> Any:
        return type(self), (self.requires_grad,)


class AnalogTile(nn.Module):
    """Weights (outputs, inputs) on one array, with a bias and with a scale for each output.

    The bias is digital, or one more column of the array that is driven by 1, as ``mapping`` says.
    """

    def __init__(self, out_size: int, in_size: int, rpu_config: RPUConfig, bias: bool) -> None:
        super().__init__()
        self.out_size, self.in_size, self.rpu_config = out_size, in_size, rpu_config
        self.dtype = rpu_config.runtime.data_type.as_torch()
        self.analog_bias = bias and not rpu_config.mapping.digital_bias
        shape = out_size, in_size + int(self.analog_bias)
        self.tile = Crossbar(shape, rpu_config, torch_entropy)
        self.analog_ctx = AnalogContext()
        self.analog_ctx.analog_tile = self
        digital = bias and not self.analog_bias
        zeros = torch.zeros(out_size, dtype=self.dtype)
        self.bias = nn.Parameter(zeros) if digital else None
        self.register_buffer("mapping_scales", torch.ones(out_size, dtype=self.dtype))
        self._used: list[tuple[int, Any, Any]] = []
        self._calls = 0

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.analog_ctx.analog_tile = self

    def _apply(self, fn: Any, recurse: bool = True) -> AnalogTile:
        place = fn(self.analog_ctx.detach()).device
        if place.type != "cpu":
            raise TileError(f"a tile cannot be moved to {place}; allowed is the CPU")
        scales = self.mapping_scales
        super()._apply(fn, recurse)
        # The array computes in the numbers of its configuration, whatever those of the model are.
        self.mapping_scales = scales
        return self

    def extra_repr(self) -> str:
        """Kind of device, and shape of the array."""
        return self.tile.tag

    # -- weights -----------------------------------------------------------------------------

    def set_weights(self, weight: torch.Tensor, bias: torch.Tensor | None = None) -> None:
        """Write weights (outputs, inputs) and a bias (outputs,) into the tile.

        Cells take them within their bounds. With ``weight_scaling_omega`` they are divided by
        scales first, for each output or for all, so that the largest is at omega.
        """
        matrix = weight.detach().to("cpu", self.dtype, copy=True).numpy()
        if matrix.shape != (self.out_size, self.in_size):
            raise TileError(
                f"weights of shape {matrix.shape}; needed are {(self.out_size, self.in_size)}"
            )
        if bias is not None and bias.shape != (self.out_size,):
            raise TileError(f"a bias of shape {tuple(bias.shape)}; needed is {(self.out_size,)}")
        if bias is not None and self.bias is None and not self.analog_bias:
            raise TileError("a bias for a tile that has none")
        if self.analog_bias:
            held = self.get_weights()[1] if bias is None else bias
            column = held.detach().to("cpu", self.dtype).numpy()
            matrix = np.concatenate([matrix, column[:, None]], axis=1)
        scales = self._scales_for(matrix)
        self.tile.set_weights(matrix / scales[:, None])
        self.mapping_scales = torch.from_numpy(scales)
        if bias is not None and self.bias is not None:
            with torch.no_grad():
                self.bias.copy_(bias)

    def _scales_for(self, matrix: Any) -> Any:
        mapping = self.rpu_config.mapping
        largest = np.abs(matrix).max(axis=1)
        if mapping.weight_scaling_omega <= 0:
            return np.ones_like(largest)
        if not mapping.weight_scaling_columnwise:
            largest = np.full_like(largest, largest.max())
        return np.where(largest > 0, largest / matrix.dtype.type(mapping.weight_scaling_omega), 1)

    def get_weights(self) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Weights (outputs, inputs) that the cells hold, and the bias (None without)."""
        matrix = torch.from_numpy(self.tile.weights) * self.mapping_scales[:, None]
        if self.analog_bias:
            return matrix[:, :-1].contiguous(), matrix[:, -1].clone()
        return matrix, None if self.bias is None else self.bias.detach().clone()

    def get_hidden_parameters(self) -> dict[str, torch.Tensor]:
        """Properties of every cell by name, each (outputs, inputs)."""
        cells = getattr(self.tile.steps, "cells", {})
        return {name: torch.from_numpy(values.copy()) for name, values in cells.items()}

    # -- a call ------------------------------------------------------------------------------

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Products (vectors, outputs) with ``x`` (vectors, inputs)."""
        y = self.product(x.t()).t()
        return y if self.bias is None else y + self.bias

    @torch.compiler.disable
    def product(self, columns: torch.Tensor) -> torch.Tensor:
        """Products (outputs, vectors) with the columns (inputs, vectors), without digital bias."""
        if self.analog_bias:
            ones = columns.new_ones(1, columns.shape[1])
            columns = torch.cat([columns, ones])
        held = _Weights.apply(self.analog_ctx, columns.detach(), self)
        return _Product.apply(columns, held, self)

    # -- the update --------------------------------------------------------------------------

    def next_call(self) -> int:
        """Number of a forward call; updates are applied in this order."""
        self._calls += 1
        return self._calls

    def remember(self, call: int, x: Any, d: Any) -> None:
        """Keep inputs and gradients of a call, (lines, vectors), until the next update."""
        context = self.analog_ctx
        if context.grad is None:
            self.forget()
            context.grad = torch.zeros_like(context)
        self._used.append((call, x, d))

    def forget(self) -> None:
        """Drop what was kept for the next update."""
        self._used = []

    def update(self, learning_rate: float) -> None:
        """Change the weights by all calls since the last update, in their order."""
        if self.analog_ctx.grad is None:
            self.forget()
        used, self._used = sorted(self._used, key=lambda use: use[0]), []
        if not used or learning_rate == 0:
            return
        x, d = (
            used[0][i] if len(used) == 1 else np.concatenate([use[i] for use in used], axis=1)
            for i in (1, 2)
        )
        self.tile.update(x, self._per_scale(d), learning_rate)

    def _per_scale(self, d: Any) -> Any:
        """Gradients such that the weights times their scales change by what is asked for."""
        if self.rpu_config.mapping.weight_scaling_omega <= 0:
            return d
        return d / self.mapping_scales.numpy()[:, None]

    def post_update_step(self) -> None:
        """What happens to all cells once in each optimizer step."""
        self.tile.age()

    # -- state -------------------------------------------------------------------------------

    def get_extra_state(self) -> dict[str, Any]:
        """Weights, devices and random state, as tensors, numbers and strings."""
        return {"tile": as_tensors(self.tile.get_state())}

    def set_extra_state(self, state: Any) -> None:
        """Continue from a saved tile. Raises InputError for one that does not fit."""
        self.tile.set_state(as_arrays(state["tile"]))

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        context, held = self.analog_ctx, (self.bias, self.mapping_scales)
        before = [None if part is None else part.detach().clone() for part in held]
        try:
            super()._load_from_state_dict(state_dict, prefix, *rest)
        except Exception:
            self.bias, self.mapping_scales = held
            with torch.no_grad():
                for part, value in zip(held, before, strict=True):
                    if part is not None:
                        part.copy_(value)
            raise
        finally:
            # With assign=True what was saved would take its place.
            self.analog_ctx = context

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_used": []}


class _Weights(torch.autograd.Function):
    """Stands for the weights in a product, in its shape; their gradient is kept for the update.

    So autograd decides whether there is one: not for a frozen tile, nor where only the gradient of
    something else is asked for.
    """

    @staticmethod
    def forward(ctx: Any, analog_ctx: Any, columns: Any, tile: AnalogTile) -> torch.Tensor:
        ctx.save_for_backward(columns)
        ctx.tile, ctx.call = tile, tile.next_call()
        return columns.new_zeros(()).expand(tile.out_size, columns.shape[1])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: torch.Tensor) -> tuple:  # type: ignore[override]
        used = (part.resolve_neg() for part in (*ctx.saved_tensors, grad))
        x, d = (part.to(ctx.tile.dtype, copy=True).numpy() for part in used)
        ctx.tile.remember(ctx.call, x, d)
        return None, None, None


class _Product(torch.autograd.Function):
    """Both products of a tile; ``held`` stands for its weights."""

    @staticmethod
    def forward(ctx: Any, columns: Any, held: Any, tile: AnalogTile) -> torch.Tensor:
        if columns.device.type != "cpu":
            raise TileError(f"inputs on {columns.device}; allowed is the CPU")
        if columns.is_complex():
            raise TileError(f"inputs of {columns.dtype}; allowed are real numbers")
        ctx.tile, ctx.dtype = tile, columns.dtype
        y = tile.tile.forward(columns.detach().resolve_neg().to(tile.dtype).numpy())
        if tile.rpu_config.mapping.weight_scaling_omega > 0:
            y *= tile.mapping_scales.numpy()[:, None]
        return torch.from_numpy(y).to(columns.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: torch.Tensor) -> tuple:  # type: ignore[override]
        if not ctx.needs_input_grad[0]:
            return None, grad, None
        tile, d = ctx.tile, grad.resolve_neg().to(ctx.tile.dtype).numpy()
        if tile.rpu_config.mapping.weight_scaling_omega > 0:
            d = d * tile.mapping_scales.numpy()[:, None]
        return torch.from_numpy(tile.tile.backward(d)).to(ctx.dtype), grad, None


class TileModuleArray(nn.Module):
    """A matrix that exceeds the limits of ``mapping`` on several tiles, near-equal in size.

    Partial products are added digitally; a bias is added to their sum.
    """

    def __init__(self, out_size: int, in_size: int, rpu_config: RPUConfig, bias: bool) -> None:
        super().__init__()
        if bias and not rpu_config.mapping.digital_bias:
            raise AnalogBiasConfigError(
                "mapping.digital_bias: got False for a matrix that needs several tiles; allowed is "
                "True, or a larger mapping.max_input_size and max_output_size"
            )
        mapping = rpu_config.mapping
        self.rpu_config = rpu_config
        self.in_sizes = near_equal(in_size, mapping.max_input_size)
        self.out_sizes = near_equal(out_size, mapping.max_output_size)
        self.array = nn.ModuleList(
            nn.ModuleList(AnalogTile(rows, cols, rpu_config, False) for rows in self.out_sizes)
            for cols in self.in_sizes
        )
        zeros = torch.zeros(out_size, dtype=rpu_config.runtime.data_type.as_torch())
        self.bias = nn.Parameter(zeros) if bias else None

    def set_weights(self, weight: torch.Tensor, bias: torch.Tensor | None = None) -> None:
        """Write weights (outputs, inputs) and a bias (outputs,) into the tiles."""
        wanted = sum(self.out_sizes), sum(self.in_sizes)
        if tuple(weight.shape) != wanted:
            raise TileError(f"weights of shape {tuple(weight.shape)}; needed are {wanted}")
        if bias is not None and (self.bias is None or bias.shape != self.bias.shape):
            needed = "none" if self.bias is None else f"one of {tuple(self.bias.shape)}"
            raise TileError(f"a bias of shape {tuple(bias.shape)}; needed is {needed}")
        for column, part in zip(self.array, weight.split(self.in_sizes, dim=1), strict=True):
            for tile, block in zip(column, part.split(self.out_sizes), strict=True):
                tile.set_weights(block)
        if bias is not None and self.bias is not None:
            with torch.no_grad():
                self.bias.copy_(bias)

    def get_weights(self) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Weights (outputs, inputs) that the cells hold, and the bias (None without)."""
        columns = [torch.cat([tile.get_weights()[0] for tile in column]) for column in self.array]
        bias = None if self.bias is None else self.bias.detach().clone()
        return torch.cat(columns, dim=1), bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Products (vectors, outputs) with ``x`` (vectors, inputs)."""
        y = self.product(x.t()).t()
        return y if self.bias is None else y + self.bias

    def product(self, columns: torch.Tensor) -> torch.Tensor:
        """Products (outputs, vectors) with the columns (inputs, vectors), without digital bias."""
        parts = zip(self.array, columns.split(self.in_sizes), strict=True)
        sums = [torch.cat([tile.product(part) for tile in column]) for column, part in parts]
        return torch.stack(sums).sum(dim=0) if len(sums) > 2 else sum(sums[1:], sums[0])


def near_equal(length: int, limit: int) -> list[int]:
    """Sizes of at most ``limit`` (0 = no limit) that add up, the first ones larger."""
    count = math.ceil(length / limit) if limit > 0 else 1
    size, more = divmod(length, count)
    return [size + 1] * more + [size] * (count - more)


def make_tile(out_size: int, in_size: int, config: RPUConfig, bias: bool) -> nn.Module:
    """A tile, or several where one would exceed the limits of ``config.mapping``."""
    mapping = config.mapping
    lines = in_size + int(bias and not mapping.digital_bias)
    one = all(
        limit <= 0 or size <= limit
        for size, limit in ((lines, mapping.max_input_size), (out_size, mapping.max_output_size))
    )
    return (AnalogTile if one else TileModuleArray)(out_size, in_size, config, bias)
