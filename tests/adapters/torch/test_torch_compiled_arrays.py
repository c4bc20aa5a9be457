"""Compiled models follow their arrays."""

import warnings

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch_models import ADC, NOISE, seeded  # noqa: E402

from adapters import torch as analog  # noqa: E402
from adapters.torch import from_torch  # noqa: E402


@pytest.fixture(autouse=True)
def seeded_weights():
    torch.manual_seed(0)


def linear(params=None, inputs=3, outputs=2, bias=True, **options):
    return from_torch(nn.Linear(inputs, outputs, bias=bias), params or seeded(), **options)


def compiled(model):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch._dynamo.reset()
        return torch.compile(model, backend="eager")


@pytest.mark.parametrize("changes", [{}, ADC], ids=["product", "ADC"])
def test_a_compiled_model_follows_its_arrays(changes):
    model = from_torch(nn.Sequential(nn.Linear(3, 2), nn.ReLU()), seeded(**changes))
    fast, x = compiled(model), torch.randn(4, 3)
    for _ in range(2):
        torch.testing.assert_close(fast(x), model(x))
        with torch.no_grad():
            model[0].weight.mul_(-2)
        analog.synchronize(model)


def test_a_compiled_model_with_read_noise():
    compiled(linear(seeded(**NOISE)))(torch.randn(4, 3))
