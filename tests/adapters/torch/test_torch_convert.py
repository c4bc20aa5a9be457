"""Converting models: which layers, with which parameters, back again, and what is refused."""

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn.utils import parametrizations  # noqa: E402
from torch_models import ADC, PROGRAMMING, Nested, perceptron, seeded  # noqa: E402

from adapters.torch import (  # noqa: E402
    AnalogConv2d,
    AnalogLayer,
    AnalogLinear,
    analog_modules,
    convertible_modules,
    from_torch,
    inconvertible_modules,
    summary,
    to_torch,
)
from simulator import InputError, ModelError, ParameterError  # noqa: E402

CLOSE = {"rtol": 1e-5, "atol": 1e-6}  # float32 sums of a few dozen terms through three layers


class Plain(nn.Linear):
    """A subclass that computes what its base does."""


class Doubled(nn.Linear):
    """A subclass that computes something else."""

    def forward(self, x):
        return 2 * super().forward(x)


def analog_names(model):
    return [name for name, m in model.named_modules() if isinstance(m, AnalogLayer)]


def unchanged(model, before):
    assert not analog_modules(model)
    state = model.state_dict()
    assert all(torch.equal(state[name], value) for name, value in before.items())


def test_every_layer_of_nested_containers_is_converted_once():
    model = Nested()
    before = copy.deepcopy(model.state_dict())
    x = torch.rand(2, 1, 6, 6)
    analog = from_torch(model, seeded())
    names = ["features.0", "features.1.1", "heads.one", "heads.other", "classifier"]
    assert analog_names(analog) == names
    assert analog.again is analog.heads["one"]
    torch.testing.assert_close(analog(x), model(x), **CLOSE)
    unchanged(model, before)
    assert [type(m) for m in convertible_modules(model)] == [
        nn.Conv2d, nn.Conv2d, nn.Linear, nn.Linear, nn.Linear,
    ]  # fmt: skip
    assert len(analog_modules(analog)) == 5
    assert [type(m) for m in inconvertible_modules(model)] == [nn.ReLU]
    assert convertible_modules(analog) == []


def test_names_read_as_those_of_torch():
    model = Nested()
    assert repr(from_torch(model, seeded())).replace("Analog", "") == repr(model)
    layer = AnalogLinear(seeded(), 3, 2, bias=False)
    assert repr(layer) == "AnalogLinear(in_features=3, out_features=2, bias=False)"
    assert isinstance(layer, nn.Linear)
    assert isinstance(AnalogConv2d(seeded(), 1, 1, 1), nn.Conv2d)


def test_a_layer_on_its_own_shares_its_parameters():
    layer = nn.Linear(3, 2)
    analog = from_torch(layer, seeded())
    assert analog.weight is layer.weight
    assert analog.bias is layer.bias
    assert type(layer) is nn.Linear


def test_a_converted_model_shares_nothing():
    model = perceptron()
    ours, theirs = (
        {p.data_ptr() for p in m.parameters()} for m in (model, from_torch(model, seeded()))
    )
    assert not ours & theirs


def test_subclasses():
    assert isinstance(from_torch(Plain(3, 2), seeded()), AnalogLinear)
    model = nn.Sequential(Doubled(3, 3), Plain(3, 2))
    with pytest.warns(RuntimeWarning, match="Doubled computes something else than Linear"):
        analog = from_torch(model, seeded())
    assert analog_names(analog) == ["1"]
    x = torch.rand(2, 3)
    torch.testing.assert_close(analog(x), model(x), **CLOSE)


def test_tied_weights_stay_tied_there_and_back():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    analog = from_torch(model, seeded())
    assert analog[0].weight is analog[1].weight
    back = to_torch(analog)
    assert back[0].weight is back[1].weight


def test_weights_tied_to_a_digital_layer_stay_tied():
    model = nn.Sequential(nn.Embedding(4, 3), nn.Linear(3, 4, bias=False))
    model[1].weight = model[0].weight
    analog = from_torch(model, seeded())
    assert analog[0].weight is analog[1].weight
    back = to_torch(analog)
    assert back[0].weight is back[1].weight


def test_an_encoder_layer_uses_its_arrays_without_gradients_too():
    model = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    analog = from_torch(model, seeded(**PROGRAMMING))
    x = torch.rand(2, 3, 8)
    with torch.no_grad():
        without = analog(x)
    torch.testing.assert_close(without, analog(x), **CLOSE)


def test_parameters_for_each_layer():
    trees = [seeded(core__rows_max=n) for n in (3, 1, 2, 4, 1)]
    analog = from_torch(Nested(), trees, bias_rows=[0, 1, 2, 0, 3])
    layers = analog_modules(analog)
    assert [a.core.Ncores for a in layers] == [3, 2, 3, 1, 7]
    assert [a.bias_rows for a in layers] == [0, 1, 2, 0, 3]
    trees[0].core.rows_max = 9
    assert analog.features[0].params.core.rows_max == 3


def test_parameters_for_each_array_of_a_layer():
    several = [seeded(core__rows_max=2), seeded(core__rows_max=2, **ADC)]
    analog = from_torch(perceptron(), [several, seeded()])
    assert analog[0].core.Ncores == 2
    assert len(analog[0].params) == 2


def test_parameters_by_name():
    coarse, fine = seeded(core__rows_max=2), seeded(core__rows_max=4)
    analog = from_torch(Nested(), {"heads.one": fine, "heads.*": coarse, "classifier": coarse})
    assert analog_names(analog) == ["heads.one", "heads.other", "classifier"]
    assert [a.params.core.rows_max for a in analog_modules(analog)] == [4, 2, 2]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"params": [seeded()] * 4}, ["4 entries", "5", "features.0", "classifier"]),
        ({"params": []}, ["0 entries"]),
        ({"params": {"heads.*": seeded(), "hands.*": seeded()}}, ["hands.*", "heads.one"]),
        ({"params": None}, ["NoneType"]),
        ({"params": {"heads.one": 3}}, ["heads.one", "int"]),
        ({"params": [seeded()] * 4 + [3]}, ["classifier", "int"]),
        ({"bias_rows": [1, 2]}, ["bias_rows", "2 entries"]),
        ({"bias_rows": [0, 0, 0, 0, -1]}, ["classifier", "-1"]),
        ({"bias_rows": [0, 0, 0, 1.5, 0]}, ["heads.other", "1.5"]),
        ({"redraw": "never"}, ["never", "epoch"]),
        ({"params": [[seeded(), seeded()], *[seeded()] * 4]}, ["features.0"]),
    ],
)
def test_wrong_arguments_name_the_layer_and_change_nothing(options, words):
    model = Nested()
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ParameterError) as error:
        from_torch(model, **{"params": seeded(), **options})
    assert all(word in str(error.value) for word in words)
    unchanged(model, before)


def test_layers_that_cannot_be_built_are_named():
    model = Nested()
    bad = seeded(**{**ADC, "xbar__adc__mvm__model": "NoSuchADC"})
    with pytest.raises(ModelError, match=r"classifier.*NoSuchADC"):
        from_torch(model, {"*.*": seeded(), "classifier": bad})
    with torch.no_grad():
        model.heads["other"].weight[0, 0] = float("nan")
    with pytest.raises(InputError, match=r"heads\.other"):
        from_torch(model, seeded())
    assert not analog_modules(model)


def test_a_model_is_converted_in_inference_mode():
    model = perceptron()
    with torch.inference_mode():
        analog = from_torch(model, seeded())
        torch.testing.assert_close(analog(torch.ones(1, 4)), model(torch.ones(1, 4)), **CLOSE)


# -- back -----------------------------------------------------------------------------------------


def test_a_model_there_and_back_is_the_same():
    model = Nested()
    back = to_torch(from_torch(model, seeded(**PROGRAMMING)))
    assert repr(back) == repr(model)
    assert list(back.state_dict()) == list(model.state_dict())
    unchanged(back, model.state_dict())
    assert back.again is back.heads["one"]


def test_physical_weights_are_those_of_the_arrays():
    analog = from_torch(perceptron(), seeded(**PROGRAMMING), bias_rows=1)
    back = to_torch(analog, physical_weights=[True, False])
    weight, bias = analog[0].get_core_weights()
    torch.testing.assert_close(back[0].weight.detach(), weight)
    torch.testing.assert_close(back[0].bias.detach(), bias)
    assert torch.equal(back[2].weight, analog[2].weight)
    with pytest.raises(ParameterError, match="1 entries for 2"):
        to_torch(analog, physical_weights=[True])


# -- batch norms ----------------------------------------------------------------------------------


def normed(norm, **options):
    norm = norm(**options).eval()
    if norm.running_mean is not None:
        with torch.no_grad():
            norm.running_mean.uniform_(-1, 1)
            norm.running_var.uniform_(1, 2)
    return norm


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3, bias=False)
        self.norm = normed(nn.BatchNorm2d, num_features=2)

    def forward(self, x):
        return self.norm(self.conv(x))


def test_batch_norms_are_folded():
    model = nn.Sequential(
        Block(), nn.Conv2d(2, 3, 1), normed(nn.BatchNorm2d, num_features=3, affine=True),
        nn.Flatten(), nn.Linear(48, 4), normed(nn.BatchNorm1d, num_features=4),
    )  # fmt: skip
    model.train()
    analog = from_torch(model, seeded(), fuse_batchnorm=True)
    assert isinstance(analog[0].norm, nn.Identity)
    assert [type(m).__name__ for m in analog] == [
        "Block", "AnalogConv2d", "Flatten", "AnalogLinear",
    ]  # fmt: skip
    assert not analog.training
    assert model.training
    x = torch.rand(2, 1, 6, 6)
    torch.testing.assert_close(analog(x), model.eval()(x), **CLOSE)


@pytest.mark.parametrize(
    ("model", "shape", "stay"),
    [
        (nn.Sequential(nn.Linear(3, 2), normed(nn.BatchNorm1d, num_features=2, affine=False)),
         (2, 3), 0),
        (nn.Sequential(nn.Linear(3, 2), nn.ReLU(), normed(nn.BatchNorm1d, num_features=2)),
         (2, 3), 1),
        (nn.Sequential(Doubled(3, 2), normed(nn.BatchNorm1d, num_features=2)), (2, 3), 1),
        (nn.Sequential(parametrizations.weight_norm(nn.Linear(3, 2)),
                       normed(nn.BatchNorm1d, num_features=2)), (2, 3), 1),
        (nn.Sequential(nn.Linear(3, 2), normed(nn.BatchNorm1d, num_features=4)), (2, 4, 3), 1),
        (nn.Sequential(nn.Linear(3, 2),
                       normed(nn.BatchNorm1d, num_features=2, track_running_stats=False)),
         (2, 3), 1),
    ],
    ids=["unweighted", "behind a ReLU", "subclass", "weight norm", "channels", "no statistics"],
)  # fmt: skip
def test_batch_norms_that_cannot_be_folded_stay(model, shape, stay):
    model.eval()
    if stay:
        with pytest.warns(RuntimeWarning, match="batch norm"):
            analog = from_torch(model, seeded(), fuse_batchnorm=True, allow_digital=True)
    else:
        analog = from_torch(model, seeded(), fuse_batchnorm=True)
    assert sum(isinstance(m, nn.BatchNorm1d) for m in analog.modules()) == stay
    x = torch.rand(shape)
    torch.testing.assert_close(analog(x), model(x), **CLOSE)


# -- summary --------------------------------------------------------------------------------------


def test_summary_says_what_became_of_every_layer():
    model = nn.Sequential(nn.Conv2d(4, 4, 1, groups=2), Doubled(2, 2), nn.ReLU(), nn.Linear(3, 2))
    analog = from_torch(model, {"0": seeded(core__rows_max=1)}, 1, allow_digital=True)
    text = str(summary(analog)).splitlines()
    assert text[0].split() == ["layer", "type", "matrix", "arrays", "style", "cells", "note"]
    rows = {row[0]: row for row in summary(analog).rows}
    # Two groups of 2 x (2 + 1 bias line), each cut into lines of one; two cells a weight.
    assert rows["0"] == (
        "0", "AnalogConv2d", "2 x 2x3", "6", "BALANCED", "24", "bias on 1 lines",
    )  # fmt: skip
    assert "Doubled computes something else than Linear" in rows["1"][-1]
    assert rows["2"][-1] == "digital"
    assert "no parameters" in rows["3"][-1]


def test_a_dictionary_without_patterns_is_an_error():
    with pytest.raises(ParameterError, match="empty"):
        from_torch(perceptron(), {})


def test_a_number_of_bias_rows_may_be_any_integer():
    layer = from_torch(torch.nn.Linear(3, 2), seeded(), bias_rows=np.int64(2))
    assert layer.form_matrix().shape == (2, 5)
