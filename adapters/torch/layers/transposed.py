"""The analog ``torch.nn.ConvTranspose1d``, ``ConvTranspose2d`` and ``ConvTranspose3d``.

Outputs gather: an image with stride - 1 zeros between its pixels is convolved with the reversed
kernels. The zeros are lines that are driven with the value 0.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from adapters.shared.per_layer import LayerParams
from adapters.torch.layers.conv import AnalogConv, shows_rounding
from adapters.torch.layers.matrix import Gradients, Needs
from adapters.torch.layers.windows import WindowProduct

READ = ("_held", "_reach", "_versions")
TRANSPOSED = {
    1: functional.conv_transpose1d,
    2: functional.conv_transpose2d,
    3: functional.conv_transpose3d,
}


class _AnalogConvTranspose(AnalogConv):
    """Transposed convolution on arrays; every group of channels has an array of its own."""

    def _prepare(self) -> None:
        space = len(self.kernel_size)
        self._windows = WindowProduct(
            backend=self.core.backend,
            channels=self.in_channels // self.groups,
            kernel=tuple(self.kernel_size),
            stride=(1,) * space,
            padding=(0,) * space,
            dilation=tuple(self.dilation),
            bias_rows=self._bias_rows if self.analog_bias else 0,
            unroll=shows_rounding(self.core.params),
        )

    def _array_weight(self, weight: torch.Tensor) -> torch.Tensor:
        return self._turned(weight)

    def _layer_weight(self, weight: torch.Tensor) -> torch.Tensor:
        return self._turned(weight)

    def _turned(self, weight: torch.Tensor) -> torch.Tensor:
        """Torch's (inputs, outputs of a group, *kernel) as (outputs, inputs of a group, *kernel).

        Kernels are reversed. Turning twice gives the weight again.
        """
        grouped = weight.unflatten(0, (self.groups, -1)).transpose(1, 2).flatten(0, 1)
        return grouped.flip(list(range(2, weight.ndim))).contiguous()

    def _analog_forward(self, x: torch.Tensor, output_size: Any = None) -> torch.Tensor:
        if output_size is None:
            return self._run(x, self.weight, self.bias)
        padding = self._output_padding(
            x, list(output_size), self.stride, self.padding, self.kernel_size,
            len(self.kernel_size), self.dilation,
        )  # fmt: skip
        # The same arrays; backward needs to know of the size too, whatever was called meanwhile.
        layer = copy.copy(self)
        layer.__dict__.update(output_padding=tuple(padding), _origin=self)
        y = layer._run(x, self.weight, self.bias)
        # What it read of the arrays serves the next call too.
        self.__dict__.update({name: layer.__dict__[name] for name in READ})
        return y

    def _digital(
        self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None
    ) -> torch.Tensor:
        return TRANSPOSED[len(self.kernel_size)](
            x, weight, bias, self.stride, self.padding, self.output_padding, self.groups,
            self.dilation,
        )  # fmt: skip

    def _padded(self, images: torch.Tensor) -> torch.Tensor:
        """Images with zeros between and around their pixels, (images, channels, *space)."""
        sizes = [(n - 1) * step + 1 for n, step in zip(images.shape[2:], self.stride, strict=True)]
        stuffed = images.new_zeros(*images.shape[:2], *sizes)
        stuffed[(..., *(slice(None, None, step) for step in self.stride))] = images
        pads: list[int] = []
        for axis, (size, dilation) in enumerate(zip(self.kernel_size, self.dilation, strict=True)):
            reach = dilation * (size - 1)
            before = reach - self.padding[axis]
            after = before + self.output_padding[axis]
            if sizes[axis] + before + after <= reach:
                raise RuntimeError(
                    f"{type(self).__name__} of {tuple(images.shape)}: padding {self.padding} "
                    "leaves no output"
                )
            pads[:0] = [before, after]
        # First what is added: the other side may cut off more than there was.
        grown = functional.pad(stuffed, [max(p, 0) for p in pads])
        return functional.pad(grown, [min(p, 0) for p in pads]) if min(pads) < 0 else grown

    def _gradients(
        self, grad: torch.Tensor, x: torch.Tensor, held: torch.Tensor | None, needs: Needs
    ) -> Gradients:
        single = x.ndim == len(self.kernel_size) + 1
        if held is None:
            held = self.weight.detach()
        grad_x, grad_weight, grad_bias = torch.ops.aten.convolution_backward(
            grad[None] if single else grad, x[None] if single else x, held.to(grad.dtype),
            [self.out_channels], self.stride, self.padding, self.dilation, True,
            self.output_padding, self.groups, list(needs[:3]),
        )  # fmt: skip
        return grad_x.reshape(x.shape) if needs[0] else None, grad_weight, grad_bias


class AnalogConvTranspose1d(_AnalogConvTranspose, nn.ConvTranspose1d):
    """``torch.nn.ConvTranspose1d`` on arrays; arguments as of ``AnalogConv``."""

    def __init__(self, params: LayerParams, *args: Any, bias_rows: int = 0, **kwargs: Any) -> None:
        nn.ConvTranspose1d.__init__(self, *args, **kwargs)
        self._wire(params, bias_rows)


class AnalogConvTranspose2d(_AnalogConvTranspose, nn.ConvTranspose2d):
    """``torch.nn.ConvTranspose2d`` on arrays; arguments as of ``AnalogConv``."""

    def __init__(self, params: LayerParams, *args: Any, bias_rows: int = 0, **kwargs: Any) -> None:
        nn.ConvTranspose2d.__init__(self, *args, **kwargs)
        self._wire(params, bias_rows)


class AnalogConvTranspose3d(_AnalogConvTranspose, nn.ConvTranspose3d):
    """``torch.nn.ConvTranspose3d`` on arrays; arguments as of ``AnalogConv``."""

    def __init__(self, params: LayerParams, *args: Any, bias_rows: int = 0, **kwargs: Any) -> None:
        nn.ConvTranspose3d.__init__(self, *args, **kwargs)
        self._wire(params, bias_rows)
