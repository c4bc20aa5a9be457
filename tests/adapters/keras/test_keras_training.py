"""Fitting, saving and loading analog models of Keras."""

import zipfile

import keras_models
import numpy as np
import pytest
from keras_models import (
    ADC,
    BACKEND,
    FITS,
    NOISE,
    PROGRAMMING,
    array,
    every_stage,  # noqa: F401
    filled,
    hardware,
    inputs,
    weights_of,
)
from places import SAVED

from adapters.keras import (
    AnalogDense,
    analog_layers,
    from_keras,
    load_weights,
    reinitialize,
    synchronize,
)
from simulator import FileFormatError, InputError, ParameterError, ShapeError, states

pytestmark = keras_models.QUIET
keras = keras_models.keras
layers = keras.layers

X, Y = inputs(8, 6, 6, 2), np.arange(8) % 3


def network():
    """Every kind of gradient: convolutions, a depthwise one and dense layers in a row."""
    return filled(
        keras.Sequential(
            [
                layers.Input((6, 6, 2)),
                layers.Conv2D(3, 3, activation="tanh", name="conv"),
                layers.DepthwiseConv2D(2, depth_multiplier=2, name="depthwise"),
                layers.Flatten(),
                layers.Dense(4, activation="tanh", name="hidden"),
                layers.Dense(3, name="head"),
            ]
        )
    )


def compiled(model):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1), loss)
    return model


@FITS
@pytest.mark.usefixtures("every_stage")
@pytest.mark.parametrize("bias_rows", [0, 1])
def test_fit_with_ideal_arrays_is_fit_without(bias_rows):
    digital = compiled(network())
    analog = compiled(from_keras(digital, hardware(), bias_rows))
    before = weights_of(analog)
    losses = [
        m.fit(X, Y, batch_size=4, epochs=2, shuffle=False, verbose=0) for m in (digital, analog)
    ]
    np.testing.assert_allclose(*(found.history["loss"] for found in losses), rtol=1e-5)
    for ours, theirs, was in zip(weights_of(analog), weights_of(digital), before, strict=True):
        # Four steps of sums of some hundred float32 numbers of the size of one.
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)
        assert np.abs(ours - was).max() > 1e-4


@FITS
@pytest.mark.parametrize("changes", [(PROGRAMMING,), (PROGRAMMING, ADC), (NOISE, ADC)])
def test_fit_with_the_device_lowers_the_loss(changes):
    analog = compiled(from_keras(network(), hardware(*changes), bias_rows=1))
    losses = analog.fit(X, Y, batch_size=8, epochs=30, verbose=0).history["loss"]
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])


@FITS
def test_arrays_follow_the_optimizer():
    analog = compiled(from_keras(network(), hardware()))
    analog.fit(X, Y, verbose=0)
    for layer in analog_layers(analog):
        for held, wanted in zip(layer.get_core_weights(), weights_of(layer), strict=True):
            np.testing.assert_allclose(held, wanted, rtol=0, atol=1e-6)
    analog.set_weights([2 * w for w in weights_of(analog)])
    head = analog.get_layer("head")
    np.testing.assert_allclose(head.get_matrix(), weights_of(head)[0].T, rtol=0, atol=1e-6)


@FITS
def test_without_auto_synchronize_arrays_wait_for_synchronize():
    analog = compiled(from_keras(network(), hardware(), auto_synchronize=False))
    head = analog.get_layer("head")
    before = head.get_matrix()
    analog.fit(X, Y, verbose=0)
    np.testing.assert_array_equal(head.get_matrix(), before)
    synchronize(analog)
    np.testing.assert_allclose(head.get_matrix(), weights_of(head)[0].T, rtol=0, atol=1e-6)
    assert np.abs(head.get_matrix() - before).max() > 1e-4


@FITS
def test_predict_is_the_call():
    analog = from_keras(network(), hardware(PROGRAMMING, ADC))
    called = array(analog(X))
    predicted = analog.predict(X, batch_size=8, verbose=0)
    # The order of sums decides a code where a current lies on a threshold.
    assert (np.abs(predicted - called) > 1e-4).mean() < 0.1


@FITS
def test_what_is_compiled_follows_new_hardware():
    analog = compiled(from_keras(network(), hardware(ADC)))
    wanted = analog.predict(X, verbose=0)
    for layer in analog_layers(analog):
        layer.params = hardware(ADC, PROGRAMMING)
    assert np.abs(analog.predict(X, verbose=0) - wanted).max() > 1e-2
    analog.get_layer("head").bias_rows = 1
    if BACKEND == "tensorflow":
        with pytest.raises(Exception, match="compile the model again"):
            analog.predict(X, verbose=0)
        compiled(analog)
    assert analog.predict(X, verbose=0).shape == (8, 3)


CIRCUIT_ADC = {"xbar.adc.mvm.model": "SarADC", "xbar.adc.mvm.bits": 7,
               "xbar.adc.mvm.adc_range_option": "MAX",
               "xbar.adc.mvm.sigma_capacitor": 0.1, "xbar.adc.mvm.gain_db": 60.0}  # fmt: skip


def model_of_layers(*changes):
    """Analog layers that were never converted."""
    params = hardware(*changes)
    return keras.Sequential(
        [
            layers.Input((4,)),
            AnalogDense(params=params, units=3, bias_rows=1, name="one", activation="relu"),
            AnalogDense(params=params, units=2, name="two", auto_synchronize=False, stream="s"),
        ]
    )


def saved_and_loaded(model, folder):
    model.save(folder / "model.keras")
    return keras.models.load_model(folder / "model.keras")


@pytest.mark.parametrize("make", [lambda: from_keras(network(), hardware(PROGRAMMING, ADC, NOISE)),
                                  lambda: model_of_layers(PROGRAMMING, ADC),
                                  lambda: model_of_layers(CIRCUIT_ADC)])  # fmt: skip
def test_a_saved_model_is_the_same_chip(make, tmp_path):
    analog = make()
    x = inputs(2, *analog.input_shape[1:])
    analog(x)
    synchronize(analog)
    again = saved_and_loaded(analog, tmp_path)
    for ours, theirs in zip(analog_layers(again), analog_layers(analog), strict=True):
        assert type(ours) is type(theirs)
        assert ours.params == theirs.params
        assert (ours.bias_rows, ours.stream) == (theirs.bias_rows, theirs.stream)
        assert ours.auto_synchronize == theirs.auto_synchronize
        np.testing.assert_array_equal(ours.get_matrix(), theirs.get_matrix())
    np.testing.assert_array_equal(array(again(x)), array(analog(x)))
    for model in (analog, again):
        reinitialize(model)
    np.testing.assert_array_equal(array(again(x)), array(analog(x)))


def test_a_model_that_was_never_run_is_saved(tmp_path):
    model = model_of_layers(PROGRAMMING)
    again = saved_and_loaded(model, tmp_path)
    x = inputs(2, 4)
    np.testing.assert_array_equal(array(again(x)), array(model(x)))


def test_changed_weights_are_programmed_after_loading_too(tmp_path):
    model = model_of_layers()
    model(inputs(2, 4))
    one = model.get_layer("one")
    one.kernel.assign(2 * weights_of(one)[0])
    again = saved_and_loaded(model, tmp_path).get_layer("one")
    np.testing.assert_allclose(again.get_matrix()[:, :4], weights_of(one)[0].T, atol=1e-6)


def test_loaded_weights_are_programmed(tmp_path):
    for auto_synchronize in (True, False):
        analog = from_keras(network(), hardware(), auto_synchronize=auto_synchronize)
        analog.save_weights(tmp_path / "a.weights.h5")
        wanted = array(analog(X))
        filled(analog, seed=5)
        synchronize(analog)
        assert np.abs(array(analog(X)) - wanted).max() > 0.1
        analog.load_weights(tmp_path / "a.weights.h5")
        np.testing.assert_allclose(array(analog(X)), wanted, atol=1e-5)


@pytest.mark.parametrize("auto_synchronize", [True, False])
def test_saved_weights_bring_their_arrays(auto_synchronize, tmp_path):
    options = {"auto_synchronize": auto_synchronize}
    analog, other = (
        from_keras(filled(network(), seed=n), hardware(PROGRAMMING, ADC, NOISE), **options)
        for n in (1, 2)
    )
    analog(X)
    analog.save_weights(tmp_path / "a.weights.h5")
    other.load_weights(tmp_path / "a.weights.h5")
    for model in (analog, other):
        reinitialize(model)
    for _ in range(2):
        np.testing.assert_array_equal(array(other(X)), array(analog(X)))


def test_measured_ranges_are_in_the_file(tmp_path):
    def dense(name):
        layer = AnalogDense(params=hardware(ADC), units=3, name=name)
        layer(inputs(2, 4))
        return layer

    one, other = dense("x"), dense("x")
    params = one.params.copy()
    states.set_output_range(params, [-0.5, 0.5])
    one.params = params
    other._load_arrays(one._saved_arrays())
    assert other.params == one.params
    np.testing.assert_array_equal(array(other(inputs(2, 4))), array(one(inputs(2, 4))))
    # Every reader of the file compares.
    strange = AnalogDense(params=hardware(ADC, {"xbar.device.Rmin": 3e3}), units=3, name="x")
    strange(inputs(2, 4))
    before, data = strange.get_matrix(), one._saved_arrays()
    with pytest.raises(InputError, match=r"layer 'x'.*Rmin: 1000\.0 in the state, 3000\.0 here"):
        strange._load_arrays(data)
    np.testing.assert_array_equal(strange.get_matrix(), before)


@pytest.mark.parametrize("save", ["save", "save_weights"])
def test_weights_go_from_analog_files_to_digital_models_and_back(save, tmp_path):
    file = tmp_path / ("m.keras" if save == "save" else "m.weights.h5")
    digital = filled(network(), seed=3)
    analog = from_keras(digital, hardware())
    analog(X)
    getattr(analog, save)(file)
    plain = filled(network(), seed=4)
    done = load_weights(plain, file)
    assert (set(done.taken), done.left, done.missing) == (NAMES, {}, ())
    np.testing.assert_array_equal(array(plain(X)), array(digital(X)))
    plain = filled(network(), seed=5)
    getattr(plain, save)(file)
    done = load_weights(analog, file)
    assert set(done.programmed) == NAMES
    np.testing.assert_allclose(array(analog(X)), array(plain(X)), atol=1e-5)


NAMES = {"conv", "depthwise", "hidden", "head"}


def test_what_does_not_fit_is_told(tmp_path):
    def model(units, name):
        dense = [layers.Dense(3, name="one"), layers.Dense(units, name=name)]
        return filled(keras.Sequential([layers.Input((4,)), *dense]))

    source, target = model(2, "two"), from_keras(model(5, "two"), hardware())
    source.save_weights(tmp_path / "a.weights.h5")
    kept = weights_of(target.get_layer("two"))
    done = load_weights(target, tmp_path / "a.weights.h5")
    assert (done.taken, done.missing) == (("one",), ())
    assert done.left == {"two": "of shapes [(3, 2), (2,)]; the layer has [(3, 5), (5,)]"}
    assert all(map(np.array_equal, weights_of(target.get_layer("two")), kept))
    with pytest.raises(ShapeError, match="three: the model has no such layer"):
        load_weights(
            filled(keras.Sequential([layers.Input((4,)), layers.Dense(1)])), file_of(tmp_path)
        )
    (tmp_path / "no").write_bytes(b"no")
    with pytest.raises(FileFormatError, match="not a file of weights"):
        load_weights(target, tmp_path / "no")


def file_of(folder):
    layer = keras.Sequential([layers.Input((4,)), layers.Dense(3, name="three")])
    layer.save_weights(folder / "b.weights.h5")
    return folder / "b.weights.h5"


def test_arrays_of_others_are_refused():
    layer, other = (AnalogDense(params=hardware(PROGRAMMING), units=n, name="x") for n in (2, 3))
    for each in (layer, other):
        each(inputs(1, 4))
    before, data = layer.get_matrix(), layer._saved_arrays()
    wrong = [other._saved_arrays(), np.zeros(0, np.uint8), data[:-30], data[8:]]
    wrong += [np.concatenate([data[:-9], data[-9:] ^ 1])]
    for given in wrong:
        with pytest.raises(InputError, match="layer 'x': not the arrays of this layer"):
            layer._load_arrays(given)
    np.testing.assert_array_equal(layer.get_matrix(), before)


def test_damaged_files_of_an_earlier_version_are_refused(tmp_path):
    with zipfile.ZipFile(SAVED / "model.keras") as archive:
        name = next(n for n in archive.namelist() if n.endswith("arrays.npz"))
        whole = archive.read(name)
    layer = AnalogDense(params=hardware(), units=2, name="x")
    layer(inputs(1, 4))
    for damaged in (b"nothing", b"", whole[:-30], whole[:40] + bytes(9) + whole[49:], whole):
        (tmp_path / "arrays.npz").write_bytes(damaged)
        with pytest.raises(InputError, match="layer 'x': not the arrays of this layer"):
            layer.load_assets(str(tmp_path))


def test_configurations_hold_plain_text_only():
    config = AnalogDense(params=hardware(ADC), units=2, name="x").get_config()
    assert isinstance(config["params"], str)
    again = AnalogDense.from_config(config)
    assert again.params == hardware(ADC)
    with pytest.raises(ParameterError, match="params of a saved layer: got int"):
        AnalogDense.from_config({**config, "params": 3})
    with pytest.raises(ParameterError):
        AnalogDense.from_config({**config, "params": '{"core": {"style": "no such"}}'})


@FITS
def test_compilers_of_backends_leave_arrays_alone():
    analog = compiled(from_keras(network(), hardware(ADC)))
    assert not analog.jit_compile
    assert BACKEND != "tensorflow" or not analog.run_eagerly
