"""States that do not fit a core leave it as it was."""

import numpy as np
import pytest
from settings import hardware

from simulator import (
    AnalogCore,
    CrossSimParameters,
    InputError,
)


def noisy(seed=3):
    params = CrossSimParameters()
    noise = params.xbar.device.read_noise
    noise.enable, noise.model, noise.magnitude = True, "NormalProportionalDevice", 0.1
    params.simulation.seed = seed
    return params


def test_a_state_that_does_not_fit_changes_nothing():
    one, two = AnalogCore(np.ones((2, 3)), noisy()), AnalogCore(np.full((2, 3), 0.5), noisy(4))
    good, before = two.get_state(), one.get_matrix()
    bad_cells = [np.full_like(good["cells"][0], np.nan)]
    for change in ({"dtype": "nonsense"}, {"cells": bad_cells}, {"range": [1.0, np.nan]},
                   {"programmings": -1}, {"cells": []}, {"stream": "x"}):  # fmt: skip
        with pytest.raises(InputError):
            one.set_state({**good, **change})
    # States of an earlier version say nothing of the hardware.
    for missing in good.keys() - {"shape", "params", "ranges"}:
        with pytest.raises(InputError):
            one.set_state({k: v for k, v in good.items() if k != missing})
    assert np.array_equal(one.get_matrix(), before)
    one.set_state(good)
    assert np.array_equal(one @ np.ones(3), two @ np.ones(3))


FADING = {"xbar__device__drift_error__enable": True, "xbar__device__drift_error__model": "PCM",
          "xbar__device__time": 1e3, "xbar__device__Rmin": 4e4, "xbar__device__Rmax": 4e6,
          "simulation__drift_compensation": "global"}  # fmt: skip
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
