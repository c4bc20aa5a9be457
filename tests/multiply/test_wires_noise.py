"""Read noise of cells behind wires, and what a wired core keeps, forgets and hands on.

Tolerances. Moments: 5 standard errors, of a normal distribution's mean and variance. Equal draws
solved in another way: the tolerance asked of the solvers, 1e-11, and what nodal analysis loses.
"""

import copy
import pickle
import threading

import numpy as np
import pytest
from kirchhoff import LAWS, Ohms, cell_amps
from strategies import conductances, core_of, set_style
from wired_cores import matrix, wired

from simulator import ParameterError

OHMS = 40.0, 90.0, 300.0, 500.0
SOLVERS = ("auto", "effective", "iterative", "nodal")
NOISES = (
    "NormalProportionalDevice", "NormalIndependentDevice",
    "UniformProportionalDevice", "UniformIndependentDevice",
)  # fmt: skip


def noisy(magnitude=0.05, model="NormalProportionalDevice", ohms=OHMS, style="one_sided", **more):
    p = wired(*ohms, **{"simulation__read_noise_sampling": "per_device", **more})
    set_style(p, style if style != "interleaved" else "one_sided")
    p.core.balanced.interleaved_posneg = style == "interleaved"
    noise = p.xbar.device.read_noise
    noise.enable, noise.model, noise.magnitude = True, model, magnitude
    return p


def close(got, wanted, tolerance=1e-9):
    np.testing.assert_allclose(got, wanted, rtol=0, atol=tolerance * np.abs(wanted).max())


# -- the draws ------------------------------------------------------------------------------------


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("style", ["one_sided", "interleaved", "offset", "sliced_unit"])
def test_one_batch_draws_what_its_pieces_draw(style, solver):
    a, x = matrix((6, 5)), matrix((5, 6), 1)
    p = noisy(style=style, simulation__parasitics_solver=solver)
    whole = core_of(a, p) @ x
    core = core_of(a, p)
    np.testing.assert_array_equal(np.hstack([core @ x[:, :2], core @ x[:, 2:]]), whole)
    p.simulation.memory_limit = 1
    np.testing.assert_array_equal(core_of(a, p) @ x, whole)
    core = core_of(a, p)
    np.testing.assert_array_equal(np.stack([core @ v for v in x.T], axis=1), whole)
    assert not np.array_equal(core @ x, whole)


@pytest.mark.parametrize("transposed", [False, True], ids=["MVM", "VMM"])
@pytest.mark.parametrize("model", NOISES)
@pytest.mark.parametrize("style", ["one_sided", "interleaved", "unit"])
def test_every_solver_meets_the_same_cells(style, model, transposed):
    a = matrix((7, 5))
    x = matrix((3, 7) if transposed else (5, 3), 1)
    got = []
    for solver in SOLVERS:
        p = noisy(0.1, model, style=style, simulation__parasitics_solver=solver)
        p.core.rows_max = p.core.cols_max = 4
        core = core_of(a, p)
        got.append(x @ core if transposed else core @ x)
    for other in got[:3]:
        close(other, got[3])


def test_nonlinear_cells_meet_the_cells_that_linear_ones_meet():
    a, x = matrix((6, 5)), matrix((5, 3), 1)
    linear = core_of(a, noisy()) @ x
    p = noisy(xbar__device__Vread=1e-9)
    p.xbar.device.nonlinear_IV.enable, p.xbar.device.nonlinear_IV.model = True, "CubicDevice"
    close(core_of(a, p) @ x, linear)


def test_wires_change_no_draw():
    """Faint wires (below 1e-9 of a cell's resistance) give the reads of ideal ones."""
    a, x = matrix((6, 5)), matrix((5, 3), 1)
    p = noisy(ohms=(1e-7, 1e-7))
    q = p.copy()
    q.xbar.array.parasitics.enable = False
    close(core_of(a, p) @ x, core_of(a, q) @ x)


def test_noise_of_an_output_cannot_be_drawn_with_nonlinear_cells():
    p = noisy(simulation__read_noise_sampling="per_output")
    p.xbar.device.nonlinear_IV.enable, p.xbar.device.nonlinear_IV.model = True, "CubicDevice"
    with pytest.raises(ParameterError, match="read_noise_sampling.*per_output.*nonlinear"):
        core_of(matrix((3, 3)), p)


def test_noise_of_an_output_can_be_drawn_where_no_slice_has_wires():
    p = noisy(style="sliced_balanced", simulation__read_noise_sampling="per_output")
    p.xbar.array.parasitics.disable_slices = [True, True]
    q = p.copy()
    q.xbar.array.parasitics.enable = False
    x = matrix((5, 3), 1)
    np.testing.assert_array_equal(core_of(matrix((6, 5)), p) @ x, core_of(matrix((6, 5)), q) @ x)


# -- moments --------------------------------------------------------------------------------------


def test_the_mean_current_of_one_cell_is_the_mean_over_its_resistance():
    """V G / (1 + G R) for G normal around 1/(10 kiloohms): by Gauss-Hermite quadrature, exact.

    With 25 % noise the mean of the current is 1.6 % below the current of the mean, seven standard
    errors: the quadrature is needed.
    """
    ohm, spread, reads = 1e4, 0.25, 3000
    p = noisy(spread, ohms=(ohm / 2, ohm / 2), style="offset")
    p.core.mapping.weights.percentile = None
    p.core.mapping.weights.min, p.core.mapping.weights.max = -1.0, 1.0
    y = core_of(np.ones((1, 1)), p) @ np.ones((1, reads))
    # Offset weights w stand for cells (w + 1) / 2 of the range above Gmin, 0.1 Gmax.
    currents = (y[0] + 1) / 2 * 0.9 + 0.1
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    g = np.maximum(1 + spread * nodes, 0.0)
    exact = weights @ (g / (1 + g)) / weights.sum()
    error = currents.std() / np.sqrt(reads)
    assert abs(currents.mean() - exact) <= 5 * error
    assert abs(0.5 - exact) > 5 * error


def sensitivities(core, ohms, volts, p, interleaved=False):
    """d line current / d conductance of every cell, (cells, lines): dense, by differences."""
    sides = np.stack(list(conductances(core).values())) / p.xbar.device.Rmin
    groups = [(sides, [volts, -volts])] if interleaved else [(s[None], [volts]) for s in sides]
    out, law = [], LAWS[None]
    for sign, (g, drive) in zip((1, -1), groups):
        rows = []
        for cell in np.ndindex(g.shape):
            step = np.zeros(g.shape)
            step[cell] = 1e-3 * g[cell]
            high, low = (
                cell_amps(g + s * step, ohms, np.stack(drive), law).sum(axis=(0, 2))
                for s in (1, -1)
            )
            rows.append(sign * (high - low) / (2 * step[cell]))
        out.append((g.ravel(), np.array(rows)))
    return np.concatenate([g for g, _ in out]), np.concatenate([d for _, d in out])


@pytest.mark.parametrize("style", ["one_sided", "interleaved"])
@pytest.mark.parametrize("bits", [0, 3])
def test_the_variance_of_small_noise_is_that_of_a_linear_response(style, bits):
    """var I = sum (dI/dG)^2 var G, for every digit of the inputs anew; 2 % noise leaves 4e-4 out.

    Full-scale inputs have every digit set, 1/3 and 2/3 of the weight: draws that all digits shared
    would give 9/5 of the variance.
    """
    reads, magnitude = 1000, 0.02
    p = noisy(magnitude, style=style)
    if bits:
        p.xbar.dac.mvm.model, p.xbar.dac.mvm.bits = "SignMagnitudeDAC", bits
        p.xbar.dac.mvm.input_bitslicing = True
    core = core_of(matrix((3, 4)), p)
    x = np.array([1.0, -1.0, 1.0, 1.0])
    y = core @ np.tile(x[:, None], reads)
    g, response = sensitivities(core, Ohms(*OHMS), x, p, style == "interleaved")
    variance = ((magnitude * g) ** 2) @ response**2
    variance *= (np.abs(matrix((3, 4))).max() / 0.9 * p.xbar.device.Rmin) ** 2
    if bits:
        variance *= (1 / 3) ** 2 + (2 / 3) ** 2
    error = np.sqrt(2 / reads)
    np.testing.assert_allclose(y.var(axis=1, ddof=1), variance, rtol=5 * error + magnitude**2)
    # The mean is that of the effective matrix but for terms of second order, magnitude^2.
    effective = core.get_effective_matrix() @ x
    assert (
        np.abs(y.mean(axis=1) - effective) <= 5 * np.sqrt(variance / reads) + magnitude**2
    ).all()


def test_reads_of_different_vectors_and_cells_are_independent():
    reads = 1500
    y = core_of(matrix((3, 4)), noisy(0.02, ohms=(1e-3, 1e-3))) @ np.ones((4, reads))
    # With faint wires outputs share no cell. Neighbouring reads share no number either.
    together = np.corrcoef(np.vstack([y[:, 1:], y[:, :-1]]))
    off = together[~np.eye(6, dtype=bool)]
    assert np.abs(off).max() <= 5 / np.sqrt(reads)


# -- what a wired core hands on -------------------------------------------------------------------


def copies(core):
    """The core again, in every way there is."""
    twin = core_of(np.zeros(core.shape), core.params)
    twin.set_state(core.get_state())
    return {
        "deepcopy": copy.deepcopy(core), "pickle": pickle.loads(pickle.dumps(core)), "state": twin,
    }  # fmt: skip


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("how", ["deepcopy", "pickle", "state"])
def test_a_copy_continues_with_the_same_noise(how, solver):
    a, x = matrix((6, 5)), matrix((5, 3), 1)
    core = core_of(a, noisy(simulation__parasitics_solver=solver))
    first = core @ x
    other = copies(core)[how]
    got = other @ x
    np.testing.assert_array_equal(got, core @ x)
    assert not np.array_equal(got, first)


@pytest.mark.parametrize("solver", ["effective", "iterative", "nodal"])
@pytest.mark.parametrize("how", ["deepcopy", "pickle", "state"])
def test_a_copy_gives_the_same_products(how, solver):
    a, x = matrix((40, 40)), matrix((40, 1), 1)
    core = core_of(a, wired(3.0, 3.0, simulation__parasitics_solver=solver))
    wanted = core @ x
    np.testing.assert_array_equal(copies(core)[how] @ x, wanted)


@pytest.mark.parametrize("how", ["deepcopy", "pickle", "state"])
def test_products_do_not_depend_on_what_was_multiplied_before(how):
    """A copy continues bit for bit, with the solver that the original has come to."""
    a, x = matrix((64, 64)), matrix((64, 1), 1)
    p = wired(3.0, 3.0)
    p.simulation.Verr_th_mvm = 1e-3
    core = core_of(a, p)
    core @ x
    core @ np.ones((64, 4000))
    np.testing.assert_array_equal(copies(core)[how] @ x, core @ x)


# -- what it forgets ------------------------------------------------------------------------------

EXPLICIT = {
    "core__mapping__weights__percentile": None,
    "core__mapping__weights__min": -1.0,
    "core__mapping__weights__max": 1.0,
}


@pytest.mark.parametrize("transposed", [False, True], ids=["MVM", "VMM"])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("change", ["set_matrix", "row", "block", "set_conductances", "state"])
def test_changed_cells_are_solved_anew(change, solver, transposed):
    a = matrix((6, 5))
    x = matrix((3, 6) if transposed else (5, 3), 1)
    p = wired(*OHMS, simulation__parasitics_solver=solver, **EXPLICIT)
    core = core_of(a, p)

    def product(core):
        return x @ core if transposed else core @ x

    before = product(core)
    product(core)
    after = a.copy()
    if change == "set_matrix":
        after = a / 3
        core.set_matrix(after)
    elif change == "row":
        after[2] = 0.5
        core[2] = after[2]
    elif change == "block":
        after[1:4, ::2] *= -1
        core[1:4, ::2] = after[1:4, ::2]
    elif change == "set_conductances":
        after[:] = np.maximum(after, 0.0)
        part = core.cores[0][0]
        part.core_neg.set_conductances(np.full(a.shape, 0.1))
    else:
        after = a[::-1].copy()
        core.set_state(core_of(after, p).get_state())
    close(product(core), product(core_of(after, p)))
    close(core.get_effective_matrix(), core_of(after, p).get_effective_matrix())
    assert np.abs(product(core) - before).max() > 1e-2


# -- threads --------------------------------------------------------------------------------------


@pytest.mark.parametrize("noise", [False, True])
@pytest.mark.parametrize("columns", [1, 300])
def test_two_threads_may_multiply_a_core_that_is_not_solved_yet(columns, noise):
    a, x = matrix((48, 40)), matrix((40, columns), 1)
    p = noisy(ohms=(1.0, 1.0)) if noise else wired(1.0, 1.0)
    core, results = core_of(a, p), [None, None]
    together = threading.Barrier(2)
    if noise:
        x = x[:, :4]

    def work(i):
        together.wait()
        results[i] = core @ x

    threads = [threading.Thread(target=work, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    alone = core_of(a, p)
    if not noise:
        for y in results:
            close(y, alone @ x)
        return
    both = [alone @ x, alone @ x]
    # Numbers of vectors are handed out call by call, to whichever thread comes first.
    order = both if np.array_equal(results[0], both[0]) else both[::-1]
    np.testing.assert_array_equal(results, order)
