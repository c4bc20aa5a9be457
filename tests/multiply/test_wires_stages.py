"""Every other stage of a multiply beside wire resistance, and values at the ends of their ranges.

Against the plain model of the data path with arrays that obey Kirchhoff's laws, node by node.
Tolerance: 1e-9 of the currents before they are subtracted, see `test_nonlinear_cells`. Values are
generic, so that no current lies within that of a converter's threshold.
"""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from kirchhoff import WiredCore
from strategies import core_of, styles
from wired_cores import ACCURACY, SOLVERS, STYLES, hardware, matrix, nonlinear, wired

from simulator.circuits import iterative
from simulator.errors import ModelError


def check(a, x, p, transposed=False):
    wanted, scale = WiredCore(a, p).multiply_with_scale(x, transposed)
    core = core_of(a, p)
    got = x @ core if transposed else core @ x
    # Where everything cancels, rounding of a few currents of at most 1 is left.
    np.testing.assert_allclose(got, wanted, rtol=0, atol=ACCURACY * scale + 1e-14)
    return got


@st.composite
def everything(draw):
    """Wires with tiles, digits, column limits, both converters, and sometimes nonlinear cells."""
    ohm = st.floats(1.0, 200.0)
    solver = draw(st.sampled_from(("auto", "effective", "iterative")))
    p = hardware(ohms=draw(st.tuples(ohm, ohm, ohm, ohm)), solver=solver)
    draw(styles(p))
    p.core.rows_max, p.core.cols_max = draw(st.integers(2, 6)), draw(st.integers(2, 6))
    p.xbar.device.infinite_on_off_ratio = draw(st.booleans())
    p.xbar.array.Icol_max = draw(st.sampled_from((0.0, 0.3, 1.0, 1e6)))
    if draw(st.booleans()):
        p.xbar.dac.mvm.model, p.xbar.dac.mvm.bits = "SignMagnitudeDAC", 3
        p.xbar.dac.mvm.input_bitslicing = draw(st.booleans())
    slices = p.core.bit_sliced.num_slices if p.core.style.name == "BITSLICED" else 1
    if draw(st.booleans()):
        adc = p.xbar.adc.mvm
        adc.model, adc.bits = "QuantizerADC", 7
        adc.adc_per_ibit = p.xbar.dac.mvm.input_bitslicing and draw(st.booleans())
        pairs = [[-1.37 / 2**i, 1.61 / 2**i] for i in range(slices)]
        adc.calibrated_range = pairs if p.core.style.name == "BITSLICED" else pairs[0]
    return nonlinear(p) if draw(st.booleans()) else p


@given(everything(), st.integers(1, 5), st.integers(1, 5), st.booleans(), st.integers(0, 99))
@settings(max_examples=60)
def test_the_whole_path_with_wires(p, m, n, transposed, seed):
    # What Newton's method does not master yet: see the end of `test_nonlinear_cells`.
    assume(not (p.xbar.device.nonlinear_IV.enable and p.core.balanced.interleaved_posneg))
    a = matrix((m, n), seed)
    x = matrix((2, m) if transposed else (n, 2), seed + 1)
    check(a, x, p, transposed)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("transposed", [False, True], ids=["MVM", "VMM"])
def test_complex_matrices(style, solver, transposed):
    p = hardware(style, solver=solver, core__complex_matrix=True)
    a = matrix((3, 4)) + 1j * matrix((3, 4), 6)
    lines = 3 if transposed else 4
    x = matrix((2, lines), 7) + 1j * matrix((2, lines), 8)
    check(a, x if transposed else x.T, p, transposed)
    check(a, x[0], p, transposed)


@pytest.mark.parametrize("transposed", [False, True], ids=["MVM", "VMM"])
def test_arrays_with_parameters_of_their_own_are_cores_of_their_own(transposed):
    """Other wires, other cells and other converters in every array."""
    a = matrix((6, 8))
    trees = [
        hardware("one_sided"), nonlinear(hardware("two_sided", (5.0, 7.0))),
        hardware("offset", solver="iterative"), hardware("unit", (200.0, 1.0)),
    ]  # fmt: skip
    trees[3].xbar.array.parasitics.enable = False
    for tree in trees:
        tree.core.rows_max, tree.core.cols_max = 4, 3
        tree.core.mapping.weights.percentile = None
        tree.core.mapping.weights.min, tree.core.mapping.weights.max = -1.0, 1.0
    core = core_of(a, trees)
    x = matrix((2, 6) if transposed else (8, 2))
    wanted = 0.0
    for i, tree in enumerate(trees):
        rows, cols = slice(3 * (i // 2), 3 * (i // 2) + 3), slice(4 * (i % 2), 4 * (i % 2) + 4)
        part = np.zeros((2, 8) if transposed else (6, 2))
        if transposed:
            part[:, cols] = x[:, rows] @ core_of(a[rows, cols], tree)
        else:
            part[rows] = core_of(a[rows, cols], tree) @ x[cols]
        wanted = wanted + part
    got = x @ core if transposed else core @ x
    np.testing.assert_allclose(got, wanted, rtol=0, atol=ACCURACY * np.abs(wanted).max())


@pytest.mark.parametrize("switch", ["disable_fast_balanced", "disable_fast_matmul"])
@pytest.mark.parametrize("limit", [0.0, 0.5])
@pytest.mark.parametrize("style", STYLES)
def test_folding_changes_no_result(style, limit, switch):
    a, x = matrix((7, 5)), matrix((5, 3))
    p = hardware(style)
    p.core.rows_max, p.core.cols_max = 3, 4
    p.xbar.array.Icol_max = limit
    q = p.copy()
    setattr(q.simulation, switch, True)
    for product in (lambda core: core @ x, lambda core: matrix((2, 7)) @ core):
        folded, apart = product(core_of(a, p)), product(core_of(a, q))
        np.testing.assert_allclose(apart, folded, rtol=0, atol=ACCURACY * np.abs(folded).max())


@pytest.mark.parametrize("stochastic", [False, True])
def test_rounding_does_not_depend_on_the_solver(stochastic):
    a, x, results = matrix((7, 5)), matrix((5, 40)), []
    for solver in SOLVERS:
        p = hardware(solver=solver)
        p.core.cols_max = 4
        adc = p.xbar.adc.mvm
        adc.model, adc.bits, adc.stochastic_rounding = "QuantizerADC", 6, stochastic
        adc.calibrated_range = [-1.37, 1.61]
        results.append(core_of(a, p) @ x)
    for other in results[1:]:
        np.testing.assert_allclose(other, results[0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("solver", ["auto", "effective", "iterative"])
def test_what_is_recorded_at_the_converter_are_the_currents_behind_the_wires(solver):
    a, x, p = matrix((5, 4)), matrix((4, 3)), hardware(solver=solver)
    p.simulation.analytics.profile_adc_inputs, p.simulation.analytics.ntest = True, 3
    core = core_of(a, p)
    core @ x
    (recorder,) = core.recorders(False)
    (tile,) = WiredCore(a, p).product(x).values()
    wanted = np.sort(tile.amps.ravel())
    # Kept in single precision.
    np.testing.assert_allclose(np.sort(recorder.values()), wanted, rtol=0, atol=1e-6)


@pytest.mark.parametrize("style", ["one_sided", "interleaved", "unit"])
def test_views_are_parts_of_the_whole_array(style):
    a, p = matrix((6, 5)), hardware(style)
    core, x = core_of(a, p), matrix((5, 3))
    whole = core @ x
    np.testing.assert_allclose(core[1:4] @ x, whole[1:4], rtol=0, atol=1e-12)
    some = np.zeros_like(x)
    some[::2] = x[::2]
    np.testing.assert_allclose(core[:, ::2] @ x[::2], core @ some, rtol=0, atol=1e-12)
    y = matrix((6, 2))
    np.testing.assert_allclose(core.T @ y, (y.T @ core).T, rtol=0, atol=1e-12)


# -- ends of ranges -------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1)])
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("is_linear", [True, False])
def test_single_lines(style, shape, is_linear):
    p = hardware(style) if is_linear else nonlinear(hardware(style))
    a = matrix(shape)
    check(a, matrix((shape[1], 2)), p)
    check(a, matrix((2, shape[0])), p, transposed=True)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("style", STYLES)
def test_no_input_is_no_output(style, solver):
    core = core_of(matrix((4, 5)), hardware(style, solver=solver))
    assert not (core @ np.zeros((5, 2))).any()
    assert not (np.zeros(4) @ core).any()
    mixed = np.stack([np.zeros(5), np.ones(5)], axis=1)
    assert not (core @ mixed)[:, 0].any()
    assert (core @ np.zeros((5, 0))).shape == (4, 0)
    assert (np.zeros((0, 4)) @ core).shape == (0, 5)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("ratio", [10.0, np.inf])
@pytest.mark.parametrize("style", STYLES)
def test_a_matrix_of_zeros(style, ratio, solver):
    """Nothing is left of pairs but rounding of equal currents, 1e-16 of 5 cells each."""
    p = hardware(style, solver=solver)
    p.xbar.device.infinite_on_off_ratio = bool(np.isinf(ratio))
    a = np.zeros((4, 5))
    p.core.mapping.weights.percentile = None
    p.core.mapping.weights.min, p.core.mapping.weights.max = -1.0, 1.0
    got = check(a, matrix((5, 2)), p)
    if style in ("one_sided", "two_sided", "interleaved"):
        assert np.abs(got).max() <= (1e-14 if solver != "nodal" else 1e-10)


@pytest.mark.parametrize("solver", SOLVERS)
def test_resistances_too_small_to_matter(solver):
    a, x = matrix((6, 5)), matrix((5, 2))
    p = hardware(ohms=(1e-9,) * 4, solver=solver)
    # Wires of 1e-13 of a cell cost nodal analysis 13 of its 16 digits.
    tolerance = 1e-2 if solver == "nodal" else 1e-11
    np.testing.assert_allclose(core_of(a, p) @ x, a @ x, rtol=0, atol=tolerance)


@pytest.mark.parametrize("solver", ["auto", "effective"])
@pytest.mark.parametrize("size", [1, 4, 16])
def test_resistances_that_leave_next_to_nothing(solver, size):
    """Behind 1e12 ohm, only the corner next to driver and ground sees its voltage.

    A cell of 10 kiloohms adds 1e-8 to 2e12 ohms; the next path has four segments of wire. The sum
    of all paths of pairs whose other cell is off is what counts, so only its size is known.
    """
    a, ohm = np.full((size, size), 1.0), 1e12
    p = hardware("offset", (ohm, ohm), solver, core__mapping__weights__percentile=None)
    p.core.mapping.weights.min, p.core.mapping.weights.max = -1.0, 1.0
    drive = np.zeros(size)
    drive[-1] = 1.0
    y = core_of(a, p) @ drive
    current = (y[0] + 1) / 2 * 0.9 + 0.1
    rounding = 1e-15
    assert -rounding <= current <= 1e4 / (2 * ohm) + rounding


def test_nonlinear_cells_behind_huge_resistances_are_refused():
    """They see 1e-8 of the voltage: what Newton's method subtracts leaves too few digits."""
    a, x = matrix((16, 16)), matrix((16, 2))
    p = hardware(ohms=(1e12, 1e12))
    with pytest.raises(ModelError, match="Niters_max_parasitics"):
        core_of(a, nonlinear(p)) @ x


def scaled(solver, factor, dtype, p=None):
    p = p or hardware(solver=solver)
    a, x = matrix((12, 12)).astype(dtype), matrix((12, 2)).astype(dtype)
    core = core_of(a, p)
    got = core @ (x * dtype(factor))
    assert got.dtype == dtype
    wanted = (core @ x).astype(np.float64)
    error = np.abs(got.astype(np.float64) / factor - wanted).max()
    assert error <= (1e-5 if dtype == np.float32 else ACCURACY) * np.abs(wanted).max()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("factor", [1e-30, 1e30])
@pytest.mark.parametrize("solver", SOLVERS)
def test_linear_hardware_has_no_scale(solver, factor, dtype):
    scaled(solver, factor, dtype)


@pytest.mark.parametrize("factor", [1e-170, 1e170])
@pytest.mark.parametrize("solver", ["auto", "effective", "iterative", "nodal"])
def test_inputs_whose_squares_are_no_numbers(solver, factor):
    with np.errstate(all="ignore"):
        scaled(solver, factor, np.float64)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, bool, np.float16, np.float32])
@pytest.mark.parametrize("solver", ["auto", "iterative"])
def test_inputs_of_every_type_are_what_their_values_are(solver, dtype):
    """Beyond full scale, as an ideal DAC passes them on; results in single precision."""
    core = core_of(matrix((4, 5)), hardware(solver=solver))
    x = np.array([[3, 0], [1, 1], [0, 5], [2, 0], [7, 1]]).astype(dtype)
    wanted = core @ x.astype(np.float64)
    got = core @ x
    eps = 2.0**-10 if dtype == np.float16 else 1e-6
    np.testing.assert_allclose(got, wanted, rtol=0, atol=eps * np.abs(wanted).max())


# -- which solver ---------------------------------------------------------------------------------


def iterated_vectors(monkeypatch, a, p, count):
    """How many vectors of one product met the iterative solver."""
    vectors, plain = [0], iterative.solve

    def counted(cells, wires, volts, *args, **kwargs):
        vectors[0] += volts.shape[-1]
        return plain(cells, wires, volts, *args, **kwargs)

    monkeypatch.setattr(iterative, "solve", counted)
    p.simulation.Verr_th_mvm = 1e-3
    core_of(a, p) @ matrix((a.shape[1], count))
    return vectors[0]


def test_many_vectors_are_not_solved_one_by_one(monkeypatch):
    assert iterated_vectors(monkeypatch, matrix((128, 128)), wired(1.0, 1.0), 4096) == 0


def test_many_vectors_in_little_memory_are_not_solved_one_by_one_either(monkeypatch):
    p = wired(1.0, 1.0)
    p.simulation.memory_limit = 4 * 2**20
    assert iterated_vectors(monkeypatch, matrix((128, 128)), p, 1024) == 0


# -- the column limit -----------------------------------------------------------------------------


@pytest.mark.parametrize("wires", [False, True])
def test_the_current_of_a_unit_column_is_limited_too(wires):
    """Weights of -1 are cells of Gmin, 0.1 Gmax; the unit column holds 0.55 Gmax."""
    p = hardware("unit", (1.0, 1.0), "effective")
    p.xbar.array.parasitics.enable = wires
    p.xbar.array.Icol_max = 2.0
    p.core.mapping.weights.percentile = None
    p.core.mapping.weights.min, p.core.mapping.weights.max = -1.0, 1.0
    check(np.full((3, 8), -1.0), np.ones((8, 2)), p)
