"""Cores with wire resistance: every style, from both sides, against the plain nodal solution."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import core_of, set_style, styles
from wired_cores import close, matrix, wired

from simulator.errors import ModelError, NotSupportedError

RESISTANCE = st.one_of(st.just(0.0), st.floats(1.0, 300.0))


@st.composite
def hardware(draw):
    """Any style with any wires, cut into tiles of unequal sizes."""
    p = wired(*(draw(RESISTANCE) for _ in range(4)))
    draw(styles(p))
    p.core.rows_max, p.core.cols_max = draw(st.integers(5, 24)), draw(st.integers(5, 24))
    p.core.mapping.weights.row_partition_priority = [1]
    p.core.mapping.weights.col_partition_priority = [1]
    if draw(st.booleans()):
        p.core.mapping.inputs.mvm.min, p.core.mapping.inputs.mvm.max = -2.0, 2.0
        p.xbar.dac.mvm.model, p.xbar.dac.mvm.bits = "SignMagnitudeDAC", 4
        p.xbar.dac.mvm.input_bitslicing = True
    return p


def solved(a, x, p, solver, transposed=False):
    p = p.copy()
    p.simulation.parasitics_solver = solver
    core = core_of(a, p)
    return x @ core if transposed else core @ x


# -- against the nodal solution -------------------------------------------------------------------


@given(hardware(), st.integers(1, 14), st.integers(1, 14), st.booleans(), st.integers(0, 99))
@settings(max_examples=60)
def test_every_solver_gives_the_nodal_solution(p, m, n, transposed, seed):
    a = matrix((m, n), seed)
    x = matrix((3, m) if transposed else (n, 3), seed + 1)
    wanted = solved(a, x, p, "nodal", transposed)
    for solver in ("auto", "effective", "iterative"):
        assert close(solved(a, x, p, solver, transposed), wanted)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("style", ["one_sided", "interleaved", "sliced_unit"])
def test_larger_arrays_give_the_nodal_solution(style, transposed):
    p = wired(2.0, 3.0, 20.0, 40.0)
    set_style(p, "one_sided" if style == "interleaved" else style)
    p.core.balanced.interleaved_posneg = style == "interleaved"
    p.core.balanced.subtract_current_in_xbar = True
    a = matrix((64, 48))
    x = matrix((2, 64) if transposed else (48, 2))
    wanted = solved(a, x, p, "nodal", transposed)
    for solver in ("auto", "effective", "iterative"):
        assert close(solved(a, x, p, solver, transposed), wanted)


@given(
    st.tuples(RESISTANCE, RESISTANCE, RESISTANCE, RESISTANCE),
    st.sampled_from(["one_sided", "interleaved", "offset", "sliced_balanced"]),
    st.sampled_from(["top", "bottom"]), st.integers(0, 30), st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=30)
def test_separate_sources_give_the_nodal_solution(wires, style, selected, rows_max, seed):
    p = separate(wires, style)
    p.core.rows_max, p.xbar.array.parasitics.selected_rows = rows_max, selected
    a, x = matrix((9, 12), seed), matrix((12, 2), seed + 1)
    assert close(solved(a, x, p, "auto"), solved(a, x, p, "nodal"))


def separate(wires, style="one_sided"):
    p = wired(*wires, xbar__array__parasitics__current_from_input=False)
    set_style(p, "one_sided" if style == "interleaved" else style)
    p.core.balanced.interleaved_posneg = style == "interleaved"
    p.core.balanced.subtract_current_in_xbar = style == "interleaved"
    p.xbar.dac.mvm.model, p.xbar.dac.mvm.bits = "SignMagnitudeDAC", 4
    p.xbar.dac.mvm.input_bitslicing = True
    return p


# -- laws -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", ["one_sided", "two_sided", "offset", "sliced_offset"])
def test_a_vmm_is_the_mvm_of_the_transposed_array(style):
    a, x = matrix((9, 7)), matrix((4, 9))
    p = wired(20.0, 50.0, 300.0, 700.0)
    turned = wired(50.0, 20.0, 700.0, 300.0)
    for tree in (p, turned):
        set_style(tree, style)
        tree.core.balanced.subtract_current_in_xbar = False
    assert close(x @ core_of(a, p), (core_of(a.T, turned) @ x.T).T)


@pytest.mark.parametrize("style", ["one_sided", "offset", "sliced_balanced"])
def test_tiles_are_arrays_of_their_own(style):
    """Sizes 5, 5, 3: the wires of the last tile are as long as its own cells need."""
    a, x = matrix((4, 13)), matrix((13, 3))
    p = wired(20.0, 50.0, 300.0, 700.0)
    set_style(p, style)
    p.core.mapping.weights.percentile = None
    p.core.mapping.weights.min, p.core.mapping.weights.max = -1.0, 1.0
    whole = p.copy()
    whole.core.rows_max = 5
    whole.core.mapping.weights.col_partition_strategy = "MAX"
    cuts = [slice(0, 5), slice(5, 10), slice(10, 13)]
    parts = sum(core_of(a[:, cut], p) @ x[cut] for cut in cuts)
    assert close(core_of(a, whole) @ x, parts)


def test_wires_without_resistance_change_nothing():
    a, x = matrix((9, 7)), matrix((7, 4))
    assert np.array_equal(core_of(a, wired()) @ x, core_of(a, unwired()) @ x)
    weak = core_of(a, wired(1e-9, 1e-9)) @ x
    assert close(weak, core_of(a, unwired()) @ x, 1e-10)


def unwired(**changes):
    p = wired(**changes)
    p.xbar.array.parasitics.enable = False
    return p


@pytest.mark.parametrize("place", ["row", "col", "row_terminal", "col_terminal"])
def test_more_resistance_never_means_more_current(place):
    a, x = np.abs(matrix((9, 7))), np.ones(7)
    totals = []
    for resistance in (0.0, 1.0, 10.0, 100.0, 1e3, 1e4):
        wires = {"row": 5.0, "col": 5.0, place: resistance}
        p = wired(**wires)
        p.core.style = "OFFSET"
        p.core.offset.style = "DIGITAL_OFFSET"
        core = core_of(a, p)
        offset = core_of(np.zeros((9, 7)), unwired(core__style="OFFSET")) @ x
        totals.append(np.sum(core @ x + offset))
    assert all(more <= less for less, more in zip(totals, totals[1:], strict=False))
    assert totals[-1] < totals[0]


def test_slices_may_have_ideal_wires():
    a, x = matrix((6, 8)), matrix((8, 3))
    p = wired(50.0, 50.0)
    set_style(p, "sliced_balanced")
    every, none = core_of(a, p) @ x, core_of(a, unwired_like(p)) @ x
    p.xbar.array.parasitics.disable_slices = [True, True]
    assert np.array_equal(core_of(a, p) @ x, none)
    p.xbar.array.parasitics.disable_slices = [False, False]
    assert np.array_equal(core_of(a, p) @ x, every)
    p.xbar.array.parasitics.disable_slices = [True, False]
    some = core_of(a, p) @ x
    p.simulation.parasitics_solver = "iterative"
    assert close(core_of(a, p) @ x, some)
    p.xbar.array.parasitics.disable_slices = [False, True]
    # Slices add up, so what each loses adds up too.
    assert close(some + core_of(a, p) @ x, every + none)


def unwired_like(p):
    p = p.copy()
    p.xbar.array.parasitics.enable = False
    return p


def test_outputs_cannot_be_driven_with_a_separate_source():
    core = core_of(matrix((5, 6)), separate((1.0, 1.0, 0.0, 0.0)))
    with pytest.raises(NotSupportedError, match="current_from_input"):
        np.ones(5) @ core


def test_a_solution_that_does_not_converge_says_so():
    p = wired(3e3, 3e3, simulation__parasitics_solver="iterative")
    p.simulation.Niters_max_parasitics = 5
    with pytest.raises(ModelError, match="Niters_max_parasitics"):
        core_of(matrix((20, 20)), p) @ np.ones(20)


# -- which solver ---------------------------------------------------------------------------------


def test_one_vector_on_a_large_array_is_solved_alone():
    a, p = matrix((96, 96)), wired(1.0, 1.0)
    core = core_of(a, p)
    few = core @ np.ones(96)
    assert core.chip.held[0].mvm.is_waiting
    many = core @ np.ones((96, 2000))
    assert not core.chip.held[0].mvm.is_waiting
    assert close(few, many[:, 0])
    core.set_matrix(a / 2)
    assert core.chip.held[0].mvm.is_waiting


def test_the_matrix_of_a_wired_core_is_what_it_multiplies_by():
    a, p = matrix((9, 7)), wired(30.0, 30.0)
    core = core_of(a, p)
    effective = core.get_effective_matrix()
    assert close(core @ np.eye(7), effective, 1e-12)
    assert not close(core.get_matrix(), effective, 1e-3)
