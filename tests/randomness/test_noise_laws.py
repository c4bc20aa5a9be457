"""Read noise in units of the weights, numbers of threads, and draws that have a name."""

import sys
import threading

import numpy as np
import pytest

from simulator import (
    AnalogCore,
    CrossSimParameters,
    ParameterError,
)


def noisy(seed=3):
    params = CrossSimParameters()
    noise = params.xbar.device.read_noise
    noise.enable, noise.model, noise.magnitude = True, "NormalProportionalDevice", 0.1
    params.simulation.seed = seed
    return params


@pytest.mark.parametrize("folded", [True, False])
@pytest.mark.parametrize("scale", [1e-30, 1e30, 1e200])
def test_read_noise_scales_with_the_weights(scale, folded):
    """The square of a weight need not be a number: noise is relative to the range of weights."""
    matrix, x = np.arange(12.0).reshape(3, 4), np.ones((4, 50))
    dtype = np.float32 if scale < 1e38 else np.float64
    spreads = []
    for factor in (1.0, scale):
        params = noisy()
        params.simulation.disable_fast_balanced = not folded
        core = AnalogCore((matrix * factor).astype(dtype), params)
        spreads.append((core @ x.astype(dtype)).astype(float) / factor)
    assert np.ptp(spreads[0], axis=1).min() > 0.1
    # Weights of another scale are rounded anew, and so is what they are divided by.
    bound = 16 * np.finfo(dtype).eps * np.abs(spreads[0]).max() * 4
    assert np.abs(spreads[0] - spreads[1]).max() <= bound


def test_threads_on_one_core_never_share_a_number():
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        core, results = AnalogCore(np.ones((1, 3)), noisy()), []
        work = lambda: results.extend(float((core @ np.ones(3))[0]) for _ in range(200))  # noqa: E731
        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    serial = AnalogCore(np.ones((1, 3)), noisy()) @ np.ones((3, 1200))
    assert sorted(results) == sorted(serial[0].tolist())


def test_named_draws_repeat_and_never_meet_the_counted_ones():
    params = CrossSimParameters()
    error = params.xbar.device.programming_error
    error.enable, error.model, error.magnitude = True, "NormalIndependentDevice", 0.1
    params.simulation.seed = 0
    core, seen = AnalogCore(np.ones((2, 2)), params), []
    for draw in (None, 1, 2, None, 1, 3, None):
        core.set_matrix(np.ones((2, 2)), draw=draw)
        seen.append(core.get_matrix().tobytes())
    assert seen[1] == seen[4]
    assert len(set(seen)) == 6
    for wrong in (1.5, -1, 2**31, "a"):
        with pytest.raises(ParameterError, match="draw"):
            core.set_matrix(np.ones((2, 2)), draw=wrong)
