"""What layers of Keras see and hold, and scripts that use old import paths."""

import pickle

import keras_models
import numpy as np
import pytest
from keras_models import ADC, NOISE, PROGRAMMING, filled, hardware, inputs, weights_of

from adapters.keras import (
    analog_layers,
    from_keras,
    get_conductance_matrices,
    get_profiled_adc_inputs,
    get_profiled_xbar_inputs,
)
from simulator import InputError

pytestmark = keras_models.QUIET
keras = keras_models.keras
layers = keras.layers


def perceptron():
    """Two dense layers."""
    stack = [layers.Input((4,)), layers.Dense(5, activation="relu"), layers.Dense(3)]
    return filled(keras.Sequential(stack))


def recording(*changes):
    params = hardware(*changes)
    params.simulation.analytics.profile_xbar_inputs = True
    params.simulation.analytics.profile_adc_inputs = True
    return params


def test_profiles(tmp_path):
    analog = from_keras(perceptron(), recording(ADC))
    with pytest.raises(InputError, match="profile_xbar_inputs = True"):
        get_profiled_xbar_inputs(analog)
    x = inputs(6, 4)
    analog.predict(x, batch_size=3, verbose=0)
    seen, hidden = get_profiled_xbar_inputs(analog, tmp_path)
    np.testing.assert_array_equal(np.sort(seen), np.sort(x.reshape(-1)))
    assert hidden.shape == (6 * 5,)
    assert hidden.min() >= 0
    found = get_profiled_adc_inputs(analog, tmp_path)
    assert [currents.shape for currents in found] == [(1, 6 * 5), (1, 6 * 3)]
    for name, values in (("all_xbar_inputs.p", [seen, hidden]), ("all_adc_inputs.p", found)):
        assert (tmp_path / name).read_bytes() == pickle.dumps(values)


def test_inputs_are_recorded_on_the_short_way_too():
    params = hardware()
    params.simulation.analytics.profile_xbar_inputs = True
    analog = from_keras(perceptron(), params)
    analog(inputs(2, 4))
    assert [len(values) for values in get_profiled_xbar_inputs(analog)] == [8, 10]
    with pytest.raises(InputError, match="profile_adc_inputs = True"):
        get_profiled_adc_inputs(analog)


def test_conductances():
    params, model = hardware(), perceptron()
    found = get_conductance_matrices(from_keras(model, params))
    assert [entry["core_style"] for entry in found] == ["BALANCED"] * 2
    assert [entry["num_slices"] for entry in found] == [1, 1]
    kernel = weights_of(model)[0].T
    (pair,) = found[0]["Gmats"]
    device = params.xbar.device
    full = (1 - device.Rmin / device.Rmax) / np.abs(kernel).max()
    np.testing.assert_allclose(pair["Gmat_pos"] - pair["Gmat_neg"], kernel * full, atol=1e-6)


def test_old_import_paths():
    from simulator.algorithms.dnn.keras import AnalogConv1D as old_layer
    from simulator.algorithms.dnn.keras.convert import analog_layers as old_list
    from simulator.algorithms.dnn.keras.convert import from_keras as old
    from simulator.algorithms.dnn.keras.profile import corestyle_str
    from simulator.algorithms.dnn.keras.profile import get_conductance_matrices as old_matrices

    assert (old, old_list) == (from_keras, analog_layers)
    assert old_matrices is get_conductance_matrices
    assert old_layer.__name__ == "AnalogConv1D"
    assert corestyle_str


def test_a_script_for_old_import_paths_runs():
    from simulator.algorithms.dnn.keras.convert import convertible_layers, from_keras, reinitialize

    model = perceptron()
    params = [hardware(PROGRAMMING, NOISE) for _ in convertible_layers(model)]
    analog = from_keras(model, params, fuse_batchnorm=False, bias_rows=0)
    analog.compile(loss="mse", run_eagerly=True)
    first = analog.predict(inputs(4, 4), verbose=0)
    reinitialize(analog)
    assert np.abs(analog.predict(inputs(4, 4), verbose=0) - first).max() > 1e-3
