"""Converter models written for CrossSim draw noise that repeats with the seed."""

import numpy as np

from simulator import (
    AnalogCore,
    CrossSimParameters,
)
from simulator.circuits.adc import iadc


class NoisyConverter(iadc.IADC):
    def convert(self, vector):
        return vector + np.random.normal(scale=0.1, size=vector.shape)


def converted():
    p = CrossSimParameters()
    p.simulation.seed = 1
    p.xbar.adc.mvm.update({"model": "NoisyConverter", "bits": 8, "calibrated_range": (-3, 3)})
    return AnalogCore(np.eye(3), p) @ np.ones(3)


def test_noise_of_a_converter_repeats_with_the_seed():
    assert np.array_equal(converted(), converted())


def test_noise_of_a_converter_is_drawn_for_every_conversion():
    p = CrossSimParameters()
    p.simulation.seed = 1
    p.xbar.adc.mvm.update({"model": "NoisyConverter", "bits": 8, "calibrated_range": (-3, 3)})
    core = AnalogCore(np.eye(3), p)
    state = np.random.get_state()[1].copy()
    assert not np.array_equal(core @ np.ones(3), core @ np.ones(3))
    assert np.array_equal(np.random.get_state()[1], state)


def test_noise_of_a_converter_follows_the_seed_of_the_notebook():
    results = []
    for _ in range(2):
        np.random.seed(3)
        results.append(converted())
    assert np.array_equal(*results)
