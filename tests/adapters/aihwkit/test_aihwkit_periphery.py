"""Tiles against a plain loop over vectors: noise and bound management, converters, noise."""

import math

import numpy as np
import pytest

pytest.importorskip("torch")
from adapters.aihwkit.crossbar import Crossbar
from adapters.aihwkit.exceptions import ConfigError, TileError
from adapters.aihwkit.simulator.configs import (
    AnalogMVType,
    BoundManagementType,
    IdealDevice,
    IOParameters,
    NoiseManagementType,
    RPUDataType,
    RuntimeParameter,
    SingleRPUConfig,
    WeightNoiseType,
)
from simulator import InputError

NM, BM = NoiseManagementType, BoundManagementType
DOUBLE = RuntimeParameter(data_type=RPUDataType.DOUBLE)
EXACT = IOParameters(is_perfect=True)
# With 12 inputs and weights up to 0.8, outputs of scaled inputs often exceed a bound of 1.
OUT, IN, VECTORS = 7, 12, 25


def quiet(**changes):
    """No noise, and levels at all powers of 1 / 2: the largest input is 1, and then 1 / 2, ..."""
    return IOParameters(**{"out_noise": 0.0, "out_bound": 1.0, "inp_res": 1 / 128} | changes)


def crossbar(weights, forward=EXACT, backward=EXACT, seed=1, runtime=DOUBLE):
    config = SingleRPUConfig(
        forward=forward, backward=backward, device=IdealDevice(), runtime=runtime
    )
    tile = Crossbar(weights.shape, config, lambda: seed)
    tile.set_weights(weights)
    return tile


def matrix(seed=0):
    return np.random.default_rng(seed).uniform(-0.8, 0.8, (OUT, IN))


def vectors(lines, seed=1):
    """Columns of very different sizes, the last one of zeros."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(lines, VECTORS)) * 10.0 ** rng.uniform(-2, 1, VECTORS)
    x[:, -1] = 0
    return x


# -- the same in plain words ----------------------------------------------------------------------


def step(resolution, bound):
    fraction = 0 if resolution < 0 else 1 / resolution if resolution > 1 else resolution
    return fraction * 2 * bound


def quantized(values, width):
    return np.rint(values / width) * width if 0 < width < math.inf else values


def worst(x, cap, io):
    """The divisor ABS_MAX_NP_SUM of one vector."""
    top = min(np.abs(x).max(), cap)
    total = max(x[x > 0].sum(), -x[x < 0].sum())
    wanted = total * 0.6 / (io.out_bound if io.out_bound > 0 else math.inf)
    width = step(io.inp_res, io.inp_bound)
    if 0 < width < math.inf:
        wanted = min(wanted, top / width * io.max_bm_res)
    return max(top, wanted)


def divisor(x, io):
    kind, cap = io.noise_management, io.nm_thres if io.nm_thres > 0 else math.inf
    if kind == NM.NONE:
        return 1.0
    if kind == NM.CONSTANT:
        return io.nm_thres if io.nm_thres > 0 else 1.0
    if kind == NM.ABS_MAX_NP_SUM:
        return worst(x, cap, io)
    return min(x.max() if kind == NM.MAX else np.abs(x).max(), cap)


def product(weights, x, io, bounded):
    """One vector, as often as bound management repeats it."""
    management = io.bound_management if bounded else BM.NONE
    bound = io.out_bound if io.out_bound > 0 else math.inf
    in_step, out_step = step(io.inp_res, io.inp_bound), step(io.out_res, bound)
    alpha, reduction, rounds = divisor(x, io), 1, 0
    if alpha <= 0:
        return np.zeros(len(weights))
    while True:
        rounds += 1
        scale = 1 / (alpha * reduction)
        driven = np.clip(quantized(x * scale, in_step), -io.inp_bound, io.inp_bound)
        y = quantized(weights @ driven, out_step)
        beyond = (np.abs(y) > bound * (1 + 1e-9)).any()
        y = np.clip(y, -bound, bound) / scale * io.out_scale
        few = 0 < in_step < math.inf and reduction > io.max_bm_res / in_step
        if management == BM.NONE or not beyond or reduction > io.max_bm_factor or few:
            return y
        if management == BM.ITERATIVE_WORST_CASE and rounds == 1:
            cap = io.nm_thres if io.nm_thres > 0 and io.noise_management != NM.NONE else math.inf
            alpha = worst(x, cap, io)
        else:
            reduction *= 2


def expected(weights, x, io, bounded):
    if io.is_perfect or io.mv_type == AnalogMVType.IDEAL:
        return weights @ x * io.out_scale
    return np.stack([product(weights, column, io, bounded) for column in x.T], axis=1)


def check(io, weights=None):
    weights = matrix() if weights is None else weights
    tile = crossbar(weights, io, io)
    x, d = vectors(weights.shape[1]), vectors(weights.shape[0], seed=2)
    for found, wanted in (
        (tile.forward(x), expected(weights, x, io, bounded=True)),
        (tile.backward(d), expected(weights.T, d, io, bounded=False)),
    ):
        # Sums of 12 terms in double; a level apart would be 1e-3 of the largest output at least.
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12 * np.abs(wanted).max())
    return x, tile


# -- without noise --------------------------------------------------------------------------------

OFFERED = [kind for kind in NM if kind != NM.AVERAGE_ABS_MAX]
MANAGED = [BM.NONE, BM.ITERATIVE, BM.ITERATIVE_WORST_CASE]


@pytest.mark.parametrize("bound_management", MANAGED)
@pytest.mark.parametrize("noise_management", OFFERED)
@pytest.mark.parametrize("nm_thres", [0.0, 0.7])
@pytest.mark.parametrize("out_bound", [1.0, 0.35, 12.0, 0.0])
def test_management(noise_management, bound_management, nm_thres, out_bound):
    check(
        quiet(
            noise_management=noise_management, bound_management=bound_management,
            nm_thres=nm_thres, out_bound=out_bound,
        )
    )  # fmt: skip


@pytest.mark.parametrize("bound_management", MANAGED)
@pytest.mark.parametrize("changes", [
    {"inp_res": -1}, {"inp_res": 0}, {"out_res": -1}, {"inp_res": -1, "out_res": -1},
    {"inp_res": 126, "out_res": 510}, {"inp_res": 30}, {"inp_res": 1 / 7}, {"inp_res": 9.0},
    {"out_res": 1 / 13}, {"out_res": 21.0}, {"inp_res": 0.5}, {"out_res": 0.3}, {"out_res": 0.26},
    {"out_scale": 1.7}, {"out_scale": -2.0}, {"max_bm_factor": 2}, {"max_bm_factor": 0},
    {"max_bm_res": 0.05}, {"max_bm_res": 0.001}, {"inp_res": -1, "max_bm_factor": 5},
    {"out_res": -1, "out_bound": math.inf}, {"out_bound": math.inf},
])  # fmt: skip
def test_converters_and_limits_of_bound_management(changes, bound_management):
    # A division that leads to no tie of any of these converters.
    constant = {"noise_management": NM.CONSTANT, "nm_thres": 1.3}
    check(quiet(**{"bound_management": bound_management} | constant | changes))


@pytest.mark.parametrize("bound_management", MANAGED)
@pytest.mark.parametrize("inp_bound", [0.4, 1.0, 3.0, math.inf])
@pytest.mark.parametrize("inp_res", [1 / 126, 1 / 9, -1])
def test_input_bound(inp_bound, inp_res, bound_management):
    check(
        quiet(
            noise_management=NM.NONE, bound_management=bound_management,
            inp_bound=inp_bound, inp_res=inp_res,
        )
    )  # fmt: skip


@pytest.mark.parametrize("scale", [1e-6, 0.03, 1.0, 40.0])
def test_size_of_the_weights_leaves_the_range_of_the_adc(scale):
    """The ADC covers out_bound, whatever the cells hold."""
    check(quiet(out_bound=3.0), matrix() * scale)


def test_sides_have_converters_of_their_own():
    weights, forward = matrix(), quiet(inp_res=1 / 6, out_res=-1)
    backward = quiet(inp_res=-1, out_res=1 / 20, out_scale=3.0)
    tile, x, d = crossbar(weights, forward, backward), vectors(IN), vectors(OUT, seed=2)
    np.testing.assert_allclose(tile.forward(x), expected(weights, x, forward, True), rtol=1e-11)
    np.testing.assert_allclose(
        tile.backward(d), expected(weights.T, d, backward, False), rtol=1e-11, atol=1e-12
    )


def test_bound_management_brings_outputs_within_reach():
    weights, x = np.full((1, 10), 0.8), np.ones((10, 1))
    clipped = crossbar(weights, quiet(bound_management=BM.NONE)).forward(x)
    managed = crossbar(weights, quiet()).forward(x)
    assert clipped == 1.0
    # Inputs of 1 / 8 make it 1, which both converters have as a level.
    assert managed == pytest.approx(8.0)


@pytest.mark.parametrize("io", [
    EXACT, quiet(mv_type=AnalogMVType.IDEAL), IOParameters(is_perfect=True, out_scale=0.5),
])  # fmt: skip
def test_perfect_is_the_exact_product(io):
    check(io)


@pytest.mark.parametrize("noise_management", [NM.ABS_MAX, NM.MAX, NM.ABS_MAX_NP_SUM])
def test_vectors_of_zeros_give_zeros_even_with_noise(noise_management):
    io = IOParameters(
        noise_management=noise_management, w_noise=0.1,
        w_noise_type=WeightNoiseType.ADDITIVE_CONSTANT,
    )  # fmt: skip
    tile, x = crossbar(matrix(), io, io), np.zeros((IN, 3))
    x[:, 1] = 1
    assert not tile.forward(x)[:, [0, 2]].any()
    assert tile.forward(x)[:, 1].all()
    assert not tile.backward(np.zeros((OUT, 2))).any()


def test_zeros_without_a_division_are_noisy():
    tile = crossbar(matrix(), IOParameters(noise_management=NM.NONE, out_res=-1))
    assert tile.forward(np.zeros((IN, 4))).all()


def test_only_negative_inputs_are_nothing_to_max():
    tile = crossbar(matrix(), IOParameters(noise_management=NM.MAX))
    assert not tile.forward(-np.ones((IN, 1))).any()


def test_no_vectors():
    tile = crossbar(matrix(), IOParameters(), IOParameters())
    assert tile.forward(np.zeros((IN, 0))).shape == (OUT, 0)
    assert tile.backward(np.zeros((OUT, 0))).shape == (IN, 0)


@pytest.mark.parametrize("noise_management", OFFERED)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_none(value, noise_management):
    tile = crossbar(matrix(), IOParameters(noise_management=noise_management))
    x = np.ones((IN, 2))
    x[3, 1] = value
    with pytest.raises(InputError, match="nan|inf"):
        tile.forward(x)


def test_an_input_bound_other_than_one_takes_inputs_that_are_not_divided():
    with pytest.raises(ConfigError, match="inp_bound"):
        SingleRPUConfig(forward=IOParameters(inp_bound=2.0)).check_supported()


# -- noise ----------------------------------------------------------------------------------------


def error_std(forward, weights, x, seed=3, count=4000, **config):
    """Standard deviation and mean of the error of each output, and their number."""
    tile = crossbar(weights, forward, seed=seed, **config)
    errors = tile.forward(np.repeat(x[:, None], count, axis=1)) - (weights @ x)[:, None]
    return errors.std(), errors.mean(), errors.size


def check_std(found, wanted):
    std, _, count = found
    # The standard error of a standard deviation of normal errors.
    assert std == pytest.approx(wanted, abs=5 * wanted / math.sqrt(2 * count))


@pytest.mark.parametrize("alpha", [0.05, 1.0, 8.0])
@pytest.mark.parametrize("runtime", [DOUBLE, RuntimeParameter()])
def test_noise_and_rounding_of_the_defaults(alpha, runtime):
    """Error of a product: noise and, uniform, half a step of the ADC, in units of the division.

    Noise larger than a step makes the rounding independent of it. Inputs are levels of the DAC.
    """
    x = alpha * np.rint(np.linspace(-63, 63, IN)) / 63
    found = error_std(IOParameters(), 0.5 * matrix(), x, runtime=runtime)
    check_std(found, alpha * math.sqrt(0.06**2 + (24 / 510) ** 2 / 12))


@pytest.mark.parametrize("scale", [0.01, 1.0])
def test_output_noise_without_adc(scale):
    x = np.linspace(-1, 1, IN)
    io = IOParameters(out_res=-1, inp_res=-1, out_noise=0.3)
    check_std(error_std(io, scale * matrix(), x), 0.3)


def test_noise_of_the_weights():
    x = np.linspace(-1, 2, IN)
    io = IOParameters(
        out_noise=0, out_res=-1, inp_res=-1, w_noise=0.02,
        w_noise_type=WeightNoiseType.ADDITIVE_CONSTANT,
    )  # fmt: skip
    check_std(error_std(io, 0.5 * matrix(), x), 0.02 * np.linalg.norm(x))


def test_noise_of_the_weights_without_its_type_is_none():
    io = IOParameters(out_noise=0, out_res=-1, inp_res=-1, w_noise=0.02)
    assert error_std(io, matrix(), np.linspace(-1, 1, IN), count=10)[0] < 1e-14


def test_noise_of_the_weights_of_one_side_alone():
    noisy = IOParameters(
        out_noise=0, out_res=-1, inp_res=-1, w_noise=0.02,
        w_noise_type=WeightNoiseType.ADDITIVE_CONSTANT,
    )  # fmt: skip
    weights, d = 0.5 * matrix(), np.repeat(np.linspace(-1, 1, OUT)[:, None], 3000, axis=1)
    tile = crossbar(weights, EXACT, noisy)
    x = vectors(IN)
    np.testing.assert_allclose(tile.forward(x), weights @ x, rtol=1e-12, atol=1e-12)
    errors = tile.backward(d) - weights.T @ d
    check_std((errors.std(), 0, errors.size), 0.02 * np.linalg.norm(d[:, 0]))


def test_noise_of_weights_that_have_no_bounds():
    io = IOParameters(
        out_noise=0, out_res=-1, inp_res=-1, w_noise=0.02,
        w_noise_type=WeightNoiseType.ADDITIVE_CONSTANT,
    )  # fmt: skip
    x = np.linspace(-1, 1, IN)
    check_std(error_std(io, 4.9 * matrix(), x), 0.02 * np.linalg.norm(x))
    with pytest.raises(TileError, match="w_noise"):
        error_std(io, 10 * matrix(), x)


def test_both_noises_add_up_and_have_no_mean():
    x = np.linspace(-1, 1, IN)
    io = IOParameters(
        out_noise=0.1, out_res=-1, inp_res=-1, w_noise=0.05,
        w_noise_type=WeightNoiseType.ADDITIVE_CONSTANT,
    )  # fmt: skip
    std, mean, count = error_std(io, 0.5 * matrix(), x)
    wanted = math.hypot(0.1, 0.05 * np.linalg.norm(x))
    check_std((std, mean, count), wanted)
    assert abs(mean) < 5 * wanted / math.sqrt(count)


def test_noise_is_independent_between_outputs_and_vectors():
    io = IOParameters(out_res=-1, inp_res=-1)
    weights = 0.5 * matrix()
    tile, x = crossbar(weights, io), np.ones((IN, 4000))
    errors = tile.forward(x) - weights @ x
    correlations = np.corrcoef(errors) - np.eye(OUT)
    # The standard error of a correlation; 21 pairs.
    assert np.abs(correlations).max() < 5 / math.sqrt(4000)
    later = tile.forward(x) - weights @ x
    assert abs(np.corrcoef(errors.ravel(), later.ravel())[0, 1]) < 5 / math.sqrt(errors.size)


def test_same_seed_same_noise_however_vectors_are_batched():
    weights, x = matrix(), vectors(IN)
    one, other = (crossbar(weights, IOParameters(), seed=5) for _ in range(2))
    parts = [other.forward(x[:, part]) for part in (slice(0, 7), slice(7, None))]
    np.testing.assert_allclose(one.forward(x), np.concatenate(parts, axis=1), rtol=1e-12)
