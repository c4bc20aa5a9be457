"""Noise at the inputs of converters: its law, its names, and the stages it passes.

Moments are compared within 5 standard errors of closed forms, with fixed seeds.
"""

from contextlib import nullcontext
from dataclasses import dataclass
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from path_comparison import LARGEST_NORMAL, assert_same_codes, current_bound, result_bound, run
from plain_model import PlainCore, product_covariance
from scipy import stats
from strategies import core_of, full_settings, multiply, set_style

from simulator import AnalogCore, CrossSimParameters, ParameterError
from simulator.backend.device import Backend
from simulator.converters import ADC, IdealADC, QuantizerADC, SignMagnitudeADC
from simulator.hardware.layout import Axis, Direction
from simulator.kernels import ReferenceKernels, cpu_kernels
from simulator.profile import adc_inputs
from simulator.randomness import Purpose, RandomSource
from simulator.randomness.draws import LineDraws

SIGMA = 0.06
EPS = np.finfo(np.float64).eps
PLAIN = Backend("numpy", np, ReferenceKernels(np))
COMPILED = type(cpu_kernels()) is not ReferenceKernels


def noisy(sigma=SIGMA, seed=5, **changes):
    """Parameters of pairs of cells, whose results are currents where weights reach one."""
    params = CrossSimParameters()
    params.simulation.seed = seed
    params.xbar.device.infinite_on_off_ratio = True
    params.xbar.adc.mvm.input_noise = sigma
    params.update({path.replace("__", "."): value for path, value in changes.items()})
    return params


def quantising(model="QuantizerADC", bits=6, limit=1.0, **changes):
    return noisy(
        xbar__adc__mvm__model=model, xbar__adc__mvm__bits=bits,
        xbar__adc__mvm__calibrated_range=[-limit, limit], **changes,
    )  # fmt: skip


def sample_of(params, count=4000, outputs=9, x=None):
    """Results of a core with one input, whose weights are one; (outputs, count)."""
    x = np.zeros(count) if x is None else np.full(count, x)
    return core_of(np.ones((outputs, 1)), params) @ x[None]


# -- the law ---------------------------------------------------------------------------------


@pytest.mark.parametrize("changes", [{}, {"xbar__adc__mvm__model": "QuantizerADC"}])
def test_noise_is_white_and_normal(changes):
    """Without bits nothing else happens: mean, variance, law, and independence of neighbours."""
    y = sample_of(noisy(**changes))
    error = 1 / np.sqrt(y.size)
    assert abs(y.mean()) <= 5 * SIGMA * error
    assert abs(y.var() / SIGMA**2 - 1) <= 5 * np.sqrt(2) * error
    assert stats.kstest(y.ravel(), stats.norm(0, SIGMA).cdf).pvalue > 1e-4
    assert np.unique(y).size == y.size
    for one, other in ((y[1:], y[:-1]), (y[:, 1:], y[:, :-1]), (y[:, 7:], y[:, :-7])):
        for power in (1, 2):
            correlation = np.corrcoef((one**power).ravel(), (other**power).ravel())[0, 1]
            assert abs(correlation) <= 5 / np.sqrt(one.size)


def conversion_covariance(params, matrix, x, transposed):
    """Covariance of results where every current at a converter has noise of its own."""
    model = PlainCore(matrix, params)
    tiles = model.product(x, transposed)
    none = {key: np.zeros(tile.amps.shape) for key, tile in tiles.items()}
    zero, gains = model.result(x, transposed, none), []
    for key, amps in none.items():
        for index in np.ndindex(amps.shape):
            unit = np.zeros(amps.shape)
            unit[index] = SIGMA
            gains.append(model.result(x, transposed, {**none, key: unit}) - zero)
    return np.transpose(gains) @ np.asarray(gains)


@pytest.mark.parametrize("read", [False, True], ids=["alone", "read noise"])
@pytest.mark.parametrize("transposed", [False, True], ids=["mvm", "vmm"])
@pytest.mark.parametrize("digits", ["ideal", "ideal, every digit", "every digit", "their sum"])
@pytest.mark.parametrize("style", ["apart", "offset", "unit", "sliced_balanced", "sliced_unit"])
def test_every_conversion_has_noise_of_its_own(style, digits, transposed, read):
    """Digits, slices, sides, tiles, outputs and unit columns; read noise is independent of it."""
    params = noisy()
    set_style(params, "one_sided" if style == "apart" else style, weight_bits=4)
    params.core.balanced.subtract_current_in_xbar = style != "apart"
    params.core.rows_max = params.core.cols_max = 0 if read else 2
    dac, adc = params.xbar.dac.mvm, params.xbar.adc.mvm
    dac.model, dac.bits, dac.input_bitslicing = "SignMagnitudeDAC", 4, True
    if not digits.startswith("ideal"):
        # So fine that only noise is left.
        adc.model, adc.bits, adc.adc_range_option = "QuantizerADC", 24, "MAX"
    adc.adc_per_ibit = digits.endswith("every digit")
    rng = np.random.default_rng(2)
    matrix = rng.uniform(-1, 1, (3, 4))
    x, count = rng.uniform(-1, 1, 3 if transposed else 4), 3000
    wanted = conversion_covariance(params, matrix, x, transposed)
    if read:
        noise = params.xbar.device.read_noise
        noise.enable, noise.model, noise.magnitude = True, "NormalProportionalDevice", 0.05
        wanted += product_covariance(params, matrix, x, transposed, lambda g: 0.05 * g)
    core, block = core_of(matrix, params), np.tile(x, (count, 1))
    sample = block @ core if transposed else (core @ block.T).T
    variances = np.diag(wanted)
    error = np.sqrt((np.outer(variances, variances) + wanted**2) / count)
    assert (np.abs(np.cov(sample.T) - wanted) <= 5 * error).all()
    model = PlainCore(matrix, params).multiply(x, transposed)
    assert (np.abs(sample.mean(axis=0) - model) <= 5 * np.sqrt(variances / count) + 1e-5).all()


@pytest.mark.parametrize("model", ["QuantizerADC", "SignMagnitudeADC"])
@pytest.mark.parametrize("x", [0.0, 0.4, 0.95])
def test_noise_comes_before_rounding_and_clipping(model, x):
    """Every code is as probable as its part of the bell; the last ones take what is beyond."""
    y = sample_of(quantising(model, bits=3, xbar__adc__mvm__input_noise=0.4), x=x)
    levels = np.linspace(-1, 1, 8 if model == "QuantizerADC" else 7)
    edges = np.concatenate([[-np.inf], (levels[1:] + levels[:-1]) / 2, [np.inf]])
    wanted = np.diff(stats.norm(x, 0.4).cdf(edges))
    shares = np.array([np.isclose(y, level, rtol=0, atol=1e-9).mean() for level in levels])
    assert shares.sum() == 1
    assert (np.abs(shares - wanted) <= 5 * np.sqrt(wanted * (1 - wanted) / y.size)).all()


@dataclass(frozen=True)
class PassingADC(ADC):
    """A model of a user, with bits and without levels."""

    def convert(self, amps, low, high, kernels, dither=None):
        return amps


CIRCUITS = {
    "RampADC": {"sigma_capacitor": 0.02}, "SarADC": {"sigma_capacitor": 0.02},
    "PipelineADC": {"sigma_C1": 0.02}, "CyclicADC": {"sigma_C1": 0.02},
}  # fmt: skip


@pytest.mark.parametrize("model", ["PassingADC", "QuantizerADC", "SignMagnitudeADC", *CIRCUITS])
def test_every_model_converts_the_same_noisy_currents(model):
    """The noise is that of an ideal converter in its place, whatever the model makes of it."""
    rng = np.random.default_rng(1)
    matrix, x = rng.uniform(-1, 1, (6, 5)), rng.uniform(-1, 1, (5, 7))
    matrix[0, 0] = 1.0  # so that results are currents
    seen = []
    params = quantising(model, limit=3.0, core__cols_max=4)
    params.update({f"xbar.adc.mvm.{name}": v for name, v in CIRCUITS.get(model, {}).items()})
    core = core_of(matrix, params)
    adc = type(core.chip.tiles[0].mvm.periphery.adc)
    convert = adc.convert

    def recorded(self, amps, *rest):
        seen.append((amps.copy(), convert(self, amps, *rest)))
        return seen[-1][1]

    with mock.patch.object(adc, "convert", recorded):
        y = core @ x
    ((amps, codes),) = seen
    ideal = core_of(matrix, noisy(core__cols_max=4)) @ x
    assert np.abs(ideal - matrix @ x).max() > SIGMA
    np.testing.assert_allclose(amps.reshape(6, 7), ideal, rtol=0, atol=8 * EPS * 5)
    np.testing.assert_allclose(codes.reshape(6, 7), y, rtol=0, atol=8 * EPS * 5)
    assert model == "PassingADC" or (codes != amps).any()


def test_recorded_currents_are_those_the_converter_sees():
    params = noisy(simulation__analytics__profile_adc_inputs=True)
    core = core_of(np.ones((2, 3)), params)
    y = core @ np.linspace(-0.5, 0.5, 30).reshape(3, 10)
    (recorded,) = adc_inputs(core)
    np.testing.assert_allclose(np.sort(recorded), np.sort(y.ravel()), atol=1e-6)


# -- where there is none ---------------------------------------------------------------------


@pytest.mark.parametrize("model", ["IdealADC", "QuantizerADC", "SignMagnitudeADC", "RampADC"])
def test_without_noise_nothing_is_drawn(model):
    params = quantising(model, xbar__adc__mvm__input_noise=0.0)
    params.simulation.seed = None
    np.random.seed(3)
    before = np.random.get_state()[1].copy()
    matrix, x = np.ones((3, 4)), np.linspace(-1, 1, 8).reshape(4, 2)
    core = core_of(matrix, params)
    with mock.patch.object(LineDraws, "with_normals", side_effect=AssertionError):
        y = core @ x
    assert np.array_equal(np.random.get_state()[1], before)
    assert core.get_state()["vectors"] == 0
    assert (core.linear_reach == np.inf) == (model == "IdealADC")
    params.simulation.seed = 8
    assert np.array_equal(core_of(matrix, params) @ x, y)


def test_noise_is_a_number_and_not_negative():
    params = CrossSimParameters()
    assert params.xbar.adc.mvm.input_noise == params.xbar.adc.vmm.input_noise == 0.0
    for wrong in (-0.1, np.inf, np.nan, "much"):
        with pytest.raises(ParameterError, match=r"xbar.adc.mvm.input_noise"):
            params.xbar.adc.mvm.input_noise = wrong
    for model in (IdealADC, QuantizerADC, SignMagnitudeADC):
        assert model().is_transparent
        assert not model(input_noise=0.1).is_transparent
    params.xbar.adc.mvm.input_noise = 0.2
    assert params.xbar.adc.vmm.input_noise == 0.2


def test_each_direction_has_noise_of_its_own():
    params = noisy()
    params.xbar.adc.match = False
    params.xbar.adc.vmm.input_noise = 0.0
    core = core_of(np.ones((3, 4)), params)
    assert np.array_equal(np.ones(3) @ core, np.full(4, 3.0))
    assert (core @ np.ones(4) != 4.0).all()


# -- what a draw depends on ------------------------------------------------------------------


def test_the_seed_repeats_and_the_state_continues():
    """Bit for bit; another seed, and the next product, have other noise."""
    matrix, x = np.ones((5, 4)), np.zeros((4, 6))
    core, again, other = (core_of(matrix, noisy(seed=seed)) for seed in (1, 1, 2))
    first = core @ x
    assert np.array_equal(again @ x, first)
    assert not np.isin(other @ x, first).any()
    state = core.get_state()
    second = core @ x
    assert not np.isin(second, first).any()
    fresh = core_of(matrix, noisy(seed=9))
    fresh.set_state(state)
    assert np.array_equal(fresh @ x, second)


def test_a_batch_is_its_halves():
    """The noise is, bit for bit, where currents do not depend on the width of a product."""
    for params in (noisy(), quantising(), quantising(simulation__memory_limit=1)):
        matrix, x = np.ones((7, 4)), np.zeros((4, 10))
        whole, core = core_of(matrix, params) @ x, core_of(matrix, params)
        assert np.array_equal(np.hstack([core @ x[:, :3], core @ x[:, 3:]]), whole)


@settings(max_examples=120)
@given(full_settings(), st.sampled_from((0.02, 0.5)), st.booleans())
def test_folded_path_equals_unfolded(setting, sigma, single):
    """The same numbers are drawn for the same currents, which one rounded sum adds them to."""
    if single:
        setting = setting.astype(np.complex64 if setting.x.dtype.kind == "c" else np.float32)
    setting.params.simulation.seed = 7
    for adc in (setting.params.xbar.adc.mvm, setting.params.xbar.adc.vmm):
        adc.input_noise = sigma
    y, seen = run(setting, folded=True)
    reference, unfolded = run(setting, folded=False)
    model = PlainCore(setting.matrix, setting.params)
    tiles = model.product(setting.x, setting.transposed)
    eps = np.finfo(setting.x.dtype).eps
    added = 2 * eps * LARGEST_NORMAL * sigma
    bounds = {key: current_bound(tile, eps) + added for key, tile in tiles.items()}
    assert len(seen) == len(unfolded)
    for one, other in zip(seen, unfolded, strict=True):
        bound = max(bounds.values())
        assert (np.abs(one.amps - other.amps) <= bound).all()
        assert_same_codes(one.codes, other.codes, other.to_threshold, other.step, bound)
    if all((one.codes == other.codes).all() for one, other in zip(seen, unfolded, strict=True)):
        # Merging rounds each noisy current as often as there are terms.
        terms = sum(np.prod(tile.amps.shape[:3]) + tile.inputs for tile in tiles.values())
        slack = dict.fromkeys(tiles, 0.0)
        if not seen:
            slack = {key: bound + 2 * terms * added for key, bound in bounds.items()}
        allowed = result_bound(model, setting, tiles, slack, eps)
        assert (np.abs(y - reference) <= allowed).all()


# -- kernels ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Lines:
    """Currents of some shape and memory order, and what names their noise."""

    amps: np.ndarray
    direction: Direction
    vectors: np.ndarray
    overwritten: bool

    def noisy(self, backend, sigma):
        """With noise, where lines are there."""
        draws = self.direction.draws(backend, RandomSource(backend, 6))
        amps = self.amps.copy(order="K") if self.overwritten else self.amps
        result = draws.with_normals(Purpose.CONVERSION, amps, sigma, self.vectors)
        real = np.moveaxis(result, (1, 5), (0, 1))[self.direction.real_lines]
        assert result.dtype == self.amps.dtype
        return result, real


@st.composite
def lines(draw):
    few = st.integers(1, 3)
    outputs = Axis(tuple(draw(st.lists(st.integers(1, 9), min_size=1, max_size=3))),
                   draw(st.integers(0, 6)))  # fmt: skip
    inputs = Axis((2,) * draw(few), draw(st.integers(0, 5)))
    direction = Direction("mvm", inputs, outputs, draw(st.booleans()))
    rest = draw(st.sampled_from(((1,), (5,), (300,), (2, 70), (3, 4, 5))))
    shape = (draw(few), len(outputs.sizes), len(inputs.sizes), draw(few), draw(st.integers(1, 2)),
             outputs.widest + int(direction.has_unit), *rest)  # fmt: skip
    order = draw(st.one_of(st.permutations(range(len(shape))), st.just(range(len(shape)))))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    values = rng.normal(size=[shape[axis] for axis in order])
    amps = values.astype(draw(st.sampled_from((np.float32, np.float64))))
    amps = amps.transpose(np.argsort(order))
    kind = draw(st.sampled_from(("plain", "plain", "gaps", "read only")))
    if kind == "gaps":
        amps = np.repeat(amps, 2, axis=5)[:, :, :, :, :, ::2]
    amps.flags.writeable = kind != "read only"
    first = draw(st.sampled_from((0, 17, 2**32 - 3, 2**40 + 1)))
    return Lines(
        amps, direction, np.arange(first, first + np.prod(rest)).reshape(rest), kind == "plain"
    )


@settings(max_examples=150)
@given(lines(), st.sampled_from((0.05, 1.0)))
@pytest.mark.skipif(not COMPILED, reason="numba, the extra fast, is not installed")
def test_one_compiled_pass_gives_what_the_stages_give(currents, sigma):
    """Bit for bit with the same normals; with those of array code to rounding. Memory order stays,
    because sums of codes follow it."""
    from simulator.kernels.cpu.kernels import NumbaKernels

    backend = Backend("numpy", np, NumbaKernels(np))
    result, got = currents.noisy(backend, sigma)
    with mock.patch.object(NumbaKernels, "with_normals", ReferenceKernels.with_normals):
        staged, wanted = currents.noisy(backend, sigma)
    assert np.array_equal(got, wanted)
    steps = zip(result.shape, result.strides, staged.strides, strict=True)
    assert all(one == other for length, one, other in steps if length > 1)
    _, plain = currents.noisy(PLAIN, sigma)
    eps = np.finfo(plain.dtype).eps
    # Two ways to a cosine: both are right to a few units of rounding of the largest normal.
    apart = sigma * LARGEST_NORMAL * (16 * EPS + 2 * eps) + eps * np.abs(plain)
    assert (np.abs(got - plain) <= apart).all()


@settings(max_examples=50)
@given(full_settings(), st.booleans(), st.booleans())
@pytest.mark.skipif(not COMPILED, reason="numba, the extra fast, is not installed")
def test_results_do_not_depend_on_the_pass(setting, many, single):
    """A whole product, small or large enough for every compiled kernel behind the noise."""
    from simulator.kernels.cpu.kernels import NumbaKernels

    x = setting.x
    if many and x.ndim == 2:
        x = np.tile(x, (300, 1) if setting.transposed else (1, 300))
    setting = setting.with_inputs(x)
    if single:
        setting = setting.astype(np.complex64 if x.dtype.kind == "c" else np.float32)
    setting.params.simulation.seed = 7
    for adc in (setting.params.xbar.adc.mvm, setting.params.xbar.adc.vmm):
        adc.input_noise = 0.1
    results = []
    for pass_ in (
        nullcontext(),
        mock.patch.object(NumbaKernels, "with_normals", ReferenceKernels.with_normals),
    ):
        core = core_of(
            setting.matrix, setting.params, backend=Backend("numpy", np, NumbaKernels(np))
        )
        with pass_:
            results.append(multiply(core, setting))
    assert np.array_equal(*results)


@pytest.mark.skipif(not COMPILED, reason="numba, the extra fast, is not installed")
def test_noise_does_not_depend_on_threads():
    from simulator.kernels.cpu.kernels import NumbaKernels
    from simulator.kernels.threads import Team

    results = []
    for threads in (1, 3):
        kernels = NumbaKernels(np, team=Team(threads))
        core = AnalogCore(np.ones((300, 2)), quantising(), backend=Backend("numpy", np, kernels))
        results.append(core @ np.zeros((2, 700)))
    assert np.array_equal(*results)
