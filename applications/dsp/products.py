"""Products with a core whose inputs are scaled vector by vector, as solvers need them."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator import AnalogCore


class Products:
    """Products with the matrix of `core` from both sides, and how many vectors there were.

    Every vector is divided by its largest magnitude before it is converted, and its result
    multiplied by it: a digital exponent per vector. Without it, solvers would lose a bit of their
    inputs with every halving of the residual, and vectors of a batch would share one range.
    """

    def __init__(self, core: AnalogCore) -> None:
        self.core = core
        self.count = 0

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Return ``A x`` for vectors x, (n,) or (n, batch)."""
        return self._scaled(x, lambda vectors: self.core @ vectors)

    def adjoint(self, r: np.ndarray) -> np.ndarray:
        """Return ``A^T r`` for vectors r, (m,) or (m, batch), from the same arrays."""
        return self._scaled(r, lambda vectors: (vectors.T @ self.core).T)

    def _scaled(self, vectors: np.ndarray, product: Any) -> np.ndarray:
        self.count += 1 if vectors.ndim == 1 else vectors.shape[1]
        largest = np.abs(vectors).max(axis=0)
        scale = np.where(largest > 0, largest, 1.0)
        return product(vectors / scale) * scale
