"""The plain product of a core, taken by torch.

NumPy and torch bring threads of their own for products. Where both take turns, those of one get in
the way of those of the other, which made small products up to ten times slower.
"""

from __future__ import annotations

import math
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch

from adapters.torch.tensors import to_array, to_tensor
from simulator import Product


@dataclass(frozen=True)
class ColumnProduct(Product):
    """Inputs (lines, batch), one vector for each column.

    ``axis``: the lines that the arrays hold; None for all.
    """

    backend: Any
    axis: Any = None

    def bound(self, axis: Any) -> ColumnProduct:
        """The product for arrays that hold the lines of ``axis``."""
        return replace(self, axis=axis)

    def rest(self, inputs: Any) -> tuple[int, ...]:
        """One vector for each column."""
        return (inputs.shape[1],)

    def take(self, inputs: Any, batch: Any) -> Any:
        """Some columns."""
        return inputs[:, batch]

    def peaks(self, inputs: Any) -> Any:
        """Largest magnitude of each column."""
        return self.backend.xp.abs(inputs).max(axis=0)

    def totals(self, inputs: Any) -> Any:
        """Sum of each column over the lines of the arrays."""
        return self.unrolled(inputs).sum(axis=0)

    def unrolled(self, inputs: Any) -> Any:
        """The lines of the arrays."""
        return inputs if self.axis is None else inputs[self.axis.slice]

    def currents(self, conductances: Any, phases: Any) -> Any:
        """One product over all phases and tiles."""
        held, _, lines, inputs = conductances.shape
        first = self.axis.start
        phases = phases[:, first : first + self.axis.length]
        drive = self.axis.split(phases, self.backend)[:, None]
        shape = (len(phases), held, drive.shape[2], lines, drive.shape[-1])
        if math.prod(shape[:3]) == 1:
            # Torch's product of stacks copies what its product of matrices does not.
            flat = self._times(conductances.reshape(lines, inputs), drive.reshape(inputs, -1))
            return flat.reshape(shape)
        return self._times(conductances, drive)

    def merged(self, weights: Any, inputs: Any) -> Any:
        """One product with the whole matrix."""
        return self._times(weights, self.unrolled(inputs))

    def _times(self, first: Any, second: Any) -> Any:
        """The product of two arrays, as an array."""
        if torch.get_float32_matmul_precision() != "highest":
            # A script may let torch round its own products; currents are not among them.
            return first @ second
        tensors = to_tensor(first), to_tensor(second)
        device, whole = tensors[0].device.type, nullcontext()
        if torch.is_autocast_enabled(device):
            whole = torch.autocast(device, enabled=False)
        with torch.no_grad(), whole:
            return to_array(torch.matmul(*tensors), self.backend)
