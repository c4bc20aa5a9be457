"""Every solver for wire resistance against Kirchhoff's laws at every node, and those against
a dense calculation of another form."""

import numpy as np
import pytest
from circuit_arrays import WIRES, arrays, assert_close, dense_currents, drop_matrix, sensed
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.circuits import effective, iterative, ladder, nodal
from simulator.circuits.wires import Wires

DIRECTIONS = pytest.mark.parametrize("transposed", [False, True], ids=["MVM", "VMM"])


@DIRECTIONS
@given(array=arrays(largest=9))
def test_nodal_analysis_equals_the_dense_system_of_the_cells(transposed, array):
    solution = nodal.solve(array.cells, array.wires, array.driven(transposed), transposed)
    dense = dense_currents(array, transposed)
    scale = sensed(dense, transposed)
    assert_close(solution.cell_currents, dense, scale, 1e-9)
    assert_close(solution.output_currents, scale, scale, 1e-9)


@DIRECTIONS
@given(array=arrays())
def test_effective_conductances(transposed, array):
    check_effective(array, transposed)


@pytest.mark.parametrize("shape", [(1, 64, 64), (2, 33, 65), (1, 70, 1), (2, 1, 41), (1, 5, 100)])
@DIRECTIONS
@settings(max_examples=5)
@given(array=arrays(), seed=st.integers(0, 99))
def test_effective_conductances_of_larger_arrays(transposed, shape, array, seed):
    rng = np.random.default_rng(seed)
    p, m, n = shape
    larger = type(array)(
        rng.uniform(0, 1, shape), array.wires, rng.normal(size=(p, n, 3)), rng.normal(size=(m, 3))
    )
    check_effective(larger, transposed)
    check_iterative(larger, transposed)


def check_effective(array, transposed):
    of = effective.effective_vmm if transposed else effective.effective
    wanted = nodal.solve(array.cells, array.wires, array.driven(transposed), transposed)
    matrix = of(array.cells, array.wires)
    pattern = "koj,ob->kjb" if transposed else "koj,kjb->ob"
    got = np.einsum(pattern, matrix, array.driven(transposed))
    assert_close(got, wanted.output_currents, wanted.output_currents, 1e-9)


@settings(max_examples=20)
@given(wires=WIRES, seed=st.integers(0, 99))
def test_a_stack_of_arrays_is_that_of_each(wires, seed):
    cells = np.random.default_rng(seed).uniform(0, 1, (3, 2, 1, 9, 13))
    stacked = effective.effective(cells, wires)
    for i in np.ndindex(3, 2):
        np.testing.assert_array_equal(stacked[i], effective.effective(cells[i], wires))


def test_many_large_arrays_are_taken_in_pieces(monkeypatch):
    cells = np.random.default_rng(0).uniform(0, 1, (5, 2, 40, 30))
    wires = Wires(1e-3, 2e-3, 3e-3, 4e-3)
    whole = effective.effective(cells, wires)
    monkeypatch.setattr(effective, "HOST_AT_ONCE", 5000)
    monkeypatch.setattr(effective, "HOST_PLACES", 500)
    np.testing.assert_array_equal(effective.effective(cells, wires), whole)


@DIRECTIONS
@given(array=arrays())
def test_conjugate_gradients(transposed, array):
    check_iterative(array, transposed)


def check_iterative(array, transposed):
    wanted = nodal.solve(array.cells, array.wires, array.driven(transposed), transposed)
    cells, volts = array.cells[..., None], array.volts(transposed)
    got = iterative.solve(cells, array.wires, volts, 1e-11, transposed=transposed)
    outputs = wanted.output_currents
    assert_close(sensed(got, transposed), outputs, outputs, 1e-9)
    again = iterative.solve(cells, array.wires, volts, 1e-11, start=got, transposed=transposed)
    assert_close(sensed(again, transposed), outputs, outputs, 1e-9)


@DIRECTIONS
@given(array=arrays(largest=12))
def test_conjugate_gradients_with_other_cells_for_every_vector(transposed, array):
    factors = np.random.default_rng(1).uniform(0.5, 1.5, (*array.cells.shape, 3))
    cells = array.cells[..., None] * factors
    got = iterative.solve(cells, array.wires, array.volts(transposed), 1e-11, transposed=transposed)
    for b in range(3):
        volts = array.driven(transposed)[..., b : b + 1]
        wanted = nodal.solve(cells[..., b], array.wires, volts, transposed).output_currents
        assert_close(sensed(got[..., b : b + 1], transposed), wanted, wanted, 1e-9)


@DIRECTIONS
@settings(max_examples=40)
@given(array=arrays(largest=16))
def test_newton_with_linear_cells(transposed, array):
    g = array.cells[..., None]
    got = iterative.newton(
        lambda v: (g * v, np.broadcast_to(g, (g * v).shape)),
        array.wires, array.volts(transposed), 1e-11, transposed=transposed,
    )  # fmt: skip
    wanted = nodal.solve(array.cells, array.wires, array.driven(transposed), transposed)
    outputs = wanted.output_currents
    assert_close(sensed(got, transposed), outputs, outputs, 1e-9)


@DIRECTIONS
@settings(max_examples=40)
@given(array=arrays(largest=9), steepness=st.sampled_from([0.5, 3.0, 10.0]))
def test_newton_solves_the_equations_of_nonlinear_cells(transposed, array, steepness):
    """The currents belong to the voltages that those currents leave to the cells."""
    g, a = array.cells[..., None], steepness

    def cell(v):
        return g * np.sinh(a * v) / a, g * np.cosh(a * v)

    p, m, n = array.cells.shape
    volts = np.tanh(array.volts(transposed))
    got = iterative.newton(cell, array.wires, volts, 1e-8, transposed=transposed)
    drops = drop_matrix(p, m, n, array.wires, transposed) @ got.reshape(p * m * n, -1)
    current, _ = cell(volts - drops.reshape(got.shape))
    # With residual r, g r is at most sqrt(g) sqrt(r.g r), which the bound holds below this.
    allowed = 1e-8 * np.abs(sensed(got, transposed)).max() + 1e-12 * np.abs(got).max()
    np.testing.assert_allclose(current, got, rtol=0, atol=1.1 * allowed)


@given(array=arrays(), gated=st.sampled_from([0.0, 0.3, 1.0]), shared=st.booleans())
def test_ladder(array, gated, shared):
    n = array.cells.shape[-1]
    rng = np.random.default_rng(n)
    volts = array.inputs * (rng.random(array.inputs.shape) >= gated)
    volts = volts[0] if shared else volts
    profiles = array.wires.input_profile(n), array.wires.output_profile(n)
    got = ladder.currents(array.cells, *profiles, volts)
    wanted = nodal.solve_separate(array.cells, *profiles, volts).output_currents
    assert_close(got, wanted, wanted, 1e-9)


@settings(max_examples=40)
@given(array=arrays(largest=16), gated=st.sampled_from([0.0, 0.5]))
def test_newton_on_supply_lines(array, gated):
    rng = np.random.default_rng(0)
    volts = array.inputs * (rng.random(array.inputs.shape) >= gated)
    n = array.cells.shape[-1]
    profiles = array.wires.input_profile(n), array.wires.output_profile(n)
    slope = array.cells[..., None] * (volts != 0)[:, None]
    got = iterative.newton(
        lambda v: (slope * v, slope), Wires(), volts[:, None], 1e-11, supply=profiles
    )
    wanted = ladder.currents(array.cells, *profiles, volts)
    assert_close(sensed(got, False), wanted, wanted, 1e-9)


def test_ladders_of_a_stack_are_those_of_each_array():
    rng = np.random.default_rng(0)
    cells, volts = rng.uniform(0, 1, (4, 2, 5, 6)), rng.normal(size=(4, 2, 6, 3))
    profiles = np.full(6, 0.1), np.full(6, 0.2)
    stacked = ladder.currents(cells, *profiles, volts)
    for i in range(4):
        np.testing.assert_array_equal(stacked[i], ladder.currents(cells[i], *profiles, volts[i]))
