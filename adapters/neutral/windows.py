"""Windows of images as the inputs of a core, in NumPy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from simulator import Product


@dataclass(frozen=True)
class WindowProduct(Product):
    """Inputs (batch, channels, *space) and windows of ``kernel``; vectors (batch, *positions).

    The last ``bias_rows`` channels are bias lines: of them the first pixel of a window counts.
    ``axis``: the lines that an array holds; None for all.
    """

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    bias_rows: int = 0
    axis: Any = None
    backend: Any = None

    def bound(self, axis: Any) -> WindowProduct:
        """The product for arrays that hold the lines of ``axis``."""
        return replace(self, axis=axis)

    def rest(self, inputs: Any) -> tuple[int, ...]:
        """Batch and positions of the window."""
        sizes = zip(inputs.shape[2:], self.kernel, self.stride, self.dilation, strict=True)
        return (len(inputs), *((n - d * (k - 1) - 1) // s + 1 for n, k, s, d in sizes))

    def take(self, inputs: Any, batch: Any) -> Any:
        """Some images."""
        return inputs[batch]

    def peaks(self, inputs: Any) -> Any:
        """Largest magnitude of every image."""
        return np.abs(inputs).reshape(len(inputs), -1).max(axis=1)

    def totals(self, inputs: Any) -> Any:
        """Sum over every window."""
        return self.unrolled(inputs).sum(axis=0).reshape(self.rest(inputs))

    def unrolled(self, inputs: Any) -> Any:
        """Windows as columns, (lines, vectors)."""
        space = len(self.kernel)
        reach = [d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation, strict=True)]
        # (images, channels, *positions, *taps)
        windows = sliding_window_view(inputs, reach, axis=tuple(range(2, 2 + space)))
        steps = [slice(None, None, s) for s in (*self.stride, *self.dilation)]
        windows = windows[(slice(None), slice(None), *steps)]
        order = [1, *range(2 + space, 2 + 2 * space), 0, *range(2, 2 + space)]
        columns = windows.transpose(order)
        pixels = len(columns) - self.bias_rows
        vectors = int(np.prod(columns.shape[1 + space :]))
        lines = columns[:pixels].reshape(-1, vectors)
        if self.bias_rows:
            ones = columns[(slice(pixels, None), *[0] * space)].reshape(-1, vectors)
            lines = np.concatenate([lines, ones])
        return lines if self.axis is None else lines[self.axis.slice]

    def currents(self, conductances: Any, phases: Any) -> Any:
        """One batched product over all phases and tiles."""
        columns = np.stack([self.unrolled(phase) for phase in phases])
        drive = self.axis.split(columns, self.backend)[:, None]
        # Inputs were looked at; BLAS warns of what lies in memory behind short vectors.
        with np.errstate(all="ignore"):
            currents = conductances @ drive
        return currents.reshape(*currents.shape[:-1], *self.rest(phases[0]))

    def merged(self, weights: Any, inputs: Any) -> Any:
        """One product with the whole matrix."""
        with np.errstate(all="ignore"):
            out = weights @ self.unrolled(inputs)
        return out.reshape(len(weights), *self.rest(inputs))
