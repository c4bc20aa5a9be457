"""Mismatch of converters: how large it is, where it stands, and that it stays."""

import copy
import math
import pickle
from dataclasses import dataclass, replace

import numpy as np
import pytest
from strategies import quietly

from simulator import AnalogCore, CrossSimParameters
from simulator.backend import numpy_backend
from simulator.converters import ADC, CyclicADC, PipelineADC, RampADC, SarADC
from simulator.randomness import Purpose, Stream
from simulator.testing import fake_backend

KERNELS = numpy_backend().kernels
COUNT = 20000
RNG = np.random.default_rng(1)


def fabricated(adc, count=COUNT):
    """So many converters, each of an array of its own."""
    stream = Stream.open(numpy_backend(), 5, 0, Purpose.FABRICATION)
    shape = (count, 1, 1, 1, 1)

    def draw(numbers, group_size):
        return stream.normal(numbers, np.arange(count).reshape(shape), 0, 0)

    return adc.fabricate(shape, draw, KERNELS)


def transitions(adc, made, code, low, high):
    """The input at which each converter reaches ``code``, by halves; reference 1."""
    count = COUNT
    low, high = np.full(count, low), np.full(count, high)
    for _ in range(40):
        middle = (low + high) / 2
        amps = middle.reshape(1, count, 1, 1, 1, 1)
        result = adc.convert(amps, -1.0, 1.0, KERNELS, None, made).ravel()
        reached = result > (2 * code - 2**adc.bits) / 2**adc.bits
        low, high = np.where(reached, low, middle), np.where(reached, middle, high)
    return (low + high) / 2


def assert_spread(values, mean, spread, bias=0.0):
    """Within five standard errors; ``bias`` is what a first-order mean leaves out."""
    count = values.size
    assert abs(values.mean() - mean) <= 5 * spread / math.sqrt(count) + bias
    assert abs(values.std() - spread) <= 5 * spread / math.sqrt(2 * count) + bias


# -- how large -------------------------------------------------------------------------------


def first_order(level, nominal, sigma):
    """Spread of a level whose capacitors vary by ``sigma * sqrt(C)``, by differences."""
    total = 0.0
    for k, c in enumerate(nominal):
        moved = [level([*nominal[:k], c + way * 1e-6, *nominal[k + 1 :]]) for way in (1, -1)]
        total += ((moved[0] - moved[1]) / 2e-6) ** 2 * c
    return sigma * math.sqrt(total)


def divided(count, bits):
    """Charge on the capacitors of a count, over the most significant one."""
    z = count - 2 ** (bits - 1)

    def level(c):
        return math.copysign(1, z) * sum(c[k] for k in range(bits) if abs(z) >> k & 1) / c[bits - 1]

    return level


def from_below(count, bits):
    return lambda c: 2 * sum(c[k] for k in range(bits) if count >> k & 1) / c[bits]


def bridged(count, bits):
    """Node voltage of two capacitor banks and a bridge, from the two charge balances."""
    z, half = count - 2 ** (bits - 1), bits // 2
    on = [abs(z) >> k & 1 for k in range(bits - 1)]

    def level(c):
        bridge = c[bits]
        fine = sum(c[k] for k in range(half) if on[k])
        coarse = sum(c[k] for k in range(half, bits - 1) if on[k])
        low, high = c[bits - 1] + sum(c[:half]), sum(c[half : bits - 1])
        nodes = np.linalg.solve([[low + bridge, -bridge], [-bridge, high + bridge]], [fine, coarse])
        return math.copysign(1, z) * nodes[1]

    return level


@pytest.mark.parametrize("code", [3, 12, 17, 27, 31])
def test_spread_of_the_levels_of_a_sar(code):
    bits, sigma = 5, 0.01
    for split in (False, True):
        adc = SarADC(bits=bits, gain_db=math.inf, sigma_capacitor=sigma, split_cdac=split)
        ideal = code / 2 ** (bits - 1) - 1
        found = transitions(adc, fabricated(adc), code, ideal - 0.2, ideal + 0.2)
        nominal = [1.0, 2.0, 4.0, 8.0, 16.0, 16.0] if not split else [1, 2, 1, 2, 1, 4 / 3]
        spread = first_order((bridged if split else divided)(code, bits), nominal, sigma)
        assert_spread(found, ideal, spread, bias=2 * sigma**2)


@pytest.mark.parametrize("code", [1, 5, 16, 20, 31])
def test_spread_of_the_levels_of_a_ramp(code):
    """A transition lies halfway between two levels."""
    bits, sigma = 5, 0.005
    for symmetric in (True, False):
        adc = RampADC(bits=bits, gain_db=math.inf, sigma_capacitor=sigma, symmetric_cdac=symmetric)
        ideal = code / 2 ** (bits - 1) - 1
        found = transitions(adc, fabricated(adc), code, ideal - 0.2, ideal + 0.2)

        counted = divided if symmetric else from_below

        def between(c, counted=counted):
            return (counted(code - 1, bits)(c) + counted(code, bits)(c)) / 2

        nominal = [1.0, 2.0, 4.0, 8.0, 16.0, 16.0 if symmetric else 32.0]
        spread = first_order(between, nominal, sigma)
        assert_spread(found, ideal, spread, bias=2 * sigma**2)


@pytest.mark.parametrize("cls", [RampADC, SarADC])
def test_spread_of_the_comparators_of_a_dac(cls):
    adc = cls(bits=4, gain_db=math.inf, sigma_comparator=0.05)
    for code in (3, 8, 13):
        ideal = code / 8 - 1
        found = transitions(adc, fabricated(adc), code, ideal - 0.4, ideal + 0.4)
        assert_spread(found, ideal, 0.05)


@pytest.mark.parametrize("cls", [PipelineADC, CyclicADC])
def test_spread_of_the_stages(cls):
    # Behind one stage x is 2 x: the last comparator decides at half its threshold.
    adc = cls(bits=2, gain_db=math.inf, sigma_comparator=0.02)
    assert_spread(transitions(adc, fabricated(adc), 2, -0.2, 0.2), 0.0, 0.02 / 2)
    # Below -1/4 a stage makes (1 + r) x + r, which is zero at -r / (1 + r); r = C2 / C1.
    for changed in ("sigma_C1", "sigma_C2"):
        adc = cls(bits=2, gain_db=math.inf, **{changed: 0.02})
        found = transitions(adc, fabricated(adc), 1, -0.8, -0.3)
        assert_spread(found, -0.5, 0.02 / 4, bias=0.02**2)
    both = cls(bits=2, gain_db=math.inf, sigma_C1=0.02, sigma_C2=0.02)
    found = transitions(both, fabricated(both), 1, -0.8, -0.3)
    assert_spread(found, -0.5, math.sqrt(2) * 0.02 / 4, bias=0.02**2)
    # In the middle it makes 2 x / s with s = 1 + (C1 + C2 + Cpar) / (g C1), and where that is too
    # small for the stages behind it a code ends as the next comparator decides, at 1/4.
    adc = cls(bits=4, gain_db=20.0, sigma_Cpar=0.05)
    found = transitions(adc, fabricated(adc), 9, 0.1, 0.2)
    assert_spread(found, 1.2 / 8, 0.1 * 0.05 / 8)


@pytest.mark.parametrize("cls", [PipelineADC, CyclicADC])
def test_stages_forgive_their_comparators(cls):
    """Offsets below a quarter of the reference are made up for by the stages behind."""
    adc = cls(bits=10, gain_db=math.inf, sigma_comparator=0.04)
    made = fabricated(adc, 50)
    # That of the last comparator counts in full, as a part of the last bit.
    made = replace(made, last=np.zeros(()))
    x = np.linspace(-1, 1, 4001)
    results = adc.convert(
        np.broadcast_to(x, (1, 50, 1, 1, 1, 1, 4001)), -1.0, 1.0, KERNELS, None, made
    )
    assert np.abs(results - x).max() <= 1 / 2**10 * (1 + 1e-9)


def test_a_capacitor_never_vanishes():
    for adc in (RampADC(bits=2, sigma_capacitor=5.0), PipelineADC(bits=4, sigma_C1=5.0)):
        result = adc.convert(
            np.zeros((1, COUNT, 1, 1, 1, 1)), -1.0, 1.0, KERNELS, None, fabricated(adc)
        )
        assert np.isfinite(result).all()


# -- where -----------------------------------------------------------------------------------

MISMATCH = {
    "RampADC": {"sigma_capacitor": 0.1, "sigma_comparator": 0.02},
    "SarADC": {"sigma_capacitor": 0.1, "sigma_comparator": 0.02, "group_size": 3},
    "PipelineADC": {"sigma_C1": 0.1, "sigma_comparator": 0.05, "group_size": 2},
    "CyclicADC": {"sigma_C2": 0.1, "sigma_comparator": 0.05, "group_size": 4},
}
each_model = pytest.mark.parametrize("model", MISMATCH)
MATRIX, X = RNG.uniform(-1, 1, (10, 14)), RNG.uniform(-1, 1, (14, 30))


def params_of(model, seed=7, **changes):
    params = CrossSimParameters()
    adc = params.xbar.adc.mvm
    adc.model, adc.bits, adc.adc_range_option = model, 7, "CALIBRATED"
    adc.calibrated_range = [-4.0, 4.0]
    for name, value in MISMATCH.get(model, {}).items():
        setattr(adc, name, value)
    params.simulation.seed = seed
    params.update(changes)
    return params


def tiled(model, **changes):
    return params_of(model, **{"core.rows_max": 5, "core.cols_max": 4, **changes})


@each_model
def test_a_chip_stays_the_same_chip(model):
    params = tiled(model, seed=None)
    core = AnalogCore(MATRIX, params)
    unused = pickle.loads(pickle.dumps(core)), copy.deepcopy(core)
    first, back = core @ X, X.T @ core.T
    state = core.get_state()
    np.testing.assert_array_equal(core @ X, first)
    core.set_matrix(MATRIX[::-1].copy())
    core[2:4, 1:3] = 0.3
    core.set_matrix(MATRIX)
    other = AnalogCore(MATRIX, params)
    assert (other @ X != first).any()
    other.set_state(state)
    for same in (core, *unused, copy.deepcopy(core), pickle.loads(pickle.dumps(core)), other):
        np.testing.assert_array_equal(same @ X, first)
        np.testing.assert_array_equal(X.T @ same.T, back)


@each_model
def test_results_do_not_depend_on_cuts_or_order(model):
    whole = AnalogCore(MATRIX, tiled(model)) @ X
    cut = tiled(model, **{"simulation.memory_limit": 1})
    np.testing.assert_array_equal(AnalogCore(MATRIX, cut) @ X, whole)
    core = AnalogCore(MATRIX, tiled(model))
    core.T @ MATRIX[:, 0]
    for i in (3, 0):
        np.testing.assert_allclose(core @ X[:, i], whole[:, i], rtol=1e-12)
    unfolded = tiled(model, **{"simulation.disable_fast_balanced": True})
    np.testing.assert_allclose(AnalogCore(MATRIX, unfolded) @ X, whole, rtol=1e-12)


@each_model
def test_one_list_of_equal_parameters_is_the_same_chip(model):
    many = [tiled(model) for _ in range(9)]
    many[-1].simulation.analytics.profile_adc_inputs = True
    np.testing.assert_allclose(
        AnalogCore(MATRIX, many) @ X, AnalogCore(MATRIX, tiled(model)) @ X, rtol=1e-12
    )


@each_model
def test_seed_and_stream_name_the_chip(model):
    results = [AnalogCore(MATRIX, params_of(model, seed), stream=s) @ X for seed, s in
               ((7, 0), (8, 0), (7, 1), (7, 0))]  # fmt: skip
    np.testing.assert_array_equal(results[0], results[3])
    assert (results[0] != results[1]).mean() > 0.05
    assert (results[0] != results[2]).mean() > 0.05


def identical_lines(model, rows=12, cols=12, **changes):
    """A core whose outputs all carry the same current in every tile, and their results."""
    weights = np.broadcast_to(RNG.uniform(-1, 1, 4), (rows, 4))
    weights = np.tile(weights, (1, cols // 4))
    core = AnalogCore(weights, params_of(model, **changes))
    return core, core @ np.tile(RNG.uniform(-1, 1, (4, 200)), (cols // 4, 1))


@pytest.mark.parametrize("model", ["SarADC", "PipelineADC", "CyclicADC"])
def test_outputs_of_a_group_share_a_converter(model):
    _, out = identical_lines(model, **{"xbar.adc.mvm.group_size": 5})
    groups = np.array_split(out, [5, 10])
    for group in groups:
        np.testing.assert_allclose(group, group[:1].repeat(len(group), 0), rtol=1e-12)
    for i, j in ((0, 1), (1, 2), (0, 2)):
        assert (np.abs(groups[i][0] - groups[j][0]) > 1e-9).mean() > 0.05


def test_a_ramp_has_one_dac_and_many_comparators():
    _, out = identical_lines("RampADC", **{"xbar.adc.mvm.sigma_comparator": 0})
    np.testing.assert_allclose(out, out[:1].repeat(12, 0), rtol=1e-12)
    _, out = identical_lines("RampADC")
    assert all((np.abs(out[i] - out[0]) > 1e-9).any() for i in range(1, 12))


@pytest.fixture
def made():
    """Every set of converters that cores of a test convert with."""
    seen = []

    @dataclass(frozen=True)
    class SeenADC(SarADC):
        def convert(self, amps, low, high, kernels, dither=None, made=None):
            seen.append((amps.shape, made))
            return super().convert(amps, low, high, kernels, dither, made)

    return seen


@pytest.mark.parametrize("in_array", [True, False])
def test_every_place_has_its_own_converter(made, in_array):
    """Tiles, slices, sides, groups and both directions: no two tables are alike."""
    changes = {
        "core.style": "BITSLICED", "core.weight_bits": 8, "core.bit_sliced.num_slices": 2,
        "core.balanced.subtract_current_in_xbar": in_array, "xbar.device.cell_bits": 4,
        "xbar.adc.mvm.calibrated_range": [[-4.0, 4.0], [-4.0, 4.0]],
        **{f"xbar.adc.mvm.{k}": v for k, v in MISMATCH["SarADC"].items()},
    }  # fmt: skip
    matrix = RNG.uniform(-1, 1, (12, 14))
    core = AnalogCore(matrix, tiled("SeenADC", **changes))
    core @ X
    core.T @ matrix
    shapes, kept = zip(*made, strict=True)
    tables = [m.thresholds[:, 1:] for m in kept]
    # Rows in parts of 4, columns in parts of 5, 5 and 4; groups of 3 outputs.
    sides = 1 if in_array else 2
    assert [len(t) for t in tables] == [3 * 3 * 2 * sides * 2, 3 * 3 * 2 * sides * 2]
    assert shapes[0][1:6] == (3, 3, 2, sides, 4)
    both = np.concatenate(tables)
    assert len(np.unique(both[:, 20])) == len(both)
    offsets = np.concatenate([m.offset.ravel() for m in kept])
    assert len(np.unique(offsets)) == len(offsets)


@pytest.mark.parametrize("model", MISMATCH)
def test_unit_columns_and_digits_keep_their_converters(model):
    changes = {
        "core.style": "OFFSET", "core.offset.style": "UNIT_COLUMN_SUBTRACTION",
        "xbar.dac.mvm.model": "SignMagnitudeDAC", "xbar.dac.mvm.bits": 5,
        "xbar.dac.mvm.input_bitslicing": True, "xbar.adc.mvm.adc_per_ibit": True,
    }  # fmt: skip
    core = AnalogCore(MATRIX, tiled(model, **changes))
    out = core @ X
    np.testing.assert_array_equal(core @ X, out)
    np.testing.assert_allclose(core @ X[:, 4], out[:, 4], rtol=1e-12)
    core.T @ X.T[:10]


# -- who draws -------------------------------------------------------------------------------


def test_ideal_circuits_leave_the_global_state_alone():
    np.random.seed(3)
    before = np.random.get_state()[1].copy()
    for model in MISMATCH:
        params = CrossSimParameters()
        adc = params.xbar.adc.mvm
        adc.model, adc.bits, adc.adc_range_option = model, 6, "MAX"
        AnalogCore(MATRIX, params) @ X
        adc.bits, adc.sigma_comparator = 0, 0.1
        AnalogCore(MATRIX, params) @ X
    np.testing.assert_array_equal(np.random.get_state()[1], before)


@each_model
def test_the_global_seed_repeats_a_chip(model):
    results = []
    for _ in range(2):
        np.random.seed(11)
        results.append(AnalogCore(MATRIX, params_of(model, seed=None)) @ X)
    np.testing.assert_array_equal(*results)


@each_model
def test_a_device_gives_what_the_host_gives(model):
    params = tiled(model)
    on_host = AnalogCore(MATRIX, params) @ X
    backend = fake_backend()
    core = AnalogCore(backend.asarray(MATRIX), params, backend=backend)
    np.testing.assert_allclose(backend.to_host(core @ backend.asarray(X)), on_host, rtol=1e-12)


def test_a_converter_of_a_user_needs_nothing_new():
    @dataclass(frozen=True)
    class Halving(ADC):
        def convert(self, amps, low, high, kernels, dither=None):
            return amps / 2

    core = AnalogCore(MATRIX, params_of("Halving"))
    np.testing.assert_allclose(core @ X, MATRIX @ X / 2, rtol=1e-5)
    assert not Halving().has_mismatch


@pytest.mark.parametrize(("name", "agreement"), [("ISAAC-SarADC", 0.99), ("PRIME", 0.9)])
def test_published_presets_with_circuits_run(name, agreement):
    params = CrossSimParameters.from_yaml(name)
    matrix, x = RNG.normal(size=(40, 300)), RNG.normal(size=(300, 5))
    with quietly():
        out = AnalogCore(matrix, params) @ x
    assert np.corrcoef(out.ravel(), (matrix @ x).ravel())[0, 1] > agreement
