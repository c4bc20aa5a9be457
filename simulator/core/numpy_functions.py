"""What each function of NumPy does with a core: one table.

A function that multiplies matrices or vectors goes through the arrays, or says that it cannot.
Every other one (element by element, statistics, decompositions, plots) sees the matrix that the
cells hold, as ``np.asarray(core)`` does, and gives a plain array.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from simulator.core.arraylike import ArrayLike
from simulator.core.contraction import Labels, Operand, contract
from simulator.errors import InputError, NotSupportedError, ShapeError

# Products of a core that no array computes: not one of them is a sum over its rows or columns.
REFUSED = frozenset(
    ("outer", "kron", "cross", "convolve", "correlate", "polymul", "linalg.outer")
    + ("linalg.cross", "linalg.matrix_power")
)


def call_ufunc(ufunc: Any, method: str, inputs: Any, kwargs: dict[str, Any]) -> Any:
    """A universal function with a core among its arguments: ``__array_ufunc__``.

    Raises:
        NotSupportedError: The function would write into a core, or is a product that the arrays do
            not compute.
        InputError: ``out`` is of a kind that would lose part of a product.
        ShapeError: ``out`` or an input does not fit.
    """
    if any(isinstance(target, ArrayLike) for target in kwargs.get("out", ())):
        raise NotSupportedError(
            f"np.{ufunc.__name__} in place, into a core: cells are programmed, not added to; write "
            "core[...] = core + x, which programs them anew, or x = core + ... for an array"
        )
    product = _products().get(ufunc)
    if product is None or not _has_lines(inputs):
        return getattr(ufunc, method)(
            *read_back(inputs), **{name: read_back(value) for name, value in kwargs.items()}
        )
    if method != "__call__":
        raise _refusal(f"{ufunc.__name__}.{method}")
    return _into(lambda **rest: product(*inputs, **rest), kwargs)


def call_function(function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """A function of NumPy with a core among its arguments: ``__array_function__``.

    Raises:
        NotSupportedError: The function is a product that the arrays do not compute.
        InputError: ``out`` is of a kind that would lose part of a product.
        ShapeError: ``out`` or an input does not fit.
    """
    product = _products().get(function)
    lines = _has_lines((*args, *kwargs.values()))
    if product is not None and lines:
        return _into(lambda **rest: product(*args, **rest), kwargs)
    if function in _refused() and lines:
        raise _refusal(_refused()[function])
    return function(*read_back(args), **{k: read_back(v) for k, v in kwargs.items()})


def _has_lines(values: Any) -> bool:
    """Whether there is a core with rows or columns among the values; a weight alone is a number."""
    return any(
        _has_lines(value) if isinstance(value, list | tuple) else value.ndim > 0
        for value in values
        if isinstance(value, list | tuple | ArrayLike)
    )


def read_back(value: Any) -> Any:
    """``value`` with the matrix that it holds in place of every core, also in lists."""
    if isinstance(value, ArrayLike):
        matrix = np.array(value)
        # A function that writes into its argument would write into this copy.
        matrix.flags.writeable = False
        return matrix
    if type(value) in (list, tuple):
        return type(value)(read_back(v) for v in value)
    return value


def _into(product: Callable[..., Any], kwargs: dict[str, Any]) -> Any:
    """The result of an analog product, in ``out`` where the caller gives one."""
    kwargs = dict(kwargs)
    out = kwargs.pop("out", None)
    for name in ("dtype", "casting", "order", "subok", "where", "signature", "keepdims"):
        if name in kwargs:
            raise TypeError(f"an analog product takes no {name}; use core.output_dtype")
    result = product(**kwargs)
    (target,) = out if isinstance(out, tuple) else (out,)
    if target is None:
        return result
    if target.shape != np.shape(result):
        raise ShapeError(f"out of shape {target.shape} for a product of shape {np.shape(result)}")
    if not np.can_cast(result.dtype, target.dtype, "same_kind"):
        raise InputError(
            f"out: dtype is {target.dtype}, which would lose part of a product of dtype "
            f"{result.dtype}; give an array of that dtype, or round the product yourself"
        )
    target[...] = result
    return target


def _refusal(name: str) -> NotSupportedError:
    return NotSupportedError(
        f"np.{name} of a core: no sum over its rows or over its columns alone, so its arrays do "
        "not compute it; use core.get_matrix() instead of the core for a digital result"
    )


def _contracted(name: str, operands: Sequence[Operand], output: Labels) -> Any:
    result = contract(operands, output)
    if result is None:
        raise _refusal(name)
    return result


def matmul(left: Any, right: Any) -> Any:
    """``left @ right`` with a core on either side."""
    return left @ right if isinstance(left, ArrayLike) else right.__rmatmul__(left)


def dot(a: Any, b: Any, out: Any = None) -> Any:
    """``np.dot``: as ``matmul``, but for stacks the axes come in another order."""
    return _into(lambda: a.dot(b) if isinstance(a, ArrayLike) else b.rdot(a), {"out": (out,)})


def vdot(a: Any, b: Any, /) -> Any:
    """``np.vdot``: of vectors, with the first one conjugated."""
    if np.ndim(a) != 1 or np.ndim(b) != 1:
        raise _refusal("vdot")
    return vecdot(a, b)


def inner(a: Any, b: Any, /) -> Any:
    """``np.inner``: the sum over the last axes of both."""
    return _over_axes("inner", a, b, ([np.ndim(a) - 1], [np.ndim(b) - 1]))


def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """``np.tensordot``: the sum over the given axes of both."""
    if isinstance(axes, int):
        axes = (range(np.ndim(a) - axes, np.ndim(a)), range(axes))
    of_a, of_b = ([x] if isinstance(x, int) else list(x) for x in axes)
    return _over_axes("tensordot", a, b, (of_a, of_b))


def _over_axes(name: str, a: Any, b: Any, axes: tuple[list[int], list[int]]) -> Any:
    of_a = list(range(np.ndim(a)))
    of_b = list(range(len(of_a), len(of_a) + np.ndim(b)))
    for i, j in zip(*axes, strict=True):
        of_b[j] = of_a[i]
    output = tuple(n for n in (*of_a, *of_b) if (n in of_a) != (n in of_b))
    return _contracted(name, [Operand(a, tuple(of_a)), Operand(b, tuple(of_b))], output)


def einsum(*operands: Any, optimize: Any = True) -> Any:
    """``np.einsum``, whatever its order: each core sums over its rows or columns on its arrays."""
    return _einsum("einsum", *operands)


def _einsum(name: str, *operands: Any) -> Any:
    # Reads shapes only, and says in NumPy's words what is wrong with the subscripts.
    np.einsum_path(*(_shape_alone(operand) for operand in operands))
    terms, output = parsed_subscripts(operands)
    if len(terms) == 1:
        return np.einsum(*read_back(operands))
    return _contracted(name, terms, output)


def _shape_alone(operand: Any) -> Any:
    is_array = isinstance(operand, ArrayLike) or hasattr(operand, "dtype")
    return np.broadcast_to(np.float64(0), operand.shape) if is_array else operand


def parsed_subscripts(operands: Sequence[Any]) -> tuple[list[Operand], Labels]:
    """The arguments of ``np.einsum`` in either of its two forms, ellipses spelt out.

    Returns:
        The operands with the labels of their axes, and the labels of the result. The axes of an
        ellipsis have the negative labels ..., -2, -1.
    """
    terms: list[list[Any]]
    if isinstance(operands[0], str):
        text, *arrays = operands
        given, arrow, result = text.replace(" ", "").replace("...", "\0").partition("->")
        terms = [[Ellipsis if c == "\0" else ord(c) for c in term] for term in given.split(",")]
        wanted = [Ellipsis if c == "\0" else ord(c) for c in result] if arrow else None
    else:
        arrays, terms = list(operands[: len(operands) // 2 * 2 : 2]), list(operands[1::2])
        wanted = list(operands[-1]) if len(operands) % 2 else None
    stacked = 0
    spelt = []
    for array, term in zip(arrays, terms, strict=True):
        axes = np.ndim(array) - len(term) + 1 if Ellipsis in term else 0
        stacked = max(stacked, axes)
        spelt.append(Operand(array, _spelt(term, axes)))
    if wanted is None:
        flat = [n for term in terms for n in term if n is not Ellipsis]
        wanted = [Ellipsis, *sorted(n for n in set(flat) if flat.count(n) == 1)]
    return spelt, _spelt(wanted, stacked)


def _spelt(term: Sequence[Any], axes: int) -> Labels:
    """A term with the last ``axes`` negative labels in place of its ellipsis."""
    labels: list[int] = []
    for n in term:
        labels += range(-axes, 0) if n is Ellipsis else [n]
    return tuple(labels)


def matvec(matrix: Any, vector: Any, /) -> Any:
    """``np.matvec``: matrices times vectors, in stacks."""
    return _einsum("matvec", "...ij,...j->...i", matrix, vector)


def vecmat(vector: Any, matrix: Any, /) -> Any:
    """``np.vecmat``: conjugated vectors times matrices, in stacks."""
    return _with_first_conjugated("vecmat", "...i,...ij->...j", vector, matrix)


def vecdot(a: Any, b: Any, /, *, axis: int = -1) -> Any:
    """``np.vecdot``: the sum over the last axes of both, with the first one conjugated."""
    if axis not in (-1, np.ndim(a) - 1) or axis not in (-1, np.ndim(b) - 1):
        raise _refusal("vecdot")
    return _with_first_conjugated("vecdot", "...i,...i->...", a, b)


def _with_first_conjugated(name: str, subscripts: str, first: Any, second: Any) -> Any:
    if not isinstance(first, ArrayLike):
        return _einsum(name, subscripts, np.conj(first), second)
    second = second if isinstance(second, ArrayLike) else np.conj(second)
    return np.conj(_einsum(name, subscripts, first, second))


def multi_dot(arrays: Sequence[Any]) -> Any:
    """``np.linalg.multi_dot``: the order that needs the fewest multiplications, cores on arrays."""
    arrays = [x if isinstance(x, ArrayLike) else np.asanyarray(x) for x in arrays]
    if len(arrays) < 2:
        raise ShapeError(f"multi_dot: got {len(arrays)} arrays; needed are at least two")
    last = len(arrays) - 1
    for i, x in enumerate(arrays):
        if x.ndim != 2 and not (x.ndim == 1 and i in (0, last)):
            raise ShapeError(f"multi_dot: array {i} has {x.ndim} dimensions; allowed are two")
    return _chained(arrays)


def _chained(arrays: list[Any]) -> Any:
    rows = [1 if x.ndim == 1 and i == 0 else x.shape[0] for i, x in enumerate(arrays)]
    cols = [1 if x.ndim == 1 and i else x.shape[-1] for i, x in enumerate(arrays)]
    cores = [isinstance(x, ArrayLike) for x in arrays]

    @cache
    def best(first: int, last: int) -> tuple[int, int, int]:
        """How many cores have to be read, the multiplications, and where the chain is split."""
        if first == last:
            return 0, 0, first
        # Two cores cannot multiply each other: one of them is read.
        read = int(last - first == 1 and cores[first] and cores[last])
        options = []
        for k in range(first, last):
            left, right = best(first, k), best(k + 1, last)
            work = rows[first] * cols[k] * cols[last]
            options.append((left[0] + right[0] + read, left[1] + right[1] + work, k))
        return min(options)

    def product(first: int, last: int) -> Any:
        if first == last:
            return arrays[first]
        k = best(first, last)[2]
        return product(first, k) @ product(k + 1, last)

    return product(0, len(arrays) - 1)


@cache
def _products() -> dict[Any, Callable[..., Any]]:
    """Functions of NumPy that go through the arrays, those that this version has."""
    table: dict[str, Callable[..., Any]] = {
        "matmul": matmul, "dot": dot, "vdot": vdot, "inner": inner, "tensordot": tensordot,
        "einsum": einsum, "matvec": matvec, "vecmat": vecmat, "vecdot": vecdot,
        "linalg.matmul": matmul, "linalg.multi_dot": multi_dot, "linalg.vecdot": vecdot,
        "linalg.tensordot": tensordot,
    }  # fmt: skip
    return {_named(name): product for name, product in table.items() if _named(name) is not None}


@cache
def _refused() -> dict[Any, str]:
    return {_named(name): name for name in REFUSED if _named(name) is not None}


def _named(path: str) -> Any:
    found: Any = np
    for name in path.split("."):
        found = getattr(found, name, None)
    return found
