"""Keras models that are no plain graphs, folded norms, and inputs that are refused."""

import copy
import warnings

import keras_models
import numpy as np
import pytest
from keras_models import ADC, LAYERS, PROGRAMMING, array, digital_layer, filled, hardware, inputs

from adapters.keras import AnalogDense, analog_layers, from_keras, to_keras
from simulator import InputError, OhmCoreWarning, ParameterError

pytestmark = keras_models.QUIET
keras = keras_models.keras
layers = keras.layers


def normed(policy="float32"):
    """A dense layer with a batch norm that has learnt something."""
    norm = layers.BatchNormalization(dtype=policy)
    model = filled(keras.Sequential([layers.Input((4,)), layers.Dense(3, name="dense"), norm]))
    norm.moving_variance.assign(np.array([0.5, 1.0, 2.0]))
    return model


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_models_with_folded_norms_can_be_saved_and_copied(policy, tmp_path):
    analog, x = from_keras(normed(policy), hardware(PROGRAMMING), fuse_batchnorm=True), inputs(5, 4)
    analog.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    wanted = array(keras.ops.cast(analog(x), "float32"))
    for other in (loaded, copy.deepcopy(analog)):
        np.testing.assert_array_equal(array(keras.ops.cast(other(x), "float32")), wanted)


def test_a_norm_that_is_always_training_is_not_folded():
    images = layers.Input((3, 4))
    norm = layers.BatchNormalization()
    model = filled(keras.Model(images, norm(layers.Dense(3)(images), training=True)))
    with pytest.warns(RuntimeWarning, match=norm.name):
        analog = from_keras(model, hardware(), fuse_batchnorm=True)
    norm.moving_mean.assign(np.full(3, 9.0))
    x = inputs(5, 3, 4)
    # A spread of one and more, after sums of four products of numbers up to one.
    np.testing.assert_allclose(array(analog(x)), array(model(x)), rtol=0, atol=1e-5)


class Doubled(keras.Sequential):
    """Its layers do not say what it computes."""

    def call(self, x, **options):
        return 2 * super().call(x, **options)


class DoubledGraph(keras.Model):
    """The same as a graph, which can be copied."""

    def __init__(self, **options):
        images = layers.Input((4,))
        super().__init__(images, layers.Dense(4)(images), **options)

    def call(self, x, **options):
        return 2 * super().call(x, **options)

    def get_config(self):
        return {"name": self.name}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**config)


class Plain(keras.Model):
    """A graph under another name."""

    def __init__(self):
        images = layers.Input((4,))
        super().__init__(images, layers.Dense(4)(images))


def test_models_with_a_call_of_their_own_are_no_graphs():
    x = inputs(5, 4)
    for model in (Doubled([layers.Input((4,)), layers.Dense(4)]), DoubledGraph()):
        for convert in (lambda m: from_keras(m, hardware()), to_keras):
            with pytest.raises(NotImplementedError, match="call of its own"):
                convert(model)
    model = filled(keras.Sequential([layers.Input((4,)), DoubledGraph(), layers.Dense(2)]))
    with pytest.warns(OhmCoreWarning, match="DoubledGraph.*stays digital"):
        analog = from_keras(model, hardware())
    assert [layer.units for layer in analog_layers(analog, expand_nested=True)] == [2]
    # Twice a sum of sixteen products of numbers up to ten.
    np.testing.assert_allclose(array(analog(x)), array(model(x)), rtol=0, atol=1e-4)
    assert len(analog_layers(from_keras(filled(Plain()), hardware()))) == 1


@pytest.mark.parametrize("changes", [(), (ADC,)])
@pytest.mark.parametrize("kind", [kind for kind in LAYERS if "conv" in kind or "wise" in kind])
def test_no_images_have_no_results(kind, changes):
    if keras.backend.backend() == "tensorflow":
        pytest.skip("convolutions of TensorFlow fail for no images, on arrays or not")
    layer, x = digital_layer(kind)
    analog = from_keras(layer, hardware(*changes), bias_rows=int(layer.use_bias))
    assert tuple(analog(x[:0]).shape) == (0, *layer(x).shape[1:])


def test_wrong_entries_are_named_before_anything_is_made():
    """Keras would make a TypeError of the whole configuration out of them."""
    model = keras.Sequential([layers.Input((4,)), layers.Dense(3, name="dense")])
    for rows in ("a", None, True, -1, 1.5):
        with pytest.raises(ParameterError, match="^bias_rows: got"):
            from_keras(model, hardware(), rows)
    for params in ({"dense": 3}, [3], [[hardware(), 3]]):
        with pytest.raises(ParameterError, match="^params: got int"):
            from_keras(model, params)


@pytest.mark.parametrize("given", [None, 3, layers.Dense, []])
def test_what_is_no_model_is_refused(given):
    for function in (lambda m: from_keras(m, hardware()), to_keras, analog_layers):
        with pytest.raises(InputError, match="a model or a layer of Keras"):
            function(given)


def test_analog_layers_inside_others_stay_analog_and_warn():
    inside = AnalogDense(params=hardware(), units=2)
    model = keras.Sequential([layers.Input((3, 4)), layers.TimeDistributed(inside)])
    with pytest.warns(OhmCoreWarning, match="TimeDistributed.*stays as it is"):
        to_keras(model)
    model = keras.Sequential([layers.Input((3, 4)), layers.TimeDistributed(layers.Dense(2))])
    with warnings.catch_warnings():
        warnings.simplefilter("error", OhmCoreWarning)
        to_keras(model)
