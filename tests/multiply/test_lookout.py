"""What ranges take is told: once, with the place and a remedy that helps; and else nothing is."""

import copy
import json
import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import STYLES, set_style

from simulator import AnalogCore, ClippingWarning, CrossSimParameters
from simulator.multiply.lookout import FIRST_CALLS, SAMPLE
from simulator.multiply.loss import Loss, percent, rounded_up, thinned
from simulator.profile import unwatched

RNG = np.random.default_rng(2)
SIZE, BATCH = 48, 40
MATRIX, X = RNG.normal(size=(SIZE, SIZE)), RNG.uniform(-1, 1, (SIZE, BATCH))
INPUTS, WEIGHTS = "core.mapping.inputs.mvm.", "core.mapping.weights."
ADC, DAC = "xbar.adc.mvm.", "xbar.dac.mvm."


def parameters(style="one_sided", **changes):
    params = CrossSimParameters()
    set_style(params, style)
    params.update({name.replace("__", "."): value for name, value in changes.items()})
    return params


def said(call):
    """What is said during a call, and at which line."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    found = [w for w in caught if issubclass(w.category, ClippingWarning)]
    assert all(w.filename == __file__ for w in found)
    return [str(w.message) for w in found]


def core_of(matrix, params, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return AnalogCore(matrix, params, **options)


def with_dac(model="SignMagnitudeDAC", bits=8, signed=True, **changes):
    low = {} if signed else {INPUTS + "min": 0.0}
    return {DAC + "model": model, DAC + "bits": bits, DAC + "signed": signed, **low, **changes}


def with_adc(model="QuantizerADC", bits=8, **changes):
    return {ADC + "model": model, ADC + "bits": bits, **changes}


# -- inputs ----------------------------------------------------------------------------------


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(
    ("model", "signed"),
    [("SignMagnitudeDAC", True), ("QuantizerDAC", True), ("QuantizerDAC", False)],
)
def test_inputs_beyond_the_range_are_told_once(style, transposed, model, signed):
    params = parameters(style, **with_dac(model, signed=signed))
    core, x = core_of(MATRIX, params), 20 * np.abs(X)
    multiply = (lambda: x.T @ core) if transposed else (lambda: core @ x)
    (words,) = said(multiply)
    assert "95 % of the inputs" in words
    assert INPUTS + ("max = 20" if not signed else "min, max = -20, 20") in words
    assert not said(multiply)


@given(st.floats(0.1, 30), st.sampled_from(["normal", "uniform"]), st.integers(0, 99))
def test_the_remedy_for_inputs_helps(scale, law, seed):
    rng = np.random.default_rng(seed)
    x = scale * getattr(rng, law)(size=(SIZE, BATCH))
    words = said(lambda: core_of(MATRIX, parameters(**with_dac())) @ x)
    if not words:
        assert np.mean(np.abs(x) > 1) < 0.2
        return
    top = float(words[0].split("min, max = ")[1].split(",")[1].split()[0])
    better = parameters(**with_dac(**{INPUTS + "min": -top, INPUTS + "max": top}))
    assert not said(lambda: core_of(MATRIX, better) @ x)
    whole = {INPUTS + "min": None, INPUTS + "max": None, INPUTS + "percentile": 1.0}
    assert not said(lambda: core_of(MATRIX, parameters(**with_dac(**whole))) @ x)


def test_negative_inputs_of_an_unsigned_dac_are_told():
    (words,) = said(
        lambda: core_of(MATRIX, parameters(**with_dac("QuantizerDAC", signed=False))) @ X
    )
    assert DAC + "signed = True" in words


def test_one_huge_value_is_told_though_it_is_rare():
    x = X.copy()
    x[3, 4] = 400.0
    assert said(lambda: core_of(MATRIX, parameters(**with_dac())) @ x)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("bits", [3, 4, 6, 8])
def test_a_range_that_suits_its_values_says_nothing(style, bits):
    """The best range of a few levels clips, and so does a percentile."""
    x = RNG.normal(size=(SIZE, 400)) / 3
    # The best limits for normal values, in standard deviations, from 7 to 255 levels.
    limit = {3: 2.1, 4: 2.7, 6: 3.4, 8: 4.2}[bits] / 3
    dac = with_dac(bits=bits, **{INPUTS + "min": -limit, INPUTS + "max": limit})
    core = core_of(MATRIX, parameters(style, **dac))
    assert not said(lambda: core @ x)
    by_share = {INPUTS + "min": None, INPUTS + "max": None, INPUTS + "percentile": 0.98}
    core = core_of(MATRIX, parameters(style, **{**dac, **by_share}))
    assert not said(lambda: core @ x)


# -- currents --------------------------------------------------------------------------------


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("tiled", [False, True])
@pytest.mark.parametrize("model", ["QuantizerADC", "SignMagnitudeADC", "RampADC"])
def test_currents_beyond_the_range_are_told_and_the_remedy_helps(style, tiled, model):
    slices = 2 if style.startswith("sliced") else 1
    path = ADC + "calibrated_range"

    def core(pairs):
        params = parameters(style, **with_adc(model, **{path: pairs if slices == 2 else pairs[0]}))
        params.core.rows_max = 10 if tiled else 0
        return core_of(MATRIX, params)

    clipped = core([[-0.5, 0.5]] * slices)
    (words,) = said(lambda: clipped @ X)
    assert "of the currents" in words
    assert not said(lambda: clipped @ X)
    ranges = np.array(json.loads(words.split(path + " = ")[1].split(", with")[0]))
    assert not said(lambda: core(ranges.reshape(-1, 2).tolist()) @ X)


def test_an_exact_range_of_too_few_bits_is_told_with_the_bits_it_takes():
    def core(bits):
        params = parameters("sliced_balanced", **with_dac(bits=5), **with_adc(
            "SignMagnitudeADC", bits, **{ADC + "adc_range_option": "EXACT"}))  # fmt: skip
        return core_of(MATRIX, params)

    (words,) = said(lambda: core(8) @ X)
    bits = int(words.split(ADC + "bits = ")[1].split(",")[0])
    assert not said(lambda: core(bits) @ X)


def test_a_few_clipped_currents_say_nothing():
    currents = MATRIX @ X / np.abs(MATRIX).max()
    limit = float(np.quantile(np.abs(currents), 0.999))
    params = parameters(**with_adc(**{ADC + "calibrated_range": [-limit, limit]}))
    params.xbar.device.infinite_on_off_ratio = True
    assert not said(lambda: core_of(MATRIX, params) @ X)


def test_the_column_limit_is_told():
    core = core_of(MATRIX, parameters(**{"xbar.array.Icol_max": 0.5}))
    (words,) = said(lambda: core @ X)
    assert "xbar.array.Icol_max = 0.5" in words
    assert not said(lambda: core_of(MATRIX, parameters(**{"xbar.array.Icol_max": 1e6})) @ X)


# -- weights ---------------------------------------------------------------------------------


def test_weights_beyond_a_given_range_are_told_once():
    given_range = {WEIGHTS + "percentile": None, WEIGHTS + "min": -1.0, WEIGHTS + "max": 1.0}
    core = core_of(np.zeros((SIZE, SIZE)), parameters(**given_range))
    (words,) = said(lambda: core.set_matrix(3 * MATRIX))
    assert WEIGHTS + "min, max = " in words
    assert not said(lambda: core.set_matrix(3 * MATRIX))
    # A percentile clips on purpose, and without clipping nothing is lost.
    for other in ({WEIGHTS + "percentile": 0.9}, {**given_range, WEIGHTS + "clipping": False}):
        assert not said(lambda other=other: AnalogCore(3 * MATRIX, parameters(**other)))


# -- zeros -----------------------------------------------------------------------------------


@pytest.mark.parametrize("style", STYLES)
def test_zeros_without_a_level_are_told(style):
    x = np.where(RNG.random(X.shape) < 0.5, X, 0.0)
    quantizer = core_of(MATRIX, parameters(style, **with_dac("QuantizerDAC")))
    (words,) = said(lambda: quantizer @ x)
    assert DAC + "model = 'QuantizerDAC'" in words
    assert "SignMagnitudeDAC" in words
    assert not said(lambda: core_of(MATRIX, parameters(style, **with_dac())) @ x)
    positive = parameters(style, **with_dac("QuantizerDAC", signed=False))
    assert not said(lambda: core_of(MATRIX, positive) @ np.abs(x))


@pytest.mark.parametrize(
    ("model", "option", "wanted"),
    [("QuantizerADC", "MAX", True), ("SarADC", "MAX", True), ("SignMagnitudeADC", "MAX", False),
     ("QuantizerADC", "EXACT", False)],
)  # fmt: skip
def test_zero_currents_without_a_code_are_told(model, option, wanted):
    x = np.zeros((SIZE, BATCH))
    x[:, :4] = X[:, :4]
    params = parameters("sliced_balanced", **with_dac(), **with_adc(model, bits=14))
    params.xbar.adc.mvm.adc_range_option = option
    core = core_of(MATRIX, params)
    found = said(lambda: core @ x)
    assert bool(found) == wanted, found
    assert bool(np.abs(core @ np.zeros(SIZE)).max() > 1e-9) == wanted
    # Codes of both cells of a pair are shifted alike.
    params.core.balanced.subtract_current_in_xbar = False
    assert not said(lambda: core_of(MATRIX, params) @ x)


# -- when it looks ---------------------------------------------------------------------------


def test_it_looks_in_the_first_calls_and_then_in_ever_fewer():
    core = core_of(MATRIX, parameters(**with_dac()))
    lookout = core._mvm.paths[0]._lookout
    looked = []
    for number in range(1, 300):
        core @ X[:, :1]
        if lookout.is_due:
            looked.append(number)
    assert looked == [*range(1, FIRST_CALLS + 1), 8, 16, 32, 64, 128, 256]


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda core: pickle.loads(pickle.dumps(core))])
def test_a_copy_has_said_what_its_core_has(clone):
    core = core_of(MATRIX, parameters(**with_dac()))
    assert said(lambda: core @ (20 * X))
    assert not said(lambda: clone(core) @ (20 * X))


def test_nothing_is_said_unwatched_or_of_ideal_hardware():
    core = core_of(MATRIX, parameters(**with_dac()))
    with unwatched():
        assert not said(lambda: core @ (20 * X))
    assert said(lambda: core @ (20 * X))
    ideal = core_of(MATRIX, parameters())
    assert not said(lambda: ideal @ (20 * X))
    assert ideal._mvm.paths[0]._lookout is None


def test_looking_changes_no_result():
    params = parameters(**with_dac(), **with_adc(**{ADC + "calibrated_range": [-0.5, 0.5]}))
    seen, unseen = core_of(MATRIX, params), core_of(MATRIX, params)
    with unwatched():
        wanted = unseen @ (3 * X)
    assert np.array_equal(seen @ (3 * X), wanted)


# -- the loss --------------------------------------------------------------------------------


@given(st.integers(2, 300), st.floats(0.2, 3))
def test_a_loss_is_what_converting_takes(levels, limit):
    values = np.random.default_rng(levels).normal(size=4000)
    loss, step = Loss.of(values, -limit, limit, levels), 2 * limit / (levels - 1)
    clipped = np.clip(values, -limit, limit)
    assert loss.clipped == pytest.approx(
        np.linalg.norm(values - clipped) / np.linalg.norm(values), abs=1e-12
    )
    assert loss.share == pytest.approx(np.mean(np.abs(values) > limit + step / 2), abs=1e-12)
    assert loss.reach == np.abs(values).max()


def test_samples_are_even_and_words_short():
    values = np.arange(10 * SAMPLE)
    assert len(thinned(values, SAMPLE)) == SAMPLE
    assert thinned(values.reshape(4, -1), 8, axis=0).shape[0] == 1
    assert [rounded_up(v) for v in (0.0, 1.0, 1.234, -1.234, 20.0, 0.00301, 99.9)] == [
        0.0, 1.0, 1.3, -1.3, 20.0, 0.0031, 100.0
    ]  # fmt: skip
    assert [percent(s) for s in (0, 0.0012, 0.051, 0.95)] == ["0 %", "0.12 %", "5.1 %", "95 %"]
