"""The report on one core: one fault at a time is planted, and the first advice names it."""

import dataclasses
import json

import numpy as np
import pytest

from simulator import AnalogCore, CrossSimParameters, ParameterError, ShapeError
from simulator.profile import CoreReport, Estimate, effect_costs

RNG = np.random.default_rng(5)
MATRIX, X = RNG.uniform(-1, 1, (24, 32)), RNG.uniform(-1, 1, (32, 30))
ADC, DAC, DEVICE = "xbar.adc.mvm.", "xbar.dac.mvm.", "xbar.device."
# Good hardware, every effect of which is active and small.
GOOD = {
    "simulation.seed": 2, DEVICE + "Rmax": 1e6, DEVICE + "cell_bits": 12,
    DAC + "model": "SignMagnitudeDAC", DAC + "bits": 12,
    ADC + "model": "SignMagnitudeADC", ADC + "bits": 14, ADC + "calibrated_range": [-12.0, 12.0],
    DEVICE + "programming_error.enable": True, DEVICE + "read_noise.enable": True,
    DEVICE + "programming_error.model": "NormalProportionalDevice",
    DEVICE + "read_noise.model": "NormalProportionalDevice",
    DEVICE + "programming_error.magnitude": 1e-4, DEVICE + "read_noise.magnitude": 1e-4,
}  # fmt: skip
# What is planted: the effect that the first advice is to name, and the setting it is to give.
FAULTS = {
    "a narrow range of inputs": (
        {"core.mapping.inputs.mvm.min": -0.3, "core.mapping.inputs.mvm.max": 0.3},
        "input DAC", "core.mapping.inputs.mvm.min, max = -1, 1"),
    "few bits of inputs": ({DAC + "bits": 3}, "input DAC", DAC + "bits"),
    "a narrow range of currents": (
        {ADC + "calibrated_range": [-2.0, 2.0]}, "output ADC", ADC + "calibrated_range"),
    "a wide range of currents": (
        {ADC + "calibrated_range": [-500.0, 500.0], ADC + "bits": 8}, "output ADC",
        "lower " + ADC + "calibrated_range"),
    "few levels of cells": ({DEVICE + "cell_bits": 2}, "weight levels", DEVICE + "cell_bits"),
    "programming error": (
        {DEVICE + "programming_error.magnitude": 0.2}, "programming error",
        DEVICE + "programming_error.magnitude"),
    "read noise": ({DEVICE + "read_noise.magnitude": 0.3}, "read noise",
                   DEVICE + "read_noise.magnitude"),
    "wires": ({"xbar.array.parasitics.enable": True, "xbar.array.parasitics.Rp_col": 5.0,
               "xbar.array.parasitics.Rp_row": 5.0}, "wires", "parasitics.Rp_row"),
    "a column limit": ({"xbar.array.Icol_max": 1.5}, "column current limit", "Icol_max"),
    "a narrow range of weights": (
        {"core.mapping.weights.percentile": None, "core.mapping.weights.min": -0.4,
         "core.mapping.weights.max": 0.4}, "weight clipping", "core.mapping.weights.min"),
}  # fmt: skip


def core(**changes):
    params = CrossSimParameters()
    params.update({**GOOD, **changes})
    return AnalogCore(MATRIX, params)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("fault", FAULTS)
def test_the_first_advice_names_the_planted_fault(fault, transposed):
    changes, effect, setting = FAULTS[fault]
    x = RNG.uniform(-1, 1, (30, 24)) if transposed else X
    found = core(**changes).report(x, MATRIX, transposed=transposed, draws=3)
    assert found.effects[0].effect == effect
    assert found.advice[0].startswith(effect)
    assert setting in found.advice[0]
    first = found.effects[0]
    # Most of the error goes with it, and is there with it alone.
    assert first.share.low > 0.6
    assert first.without.mean < 0.5 * found.expected.mean
    assert first.alone.mean > 0.5 * found.expected.mean


def test_good_hardware_and_ideal_hardware_need_nothing():
    ideal = AnalogCore(MATRIX, CrossSimParameters()).report(X)
    assert (ideal.effects, ideal.advice, ideal.inputs, ideal.currents) == ((), (), None, None)
    assert ideal.error < 1e-12
    assert "ideal" in repr(ideal)
    found = core().report(X, MATRIX)
    assert found.error < 2e-3
    assert {cost.effect for cost in found.effects} >= {"input DAC", "output ADC", "read noise"}


def test_the_core_stays_as_it_is(recwarn):
    looked_at, untouched = core(), core()
    for one in (looked_at, untouched):
        one @ X
    before = looked_at.get_state()
    looked_at.report(30 * X)
    assert str(before) == str(looked_at.get_state())
    assert np.array_equal(looked_at @ X, untouched @ X)
    assert not recwarn.list


def test_what_it_measures():
    chip = core(**{DAC + "bits": 4})
    found = chip.report(3 * X, MATRIX)
    exact = MATRIX @ (3 * X)
    assert found.error == pytest.approx(
        np.linalg.norm(core(**{DAC + "bits": 4}) @ (3 * X) - exact) / np.linalg.norm(exact)
    )
    assert found.inputs.loss.share == pytest.approx(np.mean(np.abs(3 * X) > 1 + 1 / 14))
    assert (found.inputs.used, found.inputs.codes) == (15, 15)
    assert found.inputs.keeps_zero
    held = np.linalg.norm(chip.get_matrix() - MATRIX) / np.linalg.norm(MATRIX)
    assert found.weights_error == pytest.approx(held)
    assert chip.report(X).weights_error is None
    lines = repr(found).splitlines()
    assert "of 15 codes used" in repr(found)
    assert len([line for line in lines if line.startswith("input DAC")]) == 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.error = 0.0
    assert isinstance(found, CoreReport)
    json.dumps(dataclasses.asdict(found), default=str)


def test_zeros_without_a_level_are_in_the_report():
    x = np.where(RNG.random(X.shape) < 0.7, 0.0, X)
    found = core(**{DAC + "model": "QuantizerDAC", DAC + "bits": 5}).report(x, MATRIX)
    assert not found.inputs.keeps_zero
    assert found.inputs.loss.zeros == pytest.approx(np.mean(x == 0))
    assert found.effects[0].effect == "input DAC"
    assert "SignMagnitudeDAC" in found.advice[0]
    assert "no code at zero" in repr(found)


@pytest.mark.parametrize("style", ["OFFSET", "BITSLICED"])
@pytest.mark.parametrize("several", [False, True])
def test_styles_and_lists_of_parameters(style, several):
    params = CrossSimParameters()
    params.update({"core.style": style, "core.weight_bits": 8, "core.rows_max": 16,
                   ADC + "model": "QuantizerADC", ADC + "bits": 6,
                   ADC + "adc_range_option": "MAX"})  # fmt: skip
    trees = [params.copy() for _ in range(2)]
    trees[1].xbar.adc.mvm.bits = 8
    found = AnalogCore(MATRIX, trees if several else params).report(X[:, 0], MATRIX, draws=2)
    assert found.effects[0].effect == "output ADC"


def test_complex_cores():
    params = CrossSimParameters()
    params.update({"core.complex_matrix": True, "core.complex_input": True,
                   DAC + "model": "SignMagnitudeDAC", DAC + "bits": 4})  # fmt: skip
    found = AnalogCore(MATRIX * (1 + 1j), params).report(X * 1j, draws=2)
    assert found.effects[0].effect == "input DAC"


def test_wrong_requests():
    chip = core()
    with pytest.raises(ShapeError):
        chip.report(X[:3])
    with pytest.raises(ShapeError, match="matrix of shape"):
        chip.report(X, MATRIX[:3])
    with pytest.raises(ParameterError, match="draws"):
        chip.report(X, draws=0)


# -- attribution -----------------------------------------------------------------------------


def test_an_estimate_is_students():
    found = Estimate.of([1.0, 2.0, 3.0])
    # t of 2 degrees of freedom at 97.5 %, over the square root of three.
    assert (found.mean, found.high - found.mean) == pytest.approx((2.0, 4.30265 / 3**0.5), rel=1e-5)
    assert Estimate.of([2.0]) == Estimate(2.0, 2.0, 2.0)


def test_costs_are_those_of_errors_that_add_up():
    """Independent errors of known size: each takes its part of the power with it."""
    params = CrossSimParameters()
    params.update(GOOD)
    params.xbar.device.infinite_on_off_ratio = True
    sizes = {"input DAC": 0.1, "output ADC": 0.4, "read noise": 0.2}

    def errors(trees):
        from simulator.parameters import active_effects

        active = active_effects(trees[0])
        return [sum(size**2 for name, size in sizes.items() if name in active) ** 0.5] * 2

    whole, costs = effect_costs([params], errors)
    assert whole.mean == pytest.approx(sum(size**2 for size in sizes.values()) ** 0.5)
    assert [cost.effect for cost in costs[:3]] == ["output ADC", "read noise", "input DAC"]
    for cost in costs[:3]:
        assert cost.alone.mean == pytest.approx(sizes[cost.effect])
        assert cost.share.mean == pytest.approx((sizes[cost.effect] / whole.mean) ** 2)
