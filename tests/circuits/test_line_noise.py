"""Moments of lines behind wires: the sum over all cells, and the form that stands for it.

Tolerances. The sum is held to differences of solutions to 1e-10, with steps of 1e-3 to either side:
their third order, and what the solver leaves over the step, 1e-6. What the form leaves out falls
with the strength of the wires; the figures here are those that its module states, a percent of the
variance at a strength of one, with room for small arrays.
"""

import numpy as np
import pytest

from simulator.circuits import (
    IdealCircuit,
    InterleavedInputSourceCircuit,
    InterleavedSeparateSourceCircuit,
    NoninterleavedInputSourceCircuit,
    NoninterleavedSeparateSourceCircuit,
    UncoupledNonlinearCircuit,
    Wires,
)
from simulator.circuits.line_noise import ZONES, zones_of
from simulator.errors import ModelError

INPUT_SOURCES = NoninterleavedInputSourceCircuit, InterleavedInputSourceCircuit
SEPARATE_SOURCES = NoninterleavedSeparateSourceCircuit, InterleavedSeparateSourceCircuit
ACCURACY = 1e-6


def cells_of(sides, m, n, seed=0):
    """Cells of a matrix, most of them low, and variances that grow with the conductance."""
    rng = np.random.default_rng(seed)
    cells = 0.01 + 0.99 * np.clip(rng.uniform(-1, 1, (sides, m, n)), 0, 1)
    return cells, (0.05 * cells) ** 2


def volts_of(lines, seed=1):
    """Inputs of several kinds, (1, lines, vectors): of both signs, of one, all alike, in half."""
    rng = np.random.default_rng(seed)
    half = np.arange(lines)[:, None] < lines // 2
    columns = (
        rng.uniform(-1, 1, (lines, 3)), rng.uniform(0, 1, (lines, 3)), np.ones((lines, 1)),
        half * rng.uniform(0, 1, (lines, 2)), np.sin(np.arange(lines))[:, None],
    )  # fmt: skip
    return np.concatenate(columns, axis=1)[None]


def by_differences(circuit, cells, variances, volts, transposed, step=1e-3):
    """Variances of the lines as they are read: sum of (dI/dG)^2 var G."""
    total = 0.0
    for place in np.ndindex(cells.shape):
        moved = np.zeros(cells.shape)
        moved[place] = step * cells[place]
        high, low = (circuit.currents(cells + s * moved, volts, transposed).copy() for s in (1, -1))
        slope = (high - low) / (2 * moved[place])
        if circuit.shares_lines and not transposed:
            slope = (slope[0] - slope[1])[None] if len(slope) == 2 else slope
        total = total + slope**2 * variances[place]
    return total


def form_of(circuit, cells, variances, volts, transposed):
    """Means and variances that the form gives, (sides, lines, vectors)."""
    gains = circuit.effective(cells, transposed)
    zones = zones_of(volts.shape[-2])
    noise = circuit.line_noise(cells, variances, gains, zones, transposed)
    x, members = volts[0], (zones == np.arange(ZONES)[:, None]) * 1.0
    alike = members @ x
    currents = np.einsum("srd,zd,db->srzb", noise.gains, members, x)
    apart = currents - noise.shift[..., None] * alike
    features = np.concatenate([np.broadcast_to(alike, apart.shape), apart], axis=-2)
    coupled = np.einsum("sriv,srij,srjv->srv", features, noise.form, features)
    return currents.sum(axis=-2), noise.squares @ x**2 + coupled


def merged(circuit, moments, transposed):
    """Moments of lines as they are read: one side where a line carries both cells."""
    mean, variance = moments
    if circuit.shares_lines and not transposed and len(mean) == 2:
        return mean[:1] - mean[1:], variance.sum(axis=0, keepdims=True)
    return mean, variance


@pytest.mark.parametrize("transposed", [False, True], ids=["MVM", "VMM"])
@pytest.mark.parametrize("kind", INPUT_SOURCES)
def test_the_sum_over_cells_is_the_linear_response(kind, transposed):
    circuit = kind(Wires(0.05, 0.03, 0.2, 0.1), tolerance=1e-11)
    cells, variances = cells_of(2, 4, 5)
    volts = volts_of(4 if transposed else 5)
    mean, variance = merged(
        circuit, circuit.moments(cells, variances, volts, transposed), transposed
    )
    wanted = by_differences(circuit, cells, variances, volts, transposed)
    np.testing.assert_allclose(variance, wanted, rtol=10 * ACCURACY)
    plain = merged(circuit, (circuit.currents(cells, volts, transposed),) * 2, transposed)[0]
    np.testing.assert_allclose(mean, plain, atol=1e-9)


@pytest.mark.parametrize("method", ["auto", "nodal"])
@pytest.mark.parametrize("kind", SEPARATE_SOURCES)
def test_the_sum_over_gated_cells_is_the_linear_response(kind, method):
    circuit = kind(Wires(0.05, 0.03, 0.2, 0.1), method=method, array_inputs=8)
    cells, variances = cells_of(2, 4, 5)
    volts = np.sign(volts_of(5)) * (np.abs(volts_of(5)) > 0.3)
    mean, variance = circuit.moments(cells, variances, volts)
    wanted = by_differences(circuit, cells, variances, volts, False)
    if circuit.shares_lines:
        mean, variance = mean[:1], variance[:1]
    np.testing.assert_allclose(variance, wanted, rtol=10 * ACCURACY, atol=1e-12)
    np.testing.assert_allclose(mean, circuit.currents(cells, volts)[: len(mean)], rtol=1e-9)


# Strength of the wires, and the largest rms error of the variance.
STRENGTHS = [(0.05, 2e-3), (0.3, 1e-2), (1.0, 3e-2), (3.0, 8e-2)]


@pytest.mark.parametrize("transposed", [False, True], ids=["MVM", "VMM"])
@pytest.mark.parametrize("kind", INPUT_SOURCES)
@pytest.mark.parametrize(("strength", "error"), STRENGTHS)
@pytest.mark.parametrize("proportional", [True, False])
def test_the_form_is_the_sum_over_cells(kind, transposed, strength, error, proportional):
    m, n = 28, 32
    cells, variances = cells_of(2, m, n)
    if not proportional:
        variances = np.full_like(cells, 0.02**2)
    unit = Wires(1.0, 0.7, 2.0, 3.0).strength(m, n, float(cells.mean()))
    scale = strength / unit
    circuit = kind(Wires(scale, 0.7 * scale, 2 * scale, 3 * scale), tolerance=1e-8)
    volts = volts_of(m if transposed else n)
    given = circuit, cells, variances, volts, transposed
    mean, variance = form_of(*given)
    exact = merged(circuit, circuit.moments(cells, variances, volts, transposed), transposed)
    np.testing.assert_allclose(mean, exact[0], atol=1e-6 * np.abs(exact[0]).max())
    off = variance / exact[1] - 1
    assert np.sqrt(np.mean(off**2)) <= error
    assert np.abs(off).max() <= 8 * error
    # Without the form, the variance of lines on ideal wires is far off.
    if strength >= 0.3:
        ideal = variances.sum(axis=0, keepdims=True) if len(mean) == 1 else variances
        ideal = ideal.swapaxes(-1, -2) if transposed else ideal
        assert np.abs(ideal @ volts[0] ** 2 / exact[1] - 1).max() > 0.2


@pytest.mark.parametrize("transposed", [False, True], ids=["MVM", "VMM"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (3, 1), (2, 2), (5, 4), (9, 3)])
def test_small_arrays_behind_faint_wires(shape, transposed):
    """All shapes, also with fewer lines than zones; wires leave 1e-4 of a cell's current out."""
    circuit = NoninterleavedInputSourceCircuit(Wires(1e-5, 1e-5), tolerance=1e-8)
    cells, variances = cells_of(2, *shape)
    volts = np.abs(volts_of(shape[0] if transposed else shape[1])) + 0.2
    mean, variance = form_of(circuit, cells, variances, volts, transposed)
    exact = circuit.moments(cells, variances, volts, transposed)
    np.testing.assert_allclose(mean, exact[0], rtol=1e-6)
    np.testing.assert_allclose(variance, exact[1], rtol=1e-4)


@pytest.mark.parametrize("interleaved", [False, True])
@pytest.mark.parametrize("transposed", [False, True], ids=["MVM", "VMM"])
def test_ideal_wires_leave_the_diagonal(interleaved, transposed):
    cells, variances = cells_of(2, 4, 6)
    volts = volts_of(4 if transposed else 6)
    circuit = IdealCircuit(interleaved)
    mean, variance = form_of(circuit, cells, variances, volts, transposed)
    wired = InterleavedInputSourceCircuit if interleaved else NoninterleavedInputSourceCircuit
    faint = form_of(wired(Wires(1e-9, 1e-9)), cells, variances, volts, transposed)
    np.testing.assert_allclose(mean, faint[0], atol=1e-6)
    np.testing.assert_allclose(variance, faint[1], rtol=1e-5)


def test_one_cell_behind_wires_shifts_by_no_more_than_the_bound():
    """Mean and spread of G / (1 + G R) by Gauss-Hermite quadrature, G normal around 1."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    weights = weights / weights.sum()
    for spread in (0.01, 0.05, 0.1):
        for ohms in (0.01, 0.3, 2.0):
            circuit = NoninterleavedInputSourceCircuit(
                Wires(ohms / 4, ohms / 4, ohms / 4, ohms / 4)
            )
            g = 1 + spread * nodes
            amps = g / (1 + g * ohms)
            mean = weights @ amps
            deviation = np.sqrt(weights @ (amps - mean) ** 2)
            bound = circuit.second_order(spread, 1, 1)
            assert bound == pytest.approx(spread * ohms)
            assert abs(mean - 1 / (1 + ohms)) <= bound * deviation * (1 + bound)
            one = np.ones((1, 1, 1))
            _, variance = circuit.moments(one, spread**2 * one, one)
            assert abs(variance.item() / deviation**2 - 1) <= 8 * bound**2 + 1e-5


def test_circuits_without_moments_say_so():
    circuit = UncoupledNonlinearCircuit(lambda g, v: (g * v, g + 0 * v))
    assert not circuit.has_moments
    assert circuit.second_order(0.01, 4, 4) == np.inf
    cells, variances = cells_of(1, 2, 2)
    with pytest.raises(ModelError, match="UncoupledNonlinearCircuit knows no noise"):
        circuit.line_noise(cells, variances, cells, zones_of(2))
    with pytest.raises(ModelError, match="UncoupledNonlinearCircuit knows no noise"):
        circuit.moments(cells, variances, volts_of(2))
