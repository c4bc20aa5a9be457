"""Values at the ends of their types, and ones that are no numbers."""

import numpy as np
import pytest

from simulator import (
    AnalogCore,
    CrossSimParameters,
    InputError,
)


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.int64])
def test_the_lowest_integer_has_its_magnitude(dtype):
    low = np.iinfo(dtype).min
    matrix = np.array([[low, 0], [low // 2, low]], dtype)
    params = CrossSimParameters()
    params.xbar.device.infinite_on_off_ratio = True
    assert np.array_equal(AnalogCore(matrix, params).get_matrix(), matrix)


def test_infinity_in_a_small_product_is_one_error_and_no_warning(recwarn):
    core = AnalogCore(np.eye(3), CrossSimParameters())
    core @ np.ones(3)
    with pytest.raises(InputError, match="finite"):
        core @ np.array([1.0, np.inf, 0.0])
    assert not recwarn.list
