"""Layers whose path is one product give what their arrays give."""

import copy

import numpy as np
import pytest

from simulator import InputError

torch = pytest.importorskip("torch")

from fading_cells import fading, with_error  # noqa: E402
from torch import nn  # noqa: E402
from torch_models import PROGRAMMING, forced, seeded  # noqa: E402

from adapters import torch as analog  # noqa: E402
from adapters.torch import from_torch, to_torch  # noqa: E402


@pytest.fixture(autouse=True)
def seeded_weights():
    torch.manual_seed(0)


def by_arrays(layer, x):
    """The layer's result stage by stage, whatever its path is."""
    return forced(copy.deepcopy(layer))(x)


def linear(params=None, inputs=3, outputs=2, bias=True, **options):
    return from_torch(nn.Linear(inputs, outputs, bias=bias), params or seeded(), **options)


@pytest.mark.parametrize("rows", [0, 2])
@pytest.mark.parametrize(("make", "shape"), [
    (lambda: nn.Linear(5, 4), (3, 2, 5)),
    (lambda: nn.Conv2d(4, 6, 3, padding=1, groups=2), (2, 4, 5, 5)),
    (lambda: nn.Conv1d(2, 6, 3, padding=1, padding_mode="circular"), (2, 2, 7)),
    (lambda: nn.Conv2d(2, 3, 3, padding="same"), (2, 5, 5)),
])  # fmt: skip
def test_aged_layers_have_the_gradients_of_their_arrays(make, shape, rows):
    params = with_error(fading(simulation__drift_compensation="global"))
    layer = from_torch(make().double(), params, bias_rows=rows)
    analog.set_time(layer, 1e4)
    x, found = torch.randn(shape, dtype=torch.double), []
    for run in (layer, lambda leaf: by_arrays(layer, leaf)):
        leaf = x.clone().requires_grad_()
        y = run(leaf)
        (grad,) = torch.autograd.grad((y**2).sum(), leaf)
        found.append((y.detach(), grad))
    for one, other in zip(*found, strict=True):
        # At most 19 terms of size below 40.
        torch.testing.assert_close(one, other, rtol=0, atol=19 * 40 * 2**-52 * 8)


def test_first_and_second_derivatives_of_an_aged_layer():
    layer = from_torch(nn.Linear(3, 2).double(), fading())
    analog.set_time(layer, 1e3)
    x = torch.randn(2, 3, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(layer, x)
    assert torch.autograd.gradgradcheck(lambda x: layer(x) ** 2, x)


def test_bias_lines_count_for_the_column_limit():
    digital = nn.Linear(1, 1)
    with torch.no_grad():
        digital.weight.fill_(1), digital.bias.fill_(1)
    params = seeded(xbar__array__Icol_max=0.8, xbar__device__infinite_on_off_ratio=True)
    layer = from_torch(digital, params, bias_rows=1)
    x = torch.tensor([[0.1]])
    # 0.1 + 1 is clipped to 0.8 of a full cell.
    torch.testing.assert_close(layer(x), by_arrays(layer, x))


@pytest.mark.parametrize("limit", [0.3, 1.0, 3.0, 30.0])
def test_column_limits_are_met_with_and_without_the_short_path(limit):
    layer = linear(seeded(xbar__array__Icol_max=limit), 5, 4)
    x = torch.randn(50, 5) * torch.logspace(-3, 1, 50)[:, None]
    alone = torch.cat([layer(row[None]) for row in x])
    # Five products of at most 40, in single precision.
    torch.testing.assert_close(alone, by_arrays(layer, x), rtol=0, atol=8 * 5 * 40 * 2**-23)


def cut(core):
    core.cores[0][0].core_pos.set_conductances(np.zeros((2, 3)))


def rewrite(core):
    core[0:1] = np.zeros((1, 3))


def age(core):
    core.time = 1e5


def swap(core):
    other = copy.deepcopy(core)
    other.set_matrix(np.eye(2, 3))
    core.set_state(other.get_state())


@pytest.mark.parametrize("change", [cut, rewrite, age, swap])
def test_what_is_done_to_the_core_reaches_the_product(change):
    layer, x = linear(fading(), bias=False), torch.ones(1, 3)
    layer(x)
    change(layer.core)
    wanted = torch.from_numpy(np.asarray(layer.core @ x.numpy()[0]))[None]
    torch.testing.assert_close(layer(x).detach(), wanted, check_dtype=False)


def test_writing_into_held_weight_does_not_change_the_layer():
    layer, x = linear(bias=False), torch.ones(1, 3)
    y = layer(x).detach()
    layer.held_weight.zero_()
    assert torch.equal(layer(x).detach(), y)


def test_a_bias_of_another_dtype():
    layer = linear()
    layer.bias = nn.Parameter(layer.bias.detach().double())
    layer(torch.ones(1, 3))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_inputs_that_are_no_numbers_are_named(value):
    x = torch.ones(2, 3)
    x[1, 2] = value
    with pytest.raises(InputError, match=r"\(2, 1\)"):
        linear()(x)


def test_dtypes_are_those_of_the_input():
    layer, x = linear(), torch.ones(1, 3)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(x).dtype == torch.float32
        assert layer(x.bfloat16()).dtype == torch.bfloat16
    assert layer(x.double()).dtype == torch.float64
    assert copy.deepcopy(layer).half()(x.half()).dtype == torch.float16
    torch.testing.assert_close(layer(x.double()).float(), layer(x), rtol=0, atol=2**-20)


def test_results_may_be_changed_and_weights_too():
    layer = linear()
    x = torch.ones(1, 3, requires_grad=True)
    y, held = layer(x), layer.held_weight.clone()
    y.mul_(2).add_(1)
    with torch.no_grad():
        layer.weight.mul_(3)
    layer.synchronize()
    y.sum().backward()
    # Backward goes through what the forward went through.
    torch.testing.assert_close(x.grad[0], 2 * held.sum(0))


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_training_after_a_look_without_gradients(mode):
    layer, x = linear(), torch.ones(1, 3)
    with mode():
        y = layer(x)
        y += 1
    layer(x.requires_grad_()).sum().backward()
    assert layer.weight.grad.abs().min() == 1


def test_functional_call_with_automatic_synchronisation():
    layer, x = linear(bias=False, auto_synchronize=True), torch.ones(1, 3)
    y = layer(x)
    doubled = {"weight": layer.weight.detach() * 2}
    # Twice the weights on twice the range: every step is exact in binary.
    assert torch.equal(torch.func.functional_call(layer, doubled, x), 2 * y)
    assert torch.equal(layer(x), y)


def test_layers_that_share_a_weight_share_its_gradient():
    model = nn.Sequential(*(nn.Linear(3, 3, bias=False) for _ in range(2)))
    model[1].weight = model[0].weight
    both, x = from_torch(model, seeded(), auto_synchronize=True), torch.randn(2, 3)
    assert both[0].weight is both[1].weight
    y = both(x)
    y.sum().backward()
    model(x).sum().backward()
    torch.testing.assert_close(both[0].weight.grad, model[0].weight.grad)
    with torch.no_grad():
        both[0].weight.mul_(2)
    torch.testing.assert_close(both(x), 4 * y)


def test_physical_weights_of_layers_that_share_a_weight():
    model = nn.Sequential(*(nn.Linear(3, 3, bias=False) for _ in range(2)))
    model[1].weight = model[0].weight
    both, x = from_torch(model, seeded(**PROGRAMMING)), torch.randn(2, 3)
    torch.testing.assert_close(to_torch(both, physical_weights=True)(x), both(x))
