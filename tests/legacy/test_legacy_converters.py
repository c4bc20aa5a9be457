"""Converters written for CrossSim: one object for each array, with limits of its own."""

import copy
import pickle

import numpy as np
import pytest

from simulator import AnalogCore, CrossSimParameters, ModelError
from simulator.circuits.adc import iadc


class clipping_of_a_notebook(iadc.IADC):
    """Clips and rounds; its zero is off by a random part of its range."""

    def __init__(self, adc_params, dac_params, core_params, simulation_params, bitslice):
        super().__init__(adc_params, dac_params, core_params, simulation_params, bitslice)
        self.off = 0.01 * np.random.normal()

    def set_limits(self, matrix):
        super().set_limits(matrix)
        self.step = (self.max - self.min) / 2**self.bits

    def convert(self, vector):
        vector -= self.off * self.max
        np.clip(vector, self.min, self.max, out=vector)
        return self.step * np.rint(vector / self.step)


class short_of_a_notebook(iadc.IADC):
    def convert(self, vector):
        return vector[:-1]


def params(model="clipping_of_a_notebook", bits=6):
    p = CrossSimParameters()
    p.simulation.seed = 1
    p.xbar.device.infinite_on_off_ratio = True
    adc = p.xbar.adc.mvm
    adc.model, adc.bits, adc.adc_range_option = model, bits, "CALIBRATED"
    adc.calibrated_range = (-4, 4)
    return p


def matrix():
    return np.random.default_rng(0).uniform(-1, 1, (8, 12))


def test_limits_and_bits_are_those_of_the_parameters():
    a, x = matrix(), np.random.default_rng(1).uniform(-1, 1, (12, 5))
    core = AnalogCore(a, params())
    y = core @ x
    limit = np.abs(a).max()
    codes = y / limit / (8 / 2**6)
    np.testing.assert_allclose(codes, np.rint(codes), atol=1e-9)
    # Half a step, and five standard deviations of the zero.
    assert np.abs(y - a @ x).max() <= limit * (0.5 * 8 / 64 + 5 * 0.01 * 4)
    assert np.array_equal(core @ x[:, 0], y[:, 0])


def test_every_array_has_a_converter_of_its_own_for_life():
    a, x = np.zeros((8, 12)), np.zeros(12)
    p = params(bits=14)
    p.core.rows_max = p.core.cols_max = 4
    core = AnalogCore(a, p)
    parts = (core @ x).reshape(2, 4)
    assert np.array_equal(parts, parts[:, :1].repeat(4, axis=1))
    assert parts[0, 0] != parts[1, 0]
    core.set_matrix(a)
    assert np.array_equal((core @ x).reshape(2, 4), parts)
    for other in (copy.deepcopy(core), pickle.loads(pickle.dumps(core)), AnalogCore(a, p)):
        assert np.array_equal(other @ x, core @ x)


def test_both_directions():
    p = params()
    a, x = matrix(), np.random.default_rng(1).uniform(-1, 1, (3, 8))
    y = x @ AnalogCore(a, p)
    assert np.abs(y - x @ a).max() <= np.abs(a).max() * (0.5 * 8 / 64 + 5 * 0.01 * 4)


def test_a_result_of_another_shape_is_named():
    with pytest.raises(ModelError, match="short_of_a_notebook"):
        AnalogCore(matrix(), params("short_of_a_notebook")) @ np.ones(12)


def test_digits_of_whole_numbers():
    assert iadc.get_digit(np.array([5.0, 6.0]), 1).tolist() == [0.0, 1.0]
