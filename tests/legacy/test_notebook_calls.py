"""What published notebooks do with a core, in code of our own and with the same calls."""

import numpy as np
import pytest
import scipy.linalg
from scipy.sparse.linalg import cg

from applications.mvm_params import set_params
from simulator import AnalogCore, CrossSimParameters, OhmCoreWarning

RNG = np.random.default_rng(0)
START = RNG.bit_generator.state
SIZE = 24


@pytest.fixture(autouse=True)
def same_numbers():
    """Every test draws the same, whichever ran before it."""
    RNG.bit_generator.state = START


def image(size=SIZE):
    """Something smooth with an edge, as a photograph."""
    x, y = np.meshgrid(np.linspace(0, 1, size), np.linspace(0, 1, size))
    return 128 + 100 * np.sin(5 * x) * np.cos(3 * y) + 20 * (x > y)


def fourier(size=SIZE):
    return scipy.linalg.dft(size) / np.sqrt(size)


# -- first tutorial: products, views, programming ----------------------------------------------


def test_products_of_an_ideal_core_pass_the_checks_of_a_notebook():
    w, x = RNG.random((20, 30)) - 0.5, RNG.random(30)
    xbar = AnalogCore(w, set_params())
    b, square = RNG.random(20), RNG.random((30, 7))
    assert np.allclose(xbar @ x, w @ x)
    assert np.allclose(xbar.T @ b, w.T @ b)
    assert np.allclose(b @ xbar, b @ w)
    assert np.allclose(xbar @ square, w @ square)
    assert np.allclose(square.T @ xbar.T, square.T @ w.T)
    assert np.allclose(xbar[:10, :20] @ x[:20], w[:10, :20] @ x[:20])
    assert np.allclose(xbar[::2, ::2] @ x[::2], w[::2, ::2] @ x[::2])
    assert np.allclose(xbar @ list(x), w @ x)
    assert np.allclose(xbar @ np.stack([square, square]), w @ np.stack([square, square]))


def test_results_can_be_changed_in_place_and_inputs_stay():
    w, x = RNG.random((20, 30)), RNG.random((30, 4))
    x.flags.writeable = False
    before = x.copy()
    xbar = AnalogCore(w, set_params())
    for y in (xbar @ x, xbar @ x[:, 0], x.T @ xbar.T, xbar.get_matrix(), xbar[:5] @ x):
        y /= 2
        y += 1
    assert np.array_equal(x, before)
    assert np.allclose(xbar @ x, w @ x)


def test_programming_the_whole_and_a_part():
    w, block = RNG.random((20, 30)), RNG.random((5, 6))
    xbar = AnalogCore(np.eye(20, 30), set_params())
    xbar.set_matrix(w)
    assert np.allclose(xbar.get_matrix(), w)
    xbar[5:10, 12:18] = block
    w[5:10, 12:18] = block
    assert np.allclose(xbar @ np.eye(30), w)
    assert xbar[:] is xbar
    assert xbar[:, :] is xbar
    xbar[:] = 2 * w
    assert np.allclose(np.asarray(xbar), 2 * w)
    with pytest.warns(RuntimeWarning, match="outside the programmed range"):
        xbar[0:1, 0:1] = [[99.0]]


@pytest.mark.parametrize("complex_input", [False, True])
def test_complex_transforms_forward_and_back(complex_input):
    w = fourier()
    params = set_params(complex_matrix=True, complex_input=complex_input)
    dft, inverse = AnalogCore(w, params), AnalogCore(np.conj(w), params)
    x = image()
    assert np.allclose(dft @ x[0], np.fft.fft(x[0], norm="ortho"))
    assert np.allclose(x[0] @ dft, np.fft.fft(x[0], norm="ortho"))
    spectrum = (dft @ x) @ dft
    assert np.allclose(spectrum, np.fft.fft2(x, norm="ortho"), atol=1e-6)
    assert np.allclose((inverse @ spectrum) @ inverse, x)
    assert np.allclose(dft.get_matrix(), w)


def test_conjugate_gradients_on_a_core():
    a = RNG.random((30, 30))
    a = a @ a.T + 10 * np.eye(30)
    b = RNG.random(30)
    params = set_params()
    inputs = params.core.mapping.inputs.mvm
    inputs.min = None
    inputs.max = None
    inputs.percentile = 1.0
    x, failed = cg(AnalogCore(a, params), b)
    ideal, _ = cg(a, b)
    assert not failed
    assert np.allclose(x, ideal)


def test_the_transform_class_of_the_signal_processing_scripts():
    from simulator.algorithms.dsp.dft import DFT

    params = set_params()
    x = image()
    for normalize in (False, True):
        forward = DFT(SIZE, params=params, normalize=normalize)
        backward = DFT(SIZE, params=params, normalize=normalize, inverse=True)
        scale = 1 if normalize else SIZE
        assert np.allclose(forward.dft_1d(x[0]), np.fft.fft(x[0]) / (normalize * SIZE**0.5 or 1))
        assert np.allclose(backward.dft_1d(forward.dft_1d(x[0])), scale * x[0])
        assert np.allclose(backward.dft_2d(forward.dft_2d(x)), scale**2 * x)
        assert forward.Ncores == 1
        assert forward.get_matrix().shape == (SIZE, SIZE)


# -- second tutorial: conductances, styles, lists, JSON -----------------------------------------


def test_conductances_of_the_three_styles():
    w = RNG.random((6, 8)) - 0.5
    w_max = np.abs(w).max()
    balanced = AnalogCore(w, set_params(wtmodel="BALANCED", Rmin=1000, Rmax=10000)).cores[0][0]
    difference = balanced.core_pos.matrix - balanced.core_neg.matrix
    np.testing.assert_allclose(difference, 0.9 * w / w_max, atol=1e-6)
    siemens = balanced.core_pos.matrix / 1000
    assert 1e-4 * (1 - 1e-6) <= siemens.min() <= siemens.max() <= 1e-3 * (1 + 1e-6)
    offset = AnalogCore(w, set_params(wtmodel="OFFSET", weight_bits=8)).cores[0][0]
    levels = (offset.core.matrix - 0.1) / 0.9 * 255
    np.testing.assert_allclose(levels, np.rint(levels), atol=1e-9)
    sliced = AnalogCore(
        w, set_params(wtmodel="BALANCED", weight_bits=9, Nslices=4, infinite_on_off_ratio=True)
    ).cores[0][0]
    digits = [3 * (pos.matrix - neg.matrix) for pos, neg in sliced.core_slices]
    value = sum(4**i * digit for i, digit in enumerate(digits))
    assert np.abs(value - w / w_max * 255).max() <= 0.5 + 1e-9


@pytest.mark.parametrize(
    "values",
    [
        {"weight_bits": 8, "weight_percentile": 100},
        {"weight_bits": 8, "input_bits": 8, "input_range": (-1, 1)},
        {"adc_bits": 8, "adc_range": (-8, 8), "input_range": (-1, 1)},
        {"wtmodel": "OFFSET", "weight_bits": 8},
        {"wtmodel": "OFFSET", "weight_bits": 8, "Nslices": 4},
        {"wtmodel": "BALANCED", "weight_bits": 8, "Nslices": 2},
        {"Rmin": 1e4, "Rmax": 4e4, "error_model": "generic", "alpha_error": 0.02},
        {"error_model": "generic", "alpha_error": 0.02, "proportional_error": True},
        {"NrowsMax": 8, "NcolsMax": 8},
        {"Rp_row": 0.05, "Rp_col": 0.05, "input_range": (-1, 1)},
    ],
)
def test_variants_of_set_params_stay_near_the_ideal_product(values):
    np.random.seed(198)
    w, x = RNG.uniform(-1, 1, (16, 16)), RNG.uniform(-1, 1, (16, 20))
    y = AnalogCore(w, set_params(**values)) @ x
    ideal = w @ x
    assert np.abs(y - ideal).max() < 0.2 * np.abs(ideal).max()


def test_a_list_of_parameters_for_the_arrays_of_a_matrix():
    w, x = RNG.random((16, 16)), RNG.random(16)
    params = set_params(NrowsMax=8, NcolsMax=8, weight_bits=8)
    core = AnalogCore(w, params=[params] * 4)
    assert core.Ncores == 4
    assert np.array_equal(core @ x, AnalogCore(w, params) @ x)
    with pytest.raises(ValueError, match="4"):
        AnalogCore(w, params=[params] * 3)


def test_parameters_through_json_give_the_same_core(tmp_path):
    params = set_params(weight_bits=8, input_bits=8, input_range=(-1, 1), adc_bits=8,
                        adc_range=(-4, 4), Rp_row=0.05, Rp_col=0.05)  # fmt: skip
    params.to_json(tmp_path / "params_64.json")
    fresh = CrossSimParameters()
    fresh = fresh.from_json(tmp_path / "params_64.json")
    assert fresh == params
    w, x = RNG.uniform(-1, 1, (16, 16)), RNG.uniform(-1, 1, 16)
    assert np.array_equal(AnalogCore(w, fresh) @ x, AnalogCore(w, params) @ x)


def test_a_seed_at_the_top_repeats_a_run():
    def run():
        np.random.seed(198)
        params = set_params(error_model="generic", alpha_error=0.05,
                            noise_model="generic", alpha_noise=0.02)  # fmt: skip
        cores = [AnalogCore(np.eye(5), params) for _ in range(2)]
        x = np.random.random(5)
        return [cores[0].get_matrix(), cores[1].get_matrix(), cores[0] @ x, x @ cores[1], x]

    first, second = run(), run()
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert not np.array_equal(first[0], first[1])


# -- names that notebooks set and that mean nothing any more -------------------------------------


@pytest.mark.parametrize(
    ("path", "name", "value"),
    [
        ("core", "complex_inputs", True),
        ("simulation.convolution", "conv_matmul", True),
        ("xbar.array.parasitics", "gate_input", False),
    ],
)
def test_obsolete_attributes_are_kept_with_one_warning(path, name, value, monkeypatch):
    monkeypatch.setattr("simulator.errors._warned", set())
    params = CrossSimParameters()
    node = params
    for step in path.split("."):
        node = getattr(node, step)
    with pytest.warns(OhmCoreWarning, match=name) as caught:
        set_twice(node, name, value)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert getattr(node, name) is value
    assert params == CrossSimParameters()
    AnalogCore(np.eye(3), params)


def set_twice(node, name, value):
    setattr(node, name, value)
    setattr(node, name, value)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("gate_input", "current_from_input"),
        ("dac_bits", "input_bits"),
        ("dac_range", "input_range"),
    ],
)
def test_obsolete_keywords_of_set_params_are_ignored_with_one_warning(name, meant, monkeypatch):
    monkeypatch.setattr("simulator.errors._warned", set())
    with pytest.warns(OhmCoreWarning, match=f"'{name}'.*'{meant}'") as caught:
        params = [set_params(**{name: 8}) for _ in range(2)]
    assert len(caught) == 1
    assert params == [set_params()] * 2


def test_wires_of_slices_can_be_left_out():
    p = set_params(wtmodel="BALANCED", weight_bits=8, Nslices=2, Rp_row=10, Rp_col=10,
                   input_range=(-1, 1))  # fmt: skip
    w, x = RNG.uniform(-1, 1, (16, 16)), RNG.uniform(-1, 1, 16)
    p.xbar.array.parasitics.disable_slices = [True, True]
    # Half a step of each of 16 weights.
    rounding = 16 * 0.5 / 127
    assert np.abs(AnalogCore(w, p) @ x - w @ x).max() < rounding
    p.xbar.array.parasitics.disable_slices = [False, False]
    assert np.abs(AnalogCore(w, p) @ x - w @ x).max() > 3 * rounding
