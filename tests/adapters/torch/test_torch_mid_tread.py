"""Calibration of mid-tread converters, and of converters with noise."""

import numpy as np
import pytest
from strategies import set_style

torch = pytest.importorskip("torch")

from adapters.torch import AnalogLinear, calibrate, from_torch, report  # noqa: E402
from simulator import CrossSimParameters  # noqa: E402
from simulator.converters import MidTreadADC  # noqa: E402
from simulator.converters.curves import linearity  # noqa: E402


def tree(changes=None, style=None):
    p = CrossSimParameters()
    p.simulation.seed = 1
    if style:
        set_style(p, style)
    p.update(dict(changes or {}))
    return p


def perceptron():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(20, 30), torch.nn.ReLU(), torch.nn.Linear(30, 10))


def steps(bits, noise=0.0):
    p = tree({"xbar.adc.mvm.adc_range_option": "MAX", "xbar.adc.mvm.input_noise": noise})
    for node, kind in ((p.xbar.adc.mvm, "ADC"), (p.xbar.dac.mvm, "DAC")):
        node.model, node.bits, node.resolution = f"MidTread{kind}", bits, 1 / 126
    return p


@pytest.mark.parametrize("bits", [0, 8])
def test_mid_tread_converters_are_calibrated_whatever_their_bits(bits):
    x = 5 * torch.randn(200, 20)
    model = from_torch(perceptron(), steps(bits))
    found = calibrate(model, [x])
    plain = from_torch(perceptron(), tree())
    with torch.no_grad():
        hidden = plain[1](plain[0](x))
    for ranges, seen in zip(found.layers, (x, hidden), strict=True):
        assert ranges.dac_bits == ranges.adc_bits == 7
        # What comes to the second layer is what the first gives without converters.
        top = np.percentile(np.abs(seen.numpy()), [99.8, 100])
        assert top[0] <= ranges.inputs[1] <= top[1] * (1 + 1e-6)
        assert ranges.outputs[0] == -ranges.outputs[1]
    lines = report(model, [x]).layers
    assert all(line.adc_levels == 127 and line.snr > 20 for line in lines)


def test_noise_of_converters_moves_no_input_range():
    x = 5 * torch.randn(200, 20)
    ranges = [
        [layer.inputs for layer in calibrate(from_torch(perceptron(), p), [x]).layers]
        for p in (steps(8), steps(8, noise=0.3))
    ]
    assert ranges[0] == ranges[1]


def test_mid_tread_dacs_mask_gradients_beyond_their_range():
    p = steps(0)
    limits = p.core.mapping.inputs.mvm
    limits.percentile, limits.min, limits.max = None, -1.0, 1.0
    torch.manual_seed(0)
    layer = AnalogLinear(p, 3, 4)
    layer.clip_gradient = True
    x = torch.tensor([[0.5, 2.0, -2.0]], requires_grad=True)
    layer(x).sum().backward()
    assert (x.grad != 0).tolist() == [[True, False, False]]


def test_curves_of_mid_tread_converters_show_every_code():
    curve = linearity(MidTreadADC(resolution=1 / 126), -1.0, 1.0)
    assert len(curve.levels) == 125 or len(curve.levels) == 127
    # Codes have one width but for the samples at their edges.
    assert np.abs(curve.dnl).max() < 0.05
