"""Time, copies and chips of layers."""

import copy
import io
import pickle

import pytest

torch = pytest.importorskip("torch")

from fading_cells import fading, with_error  # noqa: E402
from torch import nn  # noqa: E402
from torch_models import NOISE, seeded  # noqa: E402

from adapters import torch as analog  # noqa: E402
from adapters.torch import from_torch, to_torch  # noqa: E402

SARS = {"xbar__adc__mvm__sigma_capacitor": 0.05, "xbar__adc__mvm__sigma_comparator": 0.02,
        "xbar__adc__mvm__model": "SarADC", "xbar__adc__mvm__bits": 7,
        "xbar__adc__mvm__adc_range_option": "MAX"}  # fmt: skip


@pytest.fixture(autouse=True)
def seeded_weights():
    torch.manual_seed(0)


def linear(params=None, inputs=3, outputs=2, bias=True, **options):
    return from_torch(nn.Linear(inputs, outputs, bias=bias), params or seeded(), **options)


def test_physical_weights_of_an_aged_layer():
    layer, x = linear(with_error(fading())), torch.randn(4, 3)
    analog.set_time(layer, 1e4)
    torch.testing.assert_close(to_torch(layer, physical_weights=True)(x), layer(x))


def test_physical_weights_of_a_compensated_layer():
    layer, x = linear(fading(simulation__drift_compensation="global")), torch.randn(4, 3)
    analog.set_time(layer, 1e4)
    torch.testing.assert_close(to_torch(layer, physical_weights=True)(x), layer(x))


@pytest.mark.parametrize("renewed", [False, True])
def test_a_checkpoint_is_the_same_chip(renewed):
    """Mismatch, programming, drift and the next read, also without a seed."""

    def build():
        params = with_error(fading(seed=None))
        for path, value in {**SARS, **NOISE}.items():
            params.update({path.replace("__", "."): value})
        model = nn.Sequential(nn.Conv2d(2, 4, 3, groups=2), nn.Flatten(), nn.Linear(16, 5))
        return from_torch(model, params, bias_rows=1)

    one, other, x = build(), build(), torch.randn(3, 2, 4, 4)
    if renewed:
        analog.reinitialize(one)
    analog.set_time(one, 1e3)
    one(x), other(x)
    file = io.BytesIO()
    torch.save(one.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(one(x), other(x))
    for model in (one, other):
        analog.set_time(model, 1e5)
        analog.synchronize(model)
    assert torch.equal(one(x), other(x))


def test_copies_have_their_own_time():
    layer, x = linear(fading()), torch.ones(1, 3)
    y = layer(x)
    copies = copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))
    analog.set_time(layer, 1e3)
    assert not torch.equal(layer(x), y)
    assert all(torch.equal(other(x), y) for other in copies)


@pytest.mark.parametrize(("redraw", "same"), [
    ("fixed", (True, True)), ("epoch", (True, False)), ("step", (False, False)),
])  # fmt: skip
def test_redraw_is_about_drift_too(redraw, same):
    layer, seen = linear(fading(), 6, 5, redraw=redraw), []
    analog.set_time(layer, 1e3)
    for step in (lambda: None, layer.synchronize, lambda: analog.new_epoch(layer)):
        step()
        if redraw == "step" and len(seen) == 2:
            layer.synchronize()
        seen.append(layer.get_matrix())
    assert (torch.equal(seen[0], seen[1]), torch.equal(seen[1], seen[2])) == same
    assert layer.core.time == 1e3


def test_mismatch_does_not_depend_on_how_images_are_cut():
    params, digital = seeded(**SARS), nn.Conv2d(2, 20, 3)
    x, results = torch.randn(7, 2, 9, 9), []
    for limit in (2**28, 2**20):
        params.simulation.memory_limit = limit
        results.append(from_torch(digital, params)(x))
    assert torch.equal(*results)
