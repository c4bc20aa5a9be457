"""Laws of arrays with wire resistance: conservation, limits, bounds, and what is refused."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from circuit_arrays import WIRES, arrays, assert_close, dense_currents, drop_matrix, sensed
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.circuits import effective, iterative, ladder, nodal
from simulator.circuits.wires import Wires
from simulator.errors import ModelError
from simulator.testing import DeviceArray, fake_backend

DIRECTIONS = pytest.mark.parametrize("transposed", [False, True], ids=["MVM", "VMM"])
TERMS = ("input_segment", "output_segment", "input_terminal", "output_terminal")


@settings(max_examples=30)
@given(array=arrays(wires=st.builds(Wires, *[st.floats(0.01, 1.0)] * 4)))
def test_what_enters_the_lines_leaves_them(array):
    """Amps through the first segments of the input lines equal those through the last ones."""
    wires = array.wires
    solution = nodal.solve(array.cells, wires, array.inputs)
    m, n = array.cells.shape[1:]
    entering = (array.inputs - solution.input_volts[:, 0]) / wires.input_profile(m)[0]
    leaving = solution.output_volts[:, -1] / wires.output_profile(n)[-1]
    # Currents are differences of voltages over resistances of at least 0.01.
    scale = 100 * np.abs(array.inputs).sum()
    assert_close(entering.sum(axis=(0, 1)), leaving.sum(axis=0), scale, 1e-12)
    assert_close(leaving, solution.output_currents, scale, 1e-12)


@given(array=arrays(wires=st.just(Wires())), seed=st.integers(0, 9))
def test_without_resistance_the_array_is_its_conductances(array, seed):
    wires = array.wires
    assert wires.is_zero
    assert effective.effective(array.cells, wires) is array.cells
    merged = effective._of_arrays(array.cells[None], wires, 100, effective._in_turn, np)[0]
    np.testing.assert_array_equal(merged, array.cells)
    # Lengths of conjugate gradients are quotients of equal sums, in whatever order they were added.
    currents = iterative.solve(array.cells[..., None], wires, array.inputs[:, None], 1e-12)
    np.testing.assert_allclose(currents, array.cells[..., None] * array.inputs[:, None], rtol=1e-13)
    zeros = np.zeros(array.cells.shape[-1])
    gated = ladder.currents(array.cells, zeros, zeros, array.inputs)
    plain = np.einsum("koj,kjb->ob", array.cells, array.inputs)
    assert_close(gated, plain, np.abs(array.cells).sum() * np.abs(array.inputs).max(), 1e-14)


@settings(max_examples=60)
@given(array=arrays(), term=st.sampled_from(TERMS), more=st.floats(1e-6, 1.0))
def test_more_resistance_never_draws_more_current_from_equal_inputs(array, term, more):
    raised = replace(array.wires, **{term: getattr(array.wires, term) + more})
    before = effective.effective(array.cells, array.wires)
    after = effective.effective(array.cells, raised)
    assert after.sum() <= before.sum() * (1 + 1e-12)
    assert (before >= -1e-14 * before.max()).all()


EXTREME = st.sampled_from([0.0, 1e-14, 1e-9, 1.0, 1e3, 1e5])


@given(array=arrays(largest=9, wires=st.builds(Wires, EXTREME, EXTREME, EXTREME, EXTREME)))
def test_no_resistance_is_too_small_or_too_large_to_be_exact(array):
    wanted = sensed(dense_currents(array, False), False)
    matrix = effective.effective(array.cells, array.wires)
    got = np.einsum("koj,kjb->ob", matrix, array.inputs)
    # The dense system loses what its condition costs: at most cells times the largest resistance.
    lost = 1e-15 * (1 + array.wires.strength(*array.cells.shape[1:], 1.0, 2))
    assert_close(got, wanted, np.abs(matrix).max() * np.abs(array.inputs).sum(), 1e-13 + lost)


@DIRECTIONS
@given(array=arrays(largest=12), tolerance=st.sampled_from([1e-1, 1e-2, 1e-4, 1e-7]))
def test_the_error_of_conjugate_gradients_is_bounded(transposed, array, tolerance):
    wanted = sensed(dense_currents(array, transposed), transposed)
    got = iterative.solve(
        array.cells[..., None], array.wires, array.volts(transposed), tolerance,
        transposed=transposed,
    )  # fmt: skip
    error = np.abs(sensed(got, transposed) - wanted)
    lines = tuple(range(wanted.ndim - 1))
    # The largest output itself is known to the tolerance.
    largest = np.abs(sensed(got, transposed)).max(axis=lines)
    assert (error.max(axis=lines) <= tolerance * largest + 1e-12 * np.abs(wanted).max()).all()


@DIRECTIONS
def test_a_warm_start_saves_iterations(transposed, monkeypatch):
    rng = np.random.default_rng(2)
    g, wires = rng.uniform(0.1, 1, (1, 30, 30, 1)), Wires(1e-3, 1e-3)
    volts = rng.uniform(0, 1, (1, 30, 1, 4) if transposed else (1, 1, 30, 4))
    applied = []
    plain = iterative.Drops.__call__
    monkeypatch.setattr(
        iterative.Drops, "__call__", lambda *args: applied.append(1) or plain(*args)
    )

    def iterations(start):
        applied.clear()
        iterative.solve(g * noise, wires, volts, 1e-6, start=start, transposed=transposed)
        return len(applied)

    noise = 1.0
    solution = iterative.solve(g, wires, volts, 1e-9, transposed=transposed)
    assert iterations(solution) == 1
    noise = rng.uniform(0.99, 1.01, (1, 30, 30, 4))
    assert iterations(solution * noise) < iterations(None)


def test_what_does_not_converge_says_what_to_do():
    rng = np.random.default_rng(0)
    g, volts, wires = rng.uniform(0, 1, (1, 20, 20, 1)), rng.normal(size=(1, 1, 20, 2)), Wires(1, 1)
    with pytest.raises(ModelError, match=r"error of .* in 3 iterations.*Niters_max_parasitics"):
        iterative.solve(g, wires, volts, 1e-9, limit=3)
    # A negative resistance: no step makes the residual fall.
    with pytest.raises(ModelError, match="Newton's method.*Verr_th_mvm"):
        iterative.newton(lambda v: (-2 * g * v, 1e-3 + 0 * g * v), wires, volts, 1e-9)


def test_zero_vectors_and_cells_that_do_not_conduct_need_no_iteration():
    wires = Wires(0.1, 0.1)
    volts = np.array([[[[0.0, 1.0]]]]) * np.ones((1, 1, 5, 1))
    got = iterative.solve(np.ones((1, 4, 5, 1)), wires, volts, 1e-12)
    assert not got[..., 0].any()
    assert got[..., 1].all()
    assert not iterative.solve(np.zeros((1, 4, 5, 1)), wires, volts, 1e-12, limit=0).any()
    assert not effective.effective(np.zeros((2, 3, 4)), wires).any()


@pytest.mark.parametrize("name", TERMS)
@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_resistances_are_finite_and_not_negative(name, value):
    with pytest.raises(ModelError, match=name):
        Wires(**{name: value})


def test_profiles_hold_the_terminals_where_the_ports_are():
    wires = Wires(1, 2, 10, 20)
    np.testing.assert_array_equal(wires.input_profile(3), [11, 1, 1])
    np.testing.assert_array_equal(wires.output_profile(3), [2, 2, 22])
    np.testing.assert_array_equal(wires.output_profile(1), [22])


@settings(max_examples=30)
@given(wires=WIRES, p=st.sampled_from([1, 2]))
def test_strength_is_near_the_largest_eigenvalue(wires, p):
    m, n = 9, 12
    largest = np.linalg.eigvalsh(drop_matrix(p, m, n, wires, False)).max()
    estimate = wires.strength(m, n, 1.0, p)
    assert 0.7 * largest <= estimate <= 2.0 * largest + 1e-300


@settings(max_examples=20)
@given(array=arrays(largest=20))
def test_results_keep_shape_and_dtype(array):
    cells = array.cells.astype(np.float32)
    got = effective.effective_vmm(cells[None], array.wires)
    assert got.dtype == np.float32
    exact = effective.effective_vmm(cells.astype(float), array.wires)
    np.testing.assert_array_equal(got[0], exact.astype(np.float32))


@pytest.fixture
def active_device():
    with fake_backend().active():
        yield fake_backend()


def test_a_device_gives_what_the_host_gives(active_device, monkeypatch):
    xp = active_device.xp
    algebra = SimpleNamespace(solve=lambda a, b: DeviceArray(np.linalg.solve(a._values, b._values)))
    monkeypatch.setattr(xp, "linalg", algebra, raising=False)
    rng, wires = np.random.default_rng(0), Wires(1e-2, 2e-2, 3e-2, 4e-2)
    cells, volts = rng.uniform(0.1, 1, (3, 2, 30, 20)), rng.normal(size=(3, 2, 1, 20, 5))
    g, x = xp.asarray(cells), xp.asarray(volts)

    def agree(got, wanted):
        np.testing.assert_allclose(got._values, wanted, rtol=1e-9, atol=1e-11)

    agree(effective.effective(g, wires, xp), effective.effective(cells, wires))
    agree(effective.effective_vmm(g, wires, xp), effective.effective_vmm(cells, wires))
    host = iterative.solve(cells[..., None], wires, volts, 1e-10)
    device = iterative.solve(g[..., None], wires, x, 1e-10, xp)
    agree(device, host)
    agree(iterative.solve(g[..., None], wires, x, 1e-10, xp, start=device), host)

    def cell(v):
        return g[..., None] * (v + v**3), g[..., None] * (1 + 3 * v**2)

    agree(
        iterative.newton(cell, wires, x, 1e-10, xp),
        iterative.newton(
            lambda v: (cells[..., None] * (v + v**3), cells[..., None] * (1 + 3 * v**2)),
            wires, volts, 1e-10,
        ),
    )  # fmt: skip
    profiles = wires.input_profile(20), wires.output_profile(20)
    agree(
        ladder.currents(g, *profiles, x[:, :, 0], xp),
        ladder.currents(cells, *profiles, volts[:, :, 0]),
    )


def test_estimated_times_grow_with_the_work():
    merging = [effective.predicted_seconds(1, n, n) for n in (8, 64, 512)]
    assert merging == sorted(merging)
    assert effective.predicted_seconds(2, 64, 64) > effective.predicted_seconds(1, 64, 64)
    seconds = iterative.predicted_seconds
    ideal, weak, strong = (seconds(1, 64, 64, 8, rho, 1e-6) for rho in (0.0, 0.1, 10.0))
    assert ideal < weak < strong < seconds(1, 64, 64, 8, 10.0, 1e-12)
    assert weak < seconds(1, 64, 64, 64, 0.1, 1e-6)
