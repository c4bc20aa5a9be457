"""An array whose weights take any value, and change by exactly what is asked for."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from simulator.backend import Backend, select_backend
from simulator.errors import InputError, ShapeError


class ExactArray:
    """Weights (rows, columns) as numbers: ``W -= lr * d^T x``.

    ``backend`` None computes on the CPU; ``dtype`` is that of the weights, float32 or float64.
    Raises ShapeError for an array without cells.
    """

    def __init__(
        self, shape: tuple[int, int], *, backend: Backend | None = None, dtype: Any = np.float32
    ) -> None:
        if len(shape) != 2 or min(shape) < 1:
            raise ShapeError(f"an array of shape {shape}; needed are rows and columns, from 1")
        self.backend, self.shape = backend or select_backend(False, 0), shape
        self._weights = self.backend.xp.zeros(shape, dtype=dtype)

    @property
    def weights(self) -> Any:
        """What the cells hold, (rows, columns); changed in place by every update."""
        return self._weights

    def set_weights(self, weights: Any) -> None:
        """Put weights into the cells, each within its bounds. Raises ShapeError, InputError."""
        self._weights[...] = self._targets(weights)
        self._keep_within()

    def _targets(self, weights: Any) -> Any:
        """``weights`` as an array for all cells."""
        weights = self._numbers(weights)
        if weights.shape != self.shape:
            raise ShapeError(f"weights of shape {weights.shape} for an array of {self.shape}")
        if not bool(self.backend.xp.isfinite(weights).all()):
            raise InputError("weights must be finite numbers")
        return weights

    def update(self, x: Any, d: Any, lr: float) -> None:
        """Apply ``W -= lr * d^T x``.

        Args:
            x: (vectors, columns), what the columns were driven with.
            d: (vectors, rows), the gradient of the outputs.
            lr: learning rate.

        Raises:
            ShapeError: arrays of another shape.
            InputError: numbers that are not finite, where that is seen without waiting for a
                device; the weights then stay as they were.
        """
        rows, cols = self.shape
        x, d = self._numbers(x), self._numbers(d)
        if not math.isfinite(lr):
            raise InputError(f"a learning rate of {lr}; needed is a finite number")
        if x.ndim != 2 or d.ndim != 2 or x.shape[1] != cols or d.shape != (len(x), rows):
            raise ShapeError(
                f"x of shape {x.shape} and d of {d.shape}; needed are (n, {cols}) and (n, {rows})"
            )
        if len(x) and lr:
            self._change(x, d, float(lr))

    def _numbers(self, values: Any) -> Any:
        """``values`` as real numbers of the type of the weights."""
        values = self.backend.asarray(values)
        if values.dtype.kind not in "fiub":
            raise InputError(f"values of type {values.dtype}; needed are real numbers")
        # What a narrower type cannot hold becomes infinite, which is refused.
        with np.errstate(over="ignore"):
            return values.astype(self._weights.dtype, copy=False)

    def _change(self, x: Any, d: Any, lr: float) -> None:
        with np.errstate(over="ignore", invalid="ignore"):
            change = lr * (d.T @ x)
            weights = self._weights - change.astype(self._weights.dtype, copy=False)
        if not self.backend.is_asynchronous and not np.isfinite(weights).all():
            raise InputError("inputs, gradients and weights of an update must be finite numbers")
        self._weights[...] = weights

    def _keep_within(self) -> None:
        """Bring weights back within bounds, where there are any."""

    def age(self) -> None:
        """What happens to all cells between two updates: here nothing."""

    def get_state(self) -> dict[str, Any]:
        """What ``set_state`` continues from bit for bit: NumPy arrays and numbers."""
        return {"weights": np.array(self.backend.to_host(self._weights))}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from ``get_state``. Raises InputError for a state that does not fit."""
        try:
            weights = self._checked(state["weights"])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"not the state of an array of {self.shape}: {error!r}") from None
        self._weights[...] = weights

    def _checked(self, values: Any) -> Any:
        """Saved values of all cells; ValueError where they do not fit."""
        values = np.asarray(values)
        if values.dtype.kind not in "fiub" or values.shape != self.shape:
            raise ValueError(f"values of type {values.dtype} and shape {values.shape}")
        with np.errstate(over="ignore"):
            values = values.astype(self._weights.dtype)
        if not np.isfinite(values).all():
            raise ValueError("values that are not finite")
        return self.backend.asarray(values)
