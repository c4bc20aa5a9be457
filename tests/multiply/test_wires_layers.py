"""Layers on arrays with wire resistance, against Kirchhoff's laws behind unrolled windows.

Everything is in double precision. Tolerances: 1e-9 of the currents before they are subtracted from
one another, see `test_nonlinear_cells`; gradients of linear hardware to the same, by differences of
a linear function, which are exact but for rounding.
"""

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from kirchhoff import WiredCore  # noqa: E402
from strategies import quietly, set_style  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402
from wired_cores import wired  # noqa: E402

from adapters.torch import AnalogConv1d, AnalogConv2d, AnalogLinear, from_torch, to_torch  # noqa: E402

OHMS = 40.0, 90.0, 300.0, 500.0
ACCURACY = 1e-9
SOLVERS = ("auto", "effective", "iterative", "nodal")


def hardware(style="one_sided", model=None, ohms=OHMS, **changes):
    p = wired(*ohms, **changes)
    set_style(p, style if style != "interleaved" else "one_sided")
    p.core.balanced.interleaved_posneg = style == "interleaved"
    if model:
        p.xbar.device.nonlinear_IV.enable, p.xbar.device.nonlinear_IV.model = True, model
        p.xbar.device.Vread = 0.8
    return p


def built(cls, p, *args, bias_rows=0, **kwargs):
    torch.manual_seed(3)
    with quietly():
        return cls(p, *args, bias_rows=bias_rows, dtype=torch.float64, **kwargs)


def numbers(*shape):
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(5)) - 0.5


def windows(layer, x):
    """Unrolled windows of every group, (groups, inputs, windows of all images)."""
    unfolded = functional.unfold(x, layer.kernel_size, layer.dilation, layer.padding, layer.stride)
    flat = unfolded.transpose(0, 1).reshape(layer.groups, -1, unfolded.shape[2] * len(x))
    return flat.numpy()


def expected(layer, x, p):
    """The forward of a layer from the plain model, and the scale of its errors."""
    with torch.no_grad():
        matrix = layer.form_matrix().numpy()
    if isinstance(layer, nn.Linear):
        columns = x.reshape(-1, x.shape[-1]).T.numpy()[None]
    else:
        columns = windows(layer, x)
    ones = np.ones((len(columns), layer.bias_rows if layer.analog_bias else 0, columns.shape[2]))
    columns = np.concatenate([columns, ones], axis=1)
    results = [
        WiredCore(block, p).multiply_with_scale(part)
        for block, part in zip(np.split(matrix, layer.groups), columns)
    ]
    y, scale = torch.from_numpy(np.vstack([r[0] for r in results])), max(r[1] for r in results)
    if layer.bias is not None and not layer.analog_bias:
        y = y + layer.bias.detach()[:, None]
    if isinstance(layer, nn.Linear):
        return y.T.reshape(*x.shape[:-1], -1), scale
    return y.reshape(len(y), len(x), -1).transpose(0, 1), scale


def check(layer, x, p):
    wanted, scale = expected(layer, x, p)
    with torch.no_grad():
        got = layer(x)
    torch.testing.assert_close(got.reshape(wanted.shape), wanted, rtol=0, atol=ACCURACY * scale)


CONVS = {
    "plain": ((2, 3, 2), {}),
    "padded": ((2, 3, 2), {"padding": 1, "stride": 2}),
    "dilated": ((2, 2, (2, 1)), {"dilation": 2, "padding": (1, 0), "bias": False}),
    "groups": ((4, 4, 2), {"groups": 2}),
}


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("bias_rows", [0, 2])
@pytest.mark.parametrize("name", CONVS)
def test_a_convolution_is_its_windows_on_wired_arrays(name, bias_rows, solver):
    args, options = CONVS[name]
    p = hardware(simulation__parasitics_solver=solver)
    check(
        built(AnalogConv2d, p, *args, bias_rows=bias_rows, **options), numbers(2, args[0], 4, 3), p
    )


@pytest.mark.parametrize("style", ["one_sided", "interleaved", "offset", "unit", "sliced_unit"])
@pytest.mark.parametrize("model", [None, "CubicDevice", "EvenDevice"])
def test_layers_of_every_style_and_law(style, model):
    """On tiles of 4, 4 and 1 inputs."""
    p = hardware(style, model)
    p.core.rows_max = 4
    p.core.mapping.weights.col_partition_strategy = "MAX"
    check(built(AnalogConv2d, p, 2, 2, 2, bias_rows=1), numbers(1, 2, 3, 3), p)
    check(built(AnalogLinear, p, 8, 3, bias_rows=1), numbers(3, 8), p)


@pytest.mark.parametrize("shape", [(5,), (3, 5), (2, 2, 5)])
@pytest.mark.parametrize("bias_rows", [0, 1])
def test_a_linear_layer_takes_vectors_of_any_shape(shape, bias_rows):
    p = hardware()
    check(built(AnalogLinear, p, 5, 4, bias_rows=bias_rows), numbers(*shape), p)


@pytest.mark.parametrize("model", [None, "CubicDevice"])
@pytest.mark.parametrize("digits", [False, True])
def test_converters_see_the_currents_behind_the_wires(digits, model):
    """Codes of 8 bits on 5-bit inputs: the currents are generic, so no code sits on a threshold."""
    p = hardware("two_sided", model)
    p.xbar.dac.mvm.model, p.xbar.dac.mvm.bits = "SignMagnitudeDAC", 5
    p.xbar.dac.mvm.input_bitslicing = digits
    adc = p.xbar.adc.mvm
    adc.model, adc.bits, adc.adc_per_ibit = "QuantizerADC", 8, digits
    adc.adc_range_option, adc.calibrated_range = "CALIBRATED", [-1.7, 1.9]
    check(built(AnalogConv2d, p, 2, 3, 2), numbers(2, 2, 3, 3), p)


@pytest.mark.parametrize("model", [None, "CubicDevice"])
@pytest.mark.parametrize("solver", ["auto", "iterative"])
def test_work_in_pieces_gives_the_same(solver, model):
    x = numbers(5, 2, 4, 4)
    results = []
    for limit in (2**28, 20_000, 1):
        p = hardware(model=model, simulation__parasitics_solver=solver)
        p.simulation.memory_limit = limit
        layer = built(AnalogConv2d, p, 2, 3, 2, padding=1)
        layer.clip_gradient = True  # keeps torch from taking the product itself
        with torch.no_grad():
            results.append(layer(x))
    for other in results[1:]:
        torch.testing.assert_close(other, results[0], rtol=ACCURACY, atol=ACCURACY)


@pytest.mark.parametrize("model", [None, "CubicDevice"])
def test_noise_of_windows_does_not_depend_on_the_batch(model):
    p = hardware(model=model)
    noise = p.xbar.device.read_noise
    noise.enable, noise.model, noise.magnitude = True, "NormalProportionalDevice", 0.1
    x = numbers(4, 2, 3, 3)
    layers = [built(AnalogConv2d, p, 2, 3, 2, groups=1) for _ in range(2)]
    with torch.no_grad():
        whole = layers[0](x)
        pieces = torch.cat([layers[1](x[:1]), layers[1](x[1:])])
        assert torch.equal(whole, pieces)
        assert not torch.equal(layers[0](x), whole)
        again = copy.deepcopy(layers[1])
        assert torch.equal(again(x), layers[1](x))


# -- backward -------------------------------------------------------------------------------------

MAKERS = {
    "linear": (lambda p, b: built(AnalogLinear, p, 5, 3, bias_rows=b), (2, 5)),
    "line": (lambda p, b: built(AnalogConv1d, p, 2, 3, 2, padding=1, bias_rows=b), (2, 2, 4)),
    "image": (lambda p, b: built(AnalogConv2d, p, 2, 3, 2, padding=1, bias_rows=b), (1, 2, 3, 3)),
    "groups": (lambda p, b: built(AnalogConv2d, p, 4, 2, 2, groups=2, bias_rows=b), (1, 4, 3, 3)),
}


@pytest.mark.parametrize("solver", ["auto", "iterative"])
@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize("bias_rows", [0, 2])
@pytest.mark.parametrize("name", MAKERS)
def test_the_gradient_of_inputs_is_that_of_the_forward(name, bias_rows, clip, solver):
    make, shape = MAKERS[name]
    layer = make(hardware("two_sided", simulation__parasitics_solver=solver), bias_rows)
    layer.clip_gradient = clip
    x = numbers(*shape).requires_grad_()
    y = layer(x)
    grad = torch.linspace(-1, 1, y.numel(), dtype=torch.float64).reshape(y.shape)
    y.backward(grad)
    with torch.no_grad():
        differences = torch.zeros(x.numel(), dtype=torch.float64)
        for i in range(x.numel()):
            step = torch.zeros_like(differences)
            step[i] = 0.25
            high, low = (layer(x + s * step.reshape(x.shape)) for s in (1, -1))
            differences[i] = ((high - low) * grad).sum() / 0.5
    torch.testing.assert_close(x.grad.reshape(-1), differences, rtol=0, atol=1e-8)
    digital = to_torch(layer)(x.detach().requires_grad_())
    assert (digital - y).abs().max() > 1e-2


def test_parameters_get_the_gradient_of_the_digital_layer():
    layer = built(AnalogLinear, hardware(), 5, 3)
    x, grad = numbers(2, 5), numbers(2, 3)
    layer(x).backward(grad)
    torch.testing.assert_close(layer.weight.grad, grad.T @ x)
    torch.testing.assert_close(layer.bias.grad, grad.sum(0))


# -- which weights --------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [None, "CubicDevice"])
@pytest.mark.parametrize("bias_rows", [0, 2])
def test_weights_that_are_read_back_are_those_of_the_cells(bias_rows, model):
    """Wires are no error of the cells: ``get_core_weights`` knows none, products do."""
    p = hardware(model=model)
    error = p.xbar.device.programming_error
    error.enable, error.model, error.magnitude = True, "NormalProportionalDevice", 0.1
    layer = built(AnalogConv2d, p, 2, 3, 2, bias_rows=bias_rows)
    bare = copy.deepcopy(p)
    bare.xbar.array.parasitics.enable = False
    without = built(AnalogConv2d, bare, 2, 3, 2, bias_rows=bias_rows)
    weight, bias = layer.get_core_weights()
    for got, wanted in zip((weight, bias), without.get_core_weights()):
        torch.testing.assert_close(got, wanted, rtol=0, atol=0)
    digital = to_torch(layer, physical_weights=True)
    torch.testing.assert_close(digital.weight, weight, rtol=0, atol=0)
    torch.testing.assert_close(digital.bias, bias, rtol=0, atol=0)
    assert (weight - layer.weight).abs().max() > 1e-3
    effective = torch.from_numpy(layer.core.get_effective_matrix())
    lines = weight[0].numel()
    torch.testing.assert_close(layer.held_weight, effective[:, :lines].reshape(weight.shape))
    if model is None:
        assert (layer.held_weight - weight).abs().max() > 1e-3


def test_a_converted_model_can_be_programmed_again_and_saved():
    torch.manual_seed(1)
    digital = nn.Sequential(nn.Conv2d(1, 2, 2), nn.Flatten(), nn.Linear(8, 3)).double()
    p, x = hardware(), numbers(4, 1, 3, 3)
    analog = from_torch(copy.deepcopy(digital), p)
    twin = from_torch(copy.deepcopy(digital), p)
    with torch.no_grad():
        first = analog(x)
        analog[2].weight.mul_(-0.5)
        for layer in (analog[0], analog[2]):
            layer.synchronize()
        changed = analog(x)
        assert (changed - first).abs().max() > 1e-2
        twin.load_state_dict(analog.state_dict())
        torch.testing.assert_close(twin(x), changed, rtol=ACCURACY, atol=ACCURACY)
        check(analog[2], numbers(2, 8), p)
