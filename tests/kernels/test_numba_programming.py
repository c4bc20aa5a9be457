"""Programming in one compiled pass: the cells that the stages give one after the other."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import core_of, quietly

from simulator import AnalogCore, CrossSimParameters
from simulator.devices import NormalProportionalDevice
from simulator.errors import ModelError

pytest.importorskip("numba", reason="numba, the extra fast, is not installed")

from simulator.kernels import ReferenceKernels
from simulator.kernels.cpu.kernels import SMALL, NumbaKernels

program = NumbaKernels.program
ERRORS = (
    "NormalIndependentDevice", "NormalProportionalDevice", "NormalInverseProportionalDevice",
)  # fmt: skip
STYLES = {
    "one-sided pair": ("BALANCED", {"balanced.style": "ONE_SIDED"}),
    "two-sided pair": ("BALANCED", {"balanced.style": "TWO_SIDED"}),
    "offset": ("OFFSET", {}),
    "unit column": ("OFFSET", {"offset.style": "UNIT_COLUMN_SUBTRACTION"}),
    "sliced pair": ("BITSLICED", {"bit_sliced.style": "BALANCED"}),
    "sliced offset": ("BITSLICED", {"bit_sliced.style": "OFFSET"}),
}  # fmt: skip


def params(style, error=None, magnitude=0.05, cell_bits=0, **fields):
    p = CrossSimParameters()
    p.simulation.seed = 7
    p.core.style, options = STYLES[style]
    p.core.weight_bits = 7
    p.xbar.device.cell_bits = cell_bits
    for path, value in {**options, **fields}.items():
        *places, name = path.split(".")
        node = p.core
        for place in places:
            node = getattr(node, place)
        setattr(node, name, value)
    if error is not None:
        p.xbar.device.programming_error.enable = True
        p.xbar.device.programming_error.model = error
        p.xbar.device.programming_error.magnitude = magnitude
    return p


def cells(matrix, p):
    core = core_of(matrix, p)
    with quietly():
        core.set_matrix(matrix)  # the second programming has errors of its own
    return [np.array(state) for state in core.get_state()["cells"]]


def same(matrix, p):
    """Whether cells are those of the reference, with the normals of the compiled kernels."""
    results = []

    def kept(*args):
        results.append(program(*args))
        return results[-1]

    with mock.patch.object(NumbaKernels, "program", kept):
        got = cells(matrix, p)
    assert results
    assert all(are_numbers for _, are_numbers in results)
    with mock.patch.object(NumbaKernels, "program", ReferenceKernels.program):
        wanted = cells(matrix, p)
    return all(np.array_equal(a, b) for a, b in zip(got, wanted, strict=True))


@settings(max_examples=60)
@given(
    st.sampled_from(sorted(STYLES)),
    st.sampled_from((None, *ERRORS)),
    st.sampled_from((0, 4, 7)),
    st.sampled_from((np.inf, 10.0)),
    st.booleans(),
    st.integers(0, 2**32),
    st.sampled_from((np.float32, np.float64, np.int16)),
)
def test_cells_are_those_of_the_reference(style, error, cell_bits, on_off, clip, seed, dtype):
    """Bit for bit: every way to make cells of weights, every law of the error, several tiles."""
    if style.startswith("sliced"):
        cell_bits = 2
    p = params(style, error, cell_bits=cell_bits)
    p.core.bit_sliced.num_slices = 4 if style == "sliced offset" else 3
    p.core.weight_bits = 8 if style == "sliced offset" else 7
    p.core.cols_max, p.core.rows_max = 37, 701
    p.xbar.device.Rmin, p.xbar.device.Rmax = 1e4, 1e4 * on_off
    p.xbar.device.infinite_on_off_ratio = on_off == np.inf
    p.xbar.device.clip_conductance = clip
    rng = np.random.default_rng(seed)
    matrix = rng.uniform(-9, 9, (40, 1403 if error is None else 703)).astype(dtype)
    matrix[rng.random(matrix.shape) < 0.1] = 0
    assert matrix.size >= SMALL
    assert same(matrix, p)


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (2, 4), (7, 513), (2, 1030)])
def test_few_cells_have_their_errors_too(shape):
    matrix = np.random.default_rng(1).normal(size=shape)
    assert same(matrix, params("one-sided pair", ERRORS[0]))


def test_columns_count_in_the_whole_matrix():
    """Arrays with parameters of their own begin at any column; four neighbours share a draw."""
    p = params("one-sided pair", ERRORS[1])
    p.core.rows_max = 9
    other = p.copy()
    other.xbar.device.programming_error.magnitude = 0.1
    matrix = np.random.default_rng(2).normal(size=(30, 27))
    assert same(matrix, [p, other, p])


def test_clipped_weights():
    p = params("offset", ERRORS[2])
    p.core.mapping.weights.percentile = None
    p.core.mapping.weights.min, p.core.mapping.weights.max = -0.3, 0.5
    assert same(np.random.default_rng(3).normal(size=(20, 30)), p)


def test_a_derived_model_keeps_its_own_law():
    class HalfAsMuch(NormalProportionalDevice):
        def programming_sigma(self, siemens, cell):
            return super().programming_sigma(siemens, cell) / 2

    matrix = np.random.default_rng(4).normal(size=(30, 40))
    full = AnalogCore(matrix, params("one-sided pair", ERRORS[1])).get_matrix() - matrix
    half = AnalogCore(matrix, params("one-sided pair", "HalfAsMuch")).get_matrix() - matrix
    np.testing.assert_allclose(half, full / 2, atol=1e-14)


@pytest.mark.filterwarnings("ignore:values that hardware does not have")
@pytest.mark.parametrize("ohms", [1e-9, 1e3])  # no number of siemens, or none of Gmax
def test_cells_that_are_no_numbers_are_refused(ohms):
    p = params("one-sided pair", ERRORS[0], magnitude=1e308)
    p.xbar.device.Rmin, p.xbar.device.Rmax = ohms, 10 * ohms
    with np.errstate(all="ignore"), pytest.raises(ModelError, match="finite"):
        AnalogCore(np.ones((70, 70)), p)
