"""Transposed convolution: that of torch on ideal arrays, and the unrolled matrix on all others.

Everything runs in double precision; sums have a few hundred terms of the order of one at most, so
1e-11 is far above their rounding.
"""

import copy
import itertools
import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn.utils import parametrizations, prune  # noqa: E402
from torch_models import ADC, DAC, NOISE, PROGRAMMING, forced, seeded  # noqa: E402

from adapters.shared.lowering import stream_of  # noqa: E402
from adapters.torch import (  # noqa: E402
    AnalogConvTranspose1d,
    AnalogConvTranspose2d,
    AnalogConvTranspose3d,
    convertible_modules,
    from_torch,
    inconvertible_modules,
    summary,
    synchronize,
    to_torch,
)
from simulator import AnalogCore, InputError  # noqa: E402

CLOSE = {"rtol": 1e-11, "atol": 1e-11}
LAYERS = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
ANALOG = {1: AnalogConvTranspose1d, 2: AnalogConvTranspose2d, 3: AnalogConvTranspose3d}


@st.composite
def layers(draw, most=3):
    """A digital layer, inputs that it accepts, and an ``output_size`` or None."""
    torch.manual_seed(draw(st.integers(0, 9999)))
    space, groups = draw(st.integers(1, most)), draw(st.integers(1, 3))

    def each(low, high):
        return tuple(draw(st.integers(low, high)) for _ in range(space))

    kernel, stride, dilation, padding, size = (
        each(1, 3),
        each(1, 3),
        each(1, 2),
        each(0, 2),
        each(1, 3),
    )
    more = tuple(draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True))
    least = [
        (n - 1) * s - 2 * p + d * (k - 1) + 1
        for n, s, p, d, k in zip(size, stride, padding, dilation, kernel, strict=True)
    ]
    # Padding that leaves no output is an error, tested elsewhere.
    padding = tuple(0 if n < 1 else p for n, p in zip(least, padding, strict=True))
    layer = LAYERS[space](
        groups * draw(st.integers(1, 2)), groups * draw(st.integers(1, 2)), kernel, stride,
        padding, more, groups, bias=draw(st.booleans()), dilation=dilation, dtype=torch.float64,
    )  # fmt: skip
    batch = draw(st.sampled_from([(), (1,), (3,)]))
    x = torch.rand(*batch, layer.in_channels, *size, dtype=torch.float64) - 0.5
    if not draw(st.booleans()):
        return layer, x, None
    least = [
        (n - 1) * s - 2 * p + d * (k - 1) + 1
        for n, s, p, d, k in zip(size, stride, padding, dilation, kernel, strict=True)
    ]
    sizes = [n + draw(st.integers(0, s - 1)) for n, s in zip(least, stride, strict=True)]
    return layer, x, sizes


def results(layer, x, size):
    leaf = x.clone().requires_grad_()
    layer.zero_grad()
    y = layer(leaf, size)
    y.backward(torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view(y.shape))
    return [y.detach(), leaf.grad, *(p.grad for p in layer.parameters())]


def assert_same(got, wanted):
    for one, other in zip(got, wanted, strict=True):
        torch.testing.assert_close(one, other, **CLOSE)


@settings(max_examples=25, deadline=None)
@given(case=layers(), rows=st.integers(0, 2), arrays=st.booleans(), training=st.booleans())
def test_ideal_arrays_compute_what_torch_does(case, rows, arrays, training):
    digital, x, size = case
    analog = from_torch(copy.deepcopy(digital), seeded(), bias_rows=rows).train(training)
    if arrays:
        forced(analog)
    wanted = results(digital.train(training), x, size)
    assert_same(results(analog, x, size), wanted)
    with torch.no_grad():
        torch.testing.assert_close(analog(x, size), wanted[0], **CLOSE)
    assert not arrays or analog._reach == 0.0


@settings(max_examples=25, deadline=None)
@given(case=layers(), rows=st.integers(0, 2), stages=st.booleans())
def test_gradients_are_those_of_the_read_back_weights(case, rows, stages):
    digital, x, size = case
    hardware = {**NOISE, **DAC, **ADC} if stages else {}
    analog = from_torch(digital, seeded(**PROGRAMMING, **hardware), bias_rows=rows)
    held = to_torch(analog, physical_weights=True)
    assert not torch.allclose(held.weight, digital.weight, rtol=1e-3)
    assert (held.bias is None or torch.equal(held.bias, digital.bias)) == (not analog.analog_bias)
    got, wanted = results(analog, x, size), results(held, x, size)
    assert_same(got[1 if stages else 0 :], wanted[1 if stages else 0 :])


def unrolled(layer, matrix, image, shape):
    """The result (outputs, *shape) of one image: every output with all pixels that reach it."""
    taps = list(itertools.product(*map(range, layer.kernel_size)))
    outputs = []
    for place in itertools.product(*map(range, shape)):
        lines = []
        for channel, tap in itertools.product(range(len(image)), taps):
            # Line ``tap`` of the kernel that is read backwards.
            back = [k - 1 - t for k, t in zip(layer.kernel_size, tap, strict=True)]
            steps = zip(place, layer.padding, layer.dilation, back, layer.stride, strict=True)
            pixel = [divmod(o + p - d * b, s) for o, p, d, b, s in steps]
            inside = all(
                rest == 0 and 0 <= n < size
                for (n, rest), size in zip(pixel, image.shape[1:], strict=True)
            )
            lines.append(image[(channel, *(n for n, _ in pixel))] if inside else 0.0)
        outputs.append(lines)
    rows = layer.bias_rows if layer.analog_bias else 0
    vectors = np.concatenate([np.array(outputs), np.ones((len(outputs), rows))], axis=1)
    return (matrix @ vectors.T).reshape(-1, *shape)


@pytest.mark.parametrize("rows", [0, 2])
@pytest.mark.parametrize(
    "hardware",
    [{}, {"core__style": "OFFSET"}, {"core__rows_max": 5, "core__cols_max": 2}],
    ids=["balanced", "offset", "tiles"],
)
@settings(max_examples=8, deadline=None)
@given(case=layers(most=2))
def test_arrays_see_the_unrolled_matrix(hardware, rows, case):
    digital, x, _ = case
    params = seeded(**PROGRAMMING, **DAC, **ADC, **hardware)
    analog = from_torch(digital, params, bias_rows=rows)
    x = x if x.ndim > len(digital.kernel_size) + 1 else x[None]
    y = analog(x).detach()
    blocks = analog.form_matrix().numpy().reshape(digital.groups, -1, analog.core.shape[1])
    width = digital.in_channels // digital.groups
    for g, block in enumerate(blocks):
        path = f"/{g}" if digital.groups > 1 else ""
        core = AnalogCore(block, params, stream=stream_of(path))
        np.testing.assert_allclose(core.get_matrix(), analog.arrays[g].get_matrix(), rtol=1e-12)
        for image, got in zip(x.numpy(), y.chunk(digital.groups, dim=1)[g], strict=True):
            wanted = unrolled(analog, core, image[g * width : (g + 1) * width], y.shape[2:])
            if digital.bias is not None and not rows:
                bias = digital.bias.detach().chunk(digital.groups)[g].numpy()
                wanted = wanted + bias.reshape(-1, *[1] * (wanted.ndim - 1))
            # Codes of both are the same: the layer of doubles rounds no current otherwise.
            np.testing.assert_allclose(got.numpy(), wanted, rtol=1e-10, atol=1e-10)


@settings(max_examples=25, deadline=None)
@given(case=layers(), rows=st.integers(0, 2))
def test_matrix_and_weights_are_inverses(case, rows):
    digital, _, _ = case
    analog = from_torch(digital, seeded(), bias_rows=rows)
    taps = int(np.prod(digital.kernel_size))
    lines = digital.in_channels // digital.groups * taps + (rows if analog.analog_bias else 0)
    assert analog.form_matrix().shape == (digital.out_channels, lines)
    weight, bias = analog.get_core_weights()
    assert weight.is_contiguous()
    torch.testing.assert_close(weight, digital.weight.detach(), **CLOSE)
    if bias is not None:
        torch.testing.assert_close(bias, digital.bias.detach(), **CLOSE)


def test_calls_of_different_sizes_do_not_meddle():
    digital = nn.ConvTranspose2d(2, 3, 3, stride=3, dtype=torch.float64)
    analog = from_torch(copy.deepcopy(digital), seeded(**PROGRAMMING), bias_rows=1)
    held = to_torch(analog, physical_weights=True)
    forced(analog)
    x = torch.rand(1, 2, 3, 3, dtype=torch.float64)
    found = []
    for layer in (analog, held):
        leaf = x.clone().requires_grad_()
        outputs = [layer(leaf, size) for size in ((10, 11), None, [1, 3, 9, 9], (11, 9))]
        assert [tuple(y.shape[2:]) for y in outputs] == [(10, 11), (9, 9), (9, 9), (11, 9)]
        sum(y.pow(2).sum() for y in outputs).backward()
        found.append([*outputs, leaf.grad])
    assert analog.output_padding == (0, 0)
    assert_same(*found)
    with pytest.raises(ValueError, match="output size"):
        analog(x, (20, 20))


def test_what_is_left_beyond_the_last_pixel_is_zero():
    digital = nn.ConvTranspose1d(1, 1, 1, stride=8, padding=3, output_padding=7)
    analog = from_torch(copy.deepcopy(digital), seeded())
    forced(analog)
    x = torch.ones(1, 1, 1)
    torch.testing.assert_close(analog(x), digital(x))


@pytest.mark.parametrize("space", [1, 2, 3])
def test_a_layer_can_be_built_by_itself(space):
    layer = ANALOG[space](seeded(**DAC), 2, 3, 2, stride=2, bias_rows=1)
    assert isinstance(layer, LAYERS[space])
    assert repr(layer).replace("Analog", "") == repr(to_torch(layer))
    assert layer(torch.rand(2, *[3] * space)).shape == (3, *[6] * space)
    assert layer(torch.rand(0, 2, *[3] * space)).shape == (0, 3, *[6] * space)


@pytest.mark.parametrize("how", ["state_dict", "deepcopy", "pickle"])
def test_what_continues_is_the_same_to_the_last_bit(how):
    params, x = seeded(**PROGRAMMING, **NOISE, **ADC), torch.rand(2, 4, 3, 3)
    analog = from_torch(nn.ConvTranspose2d(4, 4, 3, 2, groups=2), params, bias_rows=1)
    synchronize(analog)
    analog(x, (8, 8))
    other = from_torch(nn.ConvTranspose2d(4, 4, 3, 2, groups=2), params, bias_rows=1)
    if how == "state_dict":
        other.load_state_dict(analog.state_dict())
    elif how == "deepcopy":
        other = copy.deepcopy(analog)
    else:
        other = pickle.loads(pickle.dumps(analog))
    for size in (None, (8, 7)):
        assert torch.equal(analog(x, size), other(x, size))


def test_gradients_stop_where_inputs_are_clipped_when_asked():
    x = torch.tensor([[[0.5, 1.5, -2.0]]], requires_grad=True)
    layer = from_torch(nn.ConvTranspose1d(1, 1, 2, 2), seeded(**DAC), clip_gradient=True)
    layer(x).sum().backward()
    assert torch.equal(x.grad != 0, torch.tensor([[[True, False, False]]]))


@pytest.mark.parametrize("stages", [False, True])
@pytest.mark.parametrize(
    ("shape", "words"),
    [((1, 3, 4), "2|channels"), ((4,), "dim|shape|2D|input"), ((1, 2, 1), "padding|output")],
)
def test_wrong_inputs_are_refused(shape, words, stages):
    layer = from_torch(nn.ConvTranspose1d(2, 3, 2, padding=2), seeded())
    if stages:
        forced(layer)
    with pytest.raises(RuntimeError, match=words):
        layer(torch.rand(shape))


def test_which_layers_are_converted():
    model = nn.Sequential(
        nn.ConvTranspose1d(2, 2, 2), parametrizations.weight_norm(nn.ConvTranspose1d(2, 2, 2)),
        nn.ConvTranspose1d(2, 2, 2), nn.ConvTranspose1d(2, 2, 2), nn.LazyConvTranspose1d(2, 2),
        nn.BatchNorm1d(2),
    )  # fmt: skip
    prune.l1_unstructured(model[2], "weight", 0.5)
    assert convertible_modules(model) == list(model)[:4]
    assert inconvertible_modules(model) == [model[4], model[5]]
    model[4](torch.rand(1, 2, 3))
    assert convertible_modules(model) == list(model)[:5]
    analog = from_torch(model.eval(), seeded(core__rows_max=2))
    (row,) = [row for row in summary(analog).rows if row[0] == "0"]
    assert row[1:4] == ("AnalogConvTranspose1d", "2x4", "2")
    x = torch.rand(2, 2, 4)
    torch.testing.assert_close(analog(x), model.eval()(x), rtol=1e-4, atol=1e-5)
    with torch.no_grad():
        model[0].weight[0, 0, 0] = float("nan")
    with pytest.raises(InputError, match="'0'"):
        from_torch(model, seeded())


@pytest.mark.parametrize("groups", [1, 2])
def test_a_norm_folds_into_a_layer_of_one_group(groups):
    model = nn.Sequential(nn.ConvTranspose2d(2, 4, 3, stride=2, groups=groups), nn.BatchNorm2d(4))
    model[1].running_mean[:] = torch.tensor([0.1, -0.2, 0.3, 0.0])
    model[1].running_var[:] = torch.tensor([0.5, 1.0, 2.0, 4.0])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        analog = from_torch(model.eval(), seeded(), fuse_batchnorm=True)
    assert len(analog) == groups
    assert len(caught) == groups - 1
    x = torch.rand(1, 2, 3, 3)
    torch.testing.assert_close(analog(x), model(x), rtol=1e-4, atol=1e-5)
