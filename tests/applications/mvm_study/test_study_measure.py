"""What is measured: exact hardware gives the exact product, ranges come from training data."""

import dataclasses

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the study needs the extra 'study'")

from applications.mvm_study.config import load_config
from applications.mvm_study.measure import calibrate, measure
from applications.mvm_study.settings import Setting, expand
from applications.mvm_study.workload import Workload, load_workload

MAPPINGS = load_config().mappings


@pytest.fixture(scope="module")
def digits():
    return load_workload(load_config())


def product(signed=True):
    """A workload of one product, with other vectors for calibration than for measuring."""
    generator = np.random.default_rng(3)
    low = -1 if signed else 0
    return Workload(
        matrices=(generator.normal(size=(8, 16)),),
        biases=(np.zeros(8),),
        calibration=(generator.uniform(low, 1, size=(16, 400)),),
        inputs=generator.uniform(low, 1, size=(16, 60)),
        labels=None,
        description="",
    )


def metrics(workload, chip=0, percentile=99.99, **values):
    setting = Setting(0, "test", "test", {}, values)
    return measure(calibrate(setting, workload, 1, percentile), workload, chip)


def test_exact_hardware_gives_the_exact_product(digits):
    found = metrics(digits, adc_bits=0, input_bits=0, cell_bits=0)
    # Balanced pairs are programmed in single precision.
    assert found.relative_rms_error < 16 * np.finfo(np.float32).eps
    assert found.accuracy == digits.digital_correct() / len(digits.labels)


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("mapping", MAPPINGS)
def test_an_adc_bit_is_worth_six_decibels(mapping, signed):
    """As long as the ADC is what limits: fine cells, fine inputs, no current beyond its range."""
    workload = product(signed)
    workload = dataclasses.replace(workload, calibration=(workload.inputs,))
    cell_bits = 8 if mapping == "bit-sliced" else 0
    values = MAPPINGS[mapping] | {"cell_bits": cell_bits, "on_off_ratio": float("inf")}
    coarse = metrics(workload, **values, adc_bits=6, percentile=100)
    fine = metrics(workload, **values, adc_bits=8, percentile=100)
    assert fine.snr_db - coarse.snr_db == pytest.approx(2 * 6.02, abs=1)


def test_programming_errors_add_up_as_independent_errors_do():
    """With the other cell of a pair at zero, each product w x has an error of spread s w x."""
    workload = product()
    spread = 0.1
    values = {"programming_error": spread, "on_off_ratio": float("inf")}
    chips = [metrics(workload, chip, **values).relative_rms_error ** 2 for chip in range(200)]
    matrix, inputs = workload.matrices[0], workload.inputs
    expected = spread**2 * np.sum(matrix**2 @ inputs**2) / np.sum((matrix @ inputs) ** 2)
    assert np.mean(chips) == pytest.approx(
        expected, abs=5 * np.std(chips, ddof=1) / np.sqrt(len(chips))
    )


def test_chips_differ_and_repeat():
    workload = product()
    first = metrics(workload, 0, programming_error=0.1)
    assert metrics(workload, 0, programming_error=0.1) == first
    assert metrics(workload, 1, programming_error=0.1) != first


@pytest.mark.parametrize("mapping", MAPPINGS)
@pytest.mark.parametrize("signed", [True, False])
def test_ranges_hold_the_training_currents_and_no_more(mapping, signed):
    workload = product(signed)
    setting = Setting(0, "test", mapping, {}, MAPPINGS[mapping] | {"adc_bits": 8, "input_bits": 8})
    (tree,) = calibrate(setting, workload, 1, 99.99)
    ranges = np.atleast_2d(tree.xbar.adc.mvm.calibrated_range)
    assert np.all(ranges[:, 1] > 0)
    assert np.all(ranges[:, 1] <= 2 * workload.matrices[0].shape[1])
    signed_currents = signed or mapping != "offset"
    if signed_currents:
        assert np.all(ranges[:, 0] == -ranges[:, 1])
    else:
        # A converter of currents of one sign starts at the lowest, which is that of cells at Gmin.
        assert np.all((ranges[:, 0] >= 0) & (ranges[:, 0] < ranges[:, 1]))
    assert tree.core.mapping.inputs.mvm.max == np.abs(workload.calibration[0]).max()
    assert tree.core.mapping.inputs.mvm.min == (-tree.core.mapping.inputs.mvm.max if signed else 0)


def test_calibration_does_not_look_at_measured_inputs(digits):
    setting = Setting(0, "test", "test", {}, {"adc_bits": 8, "input_bits": 8})
    other = dataclasses.replace(digits, inputs=digits.inputs[:, :1])
    assert calibrate(setting, digits, 1, 99.99) == calibrate(setting, other, 1, 99.99)


def test_what_the_setting_says_itself_stays():
    values = {
        "adc_bits": 8,
        "xbar.adc.mvm.adc_range_option": "MAX",
        "xbar.dac.mvm.model": "SignMagnitudeDAC",
        "xbar.dac.mvm.signed": True,
        "core.mapping.inputs.mvm.min": -7.0,
        "core.mapping.inputs.mvm.max": 7.0,
    }
    setting = Setting(0, "test", "test", {}, values)
    (tree,) = calibrate(setting, product(signed=False), 1, 99.99)
    assert tree.xbar.adc.mvm.adc_range_option.name == "MAX"
    assert tree.core.mapping.inputs.mvm.min == -7
    assert tree.xbar.dac.mvm.signed is True


def test_train_and_test_images_are_different_ones(digits):
    train = {image.tobytes() for image in digits.calibration[0].T}
    test = [image.tobytes() for image in digits.inputs.T]
    assert not train & set(test)
    assert len(train) + len(test) == 1797


def test_a_training_that_is_interrupted_gives_no_classifier(monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("sklearn.neural_network.MLPClassifier._backprop", interrupt)
    with pytest.raises(KeyboardInterrupt):
        load_workload(load_config())


def test_the_default_study_has_a_reasonable_size():
    settings = expand(load_config())
    assert sum(setting.chips for setting in settings) < 2000
