"""Krylov solvers that see a matrix through its products only, and digital refinement of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

Product = Callable[[np.ndarray], np.ndarray]


def conjugate_residuals(
    product: Product,
    rhs: np.ndarray,
    tolerance: float,
    most: int,
    guess: Product | None = None,
    keep: int = 30,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the solution of ``A x = rhs`` and its residual, (n,) both, after each product.

    The generalised conjugate residual method: every direction is what `guess` makes of the
    residual (itself without one), is made A-orthogonal to the last `keep`, and taken as far as
    the residual becomes shorter, so that no guess does harm and `guess` may be another at every
    call. Ends at `tolerance` of the length of `rhs`, after `most` products, or where a direction
    leads nowhere. Eisenstat, Elman and Schultz, SIAM J. Numer. Anal. 20 (1983) 345.
    """
    solution, residual = np.zeros_like(rhs), rhs.copy()
    goal = tolerance * np.linalg.norm(rhs)
    tried: list[tuple[np.ndarray, np.ndarray]] = []
    for _ in range(most):
        if np.linalg.norm(residual) <= goal:
            return
        direction = residual if guess is None else guess(residual)
        image = product(direction)
        for old_direction, old_image in tried:
            along = old_image @ image
            image, direction = image - along * old_image, direction - along * old_direction
        length = np.linalg.norm(image)
        if not length > 0:
            return
        image, direction = image / length, direction / length
        step = image @ residual
        solution, residual = solution + step * direction, residual - step * image
        tried = [*tried, (direction, image)][-keep:]
        yield solution, residual


def refined(
    exact: Product,
    analog: Product,
    rhs: np.ndarray,
    tolerance: float,
    most: int,
    inner_tolerance: float,
    inner_most: int,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield solution and residual, (n,) both, after each correction that `analog` products gave.

    Each correction solves for the residual to `inner_tolerance`, as the arrays see it, with at
    most `inner_most` analog products; one `exact` product then says what it is worth. The
    residual is that of the exact products, so its precision is theirs.
    """

    def correction(residual: np.ndarray) -> np.ndarray:
        scale = np.linalg.norm(residual)
        steps = conjugate_residuals(analog, residual / scale, inner_tolerance, inner_most)
        # Where not one product led anywhere, the residual itself is the best direction.
        *_, (found, _) = [(residual, residual), *steps]
        return found

    return conjugate_residuals(exact, rhs, tolerance, most, correction)
