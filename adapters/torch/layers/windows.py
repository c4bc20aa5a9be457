"""Convolution as the linear product of a core: windows of an image drive the lines.

Torch's own convolution runs over the stacked conductances of all slices and sides; nothing is
unrolled unless ``unroll`` says so. Bias lines are further channels of constant input that only one
place of the kernel sees.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import product
from typing import Any

import torch
from torch.nn import functional

from adapters.torch.runtime.tensors import to_array, to_tensor
from simulator import Product

CONVOLUTIONS = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}


@dataclass(frozen=True)
class WindowProduct(Product):
    """Inputs (batch, channels, *space) and windows of ``kernel``; vectors (batch, *positions).

    ``padding`` is that of the convolution itself and stands for lines at zero volts. The last
    ``bias_rows`` lines are bias lines. ``sizes`` are the parts of the lines on the arrays, from
    line ``first`` on; empty stands for all lines in one part. ``unroll`` takes currents from a
    matrix product: it rounds in another order than a convolution.
    """

    backend: Any
    channels: int
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    bias_rows: int = 0
    unroll: bool = False
    first: int = 0
    sizes: tuple[int, ...] = ()

    def bound(self, axis: Any) -> WindowProduct:
        """The product for arrays that hold the lines of ``axis``."""
        return _bound(self, axis.start, axis.sizes)

    @cached_property
    def _taps(self) -> int:
        """Lines of one channel."""
        count = 1
        for size in self.kernel:
            count *= size
        return count

    @cached_property
    def _total_lines(self) -> int:
        return self.channels * self._taps + self.bias_rows

    def rest(self, inputs: Any) -> tuple[int, ...]:
        """Batch and positions of the window."""
        sizes = zip(
            inputs.shape[2:], self.kernel, self.stride, self.padding, self.dilation, strict=True
        )
        positions = ((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in sizes)
        return (inputs.shape[0], *positions)

    def take(self, inputs: Any, batch: Any) -> Any:
        """Some images."""
        return inputs[batch]

    def peaks(self, inputs: Any) -> Any:
        """Largest magnitude of every image."""
        return self.backend.xp.abs(inputs).reshape(len(inputs), -1).max(axis=1)

    def totals(self, inputs: Any) -> Any:
        """Sum over every window, line after line."""
        lines = sum(self.sizes) or self._total_lines
        total = self.backend.xp.zeros(self.rest(inputs), dtype=inputs.dtype)
        for line, values in enumerate(self._lines(to_tensor(inputs))):
            if self.first <= line < self.first + lines:
                total += to_array(values, self.backend)
        return total

    def unrolled(self, inputs: Any) -> Any:
        """Windows as columns, (lines, vectors): the lines that are on the arrays."""
        columns = self._columns(to_tensor(inputs)).transpose(0, 1)
        if self.sizes:
            columns = columns[self.first : self.first + sum(self.sizes)]
        return to_array(columns.reshape(columns.shape[0], -1), self.backend)

    def _columns(self, images: torch.Tensor) -> torch.Tensor:
        """The windows of every image as columns, (images, lines, positions)."""
        space, count, windows = len(self.kernel), len(images), self._windows(images)
        # (images, channels, *positions, *taps) to (images, channels, *taps, *positions)
        order = [0, 1, *range(2 + space, 2 + 2 * space), *range(2, 2 + space)]
        flat = windows.permute(*order).reshape(count, windows.shape[1], self._taps, -1)
        pixels = flat[:, : self.channels].reshape(count, self.channels * self._taps, -1)
        if not self.bias_rows:
            return pixels
        return torch.cat([pixels, flat[:, self.channels :, 0]], dim=1)

    def _windows(self, images: torch.Tensor) -> torch.Tensor:
        """A view of the padded images, (images, channels, *positions, *taps)."""
        pads = [p for size in reversed(self.padding) for p in (size, size)]
        windows = functional.pad(images, pads)
        for axis, (size, step, reach) in enumerate(
            zip(self.kernel, self.stride, self.dilation, strict=True), start=2
        ):
            windows = windows.unfold(axis, reach * (size - 1) + 1, step)[..., ::reach]
        return windows

    def _lines(self, images: torch.Tensor) -> Iterator[torch.Tensor]:
        """What every window puts on one line after the other, (images, *positions) each."""
        windows = self._windows(images)
        for channel in range(self.channels):
            for tap in product(*map(range, self.kernel)):
                yield windows[(slice(None), channel, ..., *tap)]
        for channel in range(self.channels, self.channels + self.bias_rows):
            yield windows[(slice(None), channel, ..., *[0] * len(self.kernel))]

    def currents(self, conductances: Any, phases: Any) -> Any:
        """One convolution for each part of the lines, over the channels that it touches."""
        out_parts, in_parts, lines, _ = conductances.shape
        count, batch = phases.shape[:2]
        images = phases.reshape(count * batch, *phases.shape[2:])
        columns = self._columns(to_tensor(images)) if self.unroll else None
        parts, start = [], self.first
        for part, size in enumerate(self.sizes or (self._total_lines,)):
            kernels = conductances[:, part, :, :size].reshape(out_parts * lines, size)
            if columns is None:
                parts.append(self._convolve(kernels, images, start, start + size))
            else:
                flat = to_tensor(kernels) @ columns[:, start : start + size]
                parts.append(flat.reshape(*flat.shape[:2], *self.rest(images)[1:]))
            start += size
        stacked = torch.stack(parts) if in_parts > 1 else parts[0][None]
        # (input parts, phase batch, output parts * lines, *positions)
        shape = (in_parts, count, batch, out_parts, lines, *stacked.shape[3:])
        split = stacked.reshape(shape)
        order = [1, 3, 0, 4, 2, *range(5, split.ndim)]
        return to_array(split.permute(*order), self.backend)

    def merged(self, weights: Any, inputs: Any) -> Any:
        """One convolution with the whole matrix."""
        out = self._convolve(weights, inputs, self.first, self.first + weights.shape[1])
        return to_array(out.transpose(0, 1), self.backend)

    def _convolve(self, kernels: Any, images: Any, start: int, stop: int) -> torch.Tensor:
        """Convolution with the lines [start, stop): (images, outputs, *positions)."""
        first, last = self._channel(start), self._channel(stop - 1) + 1
        weight = self._kernel_tensor(to_tensor(kernels), start, stop, first, last)
        convolution = CONVOLUTIONS[len(self.kernel)]
        pixels = to_tensor(images)[:, first:last]
        return convolution(pixels, weight, None, self.stride, self.padding, self.dilation)

    def _channel(self, line: int) -> int:
        """Channel that a line belongs to; bias lines follow the real channels."""
        pixels = self.channels * self._taps
        return line // self._taps if line < pixels else self.channels + line - pixels

    def _kernel_tensor(
        self, flat: torch.Tensor, start: int, stop: int, first: int, last: int
    ) -> torch.Tensor:
        """Weights (outputs, lines) as kernels over the channels [first, last), zero elsewhere."""
        outputs, pixels = len(flat), self.channels * self._taps
        shape = (outputs, last - first, *self.kernel)
        if stop <= pixels and start == first * self._taps and stop == last * self._taps:
            return flat.reshape(shape)
        out = flat.new_zeros(outputs, (last - first) * self._taps)
        inner = max(0, min(stop, pixels) - start)
        offset = start - first * self._taps
        out[:, offset : offset + inner] = flat[:, :inner]
        for line in range(max(start, pixels), stop):
            out[:, (self._channel(line) - first) * self._taps] = flat[:, line - start]
        return out.reshape(shape)


@lru_cache(maxsize=1024)
def _bound(product: WindowProduct, first: int, sizes: tuple[int, ...]) -> WindowProduct:
    return replace(product, first=first, sizes=sizes)
