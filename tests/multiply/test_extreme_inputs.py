"""Noise of inputs at the ends of their type: that of their multiples by any power of two."""

import numpy as np
import pytest
from strategies import STYLES, quietly, set_style

from simulator import AnalogCore, CrossSimParameters, InputError

RNG = np.random.default_rng(1)
MATRIX, X = RNG.uniform(-1, 1, (5, 24)), RNG.uniform(-1, 1, (24, 6))
# Powers of two by which inputs around one stay normal numbers, and products with 24 of them too.
POWERS = {np.float32: (-110, 115), np.float64: (-1000, 1000)}
ROUTES = {
    "merged or folded": {},
    "staged": {"simulation.disable_fast_matmul": True},
    "recorded": {"simulation.analytics.profile_adc_inputs": True},
    "wired": {
        "xbar.array.parasitics.enable": True,
        "xbar.array.parasitics.Rp_row": 0.1,
        "simulation.parasitics_solver": "effective",
        "simulation.read_noise_sampling": "per_output",
    },
    "tiled": {"core.rows_max": 9, "core.cols_max": 2},
}


def noisy(style, **changes):
    params = CrossSimParameters()
    set_style(params, style)
    params.update({
        "simulation.seed": 3, "xbar.device.read_noise.enable": True,
        "xbar.device.read_noise.model": "NormalProportionalDevice",
        "xbar.device.read_noise.magnitude": 0.1, **changes,
    })  # fmt: skip
    return params


def product(params, x):
    with quietly():
        return AnalogCore(MATRIX.astype(x.dtype), params) @ x


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("dtype", POWERS)
def test_noise_follows_the_size_of_the_inputs(dtype, style, route):
    """Every vector has a size of its own, so that none can rely on its neighbours."""
    params, x = noisy(style, **ROUTES[route]), X.astype(dtype)
    # What is recorded is float32.
    low, high = POWERS[np.float32 if route == "recorded" else dtype]
    powers = np.array([low, high, 0, *RNG.integers(low, high, size=3)])
    sized = product(params, np.ldexp(x, powers))
    # To rounding: at the lower end, currents of slices are no normal numbers any more.
    np.testing.assert_allclose(
        np.ldexp(sized, -powers), product(params, x), rtol=0, atol=1e4 * np.finfo(dtype).eps
    )


@pytest.mark.parametrize("dtype", POWERS)
def test_saturated_currents_keep_their_sign(dtype):
    adc = {"xbar.adc.mvm.model": "QuantizerADC", "xbar.adc.mvm.bits": 8,
           "xbar.adc.mvm.adc_range_option": "MAX"}  # fmt: skip
    params, x = noisy("one_sided", **adc), X.astype(dtype)
    saturated = product(params, np.ldexp(x, 20))
    assert np.abs(saturated) == pytest.approx(np.abs(saturated).max())
    assert np.array_equal(product(params, np.ldexp(x, POWERS[dtype][1])), saturated)


def test_noise_of_images_follows_their_size():
    torch = pytest.importorskip("torch")
    from adapters.torch import from_torch

    torch.manual_seed(0)
    layer = torch.nn.Conv2d(2, 3, 3, bias=False)
    images = torch.rand(4, 2, 6, 6)
    powers = torch.tensor([-100, 0, 3, 90])
    sized, plain = (
        from_torch(layer, noisy("one_sided"))(torch.ldexp(images, p[:, None, None, None]))
        for p in (powers, 0 * powers)
    )
    back = torch.ldexp(sized, -powers[:, None, None, None])
    torch.testing.assert_close(back, plain, rtol=0, atol=1e-6)


def test_currents_beyond_all_numbers_are_an_error_that_says_why():
    params = CrossSimParameters()
    params.xbar.adc.mvm.input_noise = 0.1
    core = AnalogCore(1e-3 * MATRIX, params)
    assert np.isfinite(core @ np.full(24, 1e300)).all()
    with pytest.raises(InputError, match="input_noise"):
        core @ np.full(24, 1.7e308) * np.sign(MATRIX[0])
