"""Layers of several arrays on tiles, in clones, and in functional calls."""

import copy
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch_models import ADC, DAC, NOISE, PROGRAMMING, seeded  # noqa: E402

from adapters.torch import from_torch  # noqa: E402


@pytest.fixture(autouse=True)
def seeded_weights():
    torch.manual_seed(0)


def attend(layer, x):
    return layer(x, x, x)[0]


def test_a_gru_on_tiles_and_converters_is_its_recurrence():
    """Against gates written in NumPy over the layer's core."""
    layer = from_torch(nn.GRU(3, 2), seeded(**PROGRAMMING, **ADC, **DAC, core__rows_max=3), 1)
    core, x = copy.deepcopy(layer.parts["l0"].core), torch.rand(4, 1, 3) - 0.5
    hidden, wanted = np.zeros(2, np.float32), []
    for row in x[:, 0].numpy():
        pre = core @ np.concatenate([row, hidden, np.ones(2, np.float32)])
        reset, keep = 1 / (1 + np.exp(-pre[:4].reshape(2, 2)))
        new = np.tanh(pre[4:6] + reset * pre[6:])
        hidden = ((1 - keep) * new + keep * hidden).astype(np.float32)
        wanted.append(hidden)
    np.testing.assert_allclose(layer(x)[0][:, 0].detach().numpy(), wanted, rtol=0, atol=1e-6)


def test_an_encoder_of_clones_of_an_analog_layer_is_never_passed_by():
    layer = from_torch(nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), seeded(**NOISE))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        encoder = nn.TransformerEncoder(layer, 2).eval()
    x, padding = torch.rand(1, 3, 4), torch.tensor([[False, False, True]])
    with torch.no_grad():
        first, second = (encoder(x, src_key_padding_mask=padding) for _ in range(2))
    assert not torch.equal(first, second)


def test_functional_calls_with_layers_that_follow():
    layer = from_torch(nn.MultiheadAttention(4, 2), seeded(), auto_synchronize=True)
    x, zero = torch.ones(3, 1, 4), {n: torch.zeros_like(p) for n, p in layer.named_parameters()}
    before = attend(layer, x)
    assert not torch.func.functional_call(layer, zero, (x, x, x))[0].any()
    assert torch.equal(attend(layer, x), before)
