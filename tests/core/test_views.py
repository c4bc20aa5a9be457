"""Views of a core do what views of the matrix do, in shape and value, from both sides."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import core_of, numbers, shapes

from simulator import CrossSimParameters, ShapeError


def index(draw, length):
    """An integer or a slice, of any sign and step."""
    if draw(st.integers(0, 4)) == 0 and length:
        return draw(st.integers(-length, length - 1))
    bound = st.none() | st.integers(-length - 2, length + 2)
    return slice(draw(bound), draw(bound), draw(st.sampled_from((None, 1, 2, 3, -1, -2))))


@st.composite
def steps(draw):
    """Dtype, shape and a chain of operations: indices and transposes."""
    dtype = draw(st.sampled_from(("float64", "float32", "complex128")))
    shape = draw(shapes(12))
    if dtype == "complex128":
        shape = tuple(max(length, 2) for length in shape)
    like, chain = np.empty(shape), []
    for _ in range(draw(st.integers(1, 4))):
        if like.ndim == 0:
            break
        if draw(st.integers(0, 2)) == 0:
            chain.append("T")
            like = like.T
            continue
        count = draw(st.integers(1, like.ndim))
        keys = tuple(index(draw, length) for length in like.shape[:count])
        if draw(st.integers(0, 3)) == 0 and count < 2:
            keys = (Ellipsis, index(draw, like.shape[-1]))
        key = keys if len(keys) > 1 or draw(st.booleans()) else keys[0]
        chain.append(key)
        like = like[key]
    return dtype, shape, chain


def follow(array, chain):
    for step in chain:
        array = array.T if isinstance(step, str) else array[step]
    return array


def params_for(dtype):
    params = CrossSimParameters()
    params.core.complex_matrix = dtype == "complex128"
    params.core.rows_max, params.core.cols_max = 5, 4
    return params


def tolerance(dtype):
    """8 eps n over a range of 0.9, for at most 12 lines, doubled for complex numbers."""
    return 8 * np.finfo(dtype).eps * 24 / 0.9 * 2


@settings(max_examples=400)
@given(steps())
def test_views_are_numpys_views(case):
    dtype, shape, chain = case
    rng = np.random.default_rng(0)
    matrix = numbers(rng, shape, dtype)
    core = core_of(matrix, params_for(dtype))
    view, wanted = follow(core, chain), follow(matrix, chain)
    assert view.shape == wanted.shape
    assert view.ndim == wanted.ndim
    assert view.dtype == wanted.dtype
    close = tolerance(dtype)
    assert np.asarray(view).dtype == wanted.dtype
    assert np.allclose(np.asarray(view), wanted, rtol=0, atol=close)
    if view.ndim == 0:
        return
    assert len(view) == len(wanted)
    first, last = wanted.shape[0], wanted.shape[-1]
    for x in (rng.uniform(-1, 1, last), rng.uniform(-1, 1, (last, 3)),
              rng.uniform(-1, 1, (2, last, 3))):  # fmt: skip
        x = x.astype(dtype)
        got = view @ x
        assert got.shape == (wanted @ x).shape
        assert got.dtype == wanted.dtype
        assert np.allclose(got, wanted @ x, rtol=0, atol=close)
        assert np.allclose(np.matmul(view, x), wanted @ x, rtol=0, atol=close)
        assert np.allclose(view.dot(x), wanted.dot(x), rtol=0, atol=close)
    for x in (rng.uniform(-1, 1, first), rng.uniform(-1, 1, (3, first)),
              rng.uniform(-1, 1, (2, 3, first))):  # fmt: skip
        x = x.astype(dtype)
        got = x @ view
        assert got.shape == (x @ wanted).shape
        assert got.dtype == wanted.dtype
        assert np.allclose(got, x @ wanted, rtol=0, atol=close)
        assert np.allclose(np.matmul(x, view), x @ wanted, rtol=0, atol=close)
        assert np.allclose(np.dot(x, view), x.dot(wanted), rtol=0, atol=close)


@settings(max_examples=200)
@given(steps(), st.integers(0, 10))
def test_writing_through_a_view_writes_what_numpy_writes(case, seed):
    dtype, shape, chain = case
    rng = np.random.default_rng(seed)
    matrix = numbers(rng, shape, dtype)
    params = params_for(dtype)
    weights = params.core.mapping.weights
    weights.percentile, weights.min, weights.max = None, -1, 1
    core = core_of(matrix, params)
    view, target = follow(core, chain[:-1]), follow(matrix, chain[:-1])
    if isinstance(chain[-1], str):
        view, target, key = view.T, target.T, ...
    else:
        key = chain[-1]
    values = numbers(rng, target[key].shape, dtype)
    view[key] = values
    target[key] = values
    assert np.allclose(core.get_matrix(), matrix, rtol=0, atol=tolerance(dtype))
    view[key] = 0.5  # broadcast
    target[key] = 0.5
    assert np.allclose(core.get_matrix(), matrix, rtol=0, atol=tolerance(dtype))


@pytest.fixture
def core():
    return core_of(np.random.default_rng(0).uniform(-1, 1, (5, 7)), CrossSimParameters())


def test_full_views_are_the_core_itself(core):
    assert core[:] is core
    assert core[:, :] is core
    assert core[...] is core
    assert core[0:5, 0:7] is core
    assert core.T.T is core
    assert core[::-1] is not core
    part = core[1:3]
    assert part[:] is part
    assert part.T.T is part


def test_one_dimensional_views_are_their_own_transpose(core):
    assert core[0].T is not None
    assert core[0].T.shape == (7,)
    assert core[:, 0].T.shape == (5,)


def test_views_see_later_programming(core):
    view, turned = core[1:3, ::2], core.T[2]
    core.set_matrix(np.full((5, 7), 0.25))
    assert (np.asarray(view) == 0.25).all()
    assert (np.asarray(turned) == 0.25).all()
    assert view @ np.ones(4) == pytest.approx(np.full(2, 1.0), rel=1e-14)


def test_unselected_inputs_are_driven_with_zero_and_outputs_dropped():
    """Array, ranges and converters are those of the whole core."""
    params = CrossSimParameters()
    adc = params.xbar.adc.mvm
    adc.model, adc.bits, adc.adc_range_option = "QuantizerADC", 3, "MAX"
    matrix = np.random.default_rng(0).uniform(-1, 1, (5, 7))
    core, x = core_of(matrix, params), np.random.default_rng(1).uniform(-1, 1, 3)
    full = np.zeros(7)
    full[1::2] = x
    assert np.array_equal(core[::-2, 1::2] @ x, (core @ full)[::-2])
    full = np.zeros(5)
    full[[4, 2, 0]] = x
    assert np.array_equal(x @ core[::-2, 1::2], (full @ core)[1::2])
    assert np.array_equal(core[3] @ full.repeat(2)[:7], (core @ full.repeat(2)[:7])[3])


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
@pytest.mark.parametrize("name", ["matvec", "vecmat", "matmat", "rmatmat", "rmatvec"])
def test_named_products_of_views(name, dtype):
    """The transpose of a view of a complex core, under every name that a product has."""
    rng = np.random.default_rng(3)
    matrix = numbers(rng, (5, 7), dtype)
    params = params_for("complex128")
    view, wanted = core_of(matrix, params).T[1::2, ::-1], matrix.T[1::2, ::-1]
    rows, cols = wanted.shape
    shape = {"matvec": (cols,), "vecmat": (rows,), "matmat": (cols, 2), "rmatmat": (2, rows),
             "rmatvec": (rows,)}[name]  # fmt: skip
    x = numbers(rng, shape, dtype)
    if name == "rmatvec":
        expected = wanted.conj().T @ x
    else:
        expected = x @ wanted if name in ("vecmat", "rmatmat") else wanted @ x
    assert np.allclose(getattr(view, name)(x), expected, rtol=0, atol=tolerance(dtype))


@pytest.mark.parametrize("view", [np.s_[0], np.s_[:, 2]], ids=str)
@pytest.mark.parametrize("name", ["matvec", "vecmat", "matmat", "rmatmat", "rmatvec"])
def test_named_products_of_vectors(core, view, name):
    """A one-dimensional view is multiplied by ``@``; under other names as well, or refused."""
    x = np.ones(len(core[view]))
    try:
        got = getattr(core[view], name)(x)
    except ShapeError:
        return
    assert np.allclose(got, core.get_matrix()[view] @ x)


@pytest.mark.parametrize(
    ("key", "error"),
    [
        (np.s_[0, 0, 0], (ValueError, IndexError)), (np.s_[5], IndexError),
        (np.s_[-6], IndexError), (np.s_[:, 7], IndexError), ("a", TypeError), (1.5, TypeError),
        (None, TypeError), ([0, 1], TypeError), (np.array([0, 1]), TypeError),
        (np.ones((5, 7), bool), TypeError), (True, (TypeError, IndexError)),
        (np.s_[0:3:0], ValueError), (np.s_[..., ...], (IndexError, ValueError, TypeError)),
    ],
    ids=str,
)  # fmt: skip
def test_wrong_indices(core, key, error):
    with pytest.raises(error):
        core[key]


def test_a_single_weight(core):
    weight = core[1, 2]
    assert weight.shape == ()
    assert np.asarray(weight) == core.get_matrix()[1, 2]
    with pytest.raises((ShapeError, ValueError)):
        weight @ np.ones(1)
    with pytest.raises(TypeError):
        len(weight)
    weight[...] = 0.125
    assert core.get_matrix()[1, 2] == pytest.approx(0.125)


def test_views_have_readable_names(core):
    assert "T" in repr(core.T)
    assert "AnalogCore" in repr(core[1:3].T)


def test_set_matrix_of_views(core):
    core.T[1:3].set_matrix(np.full((2, 5), 0.5))
    assert core.get_matrix()[:, 1:3] == pytest.approx(np.full((5, 2), 0.5))
    core.T.set_matrix(np.full((7, 5), 0.25), error_mask=(slice(0, 2), slice(0, 1)))
    held = core.get_matrix()
    assert held[0, :2] == pytest.approx(np.full(2, 0.25))
    assert held[1, 1] == pytest.approx(0.5)
    with pytest.raises(ShapeError):
        core.T.set_matrix(np.zeros((5, 7)))
    with pytest.raises(ShapeError):
        core[0:2].set_matrix(np.zeros((5, 7)))
