"""The Fourier transform as a product with an analog core."""

import numpy as np
import pytest

from applications.dsp.dft import DFT, dft_matrix
from applications.mvm_params import set_params
from simulator import AnalogCore, CrossSimParameters
from simulator.errors import InputError, ParameterError, ShapeError

EPS = np.finfo(float).eps


def ideal():
    return CrossSimParameters()


def signals(*shape, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


def bound(x, sums):
    """Rounding of `sums` products and sums, entries of the matrix being at most 1."""
    return 8 * EPS * sums * np.abs(x).max()


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("length", [2, 5, 16, 63, 128])
@pytest.mark.parametrize("batch", [(), (3,), (2, 3)])
def test_ideal_hardware_gives_numpys_transform(length, inverse, batch):
    x = signals(*batch, length)
    expected = np.fft.ifft(x) * length if inverse else np.fft.fft(x)
    found = DFT(length, ideal(), inverse=inverse).dft_1d(x)
    assert found.shape == x.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=bound(x, length))


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("batch", [(), (3,), (2, 2)])
def test_two_dimensions(inverse, batch):
    length = 24
    x = signals(*batch, length, length)
    expected = np.fft.ifft2(x) * length**2 if inverse else np.fft.fft2(x)
    found = DFT(length, ideal(), inverse=inverse).dft_2d(x)
    np.testing.assert_allclose(found, expected, rtol=0, atol=2 * bound(x, length**2))


def test_real_signals_and_columns():
    x = np.random.default_rng(1).normal(size=32)
    transform = DFT(32, ideal())
    expected = np.fft.fft(x)
    np.testing.assert_allclose(transform.dft_1d(x), expected, rtol=0, atol=bound(x, 32))
    column = transform.dft_1d(x[:, None])
    assert column.shape == (32, 1)
    np.testing.assert_array_equal(column[:, 0], transform.dft_1d(x))
    np.testing.assert_array_equal(transform.dft_1d(list(x)), transform.dft_1d(x))


def test_normalised_it_is_unitary():
    x = signals(4, 48)
    there, back = (DFT(48, ideal(), normalize=True, inverse=i) for i in (False, True))
    spectrum = there.dft_1d(x)
    np.testing.assert_allclose(back.dft_1d(spectrum), x, rtol=0, atol=2 * bound(x, 48))
    # Parseval: what is true of every unitary matrix.
    energy = (np.abs(x) ** 2).sum(axis=-1)
    np.testing.assert_allclose((np.abs(spectrum) ** 2).sum(axis=-1), energy, rtol=16 * 48 * EPS)


def test_the_matrix_is_exact_also_far_out():
    """Phases are reduced as integers; the naive product of three floats would lose digits."""
    length = 1024
    row = dft_matrix(length)[length - 1]
    np.testing.assert_allclose(row, np.exp(2j * np.pi * np.arange(length) / length), atol=4e-15)
    assert dft_matrix(8)[2, 2] == pytest.approx(-1, abs=2 * EPS)
    np.testing.assert_array_equal(dft_matrix(12, inverse=True), dft_matrix(12).conj())


def test_single_precision_stays_single():
    transform = DFT(16, ideal(), dtype=np.complex64)
    assert transform.dft_1d(signals(16).astype(np.complex64)).dtype == np.complex64
    assert transform.get_matrix().dtype == np.complex64


def test_the_parameters_of_the_caller_stay_as_they_are():
    params = set_params(weight_bits=8)
    before = params.copy()
    transform = DFT(16, params, normalize=True)
    assert params == before
    assert transform.params.core.complex_matrix


@pytest.mark.parametrize("normalize", [False, True])
def test_the_matrix_fills_the_range_of_the_cells(normalize):
    """One step of the weights is the same share of the largest entry either way."""
    params = set_params(weight_bits=6)
    transform = DFT(64, params, normalize=normalize)
    largest = 1 / 8 if normalize else 1
    matrix = dft_matrix(64) * largest
    step = largest / (2**5 - 1)
    # Levels lie between 1/10 and 1, the on/off ratio, of which a balanced pair uses the difference.
    error = transform.get_matrix() - matrix
    assert np.abs([error.real, error.imag]).max() <= 0.51 * step
    assert np.abs([error.real, error.imag]).max() > 0.2 * step


def test_attributes_that_scripts_read():
    transform = DFT(16, set_params(complex_matrix=True, NrowsMax=16, NcolsMax=16))
    assert transform.N_ft == 16
    assert isinstance(transform.core, AnalogCore)
    assert transform.Ncores == transform.core.Ncores == 4
    assert len(transform.cores) == 2
    assert transform.get_matrix().shape == (16, 16)
    listed = DFT(16, [set_params(NrowsMax=16, NcolsMax=16)] * 4)
    x = signals(16)
    np.testing.assert_array_equal(listed.dft_1d(x), transform.dft_1d(x))


def test_streams_are_other_chips():
    params = set_params(error_model="generic", alpha_error=0.1)
    params.simulation.seed = 5
    x = signals(16)
    one, again, other = (DFT(16, params, stream=s).dft_1d(x) for s in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert not np.allclose(one, other)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"N_ft": 16}, "params is None"),
        ({"N_ft": 1, "params": CrossSimParameters()}, "N_ft = 1"),
        ({"N_ft": 8.0, "params": CrossSimParameters()}, "N_ft = 8.0"),
        ({"N_ft": 8, "params": "ISAAC"}, "params is a str"),
        ({"N_ft": 8, "params": CrossSimParameters(), "dtype": float}, "dtype"),
        ({"N_ft": 8, "params": [CrossSimParameters()]}, "list"),
    ],
)
def test_wrong_arguments(keywords, message):
    with pytest.raises(ParameterError, match=message):
        DFT(**keywords)


def test_wrong_shapes_and_values():
    transform = DFT(8, ideal())
    for x in (np.ones(7), np.ones((8, 3)), np.ones((3, 1)), np.float64(1)):
        with pytest.raises(ShapeError, match=r"allowed is \(\.\.\., 8\)"):
            transform.dft_1d(x)
    for x in (np.ones(8), np.ones((8, 7)), np.ones((7, 8))):
        with pytest.raises(ShapeError, match=r"allowed is \(\.\.\., 8, 8\)"):
            transform.dft_2d(x)
    with pytest.raises(InputError, match="nan"):
        transform.dft_1d(np.full(8, np.nan))
