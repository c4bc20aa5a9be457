"""A batch of no images has no results."""

import numpy as np
import pytest

from adapters.neutral import AnalogConvolution2D
from simulator import CrossSimParameters, registry


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


@pytest.mark.parametrize("fields", [{}, {"xbar__dac__mvm__bits": 6}])
def test_a_convolution_of_no_images_has_no_results(fields):
    layer = AnalogConvolution2D(hardware(**fields), 3, 2, (3, 2))
    layer.set_matrix(np.ones((2, 18)))
    assert layer.apply(np.ones((0, 3, 6, 6), np.float32)).shape == (0, 2, 4, 5)
