"""Converter circuits behind a convolution: groups count output channels, not windows."""

import numpy as np
import pytest
from test_circuit_adcs_mismatch import MISMATCH, tiled

from simulator import AnalogCore

torch = pytest.importorskip("torch")
from adapters.torch import from_torch  # noqa: E402


@pytest.mark.parametrize("model", MISMATCH)
def test_a_convolution_is_its_unrolled_matrix(model):
    torch.manual_seed(0)
    layer = torch.nn.Conv2d(2, 10, 3, bias=False)
    x = torch.randn(3, 2, 6, 7)
    params = tiled(model)
    with torch.no_grad():
        analog = from_torch(layer, params)
        y = analog(x).numpy()
        apart = torch.cat([analog(x[i : i + 1]) for i in range(3)]).numpy()
    core = next(m for m in analog.modules() if hasattr(m, "core")).core
    assert isinstance(core, AnalogCore)
    windows = torch.nn.functional.unfold(x, 3).numpy()
    unrolled = np.stack([core @ part for part in windows]).reshape(y.shape)
    for other in (unrolled, apart):
        # An input within rounding of a threshold may fall the other way.
        assert (np.abs(other - y) > 1e-5).mean() < 1e-3
