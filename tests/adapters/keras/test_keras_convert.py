"""Converting models of Keras: which layers, with which parameters, back again, what is refused."""

import keras_models
import numpy as np
import pytest
from keras_models import (
    PROGRAMMING,
    array,
    every_stage,  # noqa: F401
    filled,
    hardware,
    inputs,
    weights_of,
)

from adapters.keras import (
    AnalogConv2D,
    AnalogDense,
    AnalogDepthwiseConv2D,
    AnalogLayer,
    analog_layers,
    convertible_layers,
    from_keras,
    inconvertible_layers,
    reinitialize,
    synchronize,
    to_keras,
)
from simulator import OhmCoreWarning, ParameterError

pytestmark = keras_models.QUIET
keras = keras_models.keras
layers, ops = keras.layers, keras.ops
# float32 sums of a few dozen terms through three layers
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


def perceptron():
    """Two dense layers."""
    stack = [layers.Input((4,)), layers.Dense(5, activation="relu", name="hidden")]
    return filled(keras.Sequential([*stack, layers.Dense(3, name="head")]))


def network():
    """A nested model that is used twice, a shared layer, operations, and a lambda."""
    shared = layers.Conv2D(3, 1, name="shared")
    inner = keras.Sequential(
        [layers.Conv2D(3, 3, padding="same"), layers.ReLU(), layers.Conv2D(3, 1)], name="block"
    )
    x = images = keras.Input((6, 6, 3))
    x = shared(ops.tanh(shared(x)))
    x = layers.Add()([inner(inner(x)), x * 0.5])
    x = layers.Lambda(lambda t: t + 1, output_shape=(6, 6, 3))(x)
    x = layers.GlobalAveragePooling2D()(x)
    return filled(keras.Model(images, layers.Dense(2, activation="softmax", name="head")(x)))


IMAGES = inputs(4, 6, 6, 3)


def test_a_nested_model_is_converted_whole():
    model = network()
    before, wanted = weights_of(model), array(model(IMAGES))
    analog = from_keras(model, hardware())
    np.testing.assert_allclose(array(analog(IMAGES)), wanted, **CLOSE)
    assert type(analog) is type(model)
    names = [[layer.name for layer in each.layers[1:]] for each in (analog, model)]
    assert names[0] == names[1]
    shared, head = analog_layers(analog)
    assert (type(shared), type(head)) == (AnalogConv2D, AnalogDense)
    assert analog.get_layer("shared") is shared
    block = analog.get_layer("block")
    assert analog_layers(analog, expand_nested=True) == [shared, *block.layers[::2], head]
    assert not any(isinstance(layer, AnalogLayer) for layer in model._flatten_layers())
    for ours, theirs in zip(weights_of(model), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    filled(analog, seed=7)
    np.testing.assert_array_equal(array(model(IMAGES)), wanted)


def test_layers_are_listed():
    model = network()
    shared, block, head = (model.get_layer(name) for name in ("shared", "block", "head"))
    assert convertible_layers(model) == [shared, head]
    assert convertible_layers(model, expand_nested=True) == [shared, *block.layers[::2], head]
    kinds = {type(layer).__name__ for layer in inconvertible_layers(model)}
    assert kinds == {"Add", "Lambda", "GlobalAveragePooling2D"}
    assert block.layers[1] in inconvertible_layers(model, expand_nested=True)
    assert convertible_layers(head) == [head]
    analog = from_keras(model, hardware())
    assert convertible_layers(analog, expand_nested=True) == []
    assert {type(layer).__name__ for layer in inconvertible_layers(analog)} == kinds


@pytest.mark.parametrize("changes", [(), (PROGRAMMING,)])
def test_there_and_back(changes):
    model = network()
    analog = from_keras(model, hardware(*changes), bias_rows=1)
    back = to_keras(analog)
    assert [type(layer) for layer in back.layers] == [type(layer) for layer in model.layers]
    for ours, theirs in zip(weights_of(back), weights_of(model), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    held = to_keras(analog, physical_weights=True)
    np.testing.assert_allclose(array(held(IMAGES)), array(analog(IMAGES)), **CLOSE)
    if changes:
        assert np.abs(array(held(IMAGES)) - array(back(IMAGES))).max() > 1e-4
    assert len(analog_layers(analog)) == 2


def test_physical_weights_of_some_layers():
    analog = from_keras(perceptron(), hardware(PROGRAMMING))
    mixed = to_keras(analog, physical_weights=[False, True])
    np.testing.assert_array_equal(weights_of(mixed)[0], weights_of(analog)[0])
    np.testing.assert_array_equal(weights_of(mixed)[2], analog_layers(analog)[1].get_matrix().T)
    with pytest.raises(ParameterError, match="physical_weights: 1 entries for 2 analog layers"):
        to_keras(analog, physical_weights=[True])


def test_lists_have_an_entry_for_every_layer_and_stay_as_they_are():
    params, rows = [hardware(seed=1), hardware(seed=2)], [2, 0]
    kept = list(params)
    analog = from_keras(perceptron(), params, rows)
    assert params == kept
    assert rows == [2, 0]
    assert [layer.params.simulation.seed for layer in analog_layers(analog)] == [1, 2]
    assert [layer.bias_rows for layer in analog_layers(analog)] == [2, 0]
    nested = from_keras(network(), [hardware(seed=k) for k in range(4)])
    seeds = [layer.params.simulation.seed for layer in analog_layers(nested, expand_nested=True)]
    assert seeds == [0, 1, 2, 3]
    with pytest.raises(ParameterError, match="3 entries for 2 convertible layers: hidden, head"):
        from_keras(perceptron(), [hardware()] * 3)
    with pytest.raises(ParameterError, match="bias_rows: 1 entries for 2 convertible layers"):
        from_keras(perceptron(), hardware(), bias_rows=[1])


def test_a_list_of_parameters_for_the_arrays_of_one_layer():
    params = hardware()
    params.core.cols_max = params.core.rows_max = 2
    layer = filled(built(layers.Dense(2, use_bias=False), (1, 4)))
    analog = from_keras(layer, [[params, params]])
    assert analog.core.Ncores == 2
    assert isinstance(analog.params, list)
    again = AnalogDense.from_config(analog.get_config())
    assert [type(tree) for tree in again.params] == [type(params)] * 2


def built(layer, shape):
    layer.build(shape)
    return layer


def test_patterns_choose_by_name():
    analog = from_keras(network(), {"block/*": hardware(seed=1), "head": hardware(seed=2)})
    assert [layer.name for layer in analog_layers(analog)] == ["head"]
    assert len(analog_layers(analog, expand_nested=True)) == 3
    assert type(analog.get_layer("shared")) is layers.Conv2D
    with pytest.raises(ParameterError, match="'tail' fits none of the layers hidden, head"):
        from_keras(perceptron(), {"tail": hardware()})
    with pytest.raises(ParameterError, match="got int"):
        from_keras(perceptron(), 3)


def test_chips_depend_on_names_in_the_model_alone():
    def unnamed(*units):
        stack = [layers.Dense(n, kernel_initializer="ones", name=name) for n, name in units]
        return keras.Sequential([layers.Input((3,)), *stack])

    def matrices(model):
        return [layer.get_matrix() for layer in analog_layers(from_keras(model, params))]

    params = hardware(PROGRAMMING)
    first, again = matrices(unnamed((3, None), (3, None))), matrices(unnamed((3, None), (3, None)))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first[0] - first[1]).max() > 1e-3
    named = matrices(unnamed((3, "one"), (3, "two")))
    np.testing.assert_array_equal(named, matrices(unnamed((3, "two"), (3, "one")))[::-1])


def test_models_and_layers_that_are_not_built_yet():
    model = keras.Sequential([layers.Dense(3), layers.Dense(2)])
    analog = from_keras(model, hardware())
    assert analog(inputs(2, 4)).shape == (2, 2)
    assert [type(layer) for layer in analog.layers] == [AnalogDense] * 2
    layer = from_keras(layers.Dense(3), hardware())
    assert layer(inputs(2, 4)).shape == (2, 3)
    called = keras.Sequential([layers.Dense(3)])
    wanted = array(called(inputs(2, 4)))
    np.testing.assert_allclose(array(from_keras(called, hardware())(inputs(2, 4))), wanted, **CLOSE)


def test_reinitialize_and_synchronize_reach_nested_models():
    analog = from_keras(network(), hardware(PROGRAMMING))
    found = analog_layers(analog, expand_nested=True)
    for again in (reinitialize, synchronize):
        before = [layer.get_matrix() for layer in found]
        again(analog)
        assert all(
            np.abs(layer.get_matrix() - was).max() > 1e-4
            for layer, was in zip(found, before, strict=True)
        )


def normed(data_format="channels_last"):
    """Convolutions with and without bias, a depthwise and a dense layer, each with a batch norm."""
    options = {"data_format": data_format, "padding": "same"}
    axis = -1 if data_format == "channels_last" else 1
    shape = (5, 5, 3) if axis == -1 else (3, 5, 5)
    model = keras.Sequential(
        [
            layers.Input(shape),
            layers.Conv2D(4, 3, **options),
            layers.BatchNormalization(axis=axis, epsilon=0.1),
            layers.ReLU(),
            layers.DepthwiseConv2D(2, depth_multiplier=2, use_bias=False, **options),
            layers.BatchNormalization(axis=axis, scale=False),
            layers.Flatten(),
            layers.Dense(3),
            layers.BatchNormalization(center=False),
        ]
    )
    rng = np.random.default_rng(0)
    model.set_weights([rng.uniform(0.5, 1, w.shape).astype(w.dtype) for w in weights_of(model)])
    return model


def as_graph(model):
    """The same layers as a Functional model."""
    outputs = images = keras.Input(model.input_shape[1:])
    for layer in model.layers:
        outputs = layer(outputs)
    return keras.Model(images, outputs)


@pytest.mark.usefixtures("every_stage")
@pytest.mark.parametrize("form", [lambda model: model, as_graph])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_batch_norms_are_folded(form, data_format):
    model = form(normed(data_format))
    x = inputs(2, *model.input_shape[1:])
    analog = from_keras(model, hardware(), fuse_batchnorm=True)
    np.testing.assert_allclose(array(analog(x)), array(model(x)), rtol=1e-5)
    assert not any(isinstance(layer, layers.BatchNormalization) for layer in analog.layers)
    assert [type(layer) for layer in analog_layers(analog)] == [
        AnalogConv2D, AnalogDepthwiseConv2D, AnalogDense,
    ]  # fmt: skip
    assert all(layer.use_bias for layer in analog_layers(analog))
    # Also where the layers stay digital.
    some = from_keras(model, {"dense*": hardware()}, fuse_batchnorm=True)
    np.testing.assert_allclose(array(some(x)), array(model(x)), rtol=1e-5)


def test_batch_norms_that_cannot_be_folded_stay_and_warn():
    images = keras.Input((4,))
    active = layers.Dense(4, activation="relu")(images)
    twice = layers.Dense(4)(layers.BatchNormalization(name="after_activation")(active))
    x = layers.Add()([layers.BatchNormalization(name="not_alone")(twice), twice])
    model = keras.Model(images, layers.Dense(2)(x))
    with pytest.warns(RuntimeWarning, match="stay: after_activation, not_alone"):
        analog = from_keras(model, hardware(), fuse_batchnorm=True)
    np.testing.assert_allclose(array(analog(inputs(2, 4))), array(model(inputs(2, 4))), **CLOSE)


class Doubled(layers.Dense):
    """A subclass that computes something else."""

    def call(self, inputs):
        return 2 * super().call(inputs)


class Plain(layers.Dense):
    """A subclass that computes what its base does."""


def test_subclasses_of_layers():
    model = filled(keras.Sequential([layers.Input((4,)), Doubled(3), Plain(2)]))
    with pytest.warns(OhmCoreWarning, match="Doubled computes something else than Dense"):
        analog = from_keras(model, hardware())
    assert [type(layer) for layer in analog.layers] == [Doubled, AnalogDense]
    np.testing.assert_allclose(array(analog(inputs(2, 4))), array(model(inputs(2, 4))), **CLOSE)


class Subclassed(keras.Model):
    """A model of which Keras does not know how its layers are connected."""

    def __init__(self, layer):
        super().__init__()
        self.inside = layer

    def call(self, x):
        return self.inside(x)


def test_subclassed_models_are_refused_and_can_be_made_of_analog_layers():
    with pytest.raises(NotImplementedError, match="subclassed model.*AnalogDense"):
        from_keras(Subclassed(layers.Dense(2)), hardware())
    model = Subclassed(AnalogDense(params=hardware(PROGRAMMING), units=2))
    # Seen from outside, it is tried out with tensors that have no values.
    images = keras.Input((4,))
    assert keras.Model(images, model(images))(inputs(2, 4)).shape == (2, 2)
    assert analog_layers(model) == [model.inside]
    before = model.inside.get_matrix()
    synchronize(model)
    assert np.abs(model.inside.get_matrix() - before).max() > 1e-5


def test_layers_inside_others_stay_digital_and_warn():
    model = keras.Sequential([layers.Input((3, 4)), layers.TimeDistributed(layers.Dense(2))])
    with pytest.warns(OhmCoreWarning, match="TimeDistributed.*stays digital"):
        analog = from_keras(model, hardware(), allow_digital=True)
    x = inputs(2, 3, 4)
    np.testing.assert_array_equal(array(analog(x)), array(model(x)))


class NoConfig(layers.Layer):
    """A layer that cannot be copied."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def call(self, x):
        return self.function(x)


def test_layers_that_cannot_be_copied_are_named():
    model = keras.Sequential([layers.Input((4,)), NoConfig(lambda x: x), layers.Dense(2)])
    with pytest.raises(NotImplementedError, match="NoConfig cannot be copied; give it get_config"):
        from_keras(model, hardware())


def test_a_compiled_model_has_a_compiled_copy():
    model = perceptron()
    model.compile("sgd", "mse")
    analog = from_keras(model, hardware())
    assert analog.evaluate(inputs(4, 4), inputs(4, 3), verbose=0) > 0
    assert analog.predict(inputs(4, 4), verbose=0).shape == (4, 3)
