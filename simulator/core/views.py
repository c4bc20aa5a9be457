"""Views of a core: its transpose, and parts of it. They share the core's physical arrays."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from simulator.backend import Backend
from simulator.core.arraylike import ArrayLike, on_device
from simulator.errors import ShapeError


class TransposedCore(ArrayLike):
    """The transpose of ``parent``: products drive the same array from its other side."""

    def __init__(self, parent: ArrayLike) -> None:
        self.parent = parent

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]
        """Shape of the parent, reversed."""
        return self.parent.shape[::-1]

    @property
    def ndim(self) -> int:  # type: ignore[override]
        """Always 2."""
        return 2

    @property
    def backend(self) -> Backend:
        """Where the parent computes."""
        return self.parent.backend

    @property
    def dtype(self) -> Any:
        """Dtype of the programmed matrix."""
        return self.parent.dtype

    def transpose(self) -> ArrayLike:
        """The parent itself."""
        return self.parent

    def get_matrix(self) -> Any:
        """The transposed matrix as it is programmed."""
        return self.parent.get_matrix().T

    def set_matrix(
        self, matrix: Any, verbose: bool = False, error_mask: tuple[slice, slice] | None = None
    ) -> None:
        """Program the parent with the transpose of ``matrix``."""
        _set_matrix(self, matrix, error_mask)

    def _apply(self, inputs: Any, transposed: bool, single: bool) -> Any:
        return self.parent._apply(inputs, not transposed, single)

    def _assign(self, rows: range, cols: range, value: Any) -> None:
        self.parent._assign(cols, rows, value.T)

    def __repr__(self) -> str:
        return f"{self.parent!r}.T"


class MaskedCore(ArrayLike):
    """Some rows and columns of ``parent``.

    Inputs that are not selected are driven with zero, outputs that are not selected are dropped:
    array, ranges and converters are those of the parent. A row or column picked by an integer
    drops that dimension, as in NumPy.
    """

    def __init__(
        self, parent: ArrayLike, rows: range, cols: range, kept: tuple[bool, bool] = (True, True)
    ) -> None:
        self.parent, self.rows, self.cols, self.kept = parent, rows, cols, kept

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]
        """Lengths of the dimensions that were not picked by an integer."""
        lengths = (len(self.rows), len(self.cols))
        return tuple(n for n, keep in zip(lengths, self.kept, strict=True) if keep)

    @property
    def ndim(self) -> int:  # type: ignore[override]
        """2, less the dimensions picked by an integer."""
        return sum(self.kept)

    @property
    def backend(self) -> Backend:
        """Where the parent computes."""
        return self.parent.backend

    @property
    def dtype(self) -> Any:
        """Dtype of the programmed matrix."""
        return self.parent.dtype

    @on_device
    def get_matrix(self) -> Any:
        """The selected part of the matrix as it is programmed, in the shape of the view."""
        matrix = self.parent.get_matrix()
        xp = self.backend.xp
        rows, cols = xp.asarray(list(self.rows), dtype=int), xp.asarray(list(self.cols), dtype=int)
        return matrix[rows[:, None], cols].reshape(self.shape)

    @on_device
    def set_matrix(
        self, matrix: Any, verbose: bool = False, error_mask: tuple[slice, slice] | None = None
    ) -> None:
        """Program the selected part with ``matrix``, of the shape of the view."""
        _set_matrix(self, matrix, error_mask)

    @on_device
    def matmul(self, x: Any) -> Any:
        """``view @ x``; a one-dimensional view is a vector, as in NumPy."""
        if self.ndim == 2:
            return super().matmul(x)
        x = self._input(x)
        return (
            self._as_row().matmul(x)[..., 0] if x.ndim == 1 else self._as_row().matmat(x)[..., 0, :]
        )

    @on_device
    def rmatmul(self, x: Any) -> Any:
        """``x @ view``; a one-dimensional view is a vector, as in NumPy."""
        if self.ndim == 2:
            return super().rmatmul(x)
        x = self._input(x)
        if x.ndim == 1:
            return self._as_row().matmul(x)[..., 0]
        return self._as_row().matmat(self.backend.xp.swapaxes(x, -1, -2))[..., 0, :]

    def dot(self, x: Any) -> Any:
        """Like ``numpy.ndarray.dot``."""
        return super().dot(x) if self.ndim == 2 else self.matmul(x)

    def _vector_product(self, vec: Any, transposed: bool, column_shape: Any) -> Any:
        self._require_matrix()
        return super()._vector_product(vec, transposed, column_shape)

    @on_device
    def matmat(self, mat: Any) -> Any:
        """``view @ X`` for a two-dimensional view."""
        self._require_matrix()
        return super().matmat(mat)

    def _rows_product(self, mat: Any) -> Any:
        self._require_matrix()
        return super()._rows_product(mat)

    def _require_matrix(self) -> None:
        if self.ndim != 2:
            raise ShapeError(f"a view of shape {self.shape} is not a matrix; multiply it with @")

    def _as_row(self) -> ArrayLike:
        """A one-dimensional view as a matrix of one row."""
        if self.ndim != 1:
            raise ShapeError("a single weight cannot be multiplied as a matrix; use get_matrix()")
        flat = MaskedCore(self.parent, self.rows, self.cols)
        return flat if self.kept[1] else TransposedCore(flat)

    @on_device
    def _apply(self, inputs: Any, transposed: bool, single: bool) -> Any:
        driven, read = (self.rows, self.cols) if transposed else (self.cols, self.rows)
        lines = self.parent.shape[0 if transposed else 1]
        full = self.backend.xp.zeros((lines, inputs.shape[1]), dtype=inputs.dtype)
        full[_as_slice(driven)] = inputs
        return self.parent._apply(full, transposed, single)[_as_slice(read)]

    def _assign(self, rows: range, cols: range, value: Any) -> None:
        self.parent._assign(_compose(self.rows, rows), _compose(self.cols, cols), value)

    def _grid_shape(self) -> tuple[int, int]:
        return len(self.rows), len(self.cols)

    def __repr__(self) -> str:
        rows, cols = _as_text(self.rows), _as_text(self.cols)
        return f"{self.parent!r}[{rows}, {cols}]"


def select(core: ArrayLike, key: Any) -> ArrayLike:
    """The view that ``core[key]`` means; the core itself where everything is selected."""
    keys = key if isinstance(key, tuple) else (key,)
    if any(k is Ellipsis for k in keys):
        place = next(i for i, k in enumerate(keys) if k is Ellipsis)
        missing = core.ndim - len(keys) + 1
        keys = (*keys[:place], *[slice(None)] * missing, *keys[place + 1 :])
    if len(keys) > core.ndim:
        # A ValueError, not NumPy's IndexError, is what existing scripts expect here.
        raise ShapeError(f"{len(keys)} indices for a core with {core.ndim} dimensions")
    picked = [_pick(k, length) for k, length in zip(keys, core.shape, strict=False)]
    picked += [(range(length), True) for length in core.shape[len(keys) :]]
    if all(keep and lines == range(n) for (lines, keep), n in zip(picked, core.shape, strict=True)):
        return core
    if not isinstance(core, MaskedCore):
        (rows, keep_rows), (cols, keep_cols) = picked
        return MaskedCore(core, rows, cols, (keep_rows, keep_cols))
    remaining = iter(picked)
    (rows, keep_rows), (cols, keep_cols) = (
        next(remaining) if keep else (range(1), False) for keep in core.kept
    )
    rows, cols = _compose(core.rows, rows), _compose(core.cols, cols)
    return MaskedCore(core.parent, rows, cols, (keep_rows, keep_cols))


def _pick(key: Any, length: int) -> tuple[range, bool]:
    """Lines that one index selects, and whether its dimension stays."""
    if isinstance(key, slice):
        return range(length)[key], True
    try:
        if isinstance(key, (bool, np.bool_)):
            raise TypeError
        index = operator.index(key)
    except TypeError:
        raise TypeError(
            f"cores are indexed by integers and slices, got {key!r} ({type(key).__name__})"
        ) from None
    if not -length <= index < length:
        raise IndexError(f"index {index} is out of range for {length} lines")
    line = range(length)[index]
    return range(line, line + 1), False


def _compose(outer: range, inner: range) -> range:
    """Lines that ``inner`` selects of the lines of ``outer``."""
    start = outer.start + inner.start * outer.step
    step = outer.step * inner.step
    return range(start, start + step * len(inner), step)


def _as_slice(lines: range) -> slice:
    stop = lines.stop if lines.stop >= 0 else None
    return slice(lines.start, stop, lines.step) if lines else slice(0, 0)


def _as_text(lines: range) -> str:
    return f"{lines.start}:{lines.stop}:{lines.step}"


def _set_matrix(view: Any, matrix: Any, error_mask: tuple[slice, slice] | None) -> None:
    matrix = view._input(matrix)
    if matrix.shape != view.shape:
        raise ShapeError(f"matrix of shape {matrix.shape} for a view of shape {view.shape}")
    if error_mask is None:
        view[:] = matrix
    else:
        view[error_mask] = matrix[error_mask]
