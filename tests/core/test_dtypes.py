"""Dtypes: what a product is computed in and returned in, and how complex numbers are driven."""

import itertools

import numpy as np
import pytest
from strategies import COMPLEX_DTYPES, REAL_DTYPES, core_of, numbers, set_style

from simulator import CrossSimParameters, InputError, ShapeError

DTYPES = REAL_DTYPES + COMPLEX_DTYPES


def params_for(*dtypes):
    params = CrossSimParameters()
    params.core.complex_matrix = any(np.dtype(dtype).kind == "c" for dtype in dtypes)
    return params


@pytest.mark.parametrize(("matrix", "x"), list(itertools.product(DTYPES, repeat=2)))
def test_native_results_have_numpys_dtype(matrix, x):
    """Integers that of NumPy's sums, which holds them."""
    a, v = np.ones((3, 2), matrix), np.ones(2, x)
    wanted = (a @ v).dtype
    if wanted.kind in "iu":
        wanted = np.dtype(f"{wanted.kind}8")
    core = core_of(a, params_for(matrix))
    for _ in range(2):  # the second goes the short way, where there is one
        assert (core @ v).dtype == wanted
        assert (core @ v[:, None]).dtype == wanted
    assert (np.ones(3, x) @ core).dtype == wanted
    assert core.dtype == a.dtype
    assert core.get_matrix().dtype == a.dtype


@pytest.mark.parametrize(
    "option", ["FLOAT16", "FLOAT32", "FLOAT64", "INT8", "INT16", "INT32", "INT64"]
)
@pytest.mark.parametrize("x", ["float32", "float64", "int16"])
def test_fixed_output_dtypes(option, x):
    params = CrossSimParameters()
    params.core.output_dtype = option
    core = core_of(np.array([[1.5, 2.25], [-3.0, 0.25]]), params)
    for v in (np.ones(2, x), np.ones((2, 3), x), np.ones(2, x)):
        y = core @ v
        assert y.dtype == option.lower()
        exact = np.array([4, -3]) if y.dtype.kind == "i" else np.array([3.75, -2.75])
        assert np.abs(y.reshape(2, -1)[:, 0] - exact).max() <= 1e-6


@pytest.mark.parametrize("matrix", ["float32", "float64", "int8"])
@pytest.mark.parametrize("x", ["float32", "float64", "int8"])
def test_output_dtype_of_matrix_or_input(matrix, x):
    for option, wanted in (("MATRIX", matrix), ("INPUT", x)):
        params = CrossSimParameters()
        params.core.output_dtype = option
        core = core_of(np.ones((3, 2), matrix), params)
        for v in (np.ones(2, x), np.ones((2, 2), x), np.ones(2, x)):
            assert (core @ v).dtype == wanted
        assert (np.ones((2, 3), x) @ core).dtype == wanted


def test_double_precision_stays_double_throughout():
    """Neither conductances nor converters fall back to single precision."""
    rng = np.random.default_rng(0)
    matrix, x = rng.uniform(-1, 1, (20, 30)), rng.uniform(-1, 1, (30, 4))
    for style in ("one_sided", "two_sided", "offset", "unit"):
        params = CrossSimParameters()
        set_style(params, style)
        adc = params.xbar.adc.mvm
        adc.model, adc.bits, adc.calibrated_range = "QuantizerADC", 24, [-1e-5, 1e-5]
        adc.adc_range_option = "MAX"
        params.simulation.disable_fast_balanced = True
        y = core_of(matrix, params) @ x
        # Steps of 2 * 30 / 2**24 of a full cell, half of one on every line and on the unit column.
        assert np.abs(y - matrix @ x).max() <= 4 * 60 / 2**24 / 0.9
        params.xbar.adc.mvm.bits = 0
        exact = matrix.astype(np.longdouble) @ x.astype(np.longdouble)
        assert np.abs(core_of(matrix, params) @ x - exact).max() < 1e-12


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "uint8"])
def test_integers_are_exact(dtype):
    """Also where results do not fit the dtype of the factors, nor float32."""
    rng = np.random.default_rng(0)
    top = min(np.iinfo(dtype).max, 2**24)
    matrix = rng.integers(0 if dtype == "uint8" else -top, top, (9, 12)).astype(dtype)
    x = rng.integers(0 if dtype == "uint8" else -top, top, (12, 5)).astype(dtype)
    core = core_of(matrix, CrossSimParameters())
    assert np.array_equal(core.get_matrix(), matrix)
    wide = matrix.astype(np.int64) @ x.astype(np.int64)
    for y in (core @ x, (x.T @ core.T).T):
        assert y.dtype == ("uint64" if dtype[0] == "u" else "int64")
        assert np.array_equal(y, wide)


def test_integers_of_a_dtype_that_was_asked_for_wrap():
    params = CrossSimParameters()
    params.core.output_dtype = "INT8"
    matrix, x = np.full((2, 3), 100, np.int8), np.full(3, 100, np.int8)
    y = core_of(matrix, params) @ x
    assert y.dtype == np.int8
    assert np.array_equal(y, matrix @ x)


def test_reading_back_rounds_integers():
    """Halves to the even one, as rint does."""
    params = CrossSimParameters()
    params.xbar.device.infinite_on_off_ratio = True
    core = core_of(np.array([[4, -4], [2, 1]], np.int8), params)
    core.cores[0][0].core_pos.set_conductances(np.array([[0.625, 0.0], [0.375, 0.2]]))
    assert core.get_matrix().tolist() == [[2, -4], [2, 1]]
    assert core.get_matrix().dtype == np.int8


# -- complex numbers -------------------------------------------------------------------------


def complex_core(shape=(4, 5), dtype="complex128", **changes):
    params = CrossSimParameters()
    params.core.complex_matrix = True
    params.update(changes)
    matrix = numbers(np.random.default_rng(1), shape, dtype)
    return core_of(matrix, params), matrix


@pytest.mark.parametrize("lead", [(), (3,), (2, 3)])
def test_complex_stacks_of_any_rank(lead):
    core, matrix = complex_core()
    rng = np.random.default_rng(2)
    right = numbers(rng, (*lead, 5, 2), "complex128")
    left = numbers(rng, (*lead, 2, 4), "complex128")
    assert np.allclose(core @ right, matrix @ right, rtol=0, atol=1e-13)
    assert np.allclose(left @ core, left @ matrix, rtol=0, atol=1e-13)
    assert np.allclose(core.dot(right), matrix.dot(right), rtol=0, atol=1e-13)


def test_real_and_imaginary_parts_drive_the_lines_in_their_order():
    """The order decides which physical cells a part of the input meets."""
    core, _ = complex_core((2, 3), **{"xbar.device.infinite_on_off_ratio": True})
    assert (core.nrow, core.ncol) == (4, 6)
    part = core.cores[0][0]
    part.core_pos.set_conductances(np.arange(24.0).reshape(4, 6) / 24)
    part.core_neg.set_conductances(np.zeros((4, 6)))
    g = np.arange(24.0).reshape(4, 6) / 24 * core.max
    x = np.array([1 + 2j, 3 - 1j, -2 + 0.5j])
    y = g @ np.concatenate([x.real, x.imag])
    assert np.allclose(core @ x, y[:2] + 1j * y[2:])
    assert np.allclose(core @ x[:, None], (y[:2] + 1j * y[2:])[:, None])
    v = np.array([1 - 3j, 2 + 0.5j])
    single = np.concatenate([v.imag, v.real]) @ g
    assert np.allclose(v @ core, single[3:] + 1j * single[:3])
    batch = np.concatenate([v.real, -v.imag]) @ g
    assert np.allclose(v[None] @ core, (batch[:3] - 1j * batch[3:])[None])
    assert np.allclose(core.get_matrix(), g[:2, :3] + 1j * g[2:, :3])


def test_real_matrices_with_complex_inputs():
    rng = np.random.default_rng(0)
    matrix, x = rng.uniform(-1, 1, (4, 5)), numbers(rng, (5, 3), "complex64")
    core = core_of(matrix, CrossSimParameters())
    assert np.allclose(core @ x, matrix @ x, rtol=0, atol=1e-14)
    params = CrossSimParameters()
    params.core.complex_input = True
    core = core_of(matrix, params)
    assert core.complex_valued
    assert np.allclose(core @ x, matrix @ x, rtol=0, atol=1e-14)
    assert core.get_matrix().dtype == np.complex128


def test_complex_limits_count_both_parts():
    core, matrix = complex_core()
    assert core.max == max(np.abs(matrix.real).max(), np.abs(matrix.imag).max())


def test_complex_matrices_are_refused_where_they_cannot_be():
    with pytest.raises(InputError, match="complex_matrix"):
        core_of(np.ones((2, 2), complex), CrossSimParameters())
    with pytest.raises(ShapeError, match="at least 2"):
        complex_core((1, 4))


def test_the_adjoint_product():
    core, matrix = complex_core()
    x = numbers(np.random.default_rng(5), (4,), "complex128")
    assert np.allclose(core.rmatvec(x), matrix.conj().T @ x, rtol=0, atol=1e-13)
    assert core.rmatvec(x[:, None]).shape == (5, 1)


def test_unsigned_integers_beyond_half_their_range():
    """Exact powers of two, which neither conductances nor products need to round."""
    matrix = np.array([[2**63, 0], [0, 2**62]], np.uint64)
    params = CrossSimParameters()
    params.xbar.device.infinite_on_off_ratio = True
    core = core_of(matrix, params)
    assert np.array_equal(core.get_matrix(), matrix)
    x = np.array([1, 2], np.uint64)
    assert np.array_equal(core @ x, matrix @ x)
