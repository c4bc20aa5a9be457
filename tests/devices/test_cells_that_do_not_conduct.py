"""Cells that do not conduct have no error that grows with their resistance."""

import numpy as np
import pytest

from simulator import registry
from simulator.devices import Cell, NormalInverseProportionalDevice


@pytest.fixture(autouse=True)
def own_registry(monkeypatch):
    """Models defined in a test are forgotten after it."""
    monkeypatch.setattr(registry, "_models", {k: dict(v) for k, v in registry._models.items()})


def test_no_cell_that_does_not_conduct_has_an_inverse_error():
    """Weights that are not clipped to their range may ask for less than nothing."""
    cell, shares = Cell(0.0, 1e-4, 1.0, True, 0.0), np.array([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0])
    with np.errstate(all="raise"):
        scale = NormalInverseProportionalDevice(0.1).scale(shares * cell.Gmax, cell)
    np.testing.assert_allclose(scale / cell.Gmax, [0, 0, 0, 0, 2, 1], rtol=1e-15)
