"""Cells that do not conduct have no error that grows with their resistance."""

import numpy as np

from simulator.devices import Cell, NormalInverseProportionalDevice


def test_no_cell_that_does_not_conduct_has_an_inverse_error():
    """Weights that are not clipped to their range may ask for less than nothing."""
    cell, shares = Cell(0.0, 1e-4, 1.0, True, 0.0), np.array([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0])
    with np.errstate(all="raise"):
        scale = NormalInverseProportionalDevice(0.1).scale(shares * cell.Gmax, cell)
    np.testing.assert_allclose(scale / cell.Gmax, [0, 0, 0, 0, 2, 1], rtol=1e-15)
