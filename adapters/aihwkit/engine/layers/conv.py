"""The two-dimensional convolution."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.nn.modules.utils import _pair

from adapters.aihwkit.engine.configuration.configs import RPUConfig
from adapters.aihwkit.engine.exceptions import ModuleError
from adapters.aihwkit.engine.layers.base import AnalogLayer, digital_twin, start_weights
from adapters.aihwkit.engine.layers.windows import Windows
from simulator import ShapeError


class AnalogConv2d(AnalogLayer):
    """``torch.nn.Conv2d`` with its kernels on resistive tiles that are trained by pulses.

    Every window of the image is a vector of its own: it is scaled for the DAC, multiplied and
    applied to the weights by itself.

    Args:
        in_channels, out_channels, kernel_size, stride, padding, dilation, bias: as those of
            ``torch.nn.Conv2d``; one group, and zeros as padding.
        rpu_config: hardware; None is ``SingleRPUConfig()``. The layer takes a copy.

    Raises ConfigError for a configuration that asks for what is not simulated, ModuleError for
    groups and other paddings.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        rpu_config: RPUConfig | None = None,
    ) -> None:
        super().__init__()
        if groups != 1 or padding_mode != "zeros" or isinstance(padding, str):
            raise ModuleError(
                f"AnalogConv2d: got groups = {groups}, padding_mode = {padding_mode!r}, padding = "
                f"{padding!r}; allowed are 1, 'zeros' and numbers"
            )
        self.in_channels, self.out_channels, self.bias = in_channels, out_channels, bool(bias)
        self.kernel_size, self.stride = _pair(kernel_size), _pair(stride)
        self.padding, self.dilation = _pair(padding), _pair(dilation)
        self.in_features = in_channels * math.prod(self.kernel_size)
        self._make_tiles(out_channels, self.in_features, self.bias, rpu_config)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Write the weights into the tiles that torch's layer starts from."""
        weight, bias = start_weights(self.out_channels, self.in_features, self.bias)
        self.set_weights(weight.reshape(self._weight_shape()), bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Images (batch, out_channels, height, width) of ``x`` (batch, in_channels, ...).

        A single image, without the batch, is one too.
        """
        if x.dim() not in (3, 4) or x.shape[-3] != self.in_channels:
            raise ShapeError(
                f"AnalogConv2d: input of shape {tuple(x.shape)}; allowed is (batch, "
                f"{self.in_channels}, height, width), or that without a batch"
            )
        if x.dim() == 3:
            return self.forward(x[None])[0]
        columns = Windows.apply(x, self.kernel_size, self.stride, self.padding, self.dilation)
        y = self.analog_module.product(columns)
        y = y.reshape(self.out_channels, len(x), *self._image_size(x)).transpose(0, 1)
        bias = self.analog_module.bias
        return y if bias is None else y + bias[:, None, None]

    def _image_size(self, x: torch.Tensor) -> list[int]:
        sizes = zip(
            x.shape[2:], self.kernel_size, self.dilation, self.padding, self.stride, strict=True
        )
        return [(n + 2 * pad - d * (k - 1) - 1) // step + 1 for n, k, d, pad, step in sizes]

    def _weight_shape(self) -> tuple[int, ...]:
        return self.out_channels, self.in_channels, *self.kernel_size

    def extra_repr(self) -> str:
        """As torch's layer, and the kind of configuration."""
        parts = [f"{self.in_channels}, {self.out_channels}", f"kernel_size={self.kernel_size}"]
        parts.append(f"stride={self.stride}")
        if self.padding != (0, 0):
            parts.append(f"padding={self.padding}")
        if self.dilation != (1, 1):
            parts.append(f"dilation={self.dilation}")
        if not self.bias:
            parts.append("bias=False")
        return ", ".join([*parts, type(self.rpu_config).__name__])

    @classmethod
    def from_digital(cls, module: nn.Conv2d, rpu_config: RPUConfig | None = None) -> AnalogConv2d:
        """The layer with the weights of a digital one, within the bounds of its cells."""
        layer = cls(
            module.in_channels, module.out_channels, module.kernel_size, module.stride,
            module.padding, module.dilation, module.groups, module.bias is not None,
            module.padding_mode, rpu_config,
        )  # fmt: skip
        layer.take(module)
        return layer

    @classmethod
    def to_digital(cls, module: AnalogConv2d, realistic: Any = False) -> nn.Conv2d:
        """A digital layer with the weights that the cells hold."""
        layer = nn.Conv2d(
            module.in_channels, module.out_channels, module.kernel_size, module.stride,
            module.padding, module.dilation, bias=module.bias,
        )  # fmt: skip
        return digital_twin(module, layer, realistic)
