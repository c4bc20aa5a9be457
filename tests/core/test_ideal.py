"""With ideal devices and converters a core is the matrix it was given.

The law: ``|core @ x - A @ x| <= 8 eps n (max|W| / G_range) max|x|`` plus half a unit of the output
dtype, with eps of the dtype that is computed in, W the weight range, and G_range the part of the
conductances that weights can use, ``1 - Gmin / Gmax``.
"""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import (
    COMPLEX_DTYPES,
    REAL_DTYPES,
    Setting,
    cells,
    core_of,
    is_paired,
    multiply,
    numbers,
    partitions,
    set_style,
    shapes,
    weight_ranges,
)  # fmt: skip

from simulator import AnalogCore, CrossSimParameters

EPS = np.finfo(np.float64).eps


def draw_subtraction(draw, params):
    how = draw(st.sampled_from(("array", "digital", "interleaved")))
    params.core.balanced.subtract_current_in_xbar = how != "digital"
    params.core.balanced.interleaved_posneg = how == "interleaved"


@st.composite
def ideal_hardware(draw):
    """What must not matter: converters that do nothing, ranges, unreachable limits."""
    params = CrossSimParameters()
    draw(cells(params, bits=False))
    draw(partitions(params))
    params.xbar.dac.mvm.signed = draw(st.booleans())
    params.xbar.adc.mvm.bits = draw(st.sampled_from((0, 4)))
    inputs = params.core.mapping.inputs.mvm
    if draw(st.booleans()):
        inputs.percentile = draw(st.sampled_from((1.0, 0.8)))
    else:
        inputs.min, inputs.max = draw(st.sampled_from(((-1, 1), (-3, 3), (0, 7), (-1e12, 1e12))))
    params.xbar.array.Icol_max = draw(st.sampled_from((0.0, 1e20)))
    params.simulation.disable_fast_balanced = draw(st.booleans())
    return params


def inputs_for(draw, rng, shape, dtype, transposed):
    """A vector, a matrix or a stack that fits the side it comes from."""
    lines, batch = shape[0 if transposed else 1], draw(st.sampled_from((0, 1, 4)))
    full = draw(st.sampled_from(("vector", (), (3,), (2, 2))))
    if full == "vector":
        return numbers(rng, (lines,), dtype)
    return numbers(rng, (*full, *((batch, lines) if transposed else (lines, batch))), dtype)


def weight_limit(core):
    return max(abs(core.min), abs(core.max))


def compute_eps(matrix, x):
    """Eps of the dtype that both promote to, at least single precision."""
    dtype = np.result_type(matrix.dtype, x.dtype, np.float16)
    single = np.finfo(dtype).eps >= np.finfo(np.float32).eps
    return np.finfo(np.float32 if single else np.float64).eps


def exact(values):
    """For products in more digits than any result has; integers keep their values."""
    return values.astype(np.clongdouble if values.dtype.kind == "c" else np.longdouble)


def bound_of(core, matrix, x, transposed):
    """The law, and for complex numbers its double: their arrays have twice the lines."""
    lines = matrix.shape[0 if transposed else 1] * (2 if core.complex_valued else 1)
    conductance = core.params.xbar.device.Grange_norm
    largest = float(max(abs(part).max(initial=0) for part in (exact(x).real, exact(x).imag)))
    return 8 * compute_eps(matrix, x) * lines * weight_limit(core) / conductance * largest


def assert_close(got, wanted, bound):
    """Within ``bound`` and half a unit of the dtype of ``got``, real and imaginary part."""
    assert got.shape == wanted.shape
    kind = got.dtype.kind
    if kind == "b":
        assert bound < 0.5
        assert np.array_equal(got, wanted != 0)
        return
    if kind in "iu":
        # Integers wrap as NumPy's do: distances count around the circle.
        circle = 2.0 ** (8 * got.dtype.itemsize)
        apart = np.abs(np.mod(exact(got) - wanted + circle / 2, circle) - circle / 2)
        assert (apart <= np.floor(bound + 0.5)).all()
        return
    for part, other in ((got.real, wanted.real), (got.imag, wanted.imag)):
        unit = np.spacing(np.abs(part)) / 2
        assert (np.abs(exact(part) - other) <= bound + unit).all()


@st.composite
def ideal_products(draw):
    """Hardware, matrix, the matrix after clipping, input, side."""
    params = draw(ideal_hardware())
    style = draw(st.sampled_from(("one_sided", "two_sided", "offset", "unit")))
    set_style(params, style)
    if is_paired(params):
        draw_subtraction(draw, params)
    dtype = draw(st.sampled_from(REAL_DTYPES + COMPLEX_DTYPES))
    x_dtype = draw(st.sampled_from(REAL_DTYPES + COMPLEX_DTYPES))
    shape = draw(shapes(60))
    if np.dtype(dtype).kind == "c":
        params.core.complex_matrix = True
        shape = tuple(max(length, 2) for length in shape)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    matrix = numbers(rng, shape, dtype)
    parts = (matrix.real.astype(float), matrix.imag.astype(float))
    largest = max(np.abs(part).max() for part in parts) or 1.0
    clipping = draw(st.booleans())
    draw(weight_ranges(params, largest, clipping=clipping and dtype == "float64"))
    transposed = draw(st.booleans())
    x = inputs_for(draw, rng, shape, x_dtype, transposed)
    return Setting(params, matrix, x, transposed)


def clipped(core, matrix):
    """What the core was asked to hold."""
    if not core.weight_clipping or matrix.dtype.kind != "f":
        return matrix
    return matrix.clip(core.min, core.max)


@settings(max_examples=500)
@given(ideal_products())
def test_an_ideal_core_is_its_matrix(case):
    params, matrix, x, transposed = case.params, case.matrix, case.x, case.transposed
    core = core_of(matrix, params)
    target = clipped(core, matrix)
    got = multiply(core, case)
    wanted = exact(x) @ exact(target) if transposed else exact(target) @ exact(x)
    common = np.result_type(x, matrix)
    assert got.dtype == (f"{common.kind}8" if common.kind in "iu" else common)
    assert_close(got, wanted, bound_of(core, matrix, x, transposed))
    # Reading back is the product with the unit matrix: one line is driven at a time.
    slack = 8 * EPS * weight_limit(core) / params.xbar.device.Grange_norm
    assert core.get_matrix().dtype == matrix.dtype
    assert_close(core.get_matrix(), exact(target), slack)


@st.composite
def sliced_products(draw):
    params = draw(ideal_hardware())
    style = draw(st.sampled_from(("sliced_balanced", "sliced_offset", "sliced_unit")))
    slices = draw(st.integers(1, 4))
    bits = draw(st.integers(max(slices, 2), 16))
    if style == "sliced_unit":
        # A unit column holds the weight zero only where the slices divide the bits.
        bits = max(bits // slices, 2) * slices
    set_style(params, style, bits, slices)
    if is_paired(params):
        draw_subtraction(draw, params)
    shape = draw(shapes(40))
    dtype = draw(st.sampled_from(("float32", "float64", "complex128")))
    if dtype == "complex128":
        params.core.complex_matrix = True
        shape = tuple(max(length, 2) for length in shape)
    # Clipping at unequal limits would treat the two copies of an imaginary part differently.
    draw(weight_ranges(params, clipping=draw(st.booleans()) and dtype != "complex128"))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    matrix, transposed = numbers(rng, shape, dtype), draw(st.booleans())
    x = inputs_for(draw, rng, shape, dtype, transposed)
    return Setting(params, matrix, x, transposed)


@settings(max_examples=300)
@given(sliced_products())
def test_an_ideal_sliced_core_is_the_matrix_it_reads_back(case):
    matrix, x, transposed = case.matrix, case.x, case.transposed
    core = core_of(matrix, case.params)
    held = core.get_matrix()
    got = multiply(core, case)
    wanted = exact(x) @ exact(held) if transposed else exact(held) @ exact(x)
    # The matrix that is read back is itself rounded to its dtype.
    rounded = np.finfo(held.dtype).eps / 2 * x.shape[-1 if transposed or x.ndim == 1 else -2]
    largest = np.abs(x).max(initial=0) * np.abs(held).max()
    if core.complex_valued:
        rounded *= 2
    assert_close(got, wanted, bound_of(core, matrix, x, transposed) + rounded * largest)


@settings(max_examples=200)
@given(sliced_products())
def test_a_sliced_core_holds_the_matrix_to_half_a_step(case):
    params, matrix = case.params, case.matrix
    core = core_of(matrix, params)
    limit = weight_limit(core)
    step = limit / (2 ** (params.core.weight_bits - 1) - 1)
    held = core.get_matrix()
    # Merging rounds each digit, against a range of 1 - Gmin / Gmax; the result to its dtype.
    slack = 16 * EPS * limit / params.xbar.device.Grange_norm
    slack += np.finfo(held.dtype).eps / 2 * limit
    for part, other in ((held.real, matrix.real), (held.imag, matrix.imag)):
        target = other.clip(core.min, core.max) if core.weight_clipping else other
        assert (np.abs(part - target) <= step / 2 + slack).all()


@pytest.mark.parametrize("style", ["one_sided", "two_sided", "offset", "unit"])
@pytest.mark.parametrize("limits", [(-0.5, 1.0), (-1.0, 0.5), (-0.25, 4.0)])
def test_asymmetric_weight_ranges_do_not_scale_the_product(style, limits):
    rng = np.random.default_rng(0)
    matrix = rng.uniform(-0.25, 0.5, (7, 9))
    params = CrossSimParameters()
    set_style(params, style)
    weights = params.core.mapping.weights
    weights.percentile, (weights.min, weights.max) = None, limits
    core, x = core_of(matrix, params), rng.uniform(-1, 1, 9)
    assert_close(core @ x, exact(matrix) @ exact(x), bound_of(core, matrix, x, False))
    assert (core.min, core.max) == limits


@pytest.mark.parametrize("style", ["one_sided", "offset", "unit", "sliced_offset"])
@pytest.mark.parametrize("shape", [(1, 1), (3, 5)])
def test_zeros_give_exact_zeros(style, shape):
    params = CrossSimParameters()
    set_style(params, style)
    rng = np.random.default_rng(1)
    assert (core_of(np.zeros(shape), params).get_matrix() == 0).all()
    assert (core_of(np.zeros(shape), params) @ rng.normal(size=shape[1]) == 0).all()
    assert (core_of(rng.normal(size=shape), params) @ np.zeros(shape[1]) == 0).all()


@pytest.mark.parametrize("size", [1, 7])
def test_a_product_beyond_all_numbers_is_infinite_without_a_warning(size):
    # BLAS also warns of products that nobody asked for: of what lies behind short vectors.
    core = AnalogCore(np.ones((size, 2), np.float32), CrossSimParameters())
    large = np.full((2, 3), 3e38, np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isinf(core @ large).all()
        assert np.isinf(core.T.T @ large).all()
