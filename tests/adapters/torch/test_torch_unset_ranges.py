"""Converted first, calibrated afterwards: the order that the README shows."""

import pytest
import torch
from torch import nn

from adapters.torch import calibrate, from_torch, report, summary
from simulator import CrossSimParameters, ParameterError

X = torch.rand(64, 12, generator=torch.Generator().manual_seed(0))


def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 4))


def hardware(kinds):
    p = CrossSimParameters()
    p.simulation.seed = 1
    if "adc" in kinds:
        p.xbar.adc.mvm.update({"model": "QuantizerADC", "bits": 8})
    if "dac" in kinds:
        p.xbar.dac.mvm.update({"model": "QuantizerDAC", "bits": 8})
        p.core.mapping.inputs.mvm.min = p.core.mapping.inputs.mvm.max = None
    return p


@pytest.mark.parametrize("kinds", [("adc",), ("dac",), ("adc", "dac")])
@pytest.mark.parametrize("mode", ["train", "eval"])
def test_a_model_is_converted_calibrated_and_looked_at(kinds, mode):
    digital = model()
    analog = getattr(from_torch(digital, hardware(kinds)), mode)()
    assert "AnalogLinear" in repr(summary(analog))
    with pytest.raises(ParameterError, match=r"^layer '0': .*calibrate"):
        analog(X)
    calibrate(analog, [X])
    error = (analog(X) - digital(X)).norm() / digital(X).norm()
    # Three roundings of 8 bits, and what the percentile clips of a few hundred values.
    assert error < 0.05
    report(analog, [X])
