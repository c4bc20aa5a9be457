"""Which dtype a product is computed in, and which it is returned in."""

from __future__ import annotations

from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from simulator.parameters.core_parameters import OutputDType


def real_of(dtype: Any) -> np.dtype:
    """The real dtype of a complex one; others unchanged."""
    dtype = np.dtype(dtype)
    return np.dtype(f"f{dtype.itemsize // 2}") if dtype.kind == "c" else dtype


@cache
def compute_dtype(matrix: Any, inputs: Any) -> np.dtype:
    """float32 or float64: what both promote to; float64 for two integers, exact to 2**53."""
    if np.dtype(matrix).kind in "iu" and np.dtype(inputs).kind in "iu":
        return np.dtype(np.float64)
    floats = [np.promote_types(real_of(dtype), np.float16) for dtype in (matrix, inputs)]
    promoted = np.promote_types(*floats)
    return np.dtype(np.float32) if promoted.itemsize <= 4 else np.dtype(np.float64)


@cache
def output_dtype(option: OutputDType, matrix: Any, inputs: Any, complex_valued: bool) -> np.dtype:
    """Dtype of results for ``core.output_dtype``; complex where the numbers are.

    By default what both promote to; integers get 64 bits, as in sums of NumPy, since a sum of
    products soon leaves the range of its factors.
    """
    if option == OutputDType.NATIVE:
        dtype = np.promote_types(matrix, inputs)
        if dtype.kind in "iu":
            dtype = np.dtype(f"{dtype.kind}8")
    elif option == OutputDType.MATRIX:
        dtype = np.dtype(matrix)
    elif option == OutputDType.INPUT:
        dtype = np.dtype(inputs)
    else:
        dtype = np.dtype(option.name.lower())
    is_complex = complex_valued or np.dtype(inputs).kind == "c"
    if is_complex and dtype.kind != "c":
        dtype = np.promote_types(dtype, np.complex64)
    return dtype


def store_as(values: Any, dtype: Any, xp: ModuleType) -> Any:
    """``values`` in ``dtype``; integers are rounded half to even and wrap as in NumPy."""
    if dtype.kind in "iu" and values.dtype.kind == "f":
        whole = xp.rint(values)
        with np.errstate(invalid="ignore"):
            signed = whole.astype(np.int64)
            if dtype == np.uint64:
                # Above the signed range the other conversion holds.
                return xp.where(whole < 2.0**63, signed.astype(dtype), whole.astype(dtype))
        return signed.astype(dtype)
    if dtype.kind == "b":
        return xp.rint(values) != 0
    return values.astype(dtype, copy=False)
