"""States that are refused leave a layer as it was; those that fit reach its arrays."""

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch_models import PROGRAMMING, seeded  # noqa: E402

from adapters.torch import from_torch  # noqa: E402
from simulator import InputError  # noqa: E402


@pytest.fixture(autouse=True)
def seeded_weights():
    torch.manual_seed(0)


def attend(layer, x):
    return layer(x, x, x)[0]


@pytest.mark.parametrize("make", [lambda: nn.Linear(4, 4), lambda: nn.MultiheadAttention(4, 2)])
def test_a_state_that_does_not_fit_changes_nothing_when_assigned(make):
    layer = from_torch(make(), seeded())
    before = {name: p.detach().clone() for name, p in layer.named_parameters()}
    state = {**from_torch(make(), seeded()).state_dict(), "_extra_state": {"version": 99}}
    with pytest.raises(InputError):
        layer.load_state_dict(state, assign=True)
    assert all(torch.equal(p, before[name]) for name, p in layer.named_parameters())


def test_a_loaded_attention_layer_is_in_step():
    layer = from_torch(nn.MultiheadAttention(4, 2), seeded(**PROGRAMMING))
    layer.load_state_dict(layer.state_dict())
    # Otherwise a layer that follows its parameters would program this chip anew.
    assert layer.get_chip_state()["in_step"]


@pytest.mark.parametrize("make", [lambda: nn.Linear(4, 4), lambda: nn.LSTM(4, 4)])
def test_a_digital_state_that_is_refused_leaves_the_layer(make):
    layer = from_torch(make(), seeded())
    state = {k: torch.full_like(v, torch.nan) for k, v in make().state_dict().items()}
    with pytest.raises(InputError):
        layer.load_state_dict(state)
    assert all(p.isfinite().all() for p in layer.parameters())


def test_an_assigned_last_projection_reaches_the_arrays():
    layer = from_torch(nn.MultiheadAttention(4, 2, bias=False), seeded())
    layer.out_proj.weight = nn.Parameter(torch.zeros(4, 4))
    assert not attend(layer, torch.ones(3, 1, 4)).any()


@pytest.mark.parametrize("make", [nn.Linear, nn.LSTMCell])
def test_weights_that_are_read_back_are_copies(make):
    layer = from_torch(make(3, 2), seeded())
    before = [p.detach().clone() for p in layer.parameters()]
    for part in layer.get_core_weights():
        part.zero_()
    assert all(torch.equal(p, was) for p, was in zip(layer.parameters(), before, strict=True))
