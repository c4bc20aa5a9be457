"""A core among NumPy arrays and SciPy solvers: dispatch, kinds of input, what is left untouched."""

import numpy as np
import pytest
from scipy.sparse import linalg
from strategies import core_of, numbers

from simulator import AnalogCore, CrossSimParameters, InputError

RNG = np.random.default_rng(0)
MATRIX = RNG.uniform(-1, 1, (6, 5))
X = RNG.uniform(-1, 1, (5, 4))


def coarse(matrix=MATRIX, **changes):
    """Two bits at the converter: an analog product is told from a digital one at a glance."""
    params = CrossSimParameters()
    adc = params.xbar.adc.mvm
    adc.model, adc.bits, adc.adc_range_option = "QuantizerADC", 2, "MAX"
    params.update(changes)
    return core_of(matrix, params)


@pytest.fixture
def core():
    return coarse()


# -- products are analog ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "product",
    [
        lambda a, b: a @ b, np.matmul, np.dot, lambda a, b: a.dot(b), lambda a, b: a.matmul(b),
        lambda a, b: a.matmat(b),
    ],
    ids=["@", "np.matmul", "np.dot", "dot", "matmul", "matmat"],
)  # fmt: skip
def test_products_from_the_left_are_analog(core, product):
    wanted = np.stack([core.matvec(x) for x in X.T], axis=1)
    assert np.abs(wanted - MATRIX @ X).max() > 0.1
    assert np.allclose(product(core, X), wanted, rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    "product",
    [
        lambda b, a: b @ a, np.matmul, np.dot, lambda b, a: a.rdot(b), lambda b, a: a.rmatmul(b),
        lambda b, a: a.rmatmat(b),
    ],
    ids=["@", "np.matmul", "np.dot", "rdot", "rmatmul", "rmatmat"],
)  # fmt: skip
def test_products_from_the_right_are_analog(core, product):
    block = RNG.uniform(-1, 1, (3, 6))
    wanted = np.stack([core.vecmat(x) for x in block])
    assert np.abs(wanted - block @ MATRIX).max() > 0.1
    assert np.allclose(product(block, core), wanted, rtol=0, atol=1e-13)


@pytest.mark.parametrize("function", [np.matmul, np.dot], ids=["matmul", "dot"])
@pytest.mark.parametrize("side", ["left", "right"])
def test_products_into_a_given_array_are_analog_or_refused(core, function, side):
    """Never silently digital."""
    block = X if side == "left" else RNG.uniform(-1, 1, (3, 6))
    operands = (core, block) if side == "left" else (block, core)
    wanted = function(*operands)
    out = np.empty(wanted.shape)
    try:
        got = function(*operands, out=out)
    except TypeError:
        return
    assert np.array_equal(got, wanted)
    assert got is out


def test_products_in_place_are_analog_or_refused():
    core = coarse(MATRIX[:5])
    block, wanted = X.T.copy(), X.T @ core
    try:
        block @= core
    except TypeError:
        return
    assert np.array_equal(block, wanted)


def test_matmul_with_options_is_analog_or_refused(core):
    wanted = core @ X
    try:
        got = np.matmul(core, X, dtype=np.float32)
    except TypeError:
        return
    assert np.allclose(got, wanted, atol=1e-6)


def test_a_core_times_a_core_drives_the_left_one(core):
    other = coarse(RNG.uniform(-1, 1, (5, 3)))
    assert np.allclose(core @ other, core @ other.get_matrix(), rtol=0, atol=1e-14)


# -- everything else reads back --------------------------------------------------------------


@pytest.mark.parametrize(
    "function",
    [
        np.sum, np.abs, np.linalg.norm, np.linalg.pinv, np.transpose, np.negative, np.isfinite,
        lambda a: np.add(a, 1.0), lambda a: np.add(1.0, a), lambda a: np.concatenate([a, a]),
        lambda a: np.where(np.asarray(a) > 0, a, 0), lambda a: np.einsum("ij->i", a),
        lambda a: np.mean(a, axis=0), lambda a: np.linalg.lstsq(a, np.ones(6))[0],
        lambda a: np.ones((6, 5)) * a, lambda a: np.ones((6, 5)) - a,
        lambda a: np.allclose(a, a), lambda a: np.array(a), lambda a: np.asarray(a, np.float32),
        lambda a: np.stack([a, a]), lambda a: np.add.reduce(a, axis=1), lambda a: np.vstack((a, a)),
        lambda a: np.block([[a, a]]),
    ],
)  # fmt: skip
def test_other_functions_see_the_matrix_that_is_read_back(core, function):
    got, wanted = function(core), function(core.get_matrix())
    for one, other in zip(np.atleast_1d(got), np.atleast_1d(wanted), strict=True):
        assert np.array_equal(one, other)


def test_functions_with_an_output_array_fill_it(core):
    out = np.empty((6, 5))
    assert np.add(core, 1.0, out=out) is out
    assert np.array_equal(out, core.get_matrix() + 1)


def test_results_of_reading_are_copies(core):
    held = core.get_matrix()
    for copy in (np.asarray(core), np.array(core), core.get_matrix(), np.asarray(core.T)):
        copy[...] = 7
    assert np.array_equal(core.get_matrix(), held)


def test_face(core):
    assert len(core) == 6
    assert core.shape == (6, 5)
    assert core.ndim == 2
    assert core.dtype == np.float64
    assert np.ndim(core) == 2
    assert np.shape(core) == (6, 5)
    assert "AnalogCore" in repr(core)
    assert "(6, 5)" in str(core)
    assert [len(row) for row in core] == [5] * 6


# -- SciPy -----------------------------------------------------------------------------------


def test_scipy_solvers():
    spd = MATRIX.T @ MATRIX + np.eye(5)
    core, b = core_of(spd, CrossSimParameters()), np.arange(1.0, 6.0)
    for solve in (linalg.cg, linalg.gmres, linalg.bicgstab, linalg.minres):
        x, info = solve(core, b, rtol=1e-10)
        assert info == 0
        assert np.allclose(spd @ x, b, rtol=1e-8)
    x = linalg.lsqr(core_of(MATRIX, CrossSimParameters()), np.ones(6), atol=1e-12, btol=1e-12)[0]
    assert np.allclose(x, np.linalg.lstsq(MATRIX, np.ones(6), rcond=None)[0], atol=1e-8)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_linear_operators(dtype):
    """``rmatmat`` is not among them: there it is ``A.H @ X``, here ``X @ A``."""
    params = CrossSimParameters()
    params.core.complex_matrix = dtype == "complex128"
    matrix = numbers(RNG, (5, 5), dtype)
    operator = linalg.aslinearoperator(core_of(matrix, params))
    v, block = numbers(RNG, (5,), dtype), numbers(RNG, (5, 5), dtype)
    assert operator.dtype == matrix.dtype
    assert np.allclose(operator.matvec(v), matrix @ v)
    assert np.allclose(operator.matmat(block), matrix @ block)
    assert np.allclose(operator.rmatvec(v), matrix.conj().T @ v)


# -- kinds of input --------------------------------------------------------------------------

PLAIN = core_of(MATRIX, CrossSimParameters())


@pytest.mark.parametrize(
    "kind",
    [
        lambda x: x.tolist(), tuple, np.asfortranarray, lambda x: np.repeat(x, 2, 0)[::2],
        lambda x: x[::-1][::-1], lambda x: np.broadcast_to(x, x.shape), lambda x: x.astype(">f8"),
        lambda x: memoryview(np.ascontiguousarray(x)),
    ],
    ids=["list", "tuple", "fortran", "strided", "negative", "read-only", "big-endian",
         "buffer"],
)  # fmt: skip
@pytest.mark.parametrize("core", [PLAIN, coarse()], ids=["ideal", "coarse"])
def test_any_array_like_input(core, kind):
    for right in (X, X[:, 0]):
        assert np.allclose(core @ kind(right), core @ right, rtol=0, atol=1e-14)
    left = RNG.uniform(-1, 1, (3, 6))
    assert np.allclose(core.rmatmul(kind(left)), core.rmatmul(left), rtol=0, atol=1e-14)
    if not isinstance(kind(left), memoryview):
        assert np.allclose(kind(left) @ core, left @ core, rtol=0, atol=1e-14)


@pytest.mark.parametrize("kind", [list, np.asfortranarray, lambda x: x[::-1, ::-1], tuple])
def test_any_array_like_matrix(kind):
    wanted = np.asarray(kind(MATRIX))
    assert np.allclose(core_of(kind(MATRIX), CrossSimParameters()).get_matrix(), wanted, rtol=1e-15)


@pytest.mark.parametrize("core", [PLAIN, coarse()], ids=["ideal", "coarse"])
def test_inputs_stay_and_results_are_new(core):
    x, left = X.copy(), MATRIX.copy().T
    for _ in range(2):
        for y, operand, before in ((core @ x, x, X), (core @ x[:, 0], x, X),
                                   (left @ core, left, MATRIX.T)):  # fmt: skip
            assert np.array_equal(operand, before)
            assert y.flags.writeable
            y[...] = 0
            assert np.array_equal(operand, before)
    assert np.abs(core @ x).max() > 0


def test_the_programmed_matrix_is_a_copy():
    matrix = MATRIX.copy()
    core = core_of(matrix, CrossSimParameters())
    matrix[...] = 0
    assert np.allclose(core.get_matrix(), MATRIX)
    params = CrossSimParameters()
    core = AnalogCore(MATRIX, params)
    params.core.mapping.weights.percentile = 7.0
    params.xbar.adc.mvm.model = "NoSuchADC"
    core.set_matrix(MATRIX)
    assert np.allclose(core @ X, MATRIX @ X)


@pytest.mark.parametrize("noise", [None, "per_output", "per_device"])
@pytest.mark.parametrize("shape", [(5, 0), (0, 5, 3), (2, 5, 0)], ids=str)
def test_empty_batches(shape, noise):
    params = CrossSimParameters()
    if noise:
        node = params.xbar.device.read_noise
        node.enable, node.model, node.magnitude = True, "NormalIndependentDevice", 0.1
        params.simulation.read_noise_sampling = noise
    core, empty = core_of(MATRIX, params), np.zeros(shape)
    for _ in range(2):
        assert (core @ empty).shape == (MATRIX @ empty).shape
    left = np.zeros((*shape[:-2], shape[-1], 6))
    assert (left @ core).shape == (left @ MATRIX).shape


def test_large_inputs_overflow_as_numpys_do():
    x = np.full(5, 1e308)
    with np.errstate(over="ignore", invalid="ignore"):
        core = core_of(np.ones((2, 5)), CrossSimParameters())
        assert np.isinf(core @ x).all()
        core @ np.ones(5)
        assert np.isinf(core @ x).all()


def test_the_short_way_checks_as_the_long_one():
    """After a first product an ideal core multiplies at once; what is wrong is still an error."""
    core = core_of(MATRIX, CrossSimParameters())
    core @ np.ones(5)
    for bad in (np.nan, np.inf, -np.inf):
        for place in range(5):
            x = np.zeros(5)
            x[place] = bad
            with pytest.raises(InputError, match=rf"index \({place}"):
                core @ x
            block = np.zeros((5, 3))
            block[place, 1] = bad
            with pytest.raises(InputError, match=rf"index \({place}, 1\)"):
                core @ block
    with pytest.raises(ValueError, match="(?i)mismatch"):
        core @ np.ones(6)


def test_infinities_that_meet_a_zero_weight_are_found():
    matrix = MATRIX.copy()
    matrix[0] = 0
    core, x = core_of(matrix, CrossSimParameters()), np.ones(5)
    core @ x
    x[2] = np.inf
    with pytest.raises(InputError), np.errstate(invalid="ignore"):
        core @ x
