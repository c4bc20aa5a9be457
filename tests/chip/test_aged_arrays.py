"""Arrays with parameters of their own are of one age, and made up for together."""

import numpy as np
import pytest
from fading_cells import fading, matrix
from strategies import core_of, set_style

from simulator import CrossSimParameters, InputError, ParameterError

X = np.random.default_rng(3).uniform(-1, 1, (9, 4))
COMPENSATED = {"simulation__drift_compensation": "global"}


def two_arrays(**changes):
    """Parameters of two arrays, 9 inputs cut into two parts."""
    p = fading(core__rows_max=6, **changes)
    return [p.copy(), p.copy()]


def ages(core):
    return [hardware.cell.time for hardware in core.chip.hardware]


def test_arrays_of_one_matrix_are_of_one_age():
    trees = two_arrays()
    trees[1].xbar.device.time = 1e4
    with pytest.raises(ParameterError, match="time"):
        core_of(matrix(), trees)
    core, other = (core_of(matrix(), two_arrays()) for _ in range(2))
    core.time = 1e4
    other.set_state(core.get_state())
    assert ages(other) == ages(core)
    assert set(ages(core)) == {1e4}


def test_compensation_belongs_to_the_whole_matrix():
    trees = two_arrays()
    trees[1].simulation.drift_compensation = "global"
    with pytest.raises(ParameterError, match="drift_compensation"):
        core_of(matrix(), trees)


def test_one_factor_comes_from_a_readout_of_all_weights():
    trees = two_arrays(**COMPENSATED)
    trees[1].xbar.device.drift_error.enable = False
    core = core_of(matrix(), trees)
    young = np.abs(core.get_matrix()).sum()
    core.time = 1e4
    factor = young / np.abs(core.get_matrix()).sum()
    np.testing.assert_allclose(core @ X, factor * (core.get_matrix() @ X), rtol=1e-9, atol=1e-12)


def test_arrays_of_different_style_take_back_their_own_state():
    trees = two_arrays()
    set_style(trees[1], "unit")
    core = core_of(matrix(), trees)
    core.set_state(core.get_state())


def test_an_unprogrammed_core_has_no_reach():
    with pytest.raises(InputError, match="not been programmed"):
        assert core_of(np.eye(3), CrossSimParameters(), empty_matrix=True).linear_reach
