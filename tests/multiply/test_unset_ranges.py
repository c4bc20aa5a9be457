"""Ranges of converters may be found later: only a product needs them."""

import numpy as np
import pytest

from simulator import AnalogCore, CrossSimParameters, ParameterError

A, X = np.random.default_rng(0).normal(size=(5, 6)), np.ones(6)


def unset(outputs=True, inputs=False, style="BALANCED"):
    p = CrossSimParameters()
    p.core.style = style
    if style == "BITSLICED":
        p.core.weight_bits = 4
    if outputs:
        p.xbar.adc.mvm.update({"model": "QuantizerADC", "bits": 8})
    if inputs:
        p.xbar.dac.mvm.update({"model": "QuantizerDAC", "bits": 8})
        p.core.mapping.inputs.mvm.min = p.core.mapping.inputs.mvm.max = None
    return p


@pytest.mark.parametrize("style", ["BALANCED", "OFFSET", "BITSLICED"])
@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"outputs": True}, r"xbar\.adc\.(mvm|vmm)\.calibrated_range is empty.*calibrate.*'MAX'"),
        ({"inputs": True}, r"core\.mapping\.inputs\.(mvm|vmm)\.min and max.*calibrate"),
    ],
)
@pytest.mark.parametrize("product", [lambda c: c @ X, lambda c: A[:, 0] @ c])
def test_a_core_without_ranges_holds_its_matrix_and_refuses_products(style, given, words, product):
    core = AnalogCore(A, unset(**{"outputs": False, **given}, style=style))
    held, state = core.get_matrix(), core.get_state()
    for _ in range(2):
        with pytest.raises(ParameterError, match=words):
            product(core)
    core.set_matrix(2 * A)
    core.set_state(state)
    np.testing.assert_array_equal(core.get_matrix(), held)


def test_ranges_of_one_direction_are_enough_for_its_products():
    p = unset()
    p.xbar.adc.match = False
    p.xbar.adc.mvm.calibrated_range = [-6, 6]
    core = AnalogCore(A, p)
    assert np.abs(core @ X - A @ X).max() < 6 / 128 * np.abs(A).max()
    with pytest.raises(ParameterError, match=r"xbar\.adc\.vmm"):
        A[:, 0] @ core


def test_a_range_with_one_end_is_an_error_at_once():
    p = unset()
    p.core.mapping.inputs.mvm.min = None
    with pytest.raises(ParameterError, match=r"core\.mapping\.inputs\.mvm\.min = None.*both"):
        AnalogCore(A, p)


def test_the_range_of_weights_is_needed_at_once():
    p = unset()
    weights = p.core.mapping.weights
    weights.percentile = weights.min = weights.max = None
    with pytest.raises(ParameterError, match=r"core\.mapping\.weights\.min = None"):
        AnalogCore(A, p)
