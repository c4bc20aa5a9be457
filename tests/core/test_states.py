"""States that do not fit a core leave it as it was."""

import numpy as np
import pytest

from simulator import (
    AnalogCore,
    CrossSimParameters,
    InputError,
    registry,
)


def noisy(seed=3):
    params = CrossSimParameters()
    noise = params.xbar.device.read_noise
    noise.enable, noise.model, noise.magnitude = True, "NormalProportionalDevice", 0.1
    params.simulation.seed = seed
    return params


@pytest.fixture(autouse=True)
def own_registry(monkeypatch):
    """Models defined in a test are forgotten after it."""
    monkeypatch.setattr(registry, "_models", {k: dict(v) for k, v in registry._models.items()})


def test_a_state_that_does_not_fit_changes_nothing():
    one, two = AnalogCore(np.ones((2, 3)), noisy()), AnalogCore(np.full((2, 3), 0.5), noisy(4))
    good, before = two.get_state(), one.get_matrix()
    bad_cells = [np.full_like(good["cells"][0], np.nan)]
    for change in ({"dtype": "nonsense"}, {"cells": bad_cells}, {"range": [1.0, np.nan]},
                   {"programmings": -1}, {"cells": []}, {"stream": "x"}):  # fmt: skip
        with pytest.raises(InputError):
            one.set_state({**good, **change})
    for missing in good:
        with pytest.raises(InputError):
            one.set_state({k: v for k, v in good.items() if k != missing})
    assert np.array_equal(one.get_matrix(), before)
    one.set_state(good)
    assert np.array_equal(one @ np.ones(3), two @ np.ones(3))
