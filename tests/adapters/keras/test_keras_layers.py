"""Single layers of the Keras adapter: every kind, forward and backward, and what they refuse."""

import keras_models
import numpy as np
import pytest
from keras_models import (
    ADC,
    BACKEND,
    LAYERS,
    NOISE,
    PROGRAMMING,
    array,
    digital_layer,
    every_stage,  # noqa: F401
    filled,
    gradients,
    hardware,
    inputs,
    rounding,
    weights_of,
)

from adapters import keras as adapter
from adapters.keras import AnalogConv2D, AnalogDense, AnalogLayer, from_keras, to_keras
from simulator import AnalogCore, InputError, ParameterError, ShapeError

pytestmark = keras_models.QUIET
keras = keras_models.keras
layers = keras.layers


@pytest.mark.usefixtures("every_stage")
@pytest.mark.parametrize("bias_rows", [0, 3])
@pytest.mark.parametrize("kind", LAYERS)
def test_ideal_arrays_are_the_layer_of_keras(kind, bias_rows):
    digital, x = digital_layer(kind)
    analog = from_keras(digital, hardware(), bias_rows)
    assert isinstance(analog, AnalogLayer)
    assert isinstance(analog, type(digital))
    assert type(analog).__name__ == f"Analog{type(digital).__name__}"
    y = analog(x)
    assert keras.backend.standardize_dtype(y.dtype) == "float32"
    np.testing.assert_allclose(array(y), array(digital(x)), rtol=0, atol=rounding(digital))


@pytest.mark.usefixtures("every_stage")
@pytest.mark.parametrize("bias_rows", [0, 3])
@pytest.mark.parametrize("kind", LAYERS)
def test_ideal_arrays_have_the_gradients_of_keras(kind, bias_rows):
    digital, x = digital_layer(kind)
    upstream = inputs(*digital(x).shape, seed=2)
    analog = from_keras(digital, hardware(), bias_rows)
    found, wanted = gradients(analog, x, upstream), gradients(digital, x, upstream)
    assert len(found) == len(wanted)
    for ours, theirs in zip(found, wanted, strict=True):
        # Sums of at most as many terms as there are outputs, of numbers of the size of one.
        bound = 2 * upstream.size * rounding(digital)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=bound)


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("changes", [(PROGRAMMING,), (PROGRAMMING, ADC)])
def test_backward_goes_through_the_weights_that_the_arrays_hold(kind, changes):
    digital, x = digital_layer(kind)
    # Behind an activation, gradients would depend on the analog outputs too.
    digital.activation = keras.activations.linear
    upstream = inputs(*digital(x).shape, seed=2)
    analog = from_keras(digital, hardware(*changes), bias_rows=2)
    held = to_keras(analog, physical_weights=True)
    found, wanted = gradients(analog, x, upstream), gradients(held, x, upstream)
    for ours, theirs in zip(found, wanted, strict=True):
        bound = 2 * upstream.size * rounding(digital)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=bound)
    assert np.abs(found[0] - gradients(digital, x, upstream)[0]).max() > 1e-3


@pytest.mark.parametrize("kind", LAYERS)
def test_the_short_way_is_the_way_through_all_stages(kind, monkeypatch):
    digital, x = digital_layer(kind)
    analog = from_keras(digital, hardware(PROGRAMMING), bias_rows=2)
    short = array(analog(x))
    assert np.abs(short - array(digital(x))).max() > 1e-3
    monkeypatch.setattr(keras_models.Chip, "linear_reach", property(lambda self: 0.0))
    # Errors of the cells make weights larger than one, by far less than twice.
    np.testing.assert_allclose(array(analog(x)), short, rtol=0, atol=4 * rounding(digital))


TORCH_TWINS = {
    "dense": lambda nn: nn.Linear(5, 4),
    "conv1d": lambda nn: nn.Conv1d(3, 4, 3),
    "conv2d": lambda nn: nn.Conv2d(3, 4, (3, 2)),
    "conv2d groups": lambda nn: nn.Conv2d(4, 6, 3, groups=2),
    "depthwise1d": lambda nn: nn.Conv1d(3, 6, 3, groups=3),
}


def layer_and_twin(kind, torch):
    """An analog layer of Keras and one of torch, with the same weights and hardware."""
    from adapters.torch import from_torch

    digital, x = digital_layer(kind)
    digital.activation = keras.activations.linear
    twin, (kernel, bias) = TORCH_TWINS[kind](torch.nn), weights_of(digital)
    space = list(range(kernel.ndim - 2))
    outputs_first = kernel.transpose(len(space) + 1, len(space), *space)
    if kind.startswith("depthwise"):
        outputs_first = kernel.transpose(len(space), len(space) + 1, *space)
    with torch.no_grad():
        twin.weight.copy_(torch.tensor(outputs_first.reshape(twin.weight.shape)))
        twin.bias.copy_(torch.tensor(bias))
    params = hardware(PROGRAMMING, ADC)
    return from_keras(digital, params, 2), from_torch(twin, params, 2), x


@pytest.mark.parametrize("kind", TORCH_TWINS)
def test_the_same_layer_of_torch_is_the_same_chip(kind):
    torch = pytest.importorskip("torch")
    analog, twin, x = layer_and_twin(kind, torch)
    np.testing.assert_array_equal(analog.form_matrix(), array_of(twin.form_matrix()))
    np.testing.assert_array_equal(analog.get_matrix(), array_of(twin.get_matrix()))
    images = np.moveaxis(x, -1, 1) if x.ndim > 2 else x
    theirs = array_of(twin(torch.tensor(np.ascontiguousarray(images))))
    theirs = np.moveaxis(theirs, 1, -1) if x.ndim > 2 else theirs
    # The order of a sum decides a code where a current is at a threshold: then by one step.
    lines, cells = analog.core.shape[1], 2
    step = cells * lines * analog.core.max / 2**7
    differences = np.abs(array(analog(x)) - theirs)
    assert differences.max() <= 1.01 * step
    assert (differences > 1e-5).mean() < 0.02
    analog.reinitialize()
    twin.reinitialize()
    np.testing.assert_array_equal(analog.get_matrix(), array_of(twin.get_matrix()))


def array_of(tensor):
    return tensor.detach().numpy()


def test_what_a_layer_holds_and_says_of_itself():
    digital, _ = digital_layer("conv2d groups")
    analog = from_keras(digital, hardware(PROGRAMMING), bias_rows=2)
    assert [type(core) for core in analog.arrays] == [AnalogCore] * 2
    assert analog.core is analog.arrays[0]
    assert analog.form_matrix().shape == analog.get_matrix().shape == (6, 3 * 3 * 2 + 2)
    assert analog.analog_bias
    assert analog.bias_rows == 2
    kernel, bias = analog.get_core_weights()
    assert kernel.shape == digital.kernel.shape
    assert bias.shape == digital.bias.shape
    held = analog.get_matrix()
    np.testing.assert_allclose(bias, held[:, -2:].sum(axis=1), rtol=1e-6)
    np.testing.assert_array_equal(kernel[1, 2, 0, 4], held[4, 3 * 3 * 0 + 3 * 1 + 2])


@pytest.mark.parametrize("kind", LAYERS)
def test_without_errors_cells_hold_the_weights(kind):
    digital, _ = digital_layer(kind)
    for bias_rows in (0, 2):
        held = from_keras(digital, hardware(), bias_rows).get_core_weights()
        for ours, theirs in zip(held, weights_of(digital), strict=True):
            # To conductances and back, and a bias in two halves.
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=4e-7)


def test_construction_by_keywords():
    layer = AnalogDense(params=hardware(), bias_rows=1, units=3, activation="relu")
    assert isinstance(layer, layers.Dense)
    y = layer(inputs(2, 4))
    assert y.shape == (2, 3)
    assert layer.core.shape == (3, 5)
    constrained = AnalogConv2D(
        params=hardware(), filters=2, kernel_size=3, kernel_constraint="non_neg",
        kernel_initializer="ones", kernel_regularizer=keras.regularizers.L2(1.0),
    )  # fmt: skip
    constrained(inputs(1, 3, 3, 1))
    assert type(constrained.kernel_constraint).__name__ == "NonNeg"
    np.testing.assert_allclose(array(sum(constrained.losses)), 18, rtol=1e-6)
    np.testing.assert_array_equal(constrained.form_matrix(), np.ones((2, 9)))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "mixed_float16", "float64"])
@pytest.mark.parametrize("changes", [(), (ADC,)])
def test_dtypes_are_those_of_keras(dtype, changes):
    if dtype == "float64" and BACKEND == "jax":
        pytest.skip("jax has no float64 by default")
    digital = layers.Dense(3, dtype=dtype)
    digital.build((2, 4))
    analog = from_keras(digital, hardware(*changes))
    y = analog(keras.ops.cast(inputs(2, 4), "float32"))
    assert y.dtype == digital(inputs(2, 4)).dtype
    wide = keras.ops.cast(y, "float32")
    # A step of the ADC is 2 * 4 / 2**7 of the largest weight.
    step = float(np.abs(array(keras.ops.cast(digital.kernel, "float32"))).max()) * 8 / 2**7
    wanted = array(keras.ops.cast(digital(inputs(2, 4)), "float32"))
    np.testing.assert_allclose(array(wide), wanted, rtol=0, atol=step + 4 * 2**-8)


def test_whole_numbers_and_empty_batches():
    digital, _ = digital_layer("dense")
    for changes in ((), (ADC,)):
        analog = from_keras(digital, hardware(*changes))
        assert analog(np.ones((2, 5), np.int32)).shape == (2, 4)
        assert analog(inputs(0, 5)).shape == (0, 4)


def test_read_noise_is_drawn_at_every_call():
    digital, x = digital_layer("conv2d")
    one, other = (from_keras(digital, hardware(NOISE)) for _ in range(2))
    first = array(one(x))
    np.testing.assert_array_equal(first, array(other(x)))
    assert np.abs(first - array(one(x))).max() > 1e-3


def test_hardware_can_be_replaced():
    digital, x = digital_layer("dense")
    params = hardware(PROGRAMMING)
    analog = from_keras(digital, params)
    params.simulation.seed = 9
    assert analog.params.simulation.seed == 8
    before = analog.get_matrix()
    with pytest.raises(ParameterError):
        analog.params = 3
    with pytest.raises(ParameterError, match="bias_rows"):
        analog.bias_rows = -1
    np.testing.assert_array_equal(analog.get_matrix(), before)
    analog.params = hardware()
    np.testing.assert_allclose(array(analog(x)), array(digital(x)), atol=rounding(digital))
    analog.bias_rows = 2
    assert analog.core.shape == (4, 7)
    np.testing.assert_allclose(array(analog(x)), array(digital(x)), atol=rounding(digital))


def test_arrays_follow_the_weights_and_what_is_done_to_cells():
    digital, x = digital_layer("dense")
    analog = from_keras(digital, hardware())
    analog.kernel.assign(2 * weights_of(analog)[0])
    np.testing.assert_allclose(analog.get_matrix(), weights_of(analog)[0].T, atol=4e-7)
    filled(analog, seed=5)
    np.testing.assert_allclose(analog.get_matrix(), weights_of(analog)[0].T, atol=4e-7)
    analog.core[:] = np.zeros((4, 5), np.float32)
    bias = np.tile(np.tanh(weights_of(analog)[1]), (2, 1))
    np.testing.assert_allclose(array(analog(x)), bias, atol=1e-6)


def test_without_auto_synchronize_arrays_wait():
    digital, x = digital_layer("dense")
    analog = from_keras(digital, hardware(), auto_synchronize=False)
    before = array(analog(x))
    analog.kernel.assign(2 * weights_of(analog)[0])
    np.testing.assert_array_equal(array(analog(x)), before)
    analog.synchronize()
    assert np.abs(array(analog(x)) - before).max() > 0.1
    filled(analog, seed=5)
    np.testing.assert_allclose(analog.get_matrix(), weights_of(analog)[0].T, atol=4e-7)


def test_programming_draws_new_errors():
    digital, _ = digital_layer("dense")
    analog = from_keras(digital, hardware(PROGRAMMING))
    found = [analog.get_matrix()]
    for again in (analog.synchronize, analog.reinitialize, lambda: filled(analog)):
        again()
        found.append(analog.get_matrix())
    for i, one in enumerate(found):
        assert all(np.abs(one - other).max() > 1e-3 for other in found[:i])


def test_errors_name_the_layer_and_what_is_allowed():
    x = inputs(2, 5)
    layer = AnalogDense(params=hardware(ADC), units=4, name="head")
    with pytest.raises(InputError, match="'head' has no arrays yet"):
        layer.get_matrix()
    layer(x)
    bad = x.copy()
    bad[1, 2] = np.nan
    with pytest.raises(InputError, match="(?s)layer 'head': input: value nan at index"):
        layer(bad)
    with pytest.raises(InputError, match="complex64; allowed are real numbers"):
        layer(x.astype(np.complex64))
    with pytest.raises(ValueError, match="head"):
        layer(inputs(2, 6))
    layer.kernel.assign(np.full((5, 4), np.inf, np.float32))
    with pytest.raises(InputError, match="layer 'head': matrix: value inf"):
        layer.synchronize()
    with pytest.raises(ParameterError, match="got NoneType; allowed is CrossSimParameters"):
        AnalogDense(units=3)
    with pytest.raises(ParameterError, match="bias_rows: got 1.5; allowed is an integer"):
        AnalogDense(params=hardware(), bias_rows=1.5, units=3)


def test_images_that_do_not_fit_are_refused():
    layer = AnalogConv2D(params=hardware(ADC), filters=2, kernel_size=3, name="first")
    layer.build((None, None, None, 1))
    with pytest.raises((ShapeError, ValueError), match="first|AnalogConv2D"):
        layer(inputs(1, 2, 2, 1))


def test_every_public_name_is_there():
    for name in adapter.__all__:
        assert getattr(adapter, name).__doc__
