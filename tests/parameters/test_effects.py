"""What of the hardware is not ideal: found, described, and switched off one at a time."""

import itertools

import numpy as np
import pytest

from simulator import AnalogCore, CrossSimParameters, ParameterError
from simulator.parameters import EFFECTS, active_effects, only, without

RNG = np.random.default_rng(0)
A, X = RNG.normal(size=(8, 20)), RNG.uniform(0, 1, (20, 5))
DEVICE = "xbar.device"
# What asks for each effect, in trees of either style.
ASKS = {
    "weight clipping": {"core.mapping.weights.percentile": 0.8},
    "weight levels": {f"{DEVICE}.cell_bits": 3},
    "programming error": {
        f"{DEVICE}.programming_error.enable": True,
        f"{DEVICE}.programming_error.model": "NormalProportionalDevice",
        f"{DEVICE}.programming_error.magnitude": 0.05,
    },
    "drift": {
        f"{DEVICE}.drift_error.enable": True, f"{DEVICE}.drift_error.model": "PCM",
        f"{DEVICE}.time": 1000.0, f"{DEVICE}.Rmin": 4e4, f"{DEVICE}.Rmax": 4e6,
    },
    "read noise": {
        f"{DEVICE}.read_noise.enable": True,
        f"{DEVICE}.read_noise.model": "NormalIndependentDevice",
        f"{DEVICE}.read_noise.magnitude": 0.02,
    },
    "nonlinear cells": {
        f"{DEVICE}.nonlinear_IV.enable": True, f"{DEVICE}.nonlinear_IV.model": "CubicDevice",
        f"{DEVICE}.Vread": 1.0,
    },
    "wires": {"xbar.array.parasitics.enable": True, "xbar.array.parasitics.Rp_row": 2.0},
    "input DAC": {"xbar.dac.mvm.model": "QuantizerDAC", "xbar.dac.mvm.bits": 4},
    "column current limit": {"xbar.array.Icol_max": 1.0},
    "output ADC": {
        "xbar.adc.mvm.model": "QuantizerADC", "xbar.adc.mvm.bits": 4,
        "xbar.adc.mvm.adc_range_option": "MAX",
    },
}  # fmt: skip
NAMES = [effect.name for effect in EFFECTS]
PAIRS = list(itertools.combinations(ASKS, 2))


def asking(*names, style="BALANCED"):
    p = CrossSimParameters()
    p.simulation.seed = 1
    p.core.style = style
    if style == "BITSLICED":
        p.core.weight_bits = 7
    for name in names:
        p.update(ASKS[name])
    return p


def result(p):
    return AnalogCore(A, p) @ X


def test_every_effect_but_that_of_others_has_an_example():
    assert {effect.name for effect in EFFECTS if not effect.needs_other} == set(ASKS)


@pytest.mark.parametrize("style", ["BALANCED", "OFFSET"])
def test_a_tree_by_default_asks_for_nothing(style):
    p = asking(style=style)
    assert active_effects(p) == {}
    assert only(p) == p


@pytest.mark.parametrize("style", ["BALANCED", "OFFSET", "BITSLICED"])
@pytest.mark.parametrize("name", ASKS)
def test_an_effect_is_named_changes_results_and_is_gone_once_switched_off(name, style):
    p = asking(name, style=style)
    others = {"on/off ratio"} | ({"weight levels"} if style == "BITSLICED" else set())
    found = set(active_effects(p))
    assert name in found
    assert found <= {name} | others
    clean = without(p, name)
    assert name not in active_effects(clean) or (style, name) == ("BITSLICED", "weight levels")
    with_it, without_it = result(p), result(clean)
    assert np.abs(with_it - without_it).max() > 1e-4 * np.abs(with_it).max()
    assert p == asking(name, style=style), "the tree that was asked stays as it was"


@pytest.mark.parametrize("style", ["BALANCED", "OFFSET", "BITSLICED"])
@pytest.mark.parametrize("pair", PAIRS, ids=" and ".join)
def test_with_all_effects_switched_off_hardware_is_exact(pair, style):
    p = asking(*pair, style=style)
    y, exact = result(only(p)), A @ X
    # Digits where there must be digits: each of them has FINE_BITS.
    fine = 2.0**-20 * np.abs(A).max() * np.abs(X).sum(0).max() if style == "BITSLICED" else 0
    np.testing.assert_allclose(y, exact, rtol=1e-12, atol=fine + 1e-12)


@pytest.mark.parametrize("pair", PAIRS, ids=" and ".join)
def test_one_of_two_effects_stays_as_it_was(pair):
    first, second = pair
    p = asking(*pair)
    np.testing.assert_array_equal(
        result(without(p, second)), result(only(p, first, "on/off ratio"))
    )


def test_the_on_off_ratio_counts_beside_others_only():
    assert "on/off ratio" not in active_effects(asking())
    assert active_effects(asking("wires"))["on/off ratio"] == "10"
    p = asking("programming error")
    p.xbar.device.infinite_on_off_ratio = True
    assert "on/off ratio" not in active_effects(p)


def test_descriptions_say_what_the_tree_says():
    words = active_effects(asking("programming error", "output ADC", "wires", "input DAC"))
    assert words["programming error"] == "NormalProportionalDevice, 0.05"
    assert words["output ADC"] == "QuantizerADC, 4 bits, range MAX"
    assert words["wires"] == "row 2 ohm"
    assert words["input DAC"] == "QuantizerDAC, 4 bits"


def test_directions_that_differ_are_named():
    p = asking("output ADC")
    p.xbar.adc.match = False
    p.xbar.adc.vmm.bits = 6
    p.xbar.adc.mvm.model = "IdealADC"
    assert active_effects(p)["output ADC"] == "vmm QuantizerADC, 6 bits, range MAX"
    assert active_effects(without(p, "output ADC")) == {}


def test_inputs_that_must_be_digits_become_fine_ones():
    p = asking()
    p.core.mapping.inputs.mvm.min = 0
    p.update({
        "xbar.dac.mvm.model": "QuantizerDAC", "xbar.dac.mvm.bits": 4, "xbar.dac.mvm.signed": False,
        "xbar.dac.mvm.input_bitslicing": True, "xbar.array.parasitics.enable": True,
        "xbar.array.parasitics.Rp_row": 2.0, "xbar.array.parasitics.current_from_input": False,
    })  # fmt: skip
    y = result(without(p, "input DAC", "wires"))
    np.testing.assert_allclose(y, A @ X, rtol=1e-12)
    gated = without(p, "input DAC")
    assert gated.xbar.dac.mvm.bits == 17
    assert np.isfinite(result(gated)).all()


def test_an_effect_that_there_is_not_is_an_error_with_the_nearest():
    with pytest.raises(ParameterError, match="'output ADC'"):
        without(CrossSimParameters(), "output adc")


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_active_is_switched_off_without_a_change(name):
    p = CrossSimParameters()
    assert without(p, name) == p
