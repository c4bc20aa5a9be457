"""Ranges whose codes are currents: integers multiply exactly, and zero is zero."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import core_of, is_paired, quietly, set_style

from simulator import AnalogCore, CrossSimParameters, ModelError, ParameterError
from simulator.errors import ClippingWarning
from simulator.hardware import build_hardware

ADC, DAC = "xbar.adc.mvm.", "xbar.dac.mvm."
MOST_BITS = 24
STYLES = ("one_sided", "offset", "unit", "sliced_balanced", "sliced_offset", "sliced_unit")


@st.composite
def integers(draw):
    """Parameters with exact ranges, an integer matrix and integer inputs, and what they give."""
    params, style = CrossSimParameters(), draw(st.sampled_from(STYLES))
    slices, digit = draw(st.integers(2, 4)), draw(st.integers(1, 3))
    set_style(params, style, weight_bits=slices * digit, slices=slices)
    core, device, dac = params.core, params.xbar.device, params.xbar.dac.mvm
    device.cell_bits = draw(st.integers(2, 5))
    if style.startswith("sliced"):
        device.cell_bits = draw(st.sampled_from([0, digit]))
    device.infinite_on_off_ratio = draw(st.booleans())
    device.Rmax = device.Rmin * draw(st.sampled_from([3.0, 10.0, 33.3, 100.0]))
    core.balanced.subtract_current_in_xbar = draw(st.booleans())
    signed = draw(st.booleans())
    dac.model = "SignMagnitudeDAC" if signed else "QuantizerDAC"
    dac.bits, dac.signed = draw(st.integers(2, 6)), signed
    dac.input_bitslicing = draw(st.booleans())
    dac.slice_size = draw(st.integers(1, 3))
    if draw(st.booleans()):
        core.rows_max = 5
    adc = params.xbar.adc.mvm
    adc.adc_per_ibit = dac.input_bitslicing and draw(st.booleans())
    adc.model = draw(st.sampled_from(["SignMagnitudeADC", "QuantizerADC"]))
    adc.adc_range_option, adc.bits = "EXACT", 2
    assume(adc.model == "QuantizerADC" or _both_signs(params))

    inputs = params.core.mapping.inputs.mvm
    full = 2 ** (dac.bits - signed) - 1
    inputs.min, inputs.max = -full * signed, full
    top = _largest_weight(params, style)
    weights = params.core.mapping.weights
    weights.percentile, weights.min, weights.max = None, -top, top
    adc.bits = build_hardware(params).mvm.range.exact_bits(5 if core.rows_max else 9)
    assume(adc.bits <= MOST_BITS)
    random = np.random.default_rng(draw(st.integers(0, 1 << 20)))
    matrix = random.integers(-top, top + 1, (6, 9)).astype(float)
    x = random.integers(inputs.min, full + 1, (9, 7)).astype(float)
    levels = 2**device.cell_bits
    # Single cells with levels leave one of them out, and products are worth so much less.
    gain = (levels - 2) / (levels - 1) if style in ("offset", "unit") else 1.0
    return params, matrix, x, gain


def _both_signs(params):
    subtracted = params.core.balanced.subtract_current_in_xbar
    return params.xbar.dac.mvm.signed or (is_paired(params) and subtracted)


def _largest_weight(params, style):
    if style == "one_sided":
        return 2**params.xbar.device.cell_bits - 1
    if style in ("offset", "unit"):
        return 2 ** (params.xbar.device.cell_bits - 1) - 1
    return max(1, 2 ** (params.core.weight_bits - 1) - 1)


@given(integers())
def test_integers_multiply_exactly(case):
    params, matrix, x, gain = case
    core = core_of(matrix, params)
    # Codes are whole; what is left is the rounding of float64.
    assert core @ x == pytest.approx(gain * (matrix @ x), rel=0, abs=1e-7)
    assert core @ np.zeros(9) == pytest.approx(np.zeros(6), abs=1e-7)


@given(integers())
def test_levels_are_a_step_apart_and_one_is_zero(case):
    params = case[0]
    step = build_hardware(params).mvm.range.step
    plan = AnalogCore(np.ones((1, 1)), params).chip.tiles[0].mvm.periphery
    low, high = (float(end.ravel()[0]) for end in plan.adc_limits((1,)))
    levels, zero = plan.adc.levels(low, high), -low / step
    assert (levels[1] - levels[0]) / levels[2] == pytest.approx(step, rel=1e-12)
    assert zero == pytest.approx(round(zero), abs=1e-6)


def pairs(bits, option, on_off=None, **changes):
    """Sliced pairs of 4-bit cells, inputs of 5 bits one by one."""
    params = CrossSimParameters()
    set_style(params, "sliced_balanced", weight_bits=8)
    params.xbar.device.infinite_on_off_ratio = on_off is None
    if on_off:
        params.xbar.device.Rmax = on_off * params.xbar.device.Rmin
    params.update({
        ADC + "model": "SignMagnitudeADC", ADC + "bits": bits, ADC + "adc_range_option": option,
        ADC + "adc_per_ibit": True, DAC + "model": "SignMagnitudeDAC", DAC + "bits": 5,
        DAC + "input_bitslicing": True, **changes,
    })  # fmt: skip
    return params


@pytest.mark.parametrize(("on_off", "wanted"), [(None, Fraction(1, 15)), (10, Fraction(9, 150))])
def test_the_step_follows_the_levels_of_the_cells(on_off, wanted):
    periphery = build_hardware(pairs(8, "EXACT", on_off)).mvm
    assert periphery.range.step == pytest.approx(float(wanted), rel=1e-15)
    low, high = periphery.adc_limits((9,))
    assert high.ravel() == pytest.approx(127 * float(wanted))
    assert low.ravel() == pytest.approx(-127 * float(wanted))


def test_more_bits_help_the_exact_step_alone():
    random = np.random.default_rng(0)
    matrix, x = random.uniform(-1, 1, (8, 200)), random.uniform(-1, 1, (200, 20))

    def error(option, bits):
        with quietly():
            got = AnalogCore(matrix, pairs(bits, option, 10)) @ x
            exact = AnalogCore(matrix, pairs(24, "EXACT", 10)) @ x
        return np.abs(got - exact).max()

    assert error("EXACT", 6) > 1
    assert error("EXACT", 14) < 1e-10
    assert error("GRANULAR", 14) == pytest.approx(error("GRANULAR", 20))
    assert error("GRANULAR", 20) > 0.01


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({ADC + "model": "SarADC"}, ModelError, "level at zero"),
        ({DAC + "model": "IdealDAC", DAC + "input_bitslicing": False,
          ADC + "adc_per_ibit": False}, ParameterError, "smallest difference"),
        ({"core.style": "BALANCED"}, ParameterError, "cell_bits"),
    ],
)  # fmt: skip
def test_what_has_no_exact_range_says_so(changes, error, words):
    with pytest.raises(error, match=r"xbar.adc.mvm.adc_range_option = EXACT.*" + words):
        AnalogCore(np.eye(3), pairs(8, "EXACT", **changes))


@pytest.mark.parametrize(
    ("bits", "on_off", "warns"),
    [
        # With 9 bits, ISAAC's: the last code is 0.3 steps off at an on/off ratio of 1000.
        (9, 1000, False), (12, 1000, True), (8, None, True), (8, 10, True), (4, None, False),
    ],
)  # fmt: skip
def test_granular_warns_where_codes_are_not_currents(bits, on_off, warns, recwarn):
    params = pairs(bits, "GRANULAR", on_off)
    params.xbar.dac.mvm.bits = 16 if on_off == 1000 else 5
    AnalogCore(np.eye(3), params)
    found = [w for w in recwarn.list if issubclass(w.category, ClippingWarning)]
    assert bool(found) == warns
    if warns:
        assert "xbar.adc.mvm.adc_range_option" in str(found[0].message)
        assert "EXACT" in str(found[0].message)
        assert found[0].filename == __file__


@pytest.mark.parametrize("name", CrossSimParameters.presets())
def test_presets_do_not_warn(name, recwarn):
    AnalogCore(np.eye(3), CrossSimParameters.from_yaml(name))
    assert not recwarn.list
