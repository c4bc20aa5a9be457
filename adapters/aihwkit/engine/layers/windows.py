"""Windows of images as the columns that drive an array."""

from __future__ import annotations

from typing import Any

import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional

Pair = tuple[int, int]


class Windows(torch.autograd.Function):
    """All windows of ``x`` (batch, channels, height, width): (lines, vectors).

    Lines are channels and places of the kernel, vectors are images and positions of the window.
    """

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair
    ) -> torch.Tensor:
        ctx.geometry, ctx.shape = (kernel, stride, padding, dilation), x.shape
        pads = [p for size in reversed(padding) for p in (size, size)]
        windows = functional.pad(x, pads) if any(pads) else x
        for axis in (2, 3):
            reach = dilation[axis - 2] * (kernel[axis - 2] - 1) + 1
            # (batch, channels, *positions, *taps)
            windows = windows.unfold(axis, reach, stride[axis - 2])[..., :: dilation[axis - 2]]
        columns = windows.permute(1, 4, 5, 0, 2, 3)
        return columns.reshape(x.shape[1] * kernel[0] * kernel[1], -1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: torch.Tensor) -> tuple:  # type: ignore[override]
        kernel, stride, padding, dilation = ctx.geometry
        if not ctx.shape[0]:
            return grad.new_zeros(ctx.shape), None, None, None, None
        # (lines, images, positions) to images of lines
        lines = grad.reshape(len(grad), ctx.shape[0], -1).transpose(0, 1)
        image = functional.fold(lines, ctx.shape[2:], kernel, dilation, padding, stride)
        return image, None, None, None, None
