"""Layers of Keras whose vectors have input ranges of their own."""

import keras_models
import numpy as np
import pytest
from keras_models import ADC, LAYERS, array, filled, gradients, hardware, inputs

from adapters.keras import from_keras

pytestmark = keras_models.QUIET
keras = keras_models.keras

DAC = {"xbar.dac.mvm.model": "SignMagnitudeDAC", "xbar.dac.mvm.bits": 6}


def ranges(scope):
    path = "core.mapping.inputs.mvm."
    return {path + "percentile": 1.0, path + "percentile_scope": scope}


def analog(name, scope, *changes):
    make, shape = LAYERS[name]
    x = inputs(4, *shape[1:], dtype=np.float64)
    x[::2] *= 1e-3
    keras.backend.set_floatx("float64")
    try:
        model = filled(keras.Sequential([keras.layers.Input(shape[1:]), make()]))
        return from_keras(model, hardware(DAC, ranges(scope), *changes)), x
    finally:
        keras.backend.set_floatx("float32")


@pytest.mark.parametrize("name", ["dense", "dense of sequences", "conv1d", "conv1d same"])
def test_entries_of_a_batch_are_what_they_are_alone(name):
    model, x = analog(name, "vector")
    whole = array(model(x))
    alone = np.concatenate([array(model(part[None])) for part in x])
    np.testing.assert_allclose(whole, alone, rtol=1e-10, atol=1e-12)
    other, _ = analog(name, "batch")
    near = np.concatenate([array(other(part[None])) for part in x])
    assert not np.allclose(array(other(x)), near, rtol=1e-3)


@pytest.mark.parametrize("name", ["dense", "conv1d"])
def test_gradients_go_straight_through_the_ranges(name):
    model, x = analog(name, "vector", ADC)
    layer = model.layers[-1]
    plain, _ = analog(name, "vector")
    rng = np.random.default_rng(3)
    upstream = rng.normal(size=array(layer(x)).shape)
    if name != "dense":  # what follows the product bends the gradient with its own result
        found = gradients(layer, x, upstream)
        wanted = gradients(plain.layers[-1], x, upstream)
        for got, other in zip(found, wanted, strict=True):
            np.testing.assert_allclose(got, other, rtol=1e-9, atol=1e-9)
    assert all(np.isfinite(g).all() for g in gradients(layer, x, upstream))
