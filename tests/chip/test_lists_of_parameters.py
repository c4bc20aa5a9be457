"""Arrays with parameters of their own agree on what belongs to the whole matrix."""

import numpy as np
import pytest

from simulator import (
    AnalogCore,
    CrossSimParameters,
    ParameterError,
)


def test_a_list_of_parameters_agrees_on_what_belongs_to_the_whole():
    base = CrossSimParameters()
    base.core.rows_max = 2
    trees = [base.copy(), base.copy()]
    trees[1].xbar.device.Rmax = 1e6
    core = AnalogCore(np.ones((2, 4)), trees)
    assert [part.params.xbar.device.Rmax for part in core.cores[0]] == [1e4, 1e6]
    for path, value in (("simulation.seed", 3), ("core.output_dtype", "INT8"),
                        ("core.mapping.weights.percentile", 0.5)):  # fmt: skip
        wrong = [base.copy(), base.copy()]
        wrong[1].update({path: value})
        with pytest.raises(ParameterError, match=r"params\[1\]\.(core|simulation)"):
            AnalogCore(np.ones((2, 4)), wrong)
