"""Lines that only pad a smaller tile are no currents."""

import numpy as np
import pytest

from simulator import (
    AnalogCore,
    CrossSimParameters,
    registry,
)
from simulator.profile import adc_ranges


@pytest.fixture(autouse=True)
def own_registry(monkeypatch):
    """Models defined in a test are forgotten after it."""
    monkeypatch.setattr(registry, "_models", {k: dict(v) for k, v in registry._models.items()})


def test_padding_of_ragged_tiles_is_not_recorded():
    """The lowest current of 8 rows is that of a real line, on 4 + 4 rows and on 3 + 3 + 2."""
    rng = np.random.default_rng(0)
    matrix, x = rng.uniform(-1, 1, (8, 6)), rng.uniform(0.5, 1, (6, 50))
    ranges = []
    for limit in (4, 3):
        params = CrossSimParameters()
        params.core.style, params.core.cols_max = "OFFSET", limit
        params.simulation.analytics.profile_adc_inputs = True
        core = AnalogCore(matrix, params)
        core @ x
        ranges.append(adc_ranges(core, 100))
    assert np.array_equal(ranges[0], ranges[1])
