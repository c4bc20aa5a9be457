"""Layers whose vectors have input ranges of their own: tokens, time steps, windows of an image."""

import copy
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch_models import ADC, PROGRAMMING, seeded  # noqa: E402

from adapters.torch import calibrate, from_torch, to_torch  # noqa: E402
from simulator import AnalogCore  # noqa: E402

INPUTS = "core__mapping__inputs__mvm__"
DAC = {"xbar__dac__mvm__model": "SignMagnitudeDAC", "xbar__dac__mvm__bits": 6}


def hardware(scope="vector", percentile=1.0, **changes):
    ranges = {INPUTS + "percentile": percentile, INPUTS + "percentile_scope": scope}
    return seeded(**DAC, **ranges, **changes)


def sized(shape, batch=True):
    """Values of which some entries of the batch are a thousand times the others."""
    torch.manual_seed(2)
    x = torch.randn(shape, dtype=torch.float64)
    if batch:
        x[::2] *= 1e-3
    return x


LAYERS = {
    "linear": (lambda: nn.Linear(6, 4), (4, 6)),
    "tokens": (lambda: nn.Linear(6, 4), (4, 3, 6)),
    "lines": (lambda: nn.Conv1d(2, 4, 3, padding=1), (4, 2, 7)),
    "images": (lambda: nn.Conv2d(2, 4, 3, stride=2, padding=1), (4, 2, 6, 7)),
    "groups": (lambda: nn.Conv2d(4, 4, 3, groups=2), (4, 4, 5, 5)),
}


@pytest.mark.parametrize("percentile", [1.0, 0.8])
@pytest.mark.parametrize("bias_rows", [0, 2])
@pytest.mark.parametrize("name", LAYERS)
def test_entries_of_a_batch_are_what_they_are_alone(name, bias_rows, percentile):
    make, shape = LAYERS[name]
    layer, x = make().double(), sized(shape)
    analog = from_torch(copy.deepcopy(layer), hardware(percentile=percentile), bias_rows=bias_rows)
    other = from_torch(copy.deepcopy(layer), hardware("batch", percentile), bias_rows=bias_rows)
    with torch.no_grad():
        whole = analog(x)
        alone = torch.cat([analog(part[None]) for part in x])
        torch.testing.assert_close(whole, alone, rtol=1e-12, atol=1e-12)
        if bias_rows == 0:
            together = other(x)
            near = torch.cat([other(part[None]) for part in x])
            assert not torch.allclose(together, near, rtol=1e-3)


def test_the_vectors_of_an_image_are_its_windows():
    layer, x = nn.Conv2d(2, 4, 3, padding=1, bias=False).double(), sized((3, 2, 5, 6))
    params = hardware()
    analog = from_torch(copy.deepcopy(layer), params)
    core = AnalogCore(layer.weight.detach().reshape(4, -1).numpy(), params)
    windows = nn.functional.unfold(x, 3, padding=1)
    wanted = [core @ image.numpy() for image in windows]
    got = analog(x).detach().reshape(3, 4, -1).numpy()
    np.testing.assert_allclose(got, np.stack(wanted), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", LAYERS)
def test_gradients_go_straight_through_the_ranges(name):
    make, shape = LAYERS[name]
    layer, x = make().double(), sized(shape).requires_grad_()
    analog = from_torch(copy.deepcopy(layer), hardware(**PROGRAMMING, **ADC))
    held = to_torch(analog, physical_weights=True)
    for model in (analog, held):
        y = model(x)
        model.grads = torch.autograd.grad(y.sum(), [x, *model.parameters()])
    for got, wanted in zip(analog.grads, held.grads, strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("bias_rows", [0, 1])
def test_inputs_beyond_their_own_range_have_no_gradient_where_that_is_asked_for(bias_rows):
    layer, x = nn.Linear(9, 4).double(), sized((5, 2, 9)).requires_grad_()
    analog = from_torch(
        layer, hardware(percentile=0.8), bias_rows=bias_rows, clip_gradient=True
    )  # fmt: skip
    analog(x).sum().backward()
    ones = torch.ones(5, 2, bias_rows, dtype=torch.float64)
    lines = torch.cat([x.detach(), ones], dim=-1).numpy()
    low, high = np.quantile(lines, [0.2, 0.8], axis=-1)
    limits = np.maximum(np.abs(low), np.abs(high))[..., None]
    inside = np.abs(x.detach().numpy()) <= limits
    assert 0 < inside.sum() < inside.size
    np.testing.assert_array_equal(x.grad.numpy() != 0, inside)
    # The largest value of a vector is in its range.
    whole = from_torch(copy.deepcopy(layer), hardware(), clip_gradient=True)
    y = x.detach().requires_grad_()
    whole(y).sum().backward()
    assert (y.grad != 0).all()


def test_time_steps_and_heads():
    torch.manual_seed(0)
    x = sized((4, 5, 8)).float()
    for layer, call in (
        (nn.LSTM(8, 4, batch_first=True), lambda m: m(x)[0]),
        (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, dropout=0.0), lambda m: m(x)),
    ):
        analog = from_torch(copy.deepcopy(layer), hardware())
        with torch.no_grad():
            whole = call(analog)
            halves = [analog(part[None]) for part in x]
            halves = [h[0] if isinstance(h, tuple) else h for h in halves]
        # A matrix product of other size may round across a threshold of the DAC of 6 bits.
        assert (whole - torch.cat(halves)).abs().max() < 1 / 31
        assert (whole - torch.cat(halves)).abs().mean() < 1e-4


def test_calibration_leaves_ranges_that_follow_each_vector():
    model = from_torch(nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3)), hardware(**ADC))
    calibrate(model, [sized((20, 6)).float()])
    for layer in (model[0], model[2]):
        inputs = layer.params.core.mapping.inputs.mvm
        assert (inputs.percentile, inputs.percentile_scope) == (1.0, "vector")
        assert math.isfinite(layer.core.converter_ranges().adc.high[0])
