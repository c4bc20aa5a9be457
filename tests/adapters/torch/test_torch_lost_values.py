"""What ranges take is told once for a model, with the name of a layer, at the user's line."""

import copy
import warnings

import pytest

torch = pytest.importorskip("torch")

from settings import hardware  # noqa: E402
from torch import nn  # noqa: E402

from adapters.torch import calibrate, from_torch, report  # noqa: E402
from simulator import ClippingWarning  # noqa: E402

DAC = {"xbar__dac__mvm__model": "SignMagnitudeDAC", "xbar__dac__mvm__bits": 8}
SIGNED_QUANTIZER = {"xbar__dac__mvm__model": "QuantizerDAC", "xbar__dac__mvm__bits": 8}


@pytest.fixture(autouse=True)
def seeded_weights():
    torch.manual_seed(0)


def said(call):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    found = [w for w in caught if issubclass(w.category, ClippingWarning)]
    assert all(w.filename == __file__ for w in found), [w.filename for w in found]
    return [str(w.message) for w in found]


class Images(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.ReLU(), nn.Flatten(),
            nn.Linear(4 * 16, 6), nn.ReLU(), nn.Linear(6, 3),
        )  # fmt: skip

    def forward(self, x):
        return self.body(x)


class Sequences(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.head = nn.LSTM(5, 4), nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.rnn(x)[0])


MODELS = {
    "images": (Images, (8, 1, 8, 8), "body.0"),
    "sequences": (Sequences, (6, 3, 5), "rnn/"),
    "linear": (lambda: nn.Sequential(nn.Linear(9, 4), nn.Linear(4, 2)), (7, 9), "0"),
    "a layer": (lambda: nn.Linear(9, 4), (7, 9), "AnalogLinear"),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_says_once_that_inputs_are_clipped_and_where(name):
    make, shape, layer = MODELS[name]
    model, x = from_torch(make(), hardware(**DAC)), 20 * torch.randn(shape)
    (words,) = said(lambda: model(x))
    assert words.startswith(f"layer '{layer}")
    assert "core.mapping.inputs.mvm.min, max" in words
    assert not said(lambda: model(x))
    assert not said(lambda: copy.deepcopy(model)(x))


def test_calibrating_and_reporting_say_nothing_and_help():
    model, x = from_torch(Images(), hardware(**DAC)), 20 * torch.randn(32, 1, 8, 8)
    assert not said(lambda: report(model, [x]))
    assert not said(lambda: calibrate(model, [x]))
    assert not said(lambda: model(x))


def test_a_network_of_zeros_says_that_its_converters_have_none():
    model = from_torch(Images(), hardware(**SIGNED_QUANTIZER))
    x = torch.rand(32, 1, 8, 8)
    found = [words for words in said(lambda: model(x)) if "exactly zero" in words]
    assert len(found) == 1
    assert "layer 'body.2'" in found[0]
    assert "SignMagnitudeDAC" in found[0]
    assert not said(lambda: from_torch(Images(), hardware(**DAC))(x))


def test_models_speak_for_themselves():
    x = 20 * torch.randn(7, 9)
    models = [from_torch(nn.Linear(9, 4), hardware(**DAC)) for _ in range(2)]
    assert all(said(lambda model=model: model(x)) for model in models)
