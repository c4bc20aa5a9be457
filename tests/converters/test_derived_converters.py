"""Converters that are derived from shipped ones keep their digits."""

from dataclasses import dataclass

import numpy as np
import pytest
from settings import hardware

from simulator import AnalogCore, registry
from simulator.converters import QuantizerDAC, SignMagnitudeDAC

pytestmark = pytest.mark.usefixtures("own_registry")  # models defined here are forgotten


@dataclass(frozen=True)
class BentDAC(QuantizerDAC):
    """Levels that are not equidistant, and so not on the grid of the digits."""

    def convert(self, volts, low, high, kernels):
        straight = super().convert(volts, low, high, kernels)
        return straight + 0.2 * straight * (1 - straight)


@dataclass(frozen=True)
class BentSignedDAC(SignMagnitudeDAC):
    """The same with a sign."""

    def convert(self, volts, low, high, kernels):
        straight = super().convert(volts, low, high, kernels)
        return straight + 0.2 * straight * (1 - abs(straight))


@pytest.mark.parametrize(("model", "bits"), [("BentDAC", 3), ("BentSignedDAC", 4)])
def test_digits_are_those_of_a_converter_that_was_derived(model, bits):
    registry.register("dac", {"BentDAC": BentDAC, "BentSignedDAC": BentSignedDAC}[model])
    params = hardware(
        xbar__dac__mvm__model=model, xbar__dac__mvm__bits=bits,
        xbar__dac__mvm__signed=model == "BentSignedDAC", xbar__dac__mvm__input_bitslicing=True,
        core__mapping__inputs__mvm__min=-1.0 * (model == "BentSignedDAC"),
        core__mapping__inputs__mvm__max=1.0,
    )  # fmt: skip
    x = np.random.default_rng(0).uniform(0, 1, 29)
    level = np.rint(7 * x) / 7
    digits = np.rint(7 * (level + 0.2 * level * (1 - level))) / 7
    for apart in (False, True):
        params.simulation.disable_fast_balanced = apart
        np.testing.assert_allclose(AnalogCore(np.eye(29), params) @ x, digits, rtol=0, atol=1e-14)
