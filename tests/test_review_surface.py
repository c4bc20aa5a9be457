"""Corners of cores, states and commands where something that looked right once was not."""

from dataclasses import dataclass
from unittest import mock

import numpy as np
import pytest

from adapters.neutral import AnalogConvolution2D
from applications.dnn.find_adc_range import find_adc_range
from simulator import AnalogCore, CrossSimParameters, InputError, registry
from simulator.chip.programmed import Programmed
from simulator.converters import QuantizerDAC, SignMagnitudeDAC
from simulator.devices import Cell, NormalInverseProportionalDevice
from simulator.errors import FileFormatError
from simulator.multiply.path import Path


@pytest.fixture(autouse=True)
def own_registry(monkeypatch):
    """Models defined in a test are forgotten after it."""
    monkeypatch.setattr(registry, "_models", {k: dict(v) for k, v in registry._models.items()})


def hardware(**fields):
    """Ideal hardware with a seed; ``a__b`` stands for the field a.b."""
    params = CrossSimParameters()
    params.update({name.replace("__", "."): value for name, value in fields.items()})
    params.simulation.seed = 3
    return params


NOISE = {"xbar__device__read_noise__enable": True,
         "xbar__device__read_noise__model": "NormalProportionalDevice",
         "xbar__device__read_noise__magnitude": 0.05,
         "simulation__read_noise_sampling": "per_output"}  # fmt: skip
FADING = {"xbar__device__drift_error__enable": True, "xbar__device__drift_error__model": "PCM",
          "xbar__device__time": 1e3, "xbar__device__Rmin": 4e4, "xbar__device__Rmax": 4e6,
          "simulation__drift_compensation": "global"}  # fmt: skip


# -- what is kept of the cells -----------------------------------------------------------------


def programmed_meanwhile(core, matrix, where, name):
    """``where.name`` as it is while another thread programs the core before it returns."""
    plain = getattr(where, name)

    def slow(self, *args):
        found = plain(self, *args)
        with mock.patch.object(where, name, plain):
            core.set_matrix(matrix)
        return found

    return mock.patch.object(where, name, slow)


def test_a_multiply_keeps_no_noise_of_cells_that_were_programmed_meanwhile():
    first, second = np.random.default_rng(0).normal(size=(2, 6, 5))
    core, fresh = AnalogCore(first, hardware(**NOISE)), AnalogCore(second, hardware(**NOISE))
    with programmed_meanwhile(core, second, Programmed, "read_moments"):
        core @ np.ones(5)
    np.testing.assert_array_equal(core.get_effective_matrix(), fresh.get_effective_matrix())


def test_the_one_matrix_of_cells_that_were_programmed_meanwhile_is_not_kept():
    first, second = np.random.default_rng(0).normal(size=(2, 6, 5))
    core = AnalogCore(first, hardware())
    with programmed_meanwhile(core, second, Path, "is_one_matrix"):
        core @ np.ones(5)
    # Cells of one part in 2**52, sums of five products.
    np.testing.assert_allclose(core @ np.eye(5), second, rtol=0, atol=1e-14)


def test_all_arrays_are_compensated_after_one_was_written():
    """Also where each is a stack of its own, because their parameters differ."""
    rng = np.random.default_rng(0)
    matrix, x = rng.normal(size=(6, 8)), rng.normal(size=8)
    trees = [hardware(core__rows_max=4, xbar__array__Icol_max=n, **FADING) for n in (1e5, 1e6)]
    core = AnalogCore(matrix, trees)
    core @ x
    before = core.compensation
    array = core.cores[0][0].core_pos
    array.set_conductances(array.matrix * 0.5)
    # A cell that was put somewhere does not drift any more.
    assert core.compensation < 0.99 * before
    other = AnalogCore(matrix, trees)
    other.set_state(core.get_state())
    np.testing.assert_allclose(core @ x, other @ x, rtol=1e-12)
    np.testing.assert_array_equal(core.get_effective_matrix(), other.get_effective_matrix())


NESTED = [[[[1.0, 2.0], [3.0]]]]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cells", NESTED),
        ("unit", NESTED),
        ("born", "x"),
        ("born", [[np.array(["a"]), np.array(["b"])]]),
        ("born", NESTED),
        ("programmings", np.inf),
        ("vectors", np.inf),
        ("seed", np.inf),
    ],
)
def test_states_that_are_no_numbers_are_refused(name, value):
    fields = {n: v for n, v in FADING.items() if "compensation" not in n}
    core = AnalogCore(np.arange(6.0).reshape(2, 3), hardware(**fields))
    before = core.get_matrix()
    with pytest.raises(InputError):
        core.set_state({**core.get_state(), name: value})
    np.testing.assert_array_equal(core.get_matrix(), before)


# -- models ------------------------------------------------------------------------------------


def test_no_cell_that_does_not_conduct_has_an_inverse_error():
    """Weights that are not clipped to their range may ask for less than nothing."""
    cell, shares = Cell(0.0, 1e-4, 1.0, True, 0.0), np.array([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0])
    with np.errstate(all="raise"):
        scale = NormalInverseProportionalDevice(0.1).scale(shares * cell.Gmax, cell)
    np.testing.assert_allclose(scale / cell.Gmax, [0, 0, 0, 0, 2, 1], rtol=1e-15)


@dataclass(frozen=True)
class BentDAC(QuantizerDAC):
    """Levels that are not equidistant, and so not on the grid of the digits."""

    def convert(self, volts, low, high, kernels):
        straight = super().convert(volts, low, high, kernels)
        return straight + 0.2 * straight * (1 - straight)


@dataclass(frozen=True)
class BentSignedDAC(SignMagnitudeDAC):
    """The same with a sign."""

    def convert(self, volts, low, high, kernels):
        straight = super().convert(volts, low, high, kernels)
        return straight + 0.2 * straight * (1 - abs(straight))


@pytest.mark.parametrize(("model", "bits"), [("BentDAC", 3), ("BentSignedDAC", 4)])
def test_digits_are_those_of_a_converter_that_was_derived(model, bits):
    registry.register("dac", {"BentDAC": BentDAC, "BentSignedDAC": BentSignedDAC}[model])
    params = hardware(
        xbar__dac__mvm__model=model, xbar__dac__mvm__bits=bits,
        xbar__dac__mvm__signed=model == "BentSignedDAC", xbar__dac__mvm__input_bitslicing=True,
        core__mapping__inputs__mvm__min=-1.0 * (model == "BentSignedDAC"),
        core__mapping__inputs__mvm__max=1.0,
    )  # fmt: skip
    x = np.random.default_rng(0).uniform(0, 1, 29)
    level = np.rint(7 * x) / 7
    digits = np.rint(7 * (level + 0.2 * level * (1 - level))) / 7
    for apart in (False, True):
        params.simulation.disable_fast_balanced = apart
        np.testing.assert_allclose(AnalogCore(np.eye(29), params) @ x, digits, rtol=0, atol=1e-14)


@pytest.mark.parametrize("fields", [{}, {"xbar__dac__mvm__bits": 6}])
def test_a_convolution_of_no_images_has_no_results(fields):
    layer = AnalogConvolution2D(hardware(**fields), 3, 2, (3, 2))
    layer.set_matrix(np.ones((2, 18)))
    assert layer.apply(np.ones((0, 3, 6, 6), np.float32)).shape == (0, 2, 4, 5)


# -- ranges among files ------------------------------------------------------------------------


def test_arrays_of_no_limit_have_the_ranges_of_all_large_arrays(tmp_path):
    ranges = np.array([[-1.0, 1.0], [-2.0, 2.0]])
    np.save(tmp_path / "adc_limits_net_balanced.npy", ranges)
    np.save(tmp_path / "adc_limits_net_balanced_144rows.npy", 2 * ranges)
    keywords = {"adc_range_option": "CALIBRATED"}
    for rows, wanted in ((None, ranges), (0, ranges), (144, 2 * ranges)):
        found = find_adc_range({**keywords, "NrowsMax": rows}, 2, folder=tmp_path)
        np.testing.assert_array_equal(found, wanted)


def test_a_broken_archive_is_no_array_of_ranges(tmp_path):
    (tmp_path / "adc_limits_net_balanced.npy").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(FileFormatError, match="adc_limits_net_balanced"):
        find_adc_range({"adc_range_option": "CALIBRATED"}, 2, folder=tmp_path)
