"""Read noise behind wires, drawn for every output from its moments.

Tolerances: 5 standard errors of mean and variance, of drawn cells and of drawn outputs, and for the
variance 2 %, about what its form leaves out here and the second order of 2 % noise.
"""

import warnings

import numpy as np
import pytest
from strategies import core_of, set_style
from wired_cores import matrix, wired

from simulator import AnalogCore
from simulator.errors import OhmCoreWarning
from simulator.hardware import Route
from simulator.kernels import ReferenceKernels

READS, LEFT_OUT = 700, 0.02
STYLES = "one_sided", "interleaved", "offset", "unit", "sliced_unit", "sliced_balanced"


def noisy(style="one_sided", ohms=(20.0, 30.0, 60.0, 90.0), sampling="per_output", **changes):
    p = wired(*ohms, simulation__read_noise_sampling=sampling, **changes)
    set_style(p, style if style != "interleaved" else "one_sided")
    p.core.balanced.interleaved_posneg = style == "interleaved"
    noise = p.xbar.device.read_noise
    noise.enable, noise.model, noise.magnitude = True, "NormalProportionalDevice", 0.02
    p.core.rows_max = p.core.cols_max = 5
    return p


def bits(p, count=2, every_phase=False):
    """Inputs bit by bit, each converted or added up in the array."""
    dac, adc = p.xbar.dac.mvm, p.xbar.adc.mvm
    dac.model, dac.bits, dac.input_bitslicing = "SignMagnitudeDAC", count + 1, True
    adc.adc_per_ibit = every_phase


def gated(p):
    bits(p)
    p.xbar.array.parasitics.current_from_input = False


def uniform(p):
    p.xbar.device.read_noise.model = "UniformIndependentDevice"


def clipped(p):
    """Cells at either end of their range shift when they are cut off there."""
    p.xbar.device.clip_conductance = True


def fine_adc(p):
    bits(p, every_phase=True)
    p.xbar.adc.mvm.model, p.xbar.adc.mvm.bits = "SignMagnitudeADC", 14
    p.xbar.adc.mvm.calibrated_range = [-6.0, 6.0]


def limited(p):
    """A column limit that some currents reach."""
    p.xbar.array.Icol_max = 1.2


def one_by_one(p):
    p.simulation.parasitics_solver = "iterative"


def unwired_slice(p):
    p.xbar.array.parasitics.disable_slices = [True, False]


def moments(setting, style, sampling, seed, transposed=False):
    p = noisy(style, sampling=sampling)
    if setting is not None:
        setting(p)
    p.simulation.seed = seed
    if sampling == "per_device" and setting is one_by_one:
        p.simulation.parasitics_solver = "auto"
    a = matrix((8, 7))
    x = np.random.default_rng(2).choice([-1.0, 0.5, 1.0], 8 if transposed else 7)
    if setting is gated:
        x = np.sign(x)
    core = core_of(a, p)
    y = (np.tile(x, (READS, 1)) @ core).T if transposed else core @ np.tile(x[:, None], READS)
    return y.mean(axis=1), y.var(axis=1, ddof=1)


CASES = [
    *((None, style, False) for style in STYLES),
    *((None, style, True) for style in ("one_sided", "interleaved", "unit")),
    *((gated, style, False) for style in ("one_sided", "interleaved", "sliced_unit")),
    (uniform, "offset", False), (uniform, "interleaved", True), (clipped, "one_sided", False),
    (bits, "one_sided", False), (fine_adc, "unit", False), (fine_adc, "one_sided", False),
    (limited, "one_sided", False), (limited, "interleaved", False), (one_by_one, "unit", False),
    (one_by_one, "interleaved", True), (unwired_slice, "sliced_balanced", False),
]  # fmt: skip


@pytest.mark.parametrize(
    ("setting", "style", "transposed"), CASES,
    ids=[f"{s.__name__ if s else 'plain'}-{k}-{'VMM' if t else 'MVM'}" for s, k, t in CASES],
)  # fmt: skip
def test_outputs_have_the_moments_of_drawn_cells(setting, style, transposed):
    mean, variance = moments(setting, style, "per_output", 5, transposed)
    of_cells, wanted = moments(setting, style, "per_device", 6, transposed)
    assert (np.abs(variance / wanted - 1) <= 5 * np.sqrt(4 / READS) + LEFT_OUT).all()
    error = np.sqrt((variance + wanted) / READS)
    assert (np.abs(mean - of_cells) <= 5 * error).all()


def test_without_noise_the_mean_is_the_product_behind_wires():
    a, x = matrix((8, 7)), matrix((7, 3), 1)
    for style in STYLES:
        p = noisy(style)
        p.xbar.device.read_noise.magnitude = 1e-12
        q = noisy(style)
        q.xbar.device.read_noise.enable = False
        np.testing.assert_allclose(core_of(a, p) @ x, core_of(a, q) @ x, atol=1e-10)
        np.testing.assert_allclose(x.T @ core_of(a.T, p), x.T @ core_of(a.T, q), atol=1e-10)


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (6, 1), (3, 11)])
def test_any_shape_and_any_batch(shape):
    a, x = matrix(shape), matrix((shape[1], 4), 1)
    for dtype in (np.float32, np.float64):
        core = core_of(a.astype(dtype), noisy())
        y = core @ x.astype(dtype)
        assert y.dtype == dtype
        again = core_of(a.astype(dtype), noisy())
        pieces = [again @ x[:, i].astype(dtype) for i in range(4)]
        # The same numbers are drawn; products of one vector may be rounded otherwise.
        tolerance = 100 * np.finfo(dtype).eps * np.abs(y).max()
        np.testing.assert_allclose(np.stack(pieces, axis=1), y, atol=tolerance)


def test_outputs_do_not_depend_on_compiled_kernels():
    a, x = matrix((20, 30)), matrix((30, 40), 1)
    from simulator.backend import Backend

    plain = Backend("numpy", np, ReferenceKernels(np))
    p = noisy()
    p.core.rows_max = p.core.cols_max = 0
    got, wanted = core_of(a, p) @ x, core_of(a, p, backend=plain) @ x
    np.testing.assert_allclose(got, wanted, atol=1e-10 * np.abs(wanted).max())


@pytest.mark.parametrize(
    ("ohms", "magnitude", "solver", "sampling"),
    [
        (1.0, 0.02, "auto", "per_output"), (1.0, 0.02, "effective", "per_output"),
        (1.0, 0.02, "iterative", "per_device"), (5000.0, 0.02, "auto", "per_device"),
        (1.0, 0.3, "auto", "per_output"), (200.0, 0.3, "auto", "per_device"),
    ],
)  # fmt: skip
def test_auto_draws_outputs_where_the_first_order_is_enough(ohms, magnitude, solver, sampling):
    p = noisy(ohms=(ohms, ohms), sampling="auto", simulation__parasitics_solver=solver)
    p.xbar.device.read_noise.magnitude = magnitude
    plan = core_of(matrix((5, 5)), p).chip.tiles[0].mvm
    assert plan.noise == sampling
    assert (plan.route is Route.SOLVED) == (sampling == "per_device")


@pytest.mark.parametrize(("ohms", "magnitude"), [(5000.0, 0.02), (200.0, 0.3)])
def test_outputs_of_much_noise_or_strong_wires_say_so(ohms, magnitude):
    p = noisy(ohms=(ohms, ohms))
    p.xbar.device.read_noise.magnitude = magnitude
    with pytest.warns(OhmCoreWarning, match="first order.*'auto' and 'per_device'"):
        AnalogCore(matrix((5, 5)), p) @ np.ones(5)
    p.simulation.read_noise_sampling = "auto"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        AnalogCore(matrix((5, 5)), p) @ np.ones(5)


def test_auto_draws_cells_that_are_nonlinear():
    p = noisy(sampling="auto")
    p.xbar.device.nonlinear_IV.enable, p.xbar.device.nonlinear_IV.model = True, "CubicDevice"
    assert core_of(matrix((5, 5)), p).chip.tiles[0].mvm.noise == "per_device"
