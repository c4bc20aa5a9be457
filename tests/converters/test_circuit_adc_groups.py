"""Converter circuits that several outputs share."""

import numpy as np
import pytest
from fading_cells import matrix
from strategies import core_of, set_style

from simulator import AnalogCore, CrossSimParameters

X = np.random.default_rng(3).uniform(-1, 1, (9, 4))


def circuits(model, shape, style, group):
    p = CrossSimParameters()
    p.simulation.seed, p.core.rows_max, p.core.cols_max = 2, 4, 7
    set_style(p, style)
    adc = p.xbar.adc.mvm
    adc.sigma_comparator = adc.sigma_capacitor = adc.sigma_C1 = 0.03
    adc.group_size = group
    adc.model, adc.bits, adc.adc_range_option = model, 6, "MAX"
    return core_of(np.random.default_rng(0).uniform(-1, 1, shape), p)


@pytest.mark.parametrize("model", ["SarADC", "PipelineADC", "CyclicADC", "RampADC"])
@pytest.mark.parametrize("group", [1, 3, 10**6])
@pytest.mark.parametrize("style", ["one_sided", "unit"])
def test_groups_of_any_size_convert_alike_in_batches_and_alone(model, group, style):
    for shape in ((1, 1), (1, 9), (20, 1), (20, 9)):
        core = circuits(model, shape, style, group)
        x = np.random.default_rng(1).uniform(-1, 1, (shape[1], 5))
        together, apart = core @ x, np.stack([core @ x[:, i] for i in range(5)], 1)
        # Inputs are generic: none lies within rounding of a threshold.
        np.testing.assert_allclose(together, apart, rtol=0, atol=1e-12)
        v = np.random.default_rng(2).uniform(-1, 1, (3, shape[0]))
        np.testing.assert_allclose(v @ core, np.stack([r @ core for r in v]), atol=1e-12)


def test_a_circuit_that_is_switched_off_is_not_checked():
    p = CrossSimParameters()
    adc = p.xbar.adc.mvm
    adc.model, adc.bits, adc.stochastic_rounding = "SarADC", 0, True
    np.testing.assert_allclose(AnalogCore(matrix(), p) @ X, matrix() @ X, atol=1e-12)
