"""A batch of no images has no results."""

import numpy as np
import pytest
from settings import hardware

from adapters.neutral import AnalogConvolution2D


@pytest.mark.parametrize("fields", [{}, {"xbar__dac__mvm__bits": 6}])
def test_a_convolution_of_no_images_has_no_results(fields):
    layer = AnalogConvolution2D(hardware(**fields), 3, 2, (3, 2))
    layer.set_matrix(np.ones((2, 18)))
    assert layer.apply(np.ones((0, 3, 6, 6), np.float32)).shape == (0, 2, 4, 5)
