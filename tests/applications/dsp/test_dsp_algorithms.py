"""Recovery, solvers, subspaces and fitted ranges: what holds with exact products, and beyond."""

import argparse

import numpy as np
import pytest

from applications.dsp import hardware
from applications.dsp.dft_1d import for_signal, there_and_back
from applications.dsp.products import Products
from applications.dsp.recovery import (
    amp,
    fista,
    gaussian_curvature,
    gaussian_matrix,
    shrunk,
)
from applications.dsp.solvers import conjugate_residuals, refined
from applications.dsp.subspaces import angles, right_singular_vectors, subspace_angle
from simulator import AnalogCore, CrossSimParameters

EPS = np.finfo(float).eps


def studied(**settings):
    params = hardware.with_settings(CrossSimParameters(), {**hardware.STUDIED, **settings})
    params.simulation.seed = 3
    return params


def last(steps):
    *_, final = steps
    return final


# -- sparse recovery -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sparse():
    """A matrix (128, 256) and four vectors with twelve entries that are not zero."""
    rng = np.random.default_rng(0)
    matrix = gaussian_matrix(128, 256, rng)
    vectors = np.zeros((256, 4))
    for column in vectors.T:
        column[rng.choice(256, 12, replace=False)] = rng.normal(size=12)
    return matrix, vectors


def test_message_passing_recovers_sparse_vectors_exactly_on_ideal_arrays(sparse):
    matrix, vectors = sparse
    products = Products(AnalogCore(matrix, CrossSimParameters()))
    measured = products.forward(vectors)
    found = last(amp(products.forward, products.adjoint, measured, 120))
    # The residual falls by a constant factor until it is rounding.
    assert np.linalg.norm(found - vectors) < 1e-9 * np.linalg.norm(vectors)


def test_fista_decreases_what_it_minimises(sparse):
    matrix, vectors = sparse
    measured = matrix @ vectors
    weight = 0.01
    levels = weight * np.abs(matrix.T @ measured).max(axis=0)

    def cost(x):
        misfit = ((matrix @ x - measured) ** 2).sum(axis=0) / 2
        return misfit + levels * np.abs(x).sum(axis=0)

    curvature = gaussian_curvature(*matrix.shape)
    assert curvature >= np.linalg.norm(matrix, 2) ** 2
    steps = list(fista(lambda x: matrix @ x, lambda r: matrix.T @ r, measured, 300, curvature,
                       weight))  # fmt: skip
    # Beck and Teboulle's theorem 4.4, against the cost of the sparse vectors themselves.
    for number in (10, 100, 300):
        room = 2 * curvature * (vectors**2).sum(axis=0) / (number + 1) ** 2
        assert (cost(steps[number - 1]) <= cost(vectors) + room).all()


def test_cells_that_miss_do_no_harm_where_they_also_measured(sparse):
    matrix, vectors = sparse
    core = AnalogCore(matrix, studied(error=0.1, input_bits=0))
    products = Products(core)
    found = {}
    for name, measured in (("own", products.forward(vectors)), ("exact", matrix @ vectors)):
        estimate = last(amp(products.forward, products.adjoint, measured, 60))
        found[name] = np.linalg.norm(estimate - vectors) / np.linalg.norm(vectors)
    assert found["own"] < 1e-4 < 1e-2 < found["exact"]


def test_shrinking():
    np.testing.assert_array_equal(shrunk(np.array([-3, -1, 0, 0.5, 2]), 1), [-2, 0, 0, 0, 1])


# -- linear systems ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def system():
    from applications.dsp.linear_systems import poisson

    return poisson(12, seed=4)


def test_exact_products_solve_in_as_many_steps_as_unknowns(system):
    small = system.matrix[:10, :10]
    rhs = np.arange(10.0)
    steps = list(conjugate_residuals(lambda x: small @ x, rhs, 1e-13, 50))
    assert len(steps) <= 10
    np.testing.assert_allclose(small @ steps[-1][0], rhs, atol=1e-12 * np.linalg.norm(rhs))


def test_residuals_never_grow_whatever_the_guess(system):
    rng = np.random.default_rng(0)
    steps = conjugate_residuals(
        lambda x: system.matrix @ x, system.rhs, 1e-12, 80, guess=lambda r: rng.normal(size=r.shape)
    )
    lengths = [np.linalg.norm(residual) for _, residual in steps]
    assert all(b <= a * (1 + 4 * EPS) for a, b in zip(lengths, lengths[1:]))
    assert lengths[-1] < np.linalg.norm(system.rhs)


def test_refinement_reaches_full_precision_where_arrays_alone_do_not(system):
    params = studied(error=0.02, adc_bits=8, noise=0.005)
    exercise = lambda p: _solved(p, system)  # noqa: E731
    products = Products(AnalogCore(system.rest, hardware.fitted(params, exercise)))

    def analog(x):
        return system.diagonal * x + products.forward(x)

    alone = min(system.residual(x) for x, _ in conjugate_residuals(analog, system.rhs, 1e-13, 80))
    steps = list(refined(lambda x: system.matrix @ x, analog, system.rhs, 1e-13, 60, 0.1, 40))
    assert alone > 1e-3
    assert system.residual(steps[-1][0]) < 1e-12
    # Far fewer digital products than the digital solver needs for the same.
    digital = list(conjugate_residuals(lambda x: system.matrix @ x, system.rhs, 1e-13, 500))
    assert len(steps) < len(digital) / 2


def _solved(params, system):
    products = Products(AnalogCore(system.rest, params))
    last(conjugate_residuals(lambda x: system.diagonal * x + products.forward(x), system.rhs,
                             1e-3, 40))  # fmt: skip
    return products.core


def test_nothing_to_solve_takes_no_product():
    assert list(conjugate_residuals(lambda x: x, np.zeros(4), 1e-12, 10)) == []


# -- subspaces -----------------------------------------------------------------------------------


def test_ideal_arrays_find_the_components():
    rng = np.random.default_rng(2)
    left, right = (np.linalg.qr(rng.normal(size=shape))[0] for shape in ((60, 20), (20, 20)))
    matrix = left * 0.6 ** np.arange(20) @ right.T
    products = Products(AnalogCore(matrix, CrossSimParameters()))
    vectors, values = last(
        right_singular_vectors(products.forward, products.adjoint, 20, 4, 30, rng)
    )
    # Each iteration shrinks the part outside by (0.6^10 / 0.6^4)^2; rounding is what is left.
    assert angles(right[:, :4], vectors).max() < 1e-10
    assert subspace_angle(right[:, :4], vectors) < 1e-10
    np.testing.assert_allclose(values, 0.6 ** np.arange(4), rtol=1e-12)


def test_angles_are_angles():
    a, tilt = np.eye(3), np.radians(0.001)
    turned = np.array([[np.cos(tilt), -np.sin(tilt), 0], [np.sin(tilt), np.cos(tilt), 0],
                       [0, 0, -1]])  # fmt: skip
    np.testing.assert_allclose(angles(a, turned), [0.001, 0.001, 0], rtol=1e-9)
    assert subspace_angle(a[:, :1], turned[:, :1]) == pytest.approx(0.001, rel=1e-9)
    assert subspace_angle(a[:, :2], turned[:, :2]) == pytest.approx(0, abs=1e-12)
    assert subspace_angle(a[:, :1], a[:, 1:2]) == pytest.approx(90)


# -- hardware and its ranges ---------------------------------------------------------------------


def test_fitted_ranges_hold_the_currents_of_both_directions():
    rng = np.random.default_rng(0)
    matrix, x = rng.normal(size=(40, 60)), rng.normal(size=(60, 9))

    def work(params):
        products = Products(AnalogCore(matrix, params))
        products.adjoint(products.forward(x))
        return products.core

    params = hardware.fitted(studied(adc_bits=12, error=0), work)
    core = work(params)
    np.testing.assert_allclose(
        Products(core).forward(x), matrix @ x, atol=0.02 * np.abs(matrix @ x).max()
    )
    adcs = params.xbar.adc
    assert adcs.mvm.calibrated_range != adcs.vmm.calibrated_range
    exact = hardware.exact(params, record=True)
    recorder = work(exact).recorders(False)[0]
    assert max(abs(recorder.low[0]), recorder.high[0]) == pytest.approx(
        adcs.mvm.calibrated_range[1], rel=1e-6
    )


def test_a_side_that_is_not_used_needs_no_range():
    def work(params):
        core = AnalogCore(np.eye(8) - 0.5, params)
        core @ np.linspace(-1, 1, 8)
        return core

    params = hardware.fitted(studied(adc_bits=8), work)
    assert params.xbar.adc.vmm.model == "IdealADC"
    params.validate()


def test_products_scale_every_vector_by_itself():
    """A vector keeps its relative precision beside one that is a million times as large."""
    matrix = np.random.default_rng(0).normal(size=(16, 16))
    products = Products(AnalogCore(matrix, hardware.fitted(studied(), None)))
    small = np.random.default_rng(1).normal(size=16)
    pair = products.forward(np.stack([small, 1e6 * small], axis=1))
    np.testing.assert_allclose(pair[:, 1], 1e6 * pair[:, 0], rtol=1e-9)
    np.testing.assert_allclose(products.forward(small), pair[:, 0], rtol=1e-9)
    assert products.count == 3
    assert not products.forward(np.zeros(16)).any()


def test_settings_mean_what_they_say():
    params = studied(error=0.05, noise=0.01, wire=2, adc_bits=6, array=32, style="OFFSET")
    device, parasitics = params.xbar.device, params.xbar.array.parasitics
    assert (device.programming_error.magnitude, device.read_noise.magnitude) == (0.05, 0.01)
    assert (parasitics.enable, parasitics.Rp_row, parasitics.Rp_col) == (True, 2, 2)
    assert (params.core.style.name, params.core.rows_max, device.cell_bits) == ("OFFSET", 32, 8)
    off = hardware.with_settings(params, error=0, noise=0, wire=0, adc_bits=0, style="BALANCED")
    assert not off.xbar.device.programming_error.enable
    assert not off.xbar.array.parasitics.enable
    assert (off.xbar.adc.mvm.model, off.xbar.device.cell_bits) == ("IdealADC", 7)
    words = hardware.in_words(params)
    for part in ("OFFSET", "8-bit weights", "6-bit ADCs", "5 % programming error", "2 ohm"):
        assert part in words


def test_a_signal_comes_back_from_ideal_hardware():
    samples = np.random.default_rng(0).normal(size=64) + 5
    params = studied(weight_bits=0, input_bits=0)
    spectrum, back = there_and_back(for_signal(params, samples), samples, chip=0)
    # The studies compute in single precision.
    room = 16 * 64 * np.finfo(np.float32).eps * np.abs(samples).max()
    np.testing.assert_allclose(spectrum, np.fft.fft(samples), rtol=0, atol=room)
    np.testing.assert_allclose(back, samples, rtol=0, atol=room)


def test_a_file_of_parameters_replaces_the_defaults(tmp_path):
    params = studied(error=0.2, adc_bits=5)
    # Ranges of both sides, as a study stores them, do not stand in the way of other resolutions.
    stored = hardware.fitted(params, _both_sides)
    stored.to_yaml(tmp_path / "p.yaml")
    parser = argparse.ArgumentParser()
    hardware.add_options(parser, {})
    parser.set_defaults(seed=3)
    options = parser.parse_args(["--params", str(tmp_path / "p.yaml"), "--adc-bits", "6"])
    read = hardware.from_options(options, {"error": 0.01})
    assert not stored.xbar.adc.match
    assert read.xbar.adc.match
    assert (read.xbar.adc.vmm.bits, read.xbar.device.programming_error.magnitude) == (6, 0.2)
    again = hardware.fitted(read, _both_sides)
    assert again == hardware.fitted(hardware.with_settings(params, adc_bits=6), _both_sides)


def _both_sides(params):
    products = Products(AnalogCore(np.linspace(-1, 1, 48).reshape(6, 8), params))
    products.adjoint(products.forward(np.ones(8)))
    return products.core
