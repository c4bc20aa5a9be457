"""Ranges from profiled values: profiling a network, and what is made of it."""

import pickle
from types import SimpleNamespace

import numpy as np
import pytest

from applications.dnn.calibration import calibrate_adc_limits, calibrate_input_limits
from simulator import CrossSimParameters, InputError, ParameterError


def layer_of(inputs=9, **changes):
    params = CrossSimParameters()
    params.update({key.replace("__", "."): value for key, value in changes.items()})
    return SimpleNamespace(core=SimpleNamespace(params=params, NcolsVec=[inputs, inputs - 1]))


SLICED = {"core__style": "BITSLICED", "core__weight_bits": 8}


@pytest.fixture
def profiled():
    rng = np.random.default_rng(5)
    inputs = [np.maximum(rng.standard_normal(20000), 0) * scale for scale in (1.0, 3.0)]
    return inputs, [rng.standard_normal((1, 20000)) * 2 + 0.5, rng.laplace(size=(8, 3000))]


# Computed once by CrossSim 3.2 from the values above, for (bits, order of the norm).
PUBLISHED = {
    (6, 1.0): (
        [2.9187864961417826, 8.584099433801013],
        [[-5.094204001356962, 5.6829444657900785], [-4.730061693866246, 4.753179444836935]],
    ),
    (4, 2.0): (
        [2.8851242279406977, 8.934031536889785],
        [[-4.64199600151159, 5.4778458050813885], [-4.652056344119324, 5.218386472280315]],
    ),
}


@pytest.mark.parametrize(("bits", "norm"), PUBLISHED)
def test_optimised_limits_are_those_of_crosssim(profiled, bits, norm):
    inputs, currents = profiled
    tops, pairs = PUBLISHED[bits, norm]
    limits = calibrate_input_limits(inputs, bits, norm)
    np.testing.assert_allclose(limits, [[0, top] for top in tops], rtol=1e-9)
    limits = calibrate_adc_limits([layer_of()] * 2, currents, Nbits=bits, norm_ord=norm)
    np.testing.assert_allclose(limits, pairs, rtol=1e-9)


def test_without_bits_limits_are_extremes(profiled):
    inputs, currents = profiled
    assert calibrate_input_limits(inputs).tolist() == [[0, x.max()] for x in inputs]
    limits = calibrate_adc_limits([layer_of()] * 2, currents)
    assert limits.tolist() == [[x.min(), x.max()] for x in currents]


def test_limits_of_slices_are_inputs_over_powers_of_two():
    rng = np.random.default_rng(1)
    currents = rng.laplace(size=(4, 8, 5000)) * np.array([2.0, 1.0, 0.3, 0.01])[:, None, None]
    layer = layer_of(inputs=100, **SLICED, core__bit_sliced__num_slices=4)
    (limits,) = calibrate_adc_limits([layer], [currents], bitslice_pct=99.9)
    assert np.array_equal(limits[:, 0], -limits[:, 1])
    octaves = np.log2(100 / limits[:, 1])
    assert np.array_equal(octaves, np.rint(octaves))
    for amps, limit in zip(currents, limits[:, 1], strict=True):
        reach = np.abs(np.percentile(amps, [0.1, 99.9])).max()
        assert reach <= limit < 2 * reach


def test_offset_slices_have_no_sign_where_currents_have_none():
    rng = np.random.default_rng(2)
    currents = rng.uniform(1, 3, (2, 1, 1000))
    changes = {**SLICED, "core__bit_sliced__style": "OFFSET"}
    (limits,) = calibrate_adc_limits([layer_of(8, **changes)], [currents])
    assert limits.tolist() == [[0, 4], [0, 4]]
    (limits,) = calibrate_adc_limits([layer_of(8, **changes)], [currents - 2.5])
    assert limits.tolist() == [[-2, 2], [-2, 2]]
    # A slice of zeros gets the whole range.
    (limits,) = calibrate_adc_limits([layer_of(8, **SLICED)], [currents * [[[1]], [[0]]]])
    assert limits.tolist() == [[-4, 4], [-8, 8]]


def test_layers_without_values_are_named():
    with pytest.raises(InputError, match="layer 1"):
        calibrate_input_limits([np.ones(3), None])
    with pytest.raises(InputError, match="layer 0"):
        calibrate_adc_limits([layer_of()], [np.empty((1, 0))])
    with pytest.raises(ParameterError, match="2 entries for 1"):
        calibrate_adc_limits([layer_of()], [np.ones((1, 3))] * 2)
    assert calibrate_input_limits([np.zeros(3)], Nbits=4).tolist() == [[0, 0]]


# -- profiling a network ----------------------------------------------------------------------

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch_models import ADC, PROGRAMMING, seeded  # noqa: E402

from adapters.torch import (  # noqa: E402
    analog_modules,
    follow_inputs,
    from_torch,
    get_conductance_matrices,
    get_profiled_adc_inputs,
    get_profiled_xbar_inputs,
)
from adapters.torch.layers.inputs import Seen  # noqa: E402

PROFILED = {"simulation__analytics__profile_xbar_inputs": True,
            "simulation__analytics__profile_adc_inputs": True,
            "simulation__analytics__ntest": 6}  # fmt: skip
DIGITS = {"xbar__dac__mvm__model": "SignMagnitudeDAC", "xbar__dac__mvm__bits": 4,
          "xbar__dac__mvm__input_bitslicing": True,
          "xbar__adc__mvm__adc_per_ibit": True}  # fmt: skip


def converted(**changes):
    torch.manual_seed(3)
    model = nn.Sequential(nn.Conv2d(2, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(27, 5))
    model = from_torch(model, seeded(**changes))
    follow_inputs(model)
    return model


def images(count=6):
    return torch.randn(count, 2, 4, 4, generator=torch.Generator().manual_seed(4))


def test_recorded_inputs_are_those_of_the_layers(tmp_path):
    model = converted(**PROFILED)
    with pytest.raises(InputError, match="profile_xbar_inputs"):
        get_profiled_xbar_inputs(model)
    with pytest.raises(InputError, match="profile_adc_inputs"):
        get_profiled_adc_inputs(model)
    # Asking twice records once.
    follow_inputs(model)
    with torch.no_grad():
        for batch in images().split(2):
            model(batch)
        wanted = [images(), model[:3](images())]
    found = get_profiled_xbar_inputs(model, save_dir=tmp_path)
    assert [values.shape for values in found] == [(6 * 32 * 2,), (6 * 27,)]
    assert np.array_equal(found[0][: 6 * 32], images().numpy().ravel())
    np.testing.assert_allclose(found[1], wanted[1].numpy().ravel(), rtol=0, atol=1e-6)
    assert (tmp_path / "all_xbar_inputs.p").read_bytes() == pickle.dumps(found)
    unrecorded = from_torch(nn.Linear(3, 2), seeded())
    with pytest.raises(InputError, match="profile_xbar_inputs"):
        get_profiled_xbar_inputs(unrecorded)


@pytest.mark.parametrize(
    ("changes", "shapes"),
    [
        ({}, [(1, 6 * 27), (1, 6 * 5)]),
        ({"core__balanced__subtract_current_in_xbar": False}, [(1, 2 * 6 * 27), (1, 2 * 6 * 5)]),
        (DIGITS, [(3, 6 * 27), (3, 6 * 5)]),
        ({"core__style": "OFFSET"}, [(1, 6 * 27), (1, 6 * 5)]),
        ({"core__rows_max": 9}, [(1, 6 * 27), (1, 6 * 5 * 3)]),
        ({**SLICED, **DIGITS}, [(2, 3, 6 * 27), (2, 3, 6 * 5)]),
    ],
    ids=["pairs", "apart", "digits", "offset", "tiles", "slices"],
)
def test_recorded_currents_keep_slices_and_digits_apart(tmp_path, changes, shapes):
    model = converted(**PROFILED, **changes)
    with torch.no_grad():
        for batch in images().split(2):
            model(batch)
    found = get_profiled_adc_inputs(model, save_dir=tmp_path)
    assert [values.shape for values in found] == shapes
    assert all(values.dtype == np.float32 for values in found)
    assert (tmp_path / "all_adc_inputs.p").read_bytes() == pickle.dumps(found)
    limits = calibrate_adc_limits(analog_modules(model), found, Nbits=6)
    for (low, high), values in zip(np.reshape(limits, (-1, 2)), np.vstack(found[:1]), strict=False):
        assert low < high <= 2 * np.abs(values).max() + 1


def test_profiled_limits_make_a_network_work():
    model = converted(**PROFILED)
    with torch.no_grad():
        wanted = model(images())
    pairs = calibrate_adc_limits(analog_modules(model), get_profiled_adc_inputs(model))
    for layer, limits in zip(analog_modules(model), pairs, strict=True):
        tree = layer.params.copy()
        tree.update({key.replace("__", "."): value for key, value in ADC.items()})
        tree.update({"xbar.adc.mvm.bits": 10, "xbar.adc.mvm.adc_range_option": "CALIBRATED",
                     "xbar.adc.mvm.calibrated_range": limits})  # fmt: skip
        layer.params = tree
    with torch.no_grad():
        error = (model(images()) - wanted).abs().max() / wanted.abs().max()
    # Ranges of up to 9 and 27 inputs of at most the largest weight, in 1023 steps.
    assert 0 < error < 0.02


def test_samples_of_inputs_are_thinned_evenly(monkeypatch):
    monkeypatch.setattr("simulator.multiply.recorder.CAPACITY", 1 << 12)
    seen = Seen()
    for batch in torch.arange(1 << 17).split(30_000):
        seen.add(batch % 1024)
    sample = seen.sample
    assert (sample.low, sample.high) == (0, 1023)
    assert 1 << 11 <= len(sample.values) <= 1 << 12
    shares = np.bincount(sample.values.astype(int), minlength=1024)
    # Multiples of the golden ratio differ from an even spread by O(log n) of n values.
    assert np.abs(shares - len(sample.values) / 1024).max() <= np.log2(len(sample.values))


def test_recorders_do_not_follow_a_layer_into_the_digital_model():
    from adapters.torch import to_torch

    model = converted(**PROFILED)
    with torch.no_grad():
        model(images())
        to_torch(model)(images())
    assert len(get_profiled_xbar_inputs(model)[0]) == images().numel()


@pytest.mark.parametrize(
    ("changes", "names", "slices"),
    [
        ({}, ("BALANCED", "NONE"), 1),
        ({"core__style": "OFFSET"}, ("OFFSET", "NONE"), 1),
        ({**SLICED, "core__bit_sliced__num_slices": 4}, ("BITSLICED", "BALANCED"), 4),
        ({**SLICED, "core__bit_sliced__style": "OFFSET"}, ("BITSLICED", "OFFSET"), 2),
    ],
)
def test_conductances_are_those_of_the_arrays(changes, names, slices):
    model = converted(**changes, **PROGRAMMING, core__rows_max=10)
    conv, linear = get_conductance_matrices(model)
    assert (conv["core_style"], conv["bitsliced_core_style"]) == names
    assert conv["num_slices"] == slices
    assert [len(layer["Gmats"]) for layer in (conv, linear)] == [1, 3]
    part = linear["Gmats"][1]
    assert isinstance(part, list) == (names[0] == "BITSLICED")
    assert not isinstance(part, list) or len(part) == slices
    part = part[0] if isinstance(part, list) else part
    paired = "BALANCED" in names
    assert set(part) == ({"Gmat_pos", "Gmat_neg"} if paired else {"Gmat"})
    assert all(values.shape == (5, 9) for values in part.values())
    cores = model[3].core.cores[0][1]
    held = cores.core_slices[0][0] if slices > 1 else cores.core_pos if paired else cores.core
    assert np.array_equal(part["Gmat_pos" if paired else "Gmat"], held.matrix)
