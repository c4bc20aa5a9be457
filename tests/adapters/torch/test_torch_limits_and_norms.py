"""Limits of groups and states, shared norms, dtypes: values and gradients of layers."""

import warnings

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch_models import forced, seeded  # noqa: E402

from adapters.torch import from_torch  # noqa: E402


@pytest.fixture(autouse=True)
def seeded_weights():
    torch.manual_seed(0)


def single(result):
    return result[0] if isinstance(result, tuple) else result


def attend(layer, x):
    return layer(x, x, x)[0]


def test_a_dropped_out_first_state_meets_the_limit():
    digital = nn.GRU(1, 1, 2, bias=False, dropout=0.5, dtype=torch.float64)
    with torch.no_grad():
        for parameter in digital.parameters():
            parameter.zero_()
        digital.weight_ih_l0[1] = 50.0  # keeps the first state
        digital.weight_ih_l1[1] = digital.weight_hh_l1[1] = 1.0
    layer = from_torch(digital, seeded(xbar__array__Icol_max=4.2))
    x, first = torch.full((8, 1, 1), 0.5).double(), torch.full((2, 1, 1), 2.0).double()
    assert layer.parts["l1"].linear_reach < 4.0  # of twice the first state
    found = []
    for every_stage in (False, True):
        if every_stage:
            forced(layer)
        torch.manual_seed(2)
        found.append(layer(x, first)[0].detach())
    torch.testing.assert_close(*found, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("make", [nn.Conv1d, nn.ConvTranspose1d])
def test_every_group_is_clipped_by_its_own_range(make):
    digital = make(4, 2, 1, groups=2, bias=False)
    with torch.no_grad():
        digital.weight.copy_(torch.tensor([1.0, 0.1, 10.0, 2.0]).reshape(digital.weight.shape))
    params = seeded(core__mapping__weights__percentile=0.5)
    params.core.mapping.weights.min = params.core.mapping.weights.max = None
    layer = from_torch(digital, params, clip_gradient=True)
    limits = [core.max for core in layer.arrays]
    assert limits[0] < 1.0 < 2.0 < limits[1] < 10.0
    layer(torch.full((1, 4, 3), 0.5)).sum().backward()
    assert (layer.weight.grad.flatten() != 0).tolist() == [False, True, False, True]


class Alias(nn.Module):
    """One layer under two names, the second right before the norm."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 3)
        self.again = self.first
        self.norm = nn.BatchNorm1d(3)

    def forward(self, x):
        return self.norm(self.again(torch.relu(self.first(x))))


def chained():
    layer = nn.Linear(3, 3)
    return nn.Sequential(layer, layer, nn.BatchNorm1d(3))


@pytest.mark.parametrize("make", [Alias, chained])
def test_a_norm_behind_the_second_use_of_a_layer(make):
    model, x = make().eval(), torch.randn(4, 3)
    next(m for m in model.modules() if isinstance(m, nn.BatchNorm1d)).running_mean.uniform_()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a norm that stays is right as well
        converted = from_torch(model, seeded(), fuse_batchnorm=True)
    torch.testing.assert_close(converted(x), model(x))


@pytest.mark.parametrize("make", [nn.Linear, nn.LSTM])
def test_results_do_not_depend_on_whether_gradients_are_kept(make):
    layer, x = from_torch(make(3, 2), seeded(), auto_synchronize=False), torch.ones(1, 3)
    next(layer.parameters()).data[0, 0] = torch.inf
    with torch.no_grad():
        wanted = single(layer(x))
    torch.testing.assert_close(single(layer(x)), wanted)


MOVED = {
    "linear": (lambda: nn.Linear(4, 2), (2, 4)), "conv": (lambda: nn.Conv1d(4, 2, 1), (1, 4, 3)),
    "lstm": (lambda: nn.LSTM(4, 2), (3, 1, 4)),
    "attention": (lambda: nn.MultiheadAttention(4, 2), (3, 1, 4)),
}  # fmt: skip


@pytest.mark.parametrize("kind", MOVED)
def test_a_layer_follows_its_parameters_to_another_dtype(kind):
    make, shape = MOVED[kind]
    layer, x = from_torch(make(), seeded()), torch.rand(shape)
    with torch.no_grad():
        for dtype in (torch.float32, torch.float64):
            given = x.to(dtype)
            y = attend(layer.to(dtype), given) if kind == "attention" else layer.to(dtype)(given)
            assert single(y).dtype == dtype
