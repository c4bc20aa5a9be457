"""Lines that only pad a smaller tile are no currents."""

import numpy as np

from simulator import (
    AnalogCore,
    CrossSimParameters,
)
from simulator.profile import adc_ranges


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
