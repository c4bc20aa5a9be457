"""Converter circuits: the published formulas, ideal parts, and thresholds met exactly."""

import math
import tracemalloc
from dataclasses import fields

import numpy as np
import pytest

from simulator import AnalogCore, CrossSimParameters, ModelError, ParameterError
from simulator.backend import numpy_backend
from simulator.converters import ADC, CyclicADC, PipelineADC, RampADC, SarADC
from simulator.converters.circuit import BLOCK, COMPARATOR

KERNELS = numpy_backend().kernels
RNG = np.random.default_rng(3)
ONE = (1, 1, 1, 1, 1)
VARIANTS = {
    "ramp": (RampADC, {"symmetric_cdac": True}),
    "ramp from below": (RampADC, {"symmetric_cdac": False}),
    "SAR": (SarADC, {"split_cdac": False}),
    "split SAR": (SarADC, {"split_cdac": True}),
    "pipeline": (PipelineADC, {}),
    "cyclic": (CyclicADC, {}),
}
each_variant = pytest.mark.parametrize("name", VARIANTS)


def model(name, bits, **parameters):
    cls, chosen = VARIANTS[name]
    return cls(bits=bits, **chosen, **parameters)


# -- the formulas, one value at a time -------------------------------------------------------


def digit(x, k):
    return math.floor(x / 2**k) % 2


def binary_level(count, capacitors, bits, gain):
    z, sign = count - 2 ** (bits - 1), 1
    if digit(z, bits) == 1:
        total = sum(digit(-z, k) * capacitors[k] for k in range(bits))
    else:
        total = sum(digit(z, k) * capacitors[k] for k in range(bits))
    beta = capacitors[bits] / (capacitors[bits] + total)
    sign = 1 - 2 * digit(z, bits - 1)
    level = total / capacitors[bits - 1] * sign + 1 / 2**bits
    return level / (1 + 1 / (gain * beta))


def level_from_below(count, capacitors, bits, gain):
    total = sum(digit(count, k) * capacitors[k] for k in range(bits))
    beta = capacitors[bits] / (capacitors[bits] + total)
    level = total / capacitors[bits] * 2 - (2**bits - 1) / 2**bits
    return level / (1 + 1 / (gain * beta))


def split_level(count, capacitors, bits, gain):
    z, half = count - 2 ** (bits - 1), bits // 2
    negative = digit(z, bits - 1)
    counted = -z if negative else z
    bridge = capacitors[bits]
    low = capacitors[bits - 1] + sum(capacitors[:half])
    high = sum(capacitors[half : bits - 1])
    fine = sum(digit(counted, k) * capacitors[k] for k in range(half))
    coarse = sum(digit(counted, k) * capacitors[k] for k in range(half, bits))
    total = fine * bridge + coarse * (low + bridge)
    total /= (low + bridge) * (high + bridge) - bridge**2
    total = 1 if count == 0 else total
    return (total * (1 - 2 * negative) + 1 / 2**bits) / (1 + 1 / gain)


def nominal_capacitors(name, bits):
    if name == "ramp from below":
        return [2.0**k for k in range(bits + 1)]
    if name != "split SAR":
        return [2.0**k for k in range(bits)] + [2.0 ** (bits - 1)]
    half = bits // 2
    main = [2.0 ** (k if k < half else k - half) for k in range(bits - 1)]
    return [*main, 1.0, 2**half / (2**half - 1)]


LEVEL = {"ramp": binary_level, "ramp from below": level_from_below, "SAR": binary_level,
         "split SAR": split_level}  # fmt: skip


def dac_levels(name, bits, gain, deviations):
    nominal = nominal_capacitors(name, bits)
    capacitors = [c + d * math.sqrt(c) for c, d in zip(nominal, deviations, strict=True)]
    levels = [LEVEL[name](count, capacitors, bits, gain) for count in range(2**bits)]
    return levels if "ramp" in name else [level - 1 / 2**bits for level in levels]


def code_by_levels(name, x, levels, offset):
    if "ramp" in name:
        return int(np.argmin([abs(level - x - offset) for level in levels]))
    register, step = 0, len(levels) // 2
    while step:
        register += step * (x > levels[step + register] - offset)
        step //= 2
    return register


def code_by_stages(x, bits, gain, stages, last):
    """``stages``: (offset above, offset below, C1, C2, Cpar) of each."""
    digits = [0] * bits
    for n, (above, below, one, two, parasitic) in enumerate(stages):
        beta, ratio = one / (one + two + parasitic), two / one
        high = bool(x > 0.25 + above)
        middle = not high and bool(x > -0.25 + below)
        low = not high and not middle
        digits[n] += high
        digits[n + 1] += middle
        x = ((1 + ratio) * x + (low - high) * ratio) / (1 + 1 / (gain * beta))
    digits[bits - 1] += x > last
    return sum(2**n * digits[bits - 1 - n] for n in range(bits))


def given(numbers):
    """A draw that gives the numbers of a table, and tells which were asked for."""
    return lambda names, group_size: np.array([numbers[n] for n in names]).reshape(*ONE, -1)


def wanted_code(name, bits, gain, x, drawn, sigma):
    if name in LEVEL:
        levels = dac_levels(name, bits, gain, sigma * drawn[: bits + 1])
        return code_by_levels(name, x, levels, sigma * drawn[COMPARATOR])
    count = 1 if name == "cyclic" else bits - 1
    stages = []
    for n in range(bits - 1):
        at = min(n, count - 1)
        above, below = sigma * drawn[COMPARATOR + 2 * at], sigma * drawn[COMPARATOR + 2 * at + 1]
        parts = [sigma * drawn[kind * count + at] for kind in range(3)]
        stages.append((above, below, 1 + parts[0], 1 + parts[1], parts[2]))
    return code_by_stages(x, bits, gain, stages, sigma * drawn[COMPARATOR + 2 * count])


def sigmas(name, value):
    return {f.name: value for f in fields(VARIANTS[name][0]) if f.name.startswith("sigma_")}


@pytest.mark.parametrize("gain_db", [20.0, 60.0, 100.0])
@pytest.mark.parametrize("bits", [2, 3, 6])
@each_variant
def test_every_part_stands_where_the_formulas_have_it(name, bits, gain_db):
    """Mismatch large enough that DACs are not monotone and stages leave their range."""
    sigma, vref = 0.08, 3.0
    adc = model(name, bits, gain_db=gain_db, **sigmas(name, sigma))
    drawn = RNG.normal(size=2 * COMPARATOR)
    made = adc.fabricate(ONE, given(drawn), KERNELS)
    x = RNG.uniform(-1.1, 1.1, 400)
    result = adc.convert(vref * x.reshape(*ONE, 1, -1), -vref, vref, KERNELS, None, made)
    gain = 10 ** (gain_db / 20)
    codes = [wanted_code(name, bits, gain, v, drawn, sigma) for v in np.clip(x, -1, 1)]
    grid = vref * (2 * np.array(codes) + 1 - 2**bits) / 2**bits
    np.testing.assert_allclose(result.ravel(), grid, rtol=1e-14)


# -- ideal parts -----------------------------------------------------------------------------


@pytest.mark.parametrize("vref", [1.0, 4.0, 3.0])
@pytest.mark.parametrize("bits", [1, 2, 3, 5, 8, 11])
@each_variant
def test_ideal_parts_are_the_mid_rise_quantiser(name, bits, vref):
    if name == "split SAR" and bits == 1:
        pytest.skip("one bit cannot be split")
    adc = model(name, bits, gain_db=math.inf)
    edges = vref * (np.arange(2**bits + 1) / 2 ** (bits - 1) - 1)
    x = np.sort(np.concatenate([
        np.linspace(-1.1 * vref, 1.1 * vref, 20011),
        *(np.nextafter(edges, way) for way in (-np.inf, np.inf)), edges,
    ]))  # fmt: skip
    # Below the smallest normal number there is no voltage relative to a reference.
    x = x[(x == 0) | (np.abs(x) > 1e-300)]
    result = adc.convert(x, -vref, vref, KERNELS)
    codes = np.searchsorted(edges[1:-1], x)
    wanted = vref * (2 * codes + 1 - 2**bits) / 2**bits
    # Dividing by a reference that is no power of two rounds, and so does the bridge capacitor.
    rounds = vref == 3.0 or name == "split SAR"
    near = np.abs(x[:, None] - edges).min(axis=1) < 1e-14 * vref * rounds
    np.testing.assert_array_equal(result[~near], wanted[~near])
    step = 2 * vref / 2**bits
    assert np.abs(result - np.clip(x, -vref, vref)).max() <= step / 2 * (1 + 1e-12)


@each_variant
def test_no_input_loses_a_digit_at_a_threshold(name):
    """Strict comparisons on both sides would leave half a volt 1.125 away from its code."""
    adc = model(name, 4, gain_db=math.inf)
    x = np.arange(-32, 33) / 16.0
    result = adc.convert(x, -2.0, 2.0, KERNELS)
    assert np.abs(result - x).max() <= 0.125
    assert (np.diff(result) >= 0).all()


@each_variant
def test_the_default_gain_is_finite_and_nearly_ideal(name):
    x = RNG.uniform(-1, 1, 5000)
    fine = model(name, 10).convert(x, -1.0, 1.0, KERNELS)
    ideal = model(name, 10, gain_db=math.inf).convert(x, -1.0, 1.0, KERNELS)
    assert model(name, 10).gain_db == 100
    assert 0 < np.mean(fine != ideal) < 0.05
    assert np.abs(fine - ideal).max() <= 2 / 2**10 * (1 + 1e-12)


@each_variant
def test_the_grid_is_that_of_the_reference_whatever_the_lower_limit(name):
    adc = model(name, 6, gain_db=math.inf)
    x = np.linspace(-1, 5, 999)
    for low in (0.0, -1.0):
        result = adc.convert(x, low, 4.0, KERNELS)
        np.testing.assert_array_equal(result, adc.convert(np.clip(x, low, 4), -4.0, 4.0, KERNELS))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@each_variant
def test_any_shape_and_any_limits_that_broadcast(name, dtype):
    adc = model(name, 7)
    high = np.array([1.0, 2.0, 5.0], dtype=dtype).reshape(3, 1, 1)
    amps = RNG.uniform(-6, 6, (2, 3, 5, 40)).astype(dtype)
    whole = adc.convert(amps, -high, high, KERNELS)
    assert whole.dtype == dtype
    for i, limit in enumerate(high.ravel()):
        one = adc.convert(amps[:, i].ravel(), -limit, limit, KERNELS)
        np.testing.assert_array_equal(whole[:, i].ravel(), one)
    assert adc.convert(np.asarray(amps[0, 0, 0, 0]), -high[0], high[0], KERNELS).shape == ()
    assert adc.convert(amps[:0], -high, high, KERNELS).shape == (0, 3, 5, 40)


@pytest.mark.parametrize("sigma", [0.0, 0.1])
@each_variant
def test_memory_is_bounded_whatever_the_batch(name, sigma):
    adc = model(name, 8, **sigmas(name, sigma))
    shape = (1, 1, 1, 1, 16)
    made = adc.fabricate(
        shape, lambda n, g: RNG.normal(size=(*shape[:4], -(-16 // g), len(n))), KERNELS
    )
    amps = RNG.uniform(-1, 1, (1, *shape, 1 << 16)).astype(np.float32)
    tracemalloc.start()
    result = adc.convert(amps, np.float32(-1), np.float32(1), KERNELS, None, made)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # Beside the result a few blocks of doubles.
    assert peak < result.nbytes + 10 * 8 * BLOCK


# -- parameters ------------------------------------------------------------------------------


@each_variant
def test_bits_beyond_any_circuit_are_refused(name):
    with pytest.raises(ModelError, match=r"17.*at most 16"):
        model(name, 17)
    with pytest.raises(ModelError, match="stochastic_rounding"):
        model(name, 8, stochastic_rounding=True)


def test_a_refusal_names_the_path():
    params = CrossSimParameters()
    adc = params.xbar.adc.mvm
    adc.model, adc.bits, adc.adc_range_option = "SarADC", 20, "MAX"
    with pytest.raises(ModelError, match=r"xbar\.adc\.mvm: SarADC: bits = 20"):
        AnalogCore(np.eye(3), params)


def test_one_bit_cannot_be_split():
    with pytest.raises(ModelError, match="split_cdac = False"):
        SarADC(bits=1)


def test_tables_that_would_fill_the_memory_are_refused():
    adc = SarADC(bits=16, sigma_capacitor=0.1, group_size=1)
    with pytest.raises(ModelError, match="larger group_size"):
        adc.fabricate(
            (1, 1, 1, 1, 4096), lambda n, g: np.zeros((1, 1, 1, 1, 4096, len(n))), KERNELS
        )


def test_names_and_defaults_are_the_published_ones():
    common = {"gain_db": 100, "sigma_comparator": 0}
    groups = {**common, "group_size": 8}
    stages = {**groups, "sigma_C1": 0, "sigma_C2": 0, "sigma_Cpar": 0}
    own = {
        RampADC: {**common, "sigma_capacitor": 0, "symmetric_cdac": True},
        SarADC: {**groups, "sigma_capacitor": 0, "split_cdac": True},
        PipelineADC: stages,
        CyclicADC: stages,
    }
    for cls, wanted in own.items():
        defaults = {f.name: f.default for f in fields(cls)}
        assert defaults == {**wanted, **{f.name: f.default for f in fields(ADC)}}


def test_wrong_values_are_refused_in_the_tree():
    adc = CrossSimParameters().xbar.adc.mvm
    for name, wrong in (("gain_db", -1), ("sigma_C1", -0.1), ("group_size", 0), ("split_cdac", 3)):
        with pytest.raises(ParameterError, match=name):
            setattr(adc, name, wrong)
    adc.gain_db = math.inf


@each_variant
def test_no_mismatch_draws_nothing(name):
    def draw(numbers, group_size):
        raise AssertionError("drawn")

    assert not model(name, 6).has_mismatch
    assert model(name, 6).fabricate(ONE, draw, KERNELS) is not None
    for parameter in sigmas(name, 0.1):
        assert model(name, 6, **{parameter: 0.1}).has_mismatch
