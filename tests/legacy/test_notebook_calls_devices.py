"""Devices and converters that notebooks write themselves, with the calls they make."""

import numpy as np
import pytest
import scipy.linalg

from applications.mvm_params import set_params
from simulator import AnalogCore, CrossSimParameters, ModelError
from simulator.circuits.adc import iadc
from simulator.devices import idevice

pytestmark = pytest.mark.filterwarnings("ignore:.*complex_inputs")
SIZE = 24
EFFECTS = ("programming_error", "read_noise", "drift_error")


class perfect_cell_of_a_test(idevice.EmptyDevice):
    def programming_error(self, Gnorm):
        return Gnorm

    def read_noise(self, Gnorm):
        return Gnorm

    def drift_error(self, Gnorm, time):
        return Gnorm


class flash_cell_of_a_test(idevice.EmptyDevice):
    """Errors in microsiemens, written into the argument; cells lose charge with time."""

    def programming_error(self, Gnorm):
        full = 1e6 / self.device_params.Rmin
        Gnorm += np.random.normal(scale=0.3 / full, size=Gnorm.shape).astype(Gnorm.dtype)
        return Gnorm

    def read_noise(self, Gnorm):
        full = 1e6 / self.device_params.Rmin
        spread = 0.05 * np.sqrt(full * Gnorm + 1e-3) / full
        Gnorm += np.random.normal(scale=spread, size=Gnorm.shape)
        return Gnorm

    def drift_error(self, Gnorm, time):
        Gnorm = self.programming_error(Gnorm)
        Gnorm *= 1 - 0.02 * np.log10(1 + time)
        return Gnorm


class superlinear_ADC_of_a_test(iadc.IADC):
    """A quantiser whose levels lie closer together near zero."""

    def __init__(self, adc_params, dac_params, core_params, simulation_params, bitslice):
        super().__init__(adc_params, dac_params, core_params, simulation_params, bitslice)
        self.exponent = 1.5
        self.shapes = []

    def set_limits(self, matrix):
        super().set_limits(matrix)
        self.steps = 2 ** (self.bits - 1) - 1

    def convert(self, vector):
        assert vector.ndim in (1, 2)
        scaled = np.clip(vector / self.max, -1, 1)
        codes = np.rint(np.abs(scaled) ** (1 / self.exponent) * self.steps)
        return self.max * np.sign(scaled) * (codes / self.steps) ** self.exponent


def photograph():
    x, y = np.meshgrid(np.linspace(0, 1, SIZE), np.linspace(0, 1, SIZE))
    return 128 + 100 * np.sin(5 * x) * np.cos(3 * y)


def through(params):
    """An image through a 2-D transform and back, both on cores."""
    w = scipy.linalg.dft(SIZE) / np.sqrt(SIZE)
    forward, inverse = AnalogCore(w, params), AnalogCore(np.conj(w), params)
    spectrum = (forward @ photograph()) @ forward
    return np.real((inverse @ spectrum) @ inverse)


def loss(params):
    return np.abs(through(params) - photograph()).mean() / photograph().mean()


def with_device(name, *effects):
    params = CrossSimParameters()
    params.core.complex_matrix = True
    params.core.complex_inputs = True
    params.xbar.device.Rmin, params.xbar.device.Rmax = 1e5, 1e8
    for effect in effects:
        node = getattr(params.xbar.device, effect)
        node.enable = True
        node.model = name
    return params


def test_a_perfect_device_changes_nothing():
    assert loss(with_device("perfect_cell_of_a_test", *EFFECTS)) < 1e-12


def test_effects_are_switched_on_one_after_the_other_on_one_tree():
    np.random.seed(5)
    params = with_device("flash_cell_of_a_test")
    device = params.xbar.device
    losses = [loss(params)]
    device.programming_error.enable = True
    device.programming_error.model = "flash_cell_of_a_test"
    losses.append(loss(params))
    device.read_noise.enable = True
    device.read_noise.model = "flash_cell_of_a_test"
    losses.append(loss(params))
    device.drift_error.enable = True
    device.drift_error.model = "flash_cell_of_a_test"
    for time in np.logspace(1, 4, 3):
        device.time = time
        losses.append(loss(params))
    assert losses[0] < 1e-12
    assert losses == sorted(losses)
    assert losses[-1] > 1.2 * losses[2] > 1.2 * losses[1] > 0


def test_the_seed_of_the_notebook_counts_for_its_devices():
    def run():
        np.random.seed(11)
        return through(with_device("flash_cell_of_a_test", "programming_error", "read_noise"))

    assert np.array_equal(run(), run())


def test_models_of_different_origin_in_one_cell():
    params = with_device("flash_cell_of_a_test", "programming_error")
    params.xbar.device.Rmin = 50e3
    params.xbar.device.read_noise.enable = True
    params.xbar.device.read_noise.model = "SONOS"
    assert 0 < loss(params) < 0.2


def test_a_published_device_out_of_its_range_says_which_resistance_to_set():
    params = set_params(error_model="SONOS")
    with pytest.raises(ModelError, match="Rmin"):
        AnalogCore(np.eye(3), params)


def test_a_converter_of_a_notebook_both_ways():
    params = CrossSimParameters()
    params.xbar.adc.mvm.model = "superlinear_ADC_of_a_test"
    params.xbar.adc.mvm.bits = 8
    params.xbar.adc.mvm.adc_range_option = "CALIBRATED"
    params.xbar.adc.mvm.calibrated_range = (-4, 4)
    assert params.xbar.adc.vmm.model == "superlinear_ADC_of_a_test"
    rng = np.random.default_rng(0)
    w, x = rng.uniform(-1, 1, (9, 9)), rng.uniform(-1, 1, (9, 40))
    core = AnalogCore(w, params)
    limit = 4 * np.abs(w).max() / 0.9
    # Levels lie 1.5 / 127 of full scale apart at the most.
    bound = 0.5 * 1.5 / 127 * limit * 1.01
    for y, ideal in ((core @ x, w @ x), (x.T @ core, x.T @ w), (core @ x[:, 0], w @ x[:, 0])):
        inside = np.abs(ideal) < limit
        assert np.abs(y - ideal)[inside].max() < bound
        assert np.abs(y - ideal).max() > bound / 10


def test_different_converters_for_both_directions():
    params = CrossSimParameters()
    params.xbar.adc.match = False
    params.xbar.adc.mvm.model = "RampADC"
    params.xbar.adc.mvm.bits = 8
    params.xbar.adc.mvm.gain_db = 100
    params.xbar.adc.mvm.sigma_capacitor = 0.1
    params.xbar.adc.mvm.adc_range_option = "CALIBRATED"
    params.xbar.adc.mvm.calibrated_range = (-100, 100)
    params.xbar.adc.vmm.model = "SignMagnitudeADC"
    params.xbar.adc.vmm.signed = True
    params.xbar.adc.vmm.bits = 6
    params.xbar.adc.vmm.adc_range_option = "CALIBRATED"
    params.xbar.adc.vmm.calibrated_range = (-10, 10)
    rng = np.random.default_rng(0)
    w, x = rng.uniform(-1, 1, (9, 9)), rng.uniform(-1, 1, (9, 40))
    core = AnalogCore(w, params)
    scale = np.abs(w).max() / 0.9
    by_ramp = np.unique(np.round((core @ x) / scale / (200 / 256), 2))
    assert len(by_ramp) <= 20
    by_quantiser = (x.T @ core) / scale / (10 / 31)
    np.testing.assert_allclose(by_quantiser, np.rint(by_quantiser), atol=1e-6)
    assert np.abs((x.T @ core) - x.T @ w).max() <= scale * 10 / 31 / 2 * (1 + 1e-6)


def test_a_converter_with_slices_and_input_bits():
    params = CrossSimParameters()
    params.core.style, params.core.weight_bits = "BITSLICED", 8
    params.xbar.device.infinite_on_off_ratio = True
    params.xbar.dac.mvm.model, params.xbar.dac.mvm.bits = "SignMagnitudeDAC", 6
    params.xbar.dac.mvm.input_bitslicing = True
    adc = params.xbar.adc.mvm
    adc.model, adc.bits, adc.adc_per_ibit = "superlinear_ADC_of_a_test", 10, True
    adc.adc_range_option = "MAX"
    rng = np.random.default_rng(0)
    w, x = rng.uniform(-1, 1, (9, 9)), rng.uniform(-1, 1, (9, 5))
    y = AnalogCore(w, params) @ x
    # Weights of 127 steps, inputs of 31, and currents of 511 of nine cells at the most.
    assert np.abs(y - w @ x).max() < 9 * (0.5 / 127 + 0.5 / 31) + 2 * 9 * 0.75 / 511
