"""Nothing that followed from cells outlives them."""

from unittest import mock

import numpy as np
from settings import hardware

from simulator import AnalogCore
from simulator.chip.programmed import Programmed
from simulator.multiply.path import Path

NOISE = {"xbar__device__read_noise__enable": True,
         "xbar__device__read_noise__model": "NormalProportionalDevice",
         "xbar__device__read_noise__magnitude": 0.05,
         "simulation__read_noise_sampling": "per_output"}  # fmt: skip
FADING = {"xbar__device__drift_error__enable": True, "xbar__device__drift_error__model": "PCM",
          "xbar__device__time": 1e3, "xbar__device__Rmin": 4e4, "xbar__device__Rmax": 4e6,
          "simulation__drift_compensation": "global"}  # fmt: skip


def programmed_meanwhile(core, matrix, where, name):
    """``where.name`` as it is while another thread programs the core before it returns."""
    plain = getattr(where, name)

    def slow(self, *args):
        found = plain(self, *args)
        with mock.patch.object(where, name, plain):
            core.set_matrix(matrix)
        return found

    return mock.patch.object(where, name, slow)


def test_a_multiply_keeps_no_noise_of_cells_that_were_programmed_meanwhile():
    first, second = np.random.default_rng(0).normal(size=(2, 6, 5))
    core, fresh = AnalogCore(first, hardware(**NOISE)), AnalogCore(second, hardware(**NOISE))
    with programmed_meanwhile(core, second, Programmed, "read_moments"):
        core @ np.ones(5)
    np.testing.assert_array_equal(core.get_effective_matrix(), fresh.get_effective_matrix())


def test_the_one_matrix_of_cells_that_were_programmed_meanwhile_is_not_kept():
    first, second = np.random.default_rng(0).normal(size=(2, 6, 5))
    core = AnalogCore(first, hardware())
    with programmed_meanwhile(core, second, Path, "is_one_matrix"):
        core @ np.ones(5)
    # Cells of one part in 2**52, sums of five products.
    np.testing.assert_allclose(core @ np.eye(5), second, rtol=0, atol=1e-14)


def test_all_arrays_are_compensated_after_one_was_written():
    """Also where each is a stack of its own, because their parameters differ."""
    rng = np.random.default_rng(0)
    matrix, x = rng.normal(size=(6, 8)), rng.normal(size=8)
    trees = [hardware(core__rows_max=4, xbar__array__Icol_max=n, **FADING) for n in (1e5, 1e6)]
    core = AnalogCore(matrix, trees)
    core @ x
    before = core.compensation
    array = core.cores[0][0].core_pos
    array.set_conductances(array.matrix * 0.5)
    # A cell that was put somewhere does not drift any more.
    assert core.compensation < 0.99 * before
    other = AnalogCore(matrix, trees)
    other.set_state(core.get_state())
    np.testing.assert_allclose(core @ x, other @ x, rtol=1e-12)
    np.testing.assert_array_equal(core.get_effective_matrix(), other.get_effective_matrix())
