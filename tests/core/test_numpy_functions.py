"""Every function of NumPy with a core: through its arrays, refused, or on the matrix read back."""

import itertools

import numpy as np
import pytest
import scipy.sparse
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.sparse.linalg import aslinearoperator, cg, lsqr, svds

from simulator import AnalogCore, CrossSimParameters, InputError, NotSupportedError, ShapeError


class CountedCore(AnalogCore):
    """A core that counts the products on its arrays."""

    products = 0

    def __matmul__(self, x):
        return self.matmul(x)

    def _apply(self, inputs, transposed, single):
        CountedCore.products += 1
        return super()._apply(inputs, transposed, single)


def ideal(matrix, **kwargs):
    params = CrossSimParameters()
    params.core.complex_matrix = np.iscomplexobj(matrix)
    return CountedCore(matrix, params, **kwargs)


def coarse(matrix):
    """A core whose products differ from those of the matrix that it holds."""
    params = CrossSimParameters()
    params.core.complex_matrix = np.iscomplexobj(matrix)
    for adc in (params.xbar.adc.mvm, params.xbar.adc.vmm):
        adc.model, adc.bits, adc.adc_range_option = "QuantizerADC", 4, "MAX"
    return CountedCore(matrix, params)


def values(*shape, seed=1, dtype=float):
    rng = np.random.default_rng(seed)
    matrix = rng.uniform(-1, 1, shape)
    return matrix if dtype is float else matrix + 1j * rng.uniform(-1, 1, shape)


def counted(call):
    """What a call gives, or its refusal, and how many products went through arrays."""
    CountedCore.products = 0
    try:
        result = call()
    except NotSupportedError as refusal:
        result = refusal
    return result, CountedCore.products


# -- every public function ---------------------------------------------------------------------

WRITERS = {"save", "savez", "savez_compressed", "savetxt", "copyto", "put", "place", "putmask"}
WRITERS |= {"put_along_axis", "fill_diagonal"}
# Its result is what happens to lie in memory.
WRITERS |= {"empty_like"}


def public_functions():
    for prefix, module in (("", np), ("linalg.", np.linalg), ("fft.", np.fft)):
        for name in sorted(set(dir(module)) - WRITERS):
            function = getattr(module, name)
            dispatches = hasattr(function, "_implementation") or isinstance(function, np.ufunc)
            if dispatches and not name.startswith("_"):
                yield prefix + name, function


FUNCTIONS = dict(public_functions())

# Ways to call a function with a matrix m and other arrays.
CALLS = {
    "m": lambda f, m, x, b: f(m),
    "m, vector": lambda f, m, x, b: f(m, x),
    "vector, m": lambda f, m, x, b: f(x, m),
    "m, matrix": lambda f, m, x, b: f(m, b),
    "matrix, m": lambda f, m, x, b: f(b, m),
    "list": lambda f, m, x, b: f([b, m, x]),
    "axis": lambda f, m, x, b: f(m, axis=0),
}
VIEWS = {
    "whole": lambda m: m,
    "transposed": lambda m: m.T,
    "part": lambda m: m[:3, 1:],
    "row": lambda m: m[1],
    "weight": lambda m: m[0, 1],
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_multiplies_on_arrays_or_refuses_or_sees_what_is_read_back(name):
    core = coarse(values(4, 4) + 2 * np.eye(4))
    for view, call in itertools.product(VIEWS.values(), CALLS.values()):
        held = view(core.get_matrix())
        n = held.shape[-1] if held.ndim else 3
        x, b = values(n, seed=2), values(n, n, seed=3)
        try:
            digital = call(FUNCTIONS[name], np.array(held), x, b)
        except Exception:
            continue  # not a way to call this function
        try:
            result, products = counted(lambda: call(FUNCTIONS[name], view(core), x, b))  # noqa: B023
        except ValueError as error:
            # The core was given as the place for the result.
            assert "read-only" in str(error)  # noqa: PT017
            continue
        if isinstance(result, NotSupportedError):
            assert "get_matrix()" in str(result) or "in place" in str(result)
        elif products == 0:
            compare(result, digital)
        else:
            assert not isinstance(result, AnalogCore)


def compare(result, digital):
    if isinstance(digital, tuple):
        for one, other in zip(result, digital, strict=True):
            compare(one, other)
    elif isinstance(digital, np.ndarray | np.generic):
        assert np.shape(result) == digital.shape
        assert np.array_equal(result, digital) or np.allclose(result, digital, equal_nan=True)


# Integrals weigh numbers that were read; they multiply no vector by a matrix.
STATISTICS = {"trapezoid", "trapz"}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("view", ["whole", "row"])
@pytest.mark.parametrize(
    "name",
    [n for n, f in FUNCTIONS.items() if getattr(f, "signature", "") is not None],
)
def test_no_function_that_is_linear_in_both_arguments_multiplies_digitally(name, view):
    function = FUNCTIONS[name]
    if name in STATISTICS:
        return
    m1, m2 = (VIEWS[view](values(3, 3, seed=s)) for s in (4, 5))
    core = VIEWS[view](ideal(values(3, 3, seed=4)))
    for shape in ((3,), (3, 3)):
        x1, x2 = (values(*shape, seed=s) for s in (6, 7))
        for swap in (False, True):

            def apply(m, x, swap=swap):
                return np.asarray(function(x, m) if swap else function(m, x))

            try:
                bilinear = (
                    np.allclose(apply(m1 + m2, x1), apply(m1, x1) + apply(m2, x1))
                    and np.allclose(apply(m1, x1 + x2), apply(m1, x1) + apply(m1, x2))
                    and np.any(apply(m1, x1) != 0)
                )
            except Exception:
                continue
            if bilinear:
                result, products = counted(lambda a=apply, x=x1: a(core, x))
                assert isinstance(result, NotSupportedError) or products, (name, swap)


# -- einsum ------------------------------------------------------------------------------------

# The core is the operand "ij" (rows, columns).
PRODUCTS = [
    "ij,j->i", "ij,i->j", "ij,j", "i,ij", "ij,jk->ik", "ij,jk->ki", "ij,jk", "ki,ij->kj",
    "ij,bj->bi", "abj,ij->abi", "abi,ij->ajb", "ij,jk,kl->il", "li,ij,jk->lk", "i,ij,j->",
    "i,ij,j", "ij,j,j->i", "ij,jk,ik->ik", "ij,jk,k->i", "...j,ij->...i", "ij,...j", "b,ij,bj->bi",
    "ij,j,i->i", "ij,jj->i", "ij,jk->i", "ij,j,b->ib", "ij , j -> i", "a,ij,aj,b->ib",
]  # fmt: skip
NO_PRODUCTS = ["ij,ij->", "ij,ij->ij", "ij,j->ij", "ij,k->ik", "ii,i->i", "ij,k->ijk", "ij,ji->i"]
SIZES = {"i": 4, "j": 3, "k": 5, "l": 2, "a": 2, "b": 6}


def operands_of(subscripts, sizes=SIZES):
    terms = subscripts.replace(" ", "").split("->")[0].split(",")
    place = terms.index("ij") if "ij" in terms else terms.index("ii")
    arrays = [
        values(*(sizes[c] for c in term.replace("...", "ab")), seed=s)
        for s, term in enumerate(terms)
    ]
    return arrays, place


@pytest.mark.parametrize("dtype", [float, complex])
@pytest.mark.parametrize("subscripts", PRODUCTS)
def test_einsum_of_a_product_goes_through_the_arrays(subscripts, dtype):
    arrays, place = operands_of(subscripts)
    arrays[place] = values(4, 3, dtype=dtype)
    expected = np.einsum(subscripts, *arrays)
    arrays[place] = ideal(arrays[place])
    for optimize in ({}, {"optimize": False}, {"optimize": "greedy"}):
        result, products = counted(lambda kw=optimize: np.einsum(subscripts, *arrays, **kw))
        assert products == 1
        assert np.allclose(result, expected)


@pytest.mark.parametrize("subscripts", NO_PRODUCTS)
def test_einsum_that_is_no_product_says_so(subscripts):
    arrays, place = operands_of(subscripts, {**SIZES, "i": 3})
    arrays[place] = ideal(values(3, 3))
    with pytest.raises(NotSupportedError, match=r"np\.einsum.*get_matrix"):
        np.einsum(subscripts, *arrays)


@given(st.data())
def test_einsum_of_any_subscripts_equals_numpy_or_is_refused(data):
    labels = "ijkl"
    terms = ["ij"] + data.draw(
        st.lists(st.text(labels, min_size=1, max_size=3), min_size=1, max_size=3)
    )
    used = sorted(set("".join(terms)))
    output = "".join(data.draw(st.permutations(used)))[: data.draw(st.integers(0, len(used)))]
    terms = data.draw(st.permutations(terms))
    subscripts = ",".join(terms) + "->" + output
    sizes = {"i": 3, "j": 2, "k": 4, "l": 2}
    arrays, place = operands_of(subscripts, sizes)
    expected = np.einsum(subscripts, *arrays)
    arrays[place] = ideal(arrays[place])
    result, products = counted(lambda: np.einsum(subscripts, *arrays))
    assume(not isinstance(result, NotSupportedError))
    assert products >= 1
    assert np.allclose(result, expected)


def test_einsum_sees_one_vector_as_at_does():
    matrix, x = values(4, 3), values(3, seed=2)
    core = coarse(matrix)
    assert np.array_equal(np.einsum("ij,j->i", core, x), core @ x)
    assert np.array_equal(np.einsum(core, [0, 1], x, [1]), core @ x)
    assert np.array_equal(np.einsum("ij,i", core, x := values(4)), x @ core)
    assert not np.allclose(core @ values(3), matrix @ values(3))


def test_einsum_of_one_core_reads_it_back_and_of_two_reads_the_last():
    matrix = values(3, 3)
    core = coarse(matrix)
    held = core.get_matrix()
    for subscripts in ("ij->ji", "ii", "ij->", "ii->i"):
        assert np.allclose(np.einsum(subscripts, core), np.einsum(subscripts, held))
    assert np.array_equal(np.einsum("ij,jk->ik", core, core), core @ core)
    chain = np.einsum("ij,jk,k->i", core, core.T, values(3))
    assert np.allclose(chain, core @ (core.T @ values(3)))


@pytest.mark.parametrize("subscripts", ["ij,k->l", "ij,jk->iq", "ij,j->ii", "ij", "ij,jk,k", "i,j"])
def test_malformed_subscripts_are_told_by_numpy(subscripts):
    with pytest.raises(ValueError):
        np.einsum(subscripts, ideal(values(4, 3)), values(3))


# -- tensordot, multi_dot and the others -------------------------------------------------------


@pytest.mark.parametrize("axes", [1, ([1], [0]), ([0], [1]), (1, 0), ([-1], [-2]), (0, 2)])
def test_tensordot_over_one_axis_of_the_core(axes):
    matrix, x = values(4, 4), values(4, 4, 4, seed=2)
    result, products = counted(lambda: np.tensordot(ideal(matrix), x, axes))
    assert products == 1
    assert np.allclose(result, np.tensordot(matrix, x, axes))
    swapped = axes if isinstance(axes, int) else axes[::-1]
    assert np.allclose(np.tensordot(x, ideal(matrix), swapped), np.tensordot(x, matrix, swapped))


@pytest.mark.parametrize("axes", [0, 2, ([0, 1], [0, 1])])
def test_tensordot_over_no_axis_or_both_is_refused(axes):
    with pytest.raises(NotSupportedError, match="tensordot"):
        np.tensordot(ideal(values(3, 3)), values(3, 3), axes)


@pytest.mark.parametrize("places", list(itertools.product([False, True], repeat=4)))
@pytest.mark.parametrize("ends", [(False, False), (True, False), (False, True), (True, True)])
def test_multi_dot_keeps_every_core_on_its_arrays(places, ends):
    shapes = [(2, 5), (5, 3), (3, 4), (4, 6)]
    arrays = [values(*shape, seed=s) for s, shape in enumerate(shapes)]
    arrays = [values(2, seed=8)] * ends[0] + arrays + [values(6, seed=9)] * ends[1]
    places = (False,) * ends[0] + places + (False,) * ends[1]
    if not any(places):
        return
    cores = [ideal(a) if core else a for a, core in zip(arrays, places, strict=True)]
    result, products = counted(lambda: np.linalg.multi_dot(cores))
    assert products == sum(places) - all(places)
    assert np.allclose(result, np.linalg.multi_dot(arrays))


def test_multi_dot_takes_the_cheapest_order():
    core = ideal(values(4, 4))
    vectors = []
    apply = CountedCore._apply

    def watched(self, inputs, transposed, single):
        vectors.append(inputs.shape[1])
        return apply(self, inputs, transposed, single)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CountedCore, "_apply", watched)
        np.linalg.multi_dot([values(4, 4), core, values(4, 4), values(4)])
    assert vectors == [1]
    for arrays in ([core], [core, values(4, 4, 4), values(4)]):
        with pytest.raises(ShapeError, match="multi_dot"):
            np.linalg.multi_dot(arrays)


@pytest.mark.skipif(not hasattr(np, "matvec"), reason="needs NumPy 2.2")
@pytest.mark.parametrize("dtype", [float, complex])
def test_universal_products_of_stacks(dtype):
    matrix = values(4, 3, dtype=dtype)
    core = ideal(matrix)
    for x in (values(3), values(5, 3), values(2, 5, 3, dtype=dtype), values(1, 3)):
        assert counted(lambda x=x: np.allclose(np.matvec(core, x), np.matvec(matrix, x))) == (
            True,
            1,
        )
    for x in (values(4), values(5, 4, dtype=dtype)):
        assert counted(lambda x=x: np.allclose(np.vecmat(x, core), np.vecmat(x, matrix))) == (
            True,
            1,
        )
    for x in (values(3), values(3, dtype=dtype)):
        assert counted(lambda x=x: np.allclose(np.vecdot(core, x), np.vecdot(matrix, x))) == (
            True,
            1,
        )
        assert np.allclose(np.vecdot(x, core), np.vecdot(x, matrix))
        assert np.allclose(np.vdot(core[1], x), np.vdot(matrix[1], x))
    assert np.allclose(np.matvec(values(2, 3), core), np.matvec(values(2, 3), matrix))


# -- out, complex numbers ----------------------------------------------------------------------

INTO = [np.matmul, np.dot]


@pytest.mark.parametrize("function", INTO)
@pytest.mark.parametrize("dtype", ["i4", "u1", "?"])
def test_a_product_is_not_truncated_into_out(function, dtype):
    out = np.zeros(2, dtype=dtype)
    with pytest.raises(InputError, match=r"out: dtype is .* lose part"):
        function(ideal(np.eye(2)), np.array([0.5, 1.5]), out=out)
    assert not out.any()
    with pytest.raises(InputError, match="out"):
        function(ideal(np.eye(2)), np.array([1j, 1]), out=np.zeros(2))
    wide = np.zeros(2, dtype=np.float32)
    assert function(ideal(np.eye(2)), np.array([0.5, 1.5]), out=wide) is wide
    assert wide.tolist() == [0.5, 1.5]


def test_every_product_writes_into_out():
    core, x = ideal(values(3, 3)), values(3)
    for call in (
        lambda out: np.einsum("ij,j->i", core, x, out=out),
        lambda out: np.linalg.multi_dot([core, np.eye(3), x], out=out),
        lambda out: np.dot(core, x, out),
    ):
        out = np.zeros(3)
        assert call(out) is out
        assert np.allclose(out, core @ x)
    with pytest.raises(TypeError, match=r"takes no dtype; use core\.output_dtype"):
        np.matmul(core, x, dtype=np.float32)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", ["c8", "c16"])
@pytest.mark.parametrize(
    "product",
    [
        lambda a, x: a @ x, lambda a, x: x @ a, lambda a, x: a.dot(x), lambda a, x: a.matvec(x),
        lambda a, x: a.vecmat(x), lambda a, x: a.rmatvec(x), lambda a, x: a.T @ x,
        lambda a, x: a[1] @ x, lambda a, x: a[:2] @ x, lambda a, x: a.matmat(x[:, None]),
        lambda a, x: a.rmatmat(x[None]), lambda a, x: np.inner(a, x),
        lambda a, x: np.einsum("ij,j", a, x), lambda a, x: np.tensordot(a, x, 1),
    ],
)  # fmt: skip
@pytest.mark.parametrize("held", [float, complex])
@pytest.mark.parametrize("option", ["NATIVE", "MATRIX", "INPUT", "FLOAT32", "INT8"])
def test_no_imaginary_part_is_lost(product, dtype, held, option):
    matrix, x = values(3, 3, dtype=held), values(3, dtype=complex).astype(dtype)
    params = CrossSimParameters()
    params.core.complex_matrix = held is complex
    params.core.output_dtype = option
    core = AnalogCore(matrix, params)
    result = product(core, x)
    assert result.dtype.kind == "c"
    if option != "INT8":
        assert np.any(result.imag)


def test_programming_and_reading_lose_no_imaginary_part():
    core = ideal(np.eye(2))
    with pytest.raises(InputError, match="complex"):
        core[0, 0] = 1j
    with pytest.raises(InputError, match="complex"):
        core.set_matrix(1j * np.eye(2))
    with pytest.raises(TypeError):
        float(ideal(1j * np.eye(2))[0, 0])
    with pytest.warns(np.exceptions.ComplexWarning):
        np.asarray(ideal(1j * np.eye(2)), dtype=float)


# -- arithmetic --------------------------------------------------------------------------------


@pytest.mark.parametrize("view", VIEWS)
def test_arithmetic_is_that_of_the_matrix_read_back(view):
    core = VIEWS[view](coarse(values(4, 4)))
    held = np.asarray(core)
    for operate in (
        lambda m: m * 2, lambda m: 2 - m, lambda m: m + 1, lambda m: m / 2, lambda m: -m, abs,
        lambda m: m**2, lambda m: 2**m, lambda m: m // 0.25, lambda m: m % 0.25, lambda m: m > 0,
        lambda m: m == held, lambda m: m != 0, lambda m: np.exp(m), lambda m: held * m,
        lambda m: m - m, lambda m: divmod(m, 0.5)[1], lambda m: +m, lambda m: m <= held,
    ):  # fmt: skip
        result, products = counted(lambda operate=operate: operate(core))
        assert products == 0
        assert isinstance(result, np.ndarray | np.generic)
        assert np.array_equal(result, operate(held))


@pytest.mark.parametrize("view", VIEWS)
def test_numbers_about_the_matrix(view):
    core = VIEWS[view](coarse(values(4, 4)))
    held = np.asarray(core)
    assert core.size == held.size
    for name in ("all", "any", "argmax", "argmin", "cumsum", "mean", "prod", "std", "sum", "tolist",
                 "var", "round"):  # fmt: skip
        assert np.array_equal(getattr(core, name)(), getattr(held, name)())
    if core.ndim:
        assert len(core) == len(held)
        assert all(np.array_equal(row, other) for row, other in zip(core, held, strict=True))
    else:
        assert float(core) == float(held)
        assert complex(core) == complex(held)
    if core.ndim == 2:
        assert np.array_equal(core.mean(axis=0), held.mean(axis=0))
        assert core.trace() == held.trace()
        assert np.array_equal(core.diagonal(), held.diagonal())


def test_rows_of_an_iteration_are_views_that_multiply_on_the_arrays():
    core, x = ideal(values(3, 4)), values(4)
    products, count = counted(lambda: [row @ x for row in core])
    assert count == 3
    assert np.allclose(products, core @ x)


IN_PLACE = ["+", "-", "*", "/", "//", "%", "**", "@", "<<", ">>", "&", "|", "^"]


@pytest.mark.parametrize("operator", IN_PLACE)
def test_in_place_arithmetic_says_how_to_program(operator):
    import operator as operators

    names = dict(zip(IN_PLACE, ["iadd", "isub", "imul", "itruediv", "ifloordiv", "imod", "ipow",
                                "imatmul", "ilshift", "irshift", "iand", "ior", "ixor"],
                     strict=True))  # fmt: skip
    core = ideal(np.eye(2))
    with pytest.raises(NotSupportedError, match=r"core\[\.\.\.\] = core \+ x"):
        getattr(operators, names[operator])(core, np.eye(2))
    core[...] = core + 1
    assert np.allclose(core, np.eye(2) + 1)


def test_comparing_with_what_is_no_number():
    core = ideal(np.eye(2))
    assert not np.any(core == "text")
    assert not np.any(core == None)  # noqa: E711
    assert np.all(core == ideal(np.eye(2)))
    assert core
    assert not core[0, 1]


def test_cores_are_keys():
    first, second = ideal(np.eye(2)), ideal(np.eye(2))
    names = {first: "first", second: "second"}
    assert names[first] == "first"
    assert names[second] == "second"


# -- SciPy and torch ---------------------------------------------------------------------------


def test_operators_of_scipy_go_through_the_arrays():
    matrix = values(4, 4) + 4 * np.eye(4)
    core = ideal(matrix)
    operator = aslinearoperator(core)
    x, b = values(4, seed=2), values(4, 4, seed=3)
    for ours, theirs in (
        (lambda: operator @ x, matrix @ x), (lambda: operator @ b, matrix @ b),
        (lambda: operator.H @ x, matrix.T @ x), (lambda: operator.H @ b, matrix.T @ b),
        (lambda: lsqr(core, x)[0], np.linalg.solve(matrix, x)),
        (lambda: cg(ideal(matrix @ matrix.T), x, rtol=1e-12)[0],
         np.linalg.solve(matrix @ matrix.T, x)),
        (lambda: np.sort(svds(operator, k=2, return_singular_vectors=False)),
         np.sort(np.linalg.svd(matrix)[1])[-2:]),
    ):  # fmt: skip
        result, products = counted(ours)
        assert products
        assert np.allclose(result, theirs, rtol=1e-4, atol=1e-6)
    complex_matrix = values(3, 3, dtype=complex)
    adjoint = aslinearoperator(ideal(complex_matrix)).H
    assert np.allclose(adjoint @ values(3, 3), complex_matrix.conj().T @ values(3, 3))


@pytest.mark.parametrize("form", ["csr_array", "csc_array", "coo_array", "csr_matrix", "dia_array"])
def test_a_sparse_matrix_times_a_core_is_no_silent_digital_product(form):
    core = ideal(values(3, 3))
    sparse = getattr(scipy.sparse, form)(np.eye(3))
    with pytest.raises(NotSupportedError, match=r"toarray\(\) @ core"):
        sparse @ core
    with pytest.raises(NotSupportedError, match=r"toarray\(\) @ core"):
        sparse.dot(core)
    with pytest.raises(InputError, match="input"):
        core @ sparse


def test_tensors_of_torch_meet_a_core():
    torch = pytest.importorskip("torch")
    core, x = coarse(values(3, 3)), values(3)
    for result, expected in (
        (lambda: core @ torch.tensor(x), core @ x), (lambda: torch.tensor(x) @ core, x @ core),
    ):  # fmt: skip
        given, products = counted(result)
        assert products == 1
        assert np.array_equal(given, expected)
    with pytest.raises(InputError, match="requires grad"):
        core @ torch.tensor(x, requires_grad=True)
    assert np.array_equal(torch.as_tensor(core).numpy(), core.get_matrix())
    with pytest.raises(TypeError):
        torch.matmul(core, torch.tensor(x))
