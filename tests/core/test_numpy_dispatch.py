"""Functions of NumPy and SciPy that meet a core."""

import numpy as np
import pytest
from scipy.sparse.linalg import svds

from simulator import (
    AnalogCore,
    CrossSimParameters,
    InputError,
)


def test_the_operator_for_scipy_has_the_right_adjoint():
    rng = np.random.default_rng(1)
    matrix, x = rng.normal(size=(6, 6)), rng.normal(size=(6, 4))
    operator = AnalogCore(matrix, CrossSimParameters()).as_linear_operator()
    assert np.allclose(operator.H @ x, matrix.T @ x)
    assert np.allclose(operator @ x, matrix @ x)
    values = svds(operator, k=2, return_singular_vectors=False)
    assert np.allclose(np.sort(values), np.sort(np.linalg.svd(matrix)[1])[-2:])


def test_functions_that_write_into_a_core_are_refused():
    core = AnalogCore(np.eye(3), CrossSimParameters())
    for write in (
        lambda: np.copyto(core, 0), lambda: np.fill_diagonal(core, 5), lambda: np.put(core, 0, 9),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="read-only"):
            write()
    with pytest.raises(AttributeError):
        core.shape = (2, 2)


def test_dot_by_keyword_and_array_subclasses():
    core = AnalogCore(np.eye(3), CrossSimParameters())
    assert np.dot(a=core, b=np.ones(3)).tolist() == [1, 1, 1]
    with pytest.raises(InputError, match="masked"):
        core @ np.ma.ones(3)
    with pytest.raises(InputError, match="masked"):
        AnalogCore(np.ma.ones((2, 2)), CrossSimParameters())
