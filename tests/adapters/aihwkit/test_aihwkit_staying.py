"""What of a model stays digital beside the tiles is said."""

import warnings

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from adapters.aihwkit.nn.conversion import convert_to_analog  # noqa: E402
from adapters.aihwkit.simulator.configs import SingleRPUConfig  # noqa: E402

STAY = [
    lambda: nn.Conv1d(2, 2, 1), lambda: nn.Conv3d(2, 2, 1), lambda: nn.LSTM(2, 2),
    lambda: nn.ConvTranspose2d(2, 2, 1), lambda: nn.Bilinear(2, 2, 2),
]  # fmt: skip


@pytest.mark.parametrize("make", STAY)
def test_layers_without_an_analog_class_are_named(make):
    model = nn.Sequential(nn.Linear(2, 2), make())
    name = type(model[1]).__name__
    with pytest.warns(RuntimeWarning, match=rf"'1' \({name}\)"):
        convert_to_analog(model, SingleRPUConfig())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        convert_to_analog(model, SingleRPUConfig(), exclude_modules=["1"])
        convert_to_analog(nn.Sequential(nn.Linear(2, 2), nn.ReLU()), SingleRPUConfig())
