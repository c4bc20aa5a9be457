"""Sparse vectors from fewer measurements than unknowns.

All methods see the measurement matrix A, (m, n) with columns of unit length, through two
functions only: `forward` maps x, (n, batch), to A x, and `adjoint` maps r, (m, batch), to A^T r.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

Product = Callable[[np.ndarray], np.ndarray]


def amp(
    forward: Product, adjoint: Product, measured: np.ndarray, iterations: int, factor: float = 1.3
) -> Iterator[np.ndarray]:
    """Yield the estimates (n, batch) of approximate message passing from `measured` (m, batch).

    Soft thresholding at `factor` times the noise that the residual shows. The last term of the
    residual, Onsager's, makes the errors of successive iterations behave as if they were
    independent, which needs a matrix of independent entries. Donoho, Maleki and Montanari, Proc.
    Natl. Acad. Sci. 106 (2009) 18914.
    """
    count = len(measured)
    residual = measured
    found: np.ndarray | float = 0.0
    for _ in range(iterations):
        level = factor * np.linalg.norm(residual, axis=0) / np.sqrt(count)
        found = shrunk(found + adjoint(residual), level)
        kept = np.count_nonzero(found, axis=0) / count
        residual = measured - forward(found) + kept * residual
        yield found


def fista(
    forward: Product,
    adjoint: Product,
    measured: np.ndarray,
    iterations: int,
    curvature: float,
    weight: float,
) -> Iterator[np.ndarray]:
    """Yield the estimates (n, batch) of FISTA from `measured` (m, batch).

    It minimises ``|A x - y|^2 / 2 + w |x|_1`` with w = `weight` times the largest entry of
    ``A^T y`` of each vector; `curvature` is at least the largest eigenvalue of ``A^T A``. Beck and
    Teboulle, SIAM J. Imaging Sci. 2 (2009) 183.
    """
    start = adjoint(measured)
    level = weight * np.abs(start).max(axis=0) / curvature
    found = np.zeros_like(start)
    ahead, momentum = found, 1.0
    for number in range(iterations):
        # The first gradient is known: that of zero.
        slope = start if number == 0 else adjoint(measured - forward(ahead))
        moved = shrunk(ahead + slope / curvature, level)
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = moved + (momentum - 1) / following * (moved - found)
        found, momentum = moved, following
        yield found


def shrunk(values: np.ndarray, level: np.ndarray | float) -> np.ndarray:
    """Return `values` moved towards zero by `level`, and zero where that would cross it."""
    return np.sign(values) * np.maximum(np.abs(values) - level, 0)


def gaussian_matrix(rows: int, columns: int, rng: np.random.Generator) -> np.ndarray:
    """Return independent normal entries, every column scaled to unit length."""
    matrix = rng.normal(size=(rows, columns))
    return matrix / np.linalg.norm(matrix, axis=0)


def gaussian_curvature(rows: int, columns: int) -> float:
    """Return a bound of the largest eigenvalue of ``A^T A`` for :func:`gaussian_matrix`.

    The limit for large matrices with a tenth to spare (Marchenko and Pastur, 1967).
    """
    return 1.1 * float((1 + np.sqrt(columns / rows)) ** 2)
