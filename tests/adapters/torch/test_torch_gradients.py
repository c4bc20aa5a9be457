"""Backward: the gradients of the digital layer with the weights that the arrays really hold."""

import copy
import math

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch_models import ADC, DAC, NOISE, PROGRAMMING, perceptron, seeded  # noqa: E402

from adapters.torch import from_torch, synchronize, to_torch  # noqa: E402

LAYERS = {
    "linear": (lambda: nn.Linear(6, 4), (3, 6)),
    "linear, leading dimensions": (lambda: nn.Linear(6, 4), (2, 3, 6)),
    "linear, one vector": (lambda: nn.Linear(6, 4), (6,)),
    "line": (lambda: nn.Conv1d(2, 4, 3, 2, padding=1, bias=False), (2, 2, 7)),
    "image": (lambda: nn.Conv2d(2, 4, 3, padding=(2, 1), dilation=2), (2, 2, 6, 7)),
    "groups": (lambda: nn.Conv2d(4, 4, 3, groups=2, padding="same"), (2, 4, 5, 5)),
    "one image": (lambda: nn.Conv2d(2, 4, 3), (2, 5, 5)),
    "volume": (lambda: nn.Conv3d(2, 2, 2, padding=1), (1, 2, 3, 3, 3)),
    **{
        mode: (lambda mode=mode: nn.Conv2d(2, 3, 3, padding=2, padding_mode=mode), (2, 2, 5, 4))
        for mode in ("zeros", "reflect", "replicate", "circular")
    },
}  # fmt: skip


def gradients(layer, x, grad):
    leaf = x.clone().requires_grad_()
    for p in layer.parameters():
        p.grad = None
    layer(leaf).backward(grad)
    return [leaf.grad, *(p.grad for p in layer.parameters())]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("bias_rows", [0, 2])
@pytest.mark.parametrize("name", LAYERS)
def test_gradients_are_those_of_the_read_back_weights(name, bias_rows, training):
    make, shape = LAYERS[name]
    digital = make().double()
    params = seeded(**PROGRAMMING, **NOISE, **DAC, **ADC)
    analog = from_torch(copy.deepcopy(digital), params, bias_rows=bias_rows).train(training)
    held = to_torch(analog, physical_weights=True).train(training)
    assert not torch.allclose(held.weight, digital.weight, rtol=1e-2)
    x = torch.rand(shape, dtype=torch.float64) - 0.5
    grad = torch.rand_like(digital(x))
    # The same convolutions of the same numbers, in another order of summation at most.
    for got, wanted in zip(gradients(analog, x, grad), gradients(held, x, grad), strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-12, atol=1e-12)


def test_a_deep_model_has_the_gradients_of_its_read_back_weights():
    torch.manual_seed(1)
    analog = from_torch(perceptron().double(), seeded(**PROGRAMMING))
    held = to_torch(analog, physical_weights=True)
    x, grad = torch.rand(3, 4, dtype=torch.float64), torch.ones(3, 3, dtype=torch.float64)
    for got, wanted in zip(gradients(analog, x, grad), gradients(held, x, grad), strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("make", [lambda: nn.Linear(3, 2), lambda: nn.Conv1d(2, 3, 2, padding=1)])
def test_numerical_derivatives_agree(make):
    analog = from_torch(make().double(), seeded())
    x = torch.rand(2, 3, dtype=torch.float64, requires_grad=True)
    if isinstance(analog, nn.Conv1d):
        x = torch.rand(2, 2, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(analog, x)


def test_gradients_use_the_weights_of_the_forward():
    layer = from_torch(nn.Linear(4, 3), seeded(**PROGRAMMING))
    held = layer.get_core_weights()[0]
    x = torch.rand(2, 4, requires_grad=True)
    y = layer(x)
    layer.synchronize()
    y.sum().backward()
    torch.testing.assert_close(x.grad, (torch.ones(2, 3) @ held))


@pytest.mark.parametrize("frozen", ["weight", "bias", "both"])
def test_frozen_parameters_get_no_gradient(frozen):
    layer = from_torch(nn.Conv2d(2, 3, 3), seeded())
    names = ("weight", "bias") if frozen == "both" else (frozen,)
    for name in names:
        layer.get_parameter(name).requires_grad_(False)
    x = torch.rand(1, 2, 4, 4, requires_grad=True)
    layer(x).sum().backward()
    assert x.grad is not None
    for name, p in layer.named_parameters():
        assert (p.grad is None) == (name in names)


def test_nothing_is_recorded_without_gradients():
    model = from_torch(perceptron(), seeded())
    x = torch.rand(2, 4)
    with torch.no_grad():
        assert not model(x).requires_grad
    with torch.inference_mode():
        assert model(x).is_inference()
    assert model(x).requires_grad


@pytest.mark.parametrize("make", [lambda: nn.Linear(4, 3), lambda: nn.Conv1d(4, 3, 1)])
def test_inference_mode_first_and_gradients_later(make):
    layer = from_torch(make(), seeded(**PROGRAMMING))
    x = torch.rand(1, 4, 4, requires_grad=True)
    with torch.inference_mode():
        layer(x)
    layer(x).sum().backward()
    assert x.grad is not None


@pytest.mark.parametrize("hardware", [{}, ADC], ids=["ideal", "adc"])
@pytest.mark.parametrize("groups", [1, 2])
def test_results_can_be_changed_in_place(groups, hardware):
    for layer, shape in (
        (nn.Linear(4, 4), (3, 4)), (nn.Linear(4, 4), (2, 3, 4)), (nn.Linear(4, 4), (4,)),
        (nn.Conv2d(4, 4, 3, groups=groups), (2, 4, 5, 5)),
        (nn.Conv2d(4, 4, 3, groups=groups), (4, 5, 5)),
    ):  # fmt: skip
        x = torch.rand(shape)
        analog = from_torch(layer, seeded(**hardware))
        y = nn.ReLU(inplace=True)(analog(x))
        torch.testing.assert_close(y, nn.ReLU()(analog(x)))
        y.sum().backward()


@pytest.mark.parametrize("hardware", [{}, ADC, NOISE], ids=["ideal", "adc", "noise"])
@pytest.mark.parametrize(
    ("make", "shape"),
    [(lambda: nn.Linear(4, 4), (3, 4)), (lambda: nn.Conv2d(4, 4, 3), (2, 4, 5, 5))],
)
def test_results_can_be_viewed(make, shape, hardware):
    y = from_torch(make(), seeded(**hardware))(torch.rand(shape))
    assert y.view(len(y), -1).shape[0] == shape[0]
    assert y.view(-1).numel() == y.numel()


def test_second_derivatives_are_refused_or_right():
    digital = nn.Linear(3, 2, dtype=torch.float64)
    analog = from_torch(copy.deepcopy(digital), seeded())
    x = torch.rand(4, 3, dtype=torch.float64, requires_grad=True)
    found = []
    for layer in (digital, analog):
        (g,) = torch.autograd.grad(layer(x).pow(3).sum(), x, create_graph=True)
        try:
            g.pow(2).sum().backward()
        except RuntimeError:
            assert layer is analog
            return
        found.append(layer.weight.grad)
    torch.testing.assert_close(*found)


# -- clipping -------------------------------------------------------------------------------------


def test_clipped_inputs_pass_no_gradient_when_asked():
    x = torch.tensor([[0.5, 1.5], [-1.0, -1.1]], requires_grad=True)
    layer = from_torch(nn.Linear(2, 1, bias=False), seeded(**DAC), clip_gradient=True)
    layer(x).sum().backward()
    assert torch.equal(x.grad != 0, torch.tensor([[True, False], [True, False]]))
    assert bool((layer.weight.grad != 0).all())


def test_clipped_pixels_pass_no_gradient_when_asked():
    x = torch.tensor([[[0.5, 1.5, -2.0]]], requires_grad=True)
    layer = from_torch(nn.Conv1d(1, 1, 1), seeded(**DAC), clip_gradient=True)
    layer(x).sum().backward()
    assert torch.equal(x.grad != 0, torch.tensor([[[True, False, False]]]))


def test_clipped_weights_get_no_gradient_when_asked():
    params = seeded(core__mapping__weights__percentile=None, core__mapping__weights__min=-0.1,
                    core__mapping__weights__max=0.1)  # fmt: skip
    layer = nn.Linear(3, 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.05, 0.5, -0.2]]))
    layer = from_torch(layer, params, clip_gradient=True)
    layer(torch.ones(1, 3)).sum().backward()
    assert torch.equal(layer.weight.grad, torch.tensor([[1.0, 0.0, 0.0]]))


@pytest.mark.parametrize("hardware", [{}, DAC], ids=["ideal", "dac"])
def test_gradients_pass_straight_through_unless_asked(hardware):
    x = torch.tensor([[0.5, 1.5]], requires_grad=True)
    layer = from_torch(nn.Linear(2, 1), seeded(**hardware))
    layer(x).sum().backward()
    assert bool((x.grad != 0).all())


def test_an_ideal_driver_clips_no_input():
    x = torch.tensor([[0.5, 1.5]], requires_grad=True)
    layer = from_torch(nn.Linear(2, 1), seeded(), clip_gradient=True)
    layer(x).sum().backward()
    assert bool((x.grad != 0).all())


# -- mixed precision ------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_computes_in_single_precision(dtype):
    model = nn.Sequential(nn.Linear(4, 5), from_torch(nn.Linear(5, 3), seeded()))
    x = torch.rand(2, 4)
    with torch.autocast("cpu", dtype=dtype):
        hidden = model[0](x)
        y = model[1](hidden)
    assert hidden.dtype == y.dtype == dtype
    wanted = to_torch(model[1])(hidden.float())
    # One rounding to the narrow type, and two float32 sums of five products.
    torch.testing.assert_close(y.float(), wanted, rtol=torch.finfo(dtype).eps, atol=1e-5)
    y.float().sum().backward()
    assert all(p.grad.dtype == torch.float32 for p in model.parameters())


# -- the product alone ----------------------------------------------------------------------------


@pytest.mark.parametrize("bias_rows", [0, 2])
@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("style", ["BALANCED", "OFFSET"])
def test_the_product_alone_is_what_the_arrays_compute(name, bias_rows, style):
    build, shape = LAYERS[name]
    params = seeded(core__style=style, xbar__device__cell_bits=5, **PROGRAMMING)
    layer = from_torch(build(), params, bias_rows=bias_rows)
    results = []
    for reach in (None, 0.0):  # whatever is left of the path, and every stage of it
        layer._reach = reach
        layer.zero_grad()
        x = torch.linspace(-1, 1, math.prod(shape)).reshape(shape).requires_grad_()
        y = layer(x)
        (y**2).sum().backward()
        assert (layer._reach or 0) > 0 or reach == 0
        results.append([y.detach(), x.grad, *(p.grad for p in layer.parameters())])
    for alone, whole in zip(*results, strict=True):
        # Float32 sums of a few dozen terms, in another order.
        torch.testing.assert_close(alone, whole, rtol=1e-4, atol=1e-4)


def test_inputs_that_reach_a_column_limit_meet_it():
    layer = from_torch(nn.Linear(4, 1, bias=False), seeded(xbar__array__Icol_max=2.0))
    with torch.no_grad():
        layer.weight.fill_(1.0)
    synchronize(layer)
    y = layer(torch.tensor([[0.4] * 4, [0.9] * 4]))
    # The negative cells stay at Gmin, a tenth of Gmax, and their line below the limit.
    limited = (2.0 - 4 * 0.9 * 0.1) / (1 - 0.1)
    torch.testing.assert_close(y[:, 0].detach(), torch.tensor([1.6, limited]))


def test_a_clipped_bias_gets_no_gradient_when_asked():
    params = seeded(core__mapping__weights__percentile=None, core__mapping__weights__min=-0.1,
                    core__mapping__weights__max=0.1)  # fmt: skip
    layer = nn.Linear(1, 2)
    with torch.no_grad():
        layer.bias.copy_(torch.tensor([0.15, 0.3]))
    layer = from_torch(layer, params, bias_rows=2, clip_gradient=True)
    layer(torch.ones(1, 1)).sum().backward()
    assert torch.equal(layer.bias.grad, torch.tensor([1.0, 0.0]))


def test_single_precision_inputs_of_a_double_layer():
    x = torch.rand(3, 4, requires_grad=True)
    layer = from_torch(nn.Linear(4, 2).double(), seeded())
    layer(x).sum().backward()
    torch.testing.assert_close(x.grad, layer.weight.detach().sum(0).float().expand(3, 4))
    assert layer.weight.grad.dtype == torch.float64
