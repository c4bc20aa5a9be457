"""States with values that are no numbers are refused."""

import numpy as np
import pytest

from simulator import AnalogCore, CrossSimParameters, InputError, registry


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
