"""Random effects: their distributions, and what a draw may and may not depend on.

Moments are compared within 5 standard errors of closed forms; the cells are drawn once, with fixed
seeds, so a test either always passes or always fails.
"""

import itertools
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import threadpoolctl
from plain_model import PlainCore, product_covariance
from scipy import integrate, stats
from strategies import conductances, core_of, set_style

from simulator import AnalogCore, CrossSimParameters
from simulator.devices import Device

MODELS = [
    law + scaling + "Device"
    for law in ("Normal", "Uniform")
    for scaling in ("Independent", "Proportional", "InverseProportional")
]
MAGNITUDE = 0.15
# Conductances G / Gmax that cells are programmed to: at, near and far from the limits of a cell.
TARGETS = np.array([0.1, 0.13, 0.4, 0.75, 1.0])


def law_of(model, target):
    """The distribution of one cell before its limits, from the definition of the model."""
    if "Inverse" in model:
        size = MAGNITUDE / target if target > 0 else 0.0
    else:
        size = MAGNITUDE * (target if "Proportional" in model else 1.0)
    if size == 0:
        return None
    if model.startswith("Normal"):
        return stats.norm(target, size)
    return stats.uniform(target - size / 2, size)


def clipped_moments(law, low, high):
    """Mean, variance and fourth central moment of a variable clipped to [low, high]."""
    first, last = max(law.ppf(1e-16), law.mean() - 9 * law.std()), law.mean() + 9 * law.std()
    points = sorted({p for p in (low, high, *law.support()) if first < p < last})

    def expect(function):
        return sum(
            integrate.quad(lambda v: function(min(max(v, low), high)) * law.pdf(v), a, b)[0]
            for a, b in itertools.pairwise([first, *points, last])
        )

    mean = expect(lambda v: v)
    return mean, expect(lambda v: (v - mean) ** 2), expect(lambda v: (v - mean) ** 4)


def assert_moments(sample, mean, variance, fourth):
    """Mean and variance of independent samples within 5 standard errors, and 1e-7 of quadrature."""
    count = sample.size
    assert abs(sample.mean() - mean) <= 5 * np.sqrt(variance / count) + 1e-7
    error = np.sqrt(max(fourth - variance**2, 0) / count)
    assert abs(sample.var() - variance) <= 5 * error + 1e-7 * variance


def offset_core(effect, model, clip, infinite=False, copies=4000, sampling="auto"):
    """One cell in each row, at TARGETS in turn; the matrix is what the targets stand for."""
    params = CrossSimParameters()
    set_style(params, "offset")
    weights = params.core.mapping.weights
    weights.percentile, weights.min, weights.max = None, -1.0, 1.0
    device = params.xbar.device
    device.infinite_on_off_ratio, device.clip_conductance = infinite, clip
    node = getattr(device, effect)
    node.enable, node.model, node.magnitude = True, model, MAGNITUDE
    params.simulation.seed, params.simulation.read_noise_sampling = 11, sampling
    targets = np.tile(TARGETS if not infinite else np.append(0.0, TARGETS[1:]), copies)
    lowest = device.Gmin_norm
    return core_of((2 * (targets - lowest) / (1 - lowest) - 1)[:, None], params), targets


def check_cells(conductances, targets, model, clip, lowest):
    for target in np.unique(targets):
        law, sample = law_of(model, target), conductances[targets == target]
        if law is None:
            assert (sample == target).all()
            continue
        limits = (lowest, 1.0) if clip else (0.0, np.inf)
        assert_moments(sample, *clipped_moments(law, *limits))
        assert sample.min() >= limits[0] - 1e-15
        assert sample.max() <= limits[1]


@pytest.mark.parametrize("infinite", [False, True], ids=["finite", "infinite"])
@pytest.mark.parametrize("clip", [False, True], ids=["free", "clipped"])
@pytest.mark.parametrize("model", MODELS)
def test_programming_error_moments(model, clip, infinite):
    core, targets = offset_core("programming_error", model, clip, infinite)
    conductances = core.cores[0][0].core.matrix[:, 0]
    check_cells(conductances, targets, model, clip, 0.0 if infinite else 0.1)


@pytest.mark.parametrize("sampling", ["per_output", "per_device"])
@pytest.mark.parametrize("clip", [False, True], ids=["free", "clipped"])
@pytest.mark.parametrize("model", MODELS)
def test_read_noise_moments_of_one_cell(model, clip, sampling):
    core, targets = offset_core("read_noise", model, clip, copies=4000, sampling=sampling)
    currents = (core @ np.ones(1) + 1) / 2 * 0.9 + 0.1
    if sampling == "per_device":
        check_cells(currents, targets, model, clip, 0.1)
        return
    for target in TARGETS:
        law = law_of(model, target)
        mean, variance, _ = clipped_moments(law, *((0.1, 1.0) if clip else (0.0, np.inf)))
        assert_moments(currents[targets == target], mean, variance, 3 * variance**2)


@pytest.mark.parametrize("model", ["NormalIndependentDevice", "UniformProportionalDevice"])
def test_single_cells_follow_their_law(model):
    core, targets = offset_core("read_noise", model, False, copies=2000, sampling="per_device")
    currents = ((core @ np.ones(1) + 1) / 2 * 0.9 + 0.1)[targets == 1.0]
    assert stats.kstest(currents, law_of(model, 1.0).cdf).pvalue > 1e-4


# -- noise of a product ----------------------------------------------------------------------


@pytest.mark.parametrize("sampling", ["per_output", "per_device"])
@pytest.mark.parametrize("transposed", [False, True], ids=["mvm", "vmm"])
@pytest.mark.parametrize("digits", ["whole", "sum of digits", "every digit"])
@pytest.mark.parametrize("style", ["one_sided", "offset", "unit", "sliced_balanced", "sliced_unit"])
def test_noise_of_a_product_adds_up(style, digits, transposed, sampling):
    """Variances of independent cells add; the noise of a unit column is common to all outputs."""
    params = CrossSimParameters()
    set_style(params, style, weight_bits=4)
    noise = params.xbar.device.read_noise
    noise.enable, noise.model, noise.magnitude = True, "NormalProportionalDevice", 0.01
    params.simulation.seed, params.simulation.read_noise_sampling = 5, sampling
    if digits != "whole":
        dac, adc = params.xbar.dac.mvm, params.xbar.adc.mvm
        dac.model, dac.bits, dac.input_bitslicing = "SignMagnitudeDAC", 4, True
        # So fine that only noise is left.
        adc.model, adc.bits, adc.adc_range_option = "QuantizerADC", 24, "MAX"
        adc.adc_per_ibit = digits == "every digit"
    rng = np.random.default_rng(2)
    matrix = rng.uniform(-1, 1, (3, 4))
    x = rng.uniform(-1, 1, 3 if transposed else 4)
    count = 3000 if sampling == "per_output" else 800
    core = core_of(matrix, params)
    block = np.tile(x, (count, 1))
    sample = block @ core if transposed else (core @ block.T).T
    wanted = product_covariance(params, matrix, x, transposed, lambda g: 0.01 * g)
    variances = np.diag(wanted)
    error = np.sqrt((np.outer(variances, variances) + wanted**2) / count)
    assert (np.abs(np.cov(sample.T) - wanted) <= 5 * error).all()
    model = PlainCore(matrix, params).multiply(x, transposed)
    assert (np.abs(sample.mean(axis=0) - model) <= 5 * np.sqrt(variances / count) + 1e-5).all()


# -- what a draw depends on ------------------------------------------------------------------


def random_params(kind="per_output"):
    """Programming error, and one more random effect; tiles of unequal size."""
    params = CrossSimParameters()
    params.simulation.seed = 2024
    params.core.rows_max, params.core.cols_max = 5, 4
    device = params.xbar.device
    for node in (device.programming_error, device.read_noise):
        node.enable, node.model, node.magnitude = True, "NormalIndependentDevice", 0.03
    if kind == "unit":
        set_style(params, "unit")
    elif kind == "sliced":
        set_style(params, "sliced_offset", weight_bits=6)
    elif kind == "per_device":
        params.simulation.read_noise_sampling = "per_device"
    elif kind == "limited":
        params.xbar.array.Icol_max = 1.5
    elif kind == "complex":
        params.core.complex_matrix = True
    if kind.startswith("conversion"):
        device.read_noise.enable, params.xbar.adc.mvm.input_noise = False, 0.02
    if kind in ("converted", "rounding", "digits", "conversion"):
        adc = params.xbar.adc.mvm
        adc.model, adc.bits, adc.adc_range_option = "QuantizerADC", 7, "MAX"
        adc.stochastic_rounding = kind == "rounding"
        device.read_noise.enable = kind not in ("rounding", "conversion")
        if kind == "digits":
            dac = params.xbar.dac.mvm
            dac.model, dac.bits, dac.input_bitslicing = "SignMagnitudeDAC", 5, True
            adc.adc_per_ibit = True
    return params


KINDS = (
    "per_output", "unit", "sliced", "per_device", "limited", "complex", "converted", "rounding",
    "digits", "conversion", "conversion alone",
)  # fmt: skip


def values(kind, shape, seed=0):
    rng = np.random.default_rng(seed)
    numbers = rng.uniform(-1, 1, shape)
    return numbers + 1j * rng.uniform(-1, 1, shape) if kind == "complex" else numbers


def assert_same_draws(got, wanted):
    """Equal to rounding: sums of at most 22 products of numbers up to 1, and their draws."""
    assert got.shape == wanted.shape
    assert (np.abs(got - wanted) <= 8 * np.finfo(np.float64).eps * 22 * 10).all()


@pytest.mark.parametrize("side", ["mvm", "vmm"])
@pytest.mark.parametrize("kind", KINDS)
def test_draws_do_not_depend_on_how_a_batch_is_cut(kind, side):
    """One batch of 64 is four of 16, 64 vectors, or whatever fits into little memory."""
    matrix, x = values(kind, (11, 9)), values(kind, (9 if side == "mvm" else 11, 64), 1)

    def product(core, block):
        return core @ block if side == "mvm" else (block.T @ core).T

    def fresh(memory=None):
        params = random_params(kind)
        params.simulation.memory_limit = memory or params.simulation.memory_limit
        return core_of(matrix, params)

    whole = product(fresh(), x)
    core = fresh()
    quarters = [product(core, x[:, i : i + 16]) for i in range(0, 64, 16)]
    assert_same_draws(np.hstack(quarters), whole)
    core = fresh()
    stacked = np.stack(np.split(x, 4, axis=1))
    if side == "mvm":
        # A stack is numbered along its last axis first.
        assert_same_draws(np.hstack(list(core @ stacked)), whole)
    else:
        assert_same_draws(np.hstack([part.T for part in stacked.swapaxes(1, 2) @ core]), whole)
    for memory in (1, 5000):
        assert_same_draws(product(fresh(memory), x), whole)
    if kind != "complex":
        core = fresh()
        columns = [core @ v if side == "mvm" else v @ core for v in x.T]
        assert_same_draws(np.stack(columns, axis=1), whole)


@pytest.mark.parametrize("kind", KINDS)
def test_draws_do_not_depend_on_other_cores_or_their_order(kind):
    first, second, x = values(kind, (11, 9)), values(kind, (11, 9), 4), values(kind, (9, 3), 1)
    a = core_of(first, random_params(kind), stream=1)
    b = core_of(second, random_params(kind), stream=2)
    forward = a @ x, b @ x
    b = core_of(second, random_params(kind), stream=2)
    backward = [b @ x]
    a = core_of(first, random_params(kind), stream=1)
    backward.insert(0, a @ x)
    assert np.array_equal(forward, backward)


@pytest.mark.parametrize("kind", ["per_output", "per_device", "rounding", "conversion alone"])
def test_draws_do_not_depend_on_threads(kind):
    matrix, x = values(kind, (200, 150)), values(kind, (150, 8), 1)
    params = random_params(kind)
    params.core.rows_max = params.core.cols_max = 64
    results = []
    for threads in (1, 2):
        with threadpoolctl.threadpool_limits(threads):
            results.append(core_of(matrix, params) @ x)
    bound = 8 * np.finfo(np.float64).eps * 150 * 10
    assert (np.abs(results[0] - results[1]) <= bound).all()


@pytest.mark.parametrize("kind", KINDS)
def test_what_must_differ_differs(kind):
    """Seeds, streams, programmings and vectors each have numbers of their own."""
    matrix, x = values(kind, (11, 9)), values(kind, (9,), 1)
    core = core_of(matrix, random_params(kind))
    programmed, first, second = core.get_matrix(), core @ x, core @ x
    assert not np.isclose(first, second, rtol=1e-9, atol=0).all()
    core.set_matrix(matrix)
    assert (core.get_matrix() != programmed).mean() > 0.9 or kind == "sliced"
    assert (core.get_matrix() != programmed).any()
    for change in ({"stream": 1}, {"seed": 2025}):
        params = random_params(kind)
        params.simulation.seed = change.get("seed", params.simulation.seed)
        other = core_of(matrix, params, stream=change.get("stream", 0))
        assert (other.get_matrix() != programmed).any()
        assert not np.isclose(other @ x, first, rtol=1e-9, atol=0).all()


def test_cells_phases_slices_and_sides_are_independent():
    """No two cells of a sliced, paired, tiled core share a draw."""
    params = random_params()
    set_style(params, "sliced_balanced", weight_bits=6, slices=3)
    params.core.rows_max, params.core.cols_max = 5, 4
    device = params.xbar.device
    device.programming_error.magnitude = 0.001
    cells = conductances(core_of(np.zeros((12, 10)), params))
    errors = np.concatenate([values.ravel() for values in cells.values()]) - 0.1
    assert errors.size == 12 * 10 * 3 * 2
    assert np.unique(errors).size == errors.size
    assert abs(errors.std() / 0.001 - 1) < 5 / np.sqrt(2 * errors.size)


def test_unseeded_cores_follow_numpys_seed():
    params = random_params()
    params.simulation.seed = None
    matrix, x = values("", (11, 9)), values("", (9, 2), 1)

    def script(seed):
        np.random.seed(seed)
        cores = [core_of(matrix, params) for _ in range(2)]
        return np.array([core @ x for core in cores]), np.random.random()

    first, number = script(3)
    again, same_number = script(3)
    other, _ = script(4)
    assert np.array_equal(first, again)
    assert number == same_number
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("kind", ["ideal", "switched off", "seeded"])
def test_numpys_state_is_left_alone(kind):
    params = random_params("converted") if kind == "seeded" else CrossSimParameters()
    if kind == "switched off":
        device = params.xbar.device
        device.programming_error.model, device.programming_error.magnitude = MODELS[0], 0.1
        device.read_noise.enable, device.read_noise.model = True, MODELS[0]
        params.xbar.adc.mvm.stochastic_rounding = True
    np.random.seed(12)
    before = np.random.get_state()
    core = core_of(values("", (11, 9)), params)
    core[2:4] = 0.1
    core @ values("", (9, 2), 1)
    values("", (2, 11)) @ core
    after = np.random.get_state()
    assert np.array_equal(before[1], after[1])
    assert before[2:] == after[2:]


@pytest.mark.parametrize("style", ["one_sided", "offset", "sliced_balanced"])
def test_programming_error_does_not_depend_on_partition_limits(style):
    matrix = values("", (13, 10))
    held = []
    for limits in ((0, 0), (4, 3), (5, 0)):
        params = random_params()
        set_style(params, style)
        params.core.rows_max, params.core.cols_max = limits
        held.append(conductances(core_of(matrix, params)))
    params = random_params()
    set_style(params, style)
    several = [params.copy() for _ in range(4 * 2)]
    several[3].simulation.memory_limit = 10**6  # one that differs: every array on its own
    held.append(conductances(core_of(matrix, several)))
    for other in held[1:]:
        for name, cells in held[0].items():
            assert np.array_equal(other[name], cells)


def test_stochastic_rounding_is_right_on_average():
    """It rounds up with the probability of the distance from the level below."""
    params = CrossSimParameters()
    params.simulation.seed = 1
    adc = params.xbar.adc.mvm
    adc.model, adc.bits, adc.calibrated_range = "QuantizerADC", 3, [-1.0, 1.0]
    adc.stochastic_rounding = True
    core, targets = core_of(np.ones((1, 1)), params), np.linspace(-0.95, 0.95, 7)
    step = 2 / 7 / 0.9
    for x in targets:
        sample = (core @ np.full((1, 4000), x))[0]
        levels = np.unique(sample)
        assert levels.size <= 2
        assert np.ptp(levels) <= step * (1 + 1e-12)
        spread = np.sqrt(max((levels[-1] - x) * (x - levels[0]), 0) / sample.size)
        assert abs(sample.mean() - x) <= 5 * spread + 1e-12


def test_normals_and_uniforms_of_a_cell_are_independent():
    @dataclass(frozen=True)
    class BothKinds(Device):
        seen: ClassVar[list] = []

        def programmed(self, siemens, cell, draw):
            self.seen.append((draw.normal().ravel(), draw.uniform().ravel()))
            return siemens

    p = CrossSimParameters()
    p.simulation.seed = 2
    error = p.xbar.device.programming_error
    error.enable, error.model = True, "BothKinds"
    AnalogCore(np.ones((100, 60)), p)
    normal, uniform = BothKinds.seen[0]
    limit = 5 / np.sqrt(normal.size)
    assert abs(np.corrcoef(normal, uniform)[0, 1]) < limit
    assert abs(np.corrcoef(normal**2, uniform)[0, 1]) < limit
