"""What makes a core and its views behave like a NumPy matrix.

Everything here is shapes and dispatch; the products are ``_apply``, which a core and each kind of
view define.
"""

from __future__ import annotations

import math
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import wraps
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from simulator.core.read_back import ReadBack
from simulator.errors import InputError, NotSupportedError, ShapeError

if TYPE_CHECKING:
    from simulator.backend import Backend

NUMERIC_KINDS = "biufc"
# Values that are added up faster than a library for products begins.
SMALL = 1 << 14
# Functions of ``scipy.sparse`` that turn the other operand of a product into an array.
SPARSE_PRODUCTS = frozenset(
    ("_matmul_dispatch", "_mul_dispatch", "_rmatmul_dispatch", "_rmul_dispatch", "matvec", "matmat")
    + ("rmatvec", "rmatmat", "dot", "rdot")
)


def numeric_array(values: Any, what: str, backend: Backend) -> Any:
    """``values`` as a numeric array of the backend. Raises InputError for anything else."""
    if isinstance(values, np.ma.MaskedArray):
        raise InputError(f"{what}: is a masked array; fill it first")
    try:
        array = values if type(values) is backend.xp.ndarray else backend.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        # A tensor that records its history, for one, raises RuntimeError.
        raise InputError(f"{what}: cannot be read as an array of numbers ({error})") from None
    if array.dtype.kind not in NUMERIC_KINDS:
        raise InputError(f"{what}: dtype is {array.dtype}; allowed are numbers")
    return array


def require_finite(array: Any, what: str, backend: Backend) -> None:
    """Raise InputError with the place of the first NaN or infinity."""
    if array.dtype.kind not in "fc":
        return
    # A NaN or infinity reaches the sum, of squares where that is faster, which is cheaper than
    # looking at every value; a sum that overflowed is looked at again.
    with np.errstate(all="ignore"):
        flat = array.reshape(-1) if array.size > SMALL and array.flags.c_contiguous else None
        total = array.sum() if flat is None else flat @ flat
        if backend.xp.isfinite(total):
            return
    finite = backend.xp.isfinite(array)
    if not finite.all():
        place = tuple(int(i) for i in np.argwhere(backend.to_host(~finite))[0])
        raise InputError(
            f"{what}: value {backend.to_host(array[place])} at index {place}; allowed are finite "
            "numbers"
        )


def require_finite_input(array: Any, backend: Backend) -> None:
    """``require_finite`` of inputs, where looking at them costs no wait.

    On a GPU a NaN goes through to the results, as it does in array code there.
    """
    if not backend.is_asynchronous:
        require_finite(array, "input", backend)


Method = TypeVar("Method", bound=Callable[..., Any])


def on_device(method: Method) -> Method:
    """A method that makes its arrays on the device of the core, whichever is the current one."""

    @wraps(method)
    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        backend = self.backend
        if not backend.is_asynchronous:
            return method(self, *args, **kwargs)
        with backend.active():
            return method(self, *args, **kwargs)

    return cast(Method, run)


class ArrayLike(ReadBack, NDArrayOperatorsMixin, ABC):
    """Matrix multiplication, slicing and NumPy dispatch for anything with ``_apply``.

    ``@`` goes through the arrays. Other operators, and the methods of ``ReadBack``, see the matrix
    that the cells hold and give plain arrays; in place (``core += 1``) they are refused.
    """

    __hash__ = ReadBack.__hash__

    __array_priority__ = 101.0
    shape: tuple[int, ...]
    ndim: int

    @property
    @abstractmethod
    def backend(self) -> Backend:
        """Where this core computes."""

    @property
    @abstractmethod
    def dtype(self) -> Any:
        """Dtype of the programmed matrix; None before the first programming."""

    @abstractmethod
    def _apply(self, inputs: Any, transposed: bool, single: bool) -> Any:
        """Product with ``inputs`` (lines, batch): (outputs, batch).

        ``transposed``: the rows are driven and the columns read. ``single``: the caller gave one
        vector, not a batch of one.
        """

    @abstractmethod
    def get_matrix(self) -> Any:
        """The matrix as it is programmed."""

    @abstractmethod
    def _assign(self, rows: range, cols: range, value: Any) -> None:
        """Program the block of ``rows`` and ``cols``."""

    # -- products ----------------------------------------------------------------------------

    @on_device
    def matvec(self, vec: Any) -> Any:
        """``A @ x`` for one vector.

        Args:
            vec: (n,) or (n, 1), in units of the algorithm.

        Returns:
            (m,) or (m, 1).

        Raises:
            ShapeError: another shape.
            InputError: values that are not finite numbers; no programming yet.
        """
        return self._vector_product(vec, transposed=False, column_shape=lambda n: (n, 1))

    @on_device
    def vecmat(self, vec: Any) -> Any:
        """``x @ A`` for one vector: the same array, driven on its rows.

        Args:
            vec: (m,) or (1, m), in units of the algorithm.

        Returns:
            (n,) or (1, n).

        Raises:
            ShapeError: another shape.
            InputError: values that are not finite numbers; no programming yet.
        """
        return self._vector_product(vec, transposed=True, column_shape=lambda m: (1, m))

    @on_device
    def rmatvec(self, vec: Any) -> Any:
        """The adjoint product ``A.conj().T @ x`` for one vector.

        Args:
            vec: (m,) or (m, 1).

        Returns:
            (n,) or (n, 1).

        Raises:
            ShapeError: another shape.
            InputError: values that are not finite numbers; no programming yet.
        """
        x = numeric_array(vec, "input", self.backend)
        return self.vecmat(x.reshape(-1).conj()).conj().reshape(-1, *x.shape[1:])

    @on_device
    def matmat(self, mat: Any) -> Any:
        """``A @ X`` for matrices and stacks of them.

        Args:
            mat: (..., n, k): k vectors, one for each column.

        Returns:
            (..., m, k).

        Raises:
            ShapeError: another shape.
            InputError: values that are not finite numbers; no programming yet.
        """
        return self._where_it_came_from(self._columns_product(self._input(mat)), mat)

    def _columns_product(self, x: Any) -> Any:
        if x.ndim < 2 or x.shape[-2] != self.shape[1]:
            raise self._mismatch(x, f"(..., {self.shape[1]}, k)")
        if x.ndim == 2:
            return self._apply(x, transposed=False, single=False)
        lines = self.backend.xp.moveaxis(x, -2, 0)
        out = self._apply(
            lines.reshape(len(lines), math.prod(lines.shape[1:])), transposed=False, single=False
        )
        return self.backend.xp.moveaxis(out.reshape(len(out), *lines.shape[1:]), 0, -2)

    def rmatmat(self, mat: Any) -> Any:
        """``X @ A`` for matrices and stacks of them.

        SciPy's operators mean ``A.conj().T @ X`` by this name, and get that.

        Args:
            mat: (..., k, m): k vectors, one for each row.

        Returns:
            (..., k, n).

        Raises:
            ShapeError: another shape.
            InputError: values that are not finite numbers; no programming yet.
        """
        if sys._getframe(1).f_globals.get("__name__", "").startswith("scipy.sparse.linalg"):
            return self._rows_product(mat.conj().T).conj().T
        return self._rows_product(mat)

    @on_device
    def _rows_product(self, mat: Any) -> Any:
        x = self._input(mat)
        if x.ndim < 2 or x.shape[-1] != self.shape[0]:
            raise self._mismatch(x, f"(..., k, {self.shape[0]})")
        out = self._apply(
            x.reshape(math.prod(x.shape[:-1]), x.shape[-1]).T, transposed=True, single=False
        )
        return self._where_it_came_from(out.T.reshape(*x.shape[:-1], len(out)), mat)

    @on_device
    def matmul(self, x: Any) -> Any:
        """``self @ x`` with NumPy's rules for vectors, matrices and stacks.

        Args:
            x: (n,), (n, k) or (..., n, k); another core counts as the matrix it holds.

        Returns:
            (m,), (m, k) or (..., m, k), on the device that ``x`` came from.

        Raises:
            ShapeError: another shape.
            InputError: values that are not finite numbers; no programming yet.
        """
        array = self._input(x)
        out = self.matvec(array) if array.ndim == 1 else self._columns_product(array)
        return self._where_it_came_from(out, x)

    def rmatmul(self, x: Any) -> Any:
        """``x @ self`` with NumPy's rules for vectors, matrices and stacks.

        Args:
            x: (m,), (k, m) or (..., k, m); another core counts as the matrix it holds.

        Returns:
            (n,), (k, n) or (..., k, n), on the device that ``x`` came from.

        Raises:
            ShapeError: another shape.
            InputError: values that are not finite numbers; no programming yet.
        """
        array = self._input(x)
        out = self.vecmat(array) if array.ndim == 1 else self.rmatmat(array)
        return self._where_it_came_from(out, x)

    def dot(self, x: Any) -> Any:
        """Like ``numpy.ndarray.dot``: for a stack (..., n, k) the result is (m, ..., k)."""
        out = self.matmul(x)
        return out if out.ndim < 3 else self.backend.xp.moveaxis(out, -2, 0)

    def rdot(self, x: Any) -> Any:
        """Like ``x.dot(A)``."""
        return self.rmatmul(x)

    def __matmul__(self, x: Any) -> Any:
        return self.matmul(x)

    def __rmatmul__(self, x: Any) -> Any:
        return self.rmatmul(x)

    def _vector_product(self, vec: Any, transposed: bool, column_shape: Any) -> Any:
        x = self._input(vec)
        length = self.shape[0] if transposed else self.shape[1]
        if x.shape not in ((length,), column_shape(length)):
            raise self._mismatch(x, f"({length},) or {column_shape(length)}")
        out = self._apply(x.reshape(-1, 1), transposed=transposed, single=True)
        out = out[:, 0] if x.ndim == 1 else out.reshape(column_shape(len(out)))
        return self._where_it_came_from(out, vec)

    def _input(self, x: Any) -> Any:
        if isinstance(x, ArrayLike):
            x = x.get_matrix()
        array = numeric_array(x, "input", self.backend)
        # What comes from the host goes back there in the end: the wait is no other.
        from_host = array is not x and not hasattr(x, "__cuda_array_interface__")
        if self.backend.is_asynchronous and from_host:
            require_finite(array, "input", self.backend)
        return array

    def as_linear_operator(self) -> Any:
        """This core as a ``scipy.sparse.linalg.LinearOperator``, its adjoint included."""
        from scipy.sparse.linalg import LinearOperator

        return LinearOperator(
            self.shape,
            matvec=self.matvec,
            rmatvec=self.rmatvec,
            matmat=self.matmat,
            rmatmat=lambda x: self._rows_product(x.conj().T).conj().T,
            dtype=self.dtype,
        )

    def _where_it_came_from(self, out: Any, inputs: Any) -> Any:
        """``out`` on the device of the inputs: NumPy in gives NumPy out."""
        if isinstance(inputs, self.backend.xp.ndarray):
            return out
        return self.backend.to_host(out)

    def _mismatch(self, x: Any, allowed: str) -> ShapeError:
        return ShapeError(
            f"Dimension mismatch: input of shape {tuple(x.shape)} for a core of shape "
            f"{tuple(self.shape)}; allowed is {allowed}"
        )

    # -- NumPy -------------------------------------------------------------------------------

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        _refuse_hidden_product(sys._getframe(1))
        matrix = self.backend.to_host(self.get_matrix())
        return matrix if dtype is None else matrix.astype(dtype, copy=False)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if ufunc is np.matmul and not kwargs and method == "__call__":
            left, right = inputs
            return left @ right if isinstance(left, ArrayLike) else right.__rmatmul__(left)
        from simulator.core import numpy_functions

        return numpy_functions.call_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        from simulator.core import numpy_functions

        return numpy_functions.call_function(func, args, kwargs)

    def __dlpack__(self, **kwargs: Any) -> Any:
        """The matrix that the cells hold, for frameworks that read other ones' arrays."""
        return np.array(self).__dlpack__(**kwargs)

    def __dlpack_device__(self) -> tuple[int, int]:
        """Where ``__dlpack__`` gives the matrix: in the memory of the host."""
        return np.empty(0).__dlpack_device__()

    # -- array face --------------------------------------------------------------------------

    @property
    def T(self) -> ArrayLike:
        """The transpose: a view of the same physical array, driven from its other side."""
        return self.transpose()

    def transpose(self) -> ArrayLike:
        """The transpose: a view of the same physical array, driven from its other side."""
        from simulator.core.views import TransposedCore

        return TransposedCore(self) if self.ndim == 2 else self

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a single weight")
        return self.shape[0]

    def __getitem__(self, key: Any) -> ArrayLike:
        from simulator.core.views import select

        return select(self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        from simulator.core.views import select

        view = select(self, key)
        rows, cols = view._grid_shape()
        shape = view.shape
        value = numeric_array(value, "weights", self.backend)
        try:
            block = self.backend.xp.broadcast_to(value, shape).reshape(rows, cols)
        except ValueError:
            raise ShapeError(
                f"weights of shape {tuple(value.shape)} do not fit the block of shape {shape}"
            ) from None
        view._assign(range(rows), range(cols), block)

    def _grid_shape(self) -> tuple[int, int]:
        """Rows and columns, also of a view with fewer than two dimensions."""
        rows, cols = self.shape
        return rows, cols


def _refuse_hidden_product(caller: FrameType) -> None:
    """Refuse to be read by a product of SciPy's sparse matrices, which asks no operand first."""
    module = caller.f_globals.get("__name__", "")
    if module.startswith("scipy.sparse") and caller.f_code.co_name in SPARSE_PRODUCTS:
        raise NotSupportedError(
            "a sparse matrix or an operator of SciPy times a core: SciPy multiplies by the matrix "
            "that is read back; write x.toarray() @ core, or core.get_matrix() for a digital result"
        )
