"""Layers in NumPy terms: their matrices, and products of linear layers and convolutions."""

import itertools
import subprocess
import sys

import numpy as np
import pytest

from adapters.neutral import (
    AnalogConvolution1D,
    AnalogConvolution2D,
    AnalogConvolution3D,
    AnalogLinear,
)
from simulator import AnalogCore, CrossSimParameters, InputError, ParameterError, ShapeError
from simulator.devices import idevice

CONVOLUTIONS = {1: AnalogConvolution1D, 2: AnalogConvolution2D, 3: AnalogConvolution3D}


class coupled_noise_of_a_test(idevice.EmptyDevice):
    """Noise that only a draw for every cell describes: its square is not normal."""

    def read_noise(self, input_):
        return input_ * (1 + 0.1 * np.random.normal(size=input_.shape) ** 2)


def settings(**values):
    p = CrossSimParameters()
    p.simulation.seed = 1
    p.update({name.replace("__", "."): value for name, value in values.items()})
    return p


def converters():
    """Eight-bit inputs, one bit at a time, and a six-bit ADC after each."""
    p = settings(
        xbar__dac__mvm__model="SignMagnitudeDAC",
        xbar__dac__mvm__bits=4,
        xbar__dac__mvm__input_bitslicing=True,
        xbar__adc__mvm__model="QuantizerADC",
        xbar__adc__mvm__bits=6,
        xbar__adc__mvm__adc_per_ibit=True,
        xbar__adc__mvm__adc_range_option="MAX",
        core__rows_max=7,
    )
    p.core.mapping.inputs.mvm.min, p.core.mapping.inputs.mvm.max = -3, 3
    return p


def offset():
    return settings(core__style="OFFSET", core__rows_max=10, core__cols_max=2)


def noisy():
    p = settings(core__rows_max=6)
    p.xbar.device.read_noise.enable = True
    p.xbar.device.read_noise.model = "coupled_noise_of_a_test"
    return p


def one_per_array():
    return [settings(core__rows_max=18, xbar__device__cell_bits=bits) for bits in (0, 8)]


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def columns_of(images, kernel, stride, dilation, bias_rows):
    """Windows as columns, pixel by pixel."""
    steps = zip(images.shape[2:], kernel, stride, dilation, strict=True)
    places = [range((n - d * (k - 1) - 1) // s + 1) for n, k, s, d in steps]
    columns = []
    for image in images:
        for place in itertools.product(*places):
            line = [
                image[(c, *(p * s + d * t for p, s, d, t in zip(place, stride, dilation, tap)))]
                for c in range(len(image))
                for tap in itertools.product(*map(range, kernel))
            ]
            columns.append(line + [1.0] * bias_rows)
    return np.array(columns).T, [len(p) for p in places]


@pytest.mark.parametrize("bias_rows", [0, 1, 3])
@pytest.mark.parametrize("shape", [(5,), (4, 5), (2, 3, 5), (0, 5)])
def test_a_linear_layer_multiplies_as_the_digital_one(bias_rows, shape):
    layer = AnalogLinear(settings(), 5, 3, bias_rows)
    weight, bias, x = numbers(3, 5), numbers(3, seed=1), numbers(*shape, seed=2)
    layer.set_matrix(layer.form_matrix(weight, bias))
    expected = x @ weight.T + (bias if bias_rows else 0)
    np.testing.assert_allclose(layer.apply(x), expected, rtol=1e-12, atol=1e-12)
    held, held_bias = layer.get_core_weights()
    np.testing.assert_allclose(held, weight, rtol=1e-12)
    assert (held_bias is None) == (bias_rows == 0)
    if bias_rows:
        np.testing.assert_allclose(held_bias, bias, rtol=1e-12)


def test_masks_say_where_weight_and_bias_are():
    layer = AnalogLinear(settings(), 5, 3, 2)
    matrix = layer.form_matrix(numbers(3, 5), numbers(3, seed=1))
    layer.set_matrix(matrix)
    assert np.array_equal(matrix[layer.weight_mask], numbers(3, 5))
    assert np.array_equal(matrix[layer.bias_mask].sum(axis=1), numbers(3, seed=1))
    layer[layer.bias_mask] = np.zeros((3, 2))
    np.testing.assert_allclose(layer.get_core_weights()[1], 0, atol=1e-15)
    np.testing.assert_allclose(layer.get_matrix()[layer.weight_mask], numbers(3, 5), rtol=1e-12)
    layer.set_matrix(matrix, error_mask=layer.bias_mask)
    np.testing.assert_allclose(layer.get_matrix(), matrix, rtol=1e-12)
    assert AnalogLinear(settings(), 5, 3).bias_mask is None


def test_a_layer_shows_its_core():
    p = settings(core__rows_max=4, core__cols_max=2)
    layer = AnalogLinear(p, 5, 3, 2)
    layer.set_matrix(layer.form_matrix(numbers(3, 5)))
    assert isinstance(layer.core, AnalogCore)
    assert layer.shape == (3, 7)
    assert (layer.Ncores, layer.num_cores_row, layer.num_cores_col) == (4, 2, 2)
    assert layer.cores[0][0].core_pos.matrix.shape == (2, 4)
    assert layer.max == -layer.min == layer.absmax == np.abs(numbers(3, 5)).max()
    assert layer.dtype == np.float64
    p.core.style = "OFFSET"
    assert layer.params.core.style.name == "BALANCED"


@pytest.mark.parametrize("make", [settings, converters, offset, noisy, one_per_array])
@pytest.mark.parametrize("bias_rows", [0, 2])
def test_a_convolution_is_the_product_with_its_windows(make, bias_rows):
    params = make()
    if isinstance(params, list) and bias_rows == 0:
        params = [tree.copy() for tree in params]
        for tree in params:
            tree.core.rows_max = 16
    layer = AnalogConvolution2D(params, 3, 4, (2, 4), (1, 2), bias_rows=bias_rows)
    weight, bias, x = numbers(4, 3, 2, 4), numbers(4, seed=1), numbers(2, 3, 5, 9, seed=2)
    layer.set_matrix(layer.form_matrix(weight, bias))
    columns, places = columns_of(x, (2, 4), (1, 2), (1, 1), bias_rows)
    plain = AnalogCore(layer.form_matrix(weight, bias), params)
    expected = np.moveaxis((plain @ columns).reshape(4, 2, *places), 0, 1)
    # Sums in another order: some roundings of sums of at most 26 values below 4.
    np.testing.assert_allclose(layer.apply(x), expected, atol=1e-12)
    assert layer.params.simulation.convolution.is_conv_core


@pytest.mark.parametrize("space", [1, 2, 3])
@pytest.mark.parametrize(("kernel", "stride", "dilation"), [(1, 2, 1), (3, 1, 1), (2, 2, 2)])
def test_sizes_of_every_dimension(space, kernel, stride, dilation):
    layer = CONVOLUTIONS[space](settings(), 2, 3, kernel, stride, dilation)
    weight, x = numbers(3, 2, *[kernel] * space), numbers(2, *range(5, 5 + space), seed=1)
    layer.set_matrix(layer.form_matrix(weight))
    columns, places = columns_of(x[None], [kernel] * space, [stride] * space, [dilation] * space, 0)
    expected = (weight.reshape(3, -1) @ columns).reshape(3, *places)
    y = layer.apply(x)
    np.testing.assert_allclose(y, expected, atol=1e-12)
    y /= 2  # A result of its own.


def test_groups_are_blocks_of_the_matrix():
    layer = AnalogConvolution1D(settings(), 4, 6, 3, groups=2, bias_rows=1)
    weight, bias, x = numbers(6, 2, 3), numbers(6, seed=1), numbers(5, 4, 8, seed=2)
    matrix = layer.form_matrix(weight, bias)
    assert matrix.shape == layer.shape == (6, 13)
    assert not matrix[:3, 6:12].any()
    assert not matrix[3:, :6].any()
    layer.set_matrix(matrix)
    halves = [AnalogConvolution1D(settings(), 2, 3, 3, bias_rows=1) for _ in range(2)]
    for g, half in enumerate(halves):
        rows = slice(3 * g, 3 * g + 3)
        half.set_matrix(half.form_matrix(weight[rows], bias[rows]))
    expected = [half.apply(x[:, 2 * g : 2 * g + 2]) for g, half in enumerate(halves)]
    np.testing.assert_allclose(layer.apply(x), np.concatenate(expected, axis=1), atol=1e-12)
    held, held_bias = layer.get_core_weights()
    np.testing.assert_allclose(held, weight, rtol=1e-12)
    np.testing.assert_allclose(held_bias, bias, rtol=1e-12)


def test_torch_agrees():
    torch = pytest.importorskip("torch")
    weight, bias, x = numbers(4, 3, 3, 3), numbers(4, seed=1), numbers(2, 3, 6, 7, seed=2)
    layer = AnalogConvolution2D(settings(), 3, 4, 3, 2, bias_rows=2)
    layer.set_matrix(layer.form_matrix(weight, bias))
    expected = torch.nn.functional.conv2d(*map(torch.from_numpy, (x, weight, bias)), 2)
    np.testing.assert_allclose(layer.apply(x), expected.numpy(), atol=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AnalogLinear(settings(), 0, 3), "in_features: got 0"),
        (lambda: AnalogLinear(settings(), 2, 3, -1), "bias_rows: got -1"),
        (lambda: AnalogLinear(settings(), 2, 2.5), "out_features: got 2.5"),
        (lambda: AnalogConvolution2D(settings(), 3, 4, 3, groups=2), "groups = 2 does not divide"),
        (lambda: AnalogConvolution2D(settings(), 3, 4, (3, 3, 3)), "kernel_size: .*2 sizes"),
        (lambda: AnalogConvolution1D(settings(), 3, 4, 3, 0), "stride: got 0"),
    ],
)
def test_impossible_layers(make, message):
    with pytest.raises(ParameterError, match=message):
        make()


def test_wrong_shapes():
    linear, conv = AnalogLinear(settings(), 5, 3), AnalogConvolution2D(settings(), 2, 3, 3)
    linear.set_matrix(linear.form_matrix(numbers(3, 5)))
    conv.set_matrix(conv.form_matrix(numbers(3, 2, 3, 3)))
    with pytest.raises(ShapeError, match=r"weight of shape \(5, 3\)"):
        linear.form_matrix(numbers(5, 3))
    with pytest.raises(ShapeError, match=r"bias of shape \(2,\)"):
        linear.form_matrix(numbers(3, 5), numbers(2))
    with pytest.raises(ShapeError, match=r"needed is \(\.\.\., 5\)"):
        linear.apply(numbers(4))
    with pytest.raises(ShapeError, match="2, \\*space"):
        conv.apply(numbers(3, 5, 5))
    with pytest.raises(ShapeError, match="smaller than the kernel"):
        conv.apply(numbers(2, 2, 5))


@pytest.mark.parametrize("dimensions", CONVOLUTIONS)
def test_complex_images_do_not_lose_a_part(dimensions):
    layer = CONVOLUTIONS[dimensions](settings(), 2, 3, 2)
    with pytest.raises(InputError, match="inputs are complex"):
        layer.apply(numbers(2, *[4] * dimensions) + 1j)


def test_no_network_library_is_imported():
    code = (
        "import sys, adapters.neutral; "
        "assert not {'torch', 'keras', 'tensorflow'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
