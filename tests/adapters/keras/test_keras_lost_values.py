"""What ranges take is told once for a model, with the name of a layer, at the user's line."""

import warnings

import keras_models
import numpy as np
import pytest
from keras_models import filled, hardware

from adapters.keras import from_keras
from simulator import ClippingWarning

pytestmark = keras_models.QUIET
keras = keras_models.keras
layers = keras.layers
DAC = {"xbar.dac.mvm.model": "SignMagnitudeDAC", "xbar.dac.mvm.bits": 8}


def said(call):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    found = [w for w in caught if issubclass(w.category, ClippingWarning)]
    return [str(w.message) for w in found]


@pytest.mark.parametrize("kind", ["dense", "convolution"])
def test_a_model_says_once_that_inputs_are_clipped_and_where(kind):
    first = layers.Dense(5, name="first")
    shape = (4,)
    if kind == "convolution":
        first, shape = layers.Conv2D(2, 3, name="first"), (6, 6, 1)
    stack = [layers.Input(shape), first, layers.Flatten(), layers.Dense(3, name="second")]
    analog = from_keras(filled(keras.Sequential(stack)), hardware(DAC))
    x = 20 * np.random.default_rng(0).normal(size=(8, *shape)).astype("float32")
    (words,) = said(lambda: analog(x))
    assert words.startswith("layer 'first")
    assert "core.mapping.inputs.mvm.min, max" in words
    assert not said(lambda: analog(x))
