"""Errors name the layer."""

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch_models import seeded  # noqa: E402

from adapters import torch as analog  # noqa: E402
from adapters.torch import from_torch  # noqa: E402
from simulator import InputError  # noqa: E402


@pytest.fixture(autouse=True)
def seeded_weights():
    torch.manual_seed(0)


def attend(layer, x):
    return layer(x, x, x)[0]


@pytest.mark.parametrize("make", [nn.Linear, nn.LSTM])
def test_new_arrays_for_weights_that_are_no_numbers_name_the_layer(make):
    model = from_torch(nn.ModuleDict({"look": make(3, 2)}), seeded())
    next(model.parameters()).data[0] = torch.nan
    with pytest.raises(InputError, match="'look"):
        analog.reinitialize(model)


def test_whole_numbers_name_the_attention_layer():
    model = from_torch(nn.ModuleDict({"look": nn.MultiheadAttention(4, 2)}), seeded())
    with pytest.raises((InputError, RuntimeError), match=r"look|MultiheadAttention"):
        attend(model["look"], torch.ones(3, 1, 4, dtype=torch.long))
