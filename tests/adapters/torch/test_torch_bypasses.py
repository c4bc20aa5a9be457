"""What would run a layer as a whole does not pass its arrays by."""

import copy
import pickle

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch_models import NOISE, seeded  # noqa: E402

from adapters.torch import from_torch, summary, to_torch  # noqa: E402


@pytest.fixture(autouse=True)
def seeded_weights():
    torch.manual_seed(0)


def test_a_layer_whose_forward_was_replaced_stays_or_runs_on_arrays():
    model, x = nn.Sequential(nn.Linear(3, 2)), torch.ones(2, 3)
    inner = model[0].forward
    model[0].forward = lambda *args: inner(*args)  # as libraries do that add hooks of their own
    converted = from_torch(model, seeded(**NOISE), allow_digital=True)
    stays = type(converted[0]) is nn.Linear and "forward" in summary(converted).rows[0][-1]
    assert stays or not torch.equal(converted(x), model(x))


def test_a_compiled_layer_is_converted():
    layer, x = nn.Linear(3, 2), torch.ones(2, 3)
    layer.compile(backend="eager")
    converted = from_torch(layer, seeded(**NOISE))
    assert not torch.equal(converted(x), layer(x))


def test_the_digital_copy_of_a_compiled_layer_is_digital():
    model, x = from_torch(nn.Sequential(nn.Linear(3, 2)), seeded(**NOISE)), torch.ones(2, 3)
    model[0].compile(backend="eager")
    digital = to_torch(model)
    assert torch.equal(digital(x), nn.functional.linear(x, model[0].weight, model[0].bias))


def test_a_copy_of_a_compiled_layer_runs_on_its_own():
    layer, x = from_torch(nn.Linear(3, 2, bias=False), seeded()), torch.ones(2, 3)
    layer.compile(backend="eager")
    other = copy.deepcopy(layer)
    other.weight = nn.Parameter(torch.zeros(2, 3))
    assert not other(x).any()


def test_a_compiled_layer_is_pickled():
    layer, x = from_torch(nn.Linear(3, 2), seeded()), torch.ones(2, 3)
    layer.compile(backend="eager")
    assert torch.equal(pickle.loads(pickle.dumps(layer))(x), layer(x))


@pytest.mark.parametrize("name", ["self_attn", "linear1"])
def test_a_layer_put_into_an_encoder_by_hand_is_used(name):
    encoder, x = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True).eval(), torch.rand(2, 3, 4)
    setattr(encoder, name, from_torch(getattr(encoder, name), seeded(**NOISE)))
    with torch.no_grad():
        assert not torch.equal(encoder(x), encoder(x))
