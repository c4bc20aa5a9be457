"""What of a Keras model stays digital is said."""

import keras_models
import pytest

from adapters.keras import analog_layers, from_keras, reinitialize, synchronize
from simulator import CrossSimParameters, ParameterError

pytestmark = keras_models.QUIET
keras = keras_models.keras
layers = keras.layers

STAY = {
    "LSTM": lambda: layers.LSTM(3, return_sequences=True),
    "SeparableConv1D": lambda: layers.SeparableConv1D(3, 2),
    "EinsumDense": lambda: layers.EinsumDense("abc,cd->abd", output_shape=(None, 3)),
    "Conv1DTranspose": lambda: layers.Conv1DTranspose(3, 2),
}


@pytest.fixture(params=STAY)
def kind(request):
    return request.param


def test_layers_with_weights_that_stay_are_named(kind):
    model = keras.Sequential([keras.Input((4, 3)), STAY[kind](), layers.Dense(2)])
    with pytest.warns(RuntimeWarning, match=f"{kind}: no analog counterpart") as told:
        analog = from_keras(model, CrossSimParameters())
    assert sum(issubclass(w.category, RuntimeWarning) for w in told) == 1
    assert len(analog_layers(analog)) == 1


def test_converting_nothing_is_an_error_unless_asked_for(kind):
    model = keras.Sequential([keras.Input((4, 3)), STAY[kind]()])
    with pytest.raises(ParameterError, match=f"{kind}.*allow_digital=True"):
        from_keras(model, CrossSimParameters())
    digital = from_keras(model, CrossSimParameters(), allow_digital=True)
    synchronize(digital)  # one loop trains both
    with pytest.warns(RuntimeWarning, match="no analog layers"):
        reinitialize(digital)


def test_look_ups_and_norms_are_no_matter():
    model = keras.Sequential(
        [keras.Input((4,)), layers.Embedding(5, 3), layers.LayerNormalization(), layers.Dense(2)]
    )
    from_keras(model, CrossSimParameters())
