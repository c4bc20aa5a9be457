"""Singular vectors by subspace iteration, and how far they are from the true ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

Product = Callable[[np.ndarray], np.ndarray]


def right_singular_vectors(
    forward: Product,
    adjoint: Product,
    size: int,
    count: int,
    iterations: int,
    rng: np.random.Generator,
    spare: int = 6,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the first right singular vectors (size, count) of A, and values (count,).

    `forward` maps x, (size, batch), to A x and `adjoint` maps its results to A^T A x; `spare` more
    vectors than asked for are iterated, which speeds up the last ones. Vectors are orthonormal and
    in the order of falling values after each iteration: Halko, Martinsson and Tropp, SIAM Rev. 53
    (2011) 217.
    """
    width = min(count + spare, size)
    vectors = np.linalg.qr(rng.normal(size=(size, width)))[0]
    for _ in range(iterations):
        vectors = np.linalg.qr(adjoint(forward(vectors)))[0]
        _, values, rotation = np.linalg.svd(forward(vectors), full_matrices=False)
        vectors = vectors @ rotation.T
        yield vectors[:, :count], values[:count]


def angles(exact: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Return the angle in degrees between each vector (n, count) and the exact one, sign apart.

    Of half the distance of the two, which is exact also for small angles.
    """
    nearer = np.minimum(
        np.linalg.norm(found - exact, axis=0), np.linalg.norm(found + exact, axis=0)
    )
    return np.degrees(2 * np.arcsin(np.minimum(nearer / 2, 1)))


def subspace_angle(exact: np.ndarray, found: np.ndarray) -> float:
    """Return the largest principal angle in degrees between two spaces of columns (n, count)."""
    outside = found - exact @ (exact.T @ found)
    return float(np.degrees(np.arcsin(min(np.linalg.norm(outside, 2), 1.0))))
