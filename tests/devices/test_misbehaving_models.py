"""Models of users that return what no model may are named."""

from dataclasses import dataclass

import numpy as np
import pytest

from simulator import (
    AnalogCore,
    CrossSimParameters,
    ModelError,
)
from simulator.converters import ADC
from simulator.devices import Device

pytestmark = pytest.mark.usefixtures("own_registry")  # models defined here are forgotten


def noisy(seed=3):
    params = CrossSimParameters()
    noise = params.xbar.device.read_noise
    noise.enable, noise.model, noise.magnitude = True, "NormalProportionalDevice", 0.1
    params.simulation.seed = seed
    return params


@pytest.mark.parametrize("value", [np.nan, np.inf, 1j])
def test_a_device_that_returns_no_number_is_named(value):
    @dataclass(frozen=True)
    class NoNumber(Device):
        def programmed(self, siemens, cell, draw):
            return siemens * value

    params = CrossSimParameters()
    error = params.xbar.device.programming_error
    error.enable, error.model = True, "NoNumber"
    with np.errstate(all="ignore"), pytest.raises(ModelError, match="NoNumber"):
        AnalogCore(np.ones((2, 2)), params)


@pytest.mark.parametrize("sigma", [np.nan, -0.1])
def test_a_spread_that_is_no_spread_is_named(sigma):
    @dataclass(frozen=True)
    class NoSpread(Device):
        def read_sigma(self, siemens, cell):
            return sigma * siemens

    params = noisy()
    params.xbar.device.read_noise.model = "NoSpread"
    with pytest.raises(ModelError, match="NoSpread"):
        AnalogCore(np.ones((2, 2)), params) @ np.ones(2)


def test_a_converter_that_changes_the_shape_is_named():
    @dataclass(frozen=True)
    class Summing(ADC):
        def convert(self, amps, low, high, kernels, dither=None):
            return amps.sum()

    params = CrossSimParameters()
    adc = params.xbar.adc.mvm
    adc.model, adc.bits, adc.calibrated_range = "Summing", 4, [-1, 1]
    with pytest.raises(ModelError, match="Summing"):
        AnalogCore(np.ones((2, 2)), params) @ np.ones(2)
