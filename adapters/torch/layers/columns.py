"""The plain product of a core, taken by torch.

NumPy and torch bring threads of their own for products. Where both take turns, those of one get in
the way of those of the other, which made small products up to ten times slower.
"""

from __future__ import annotations

import math
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from adapters.torch.runtime.tensors import to_array, to_tensor
from simulator import MatrixProduct


@dataclass(frozen=True)
class ColumnProduct(MatrixProduct):
    """Inputs (lines, batch), one vector for each column; torch multiplies them."""

    def times(self, first: Any, second: Any) -> Any:
        """``first @ second``, in full precision."""
        if torch.get_float32_matmul_precision() != "highest":
            # A script may let torch round its own products; currents are not among them.
            return super().times(first, second)
        parts = to_tensor(first), to_tensor(second)
        stack = np.broadcast_shapes(first.shape[:-2], second.shape[:-2])
        if math.prod(stack) == 1:
            # Torch's product of stacks copies what its product of matrices does not.
            parts = tuple(part.reshape(part.shape[-2:]) for part in parts)
        device, whole = parts[0].device.type, nullcontext()
        if torch.is_autocast_enabled(device):
            whole = torch.autocast(device, enabled=False)
        with torch.no_grad(), whole:
            out = torch.matmul(*parts)
        return to_array(out.reshape(*stack, *out.shape[-2:]), self.backend)
