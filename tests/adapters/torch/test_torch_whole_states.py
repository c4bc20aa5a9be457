"""State dictionaries are whole, and made of tensors: what calibration set comes back with them."""

import copy
import io
import logging

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import torch.distributed.checkpoint as dcp  # noqa: E402
from torch import nn  # noqa: E402
from torch.distributed.checkpoint import state_dict as dcp_states  # noqa: E402
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn  # noqa: E402
from torch_models import NOISE, PROGRAMMING, seeded  # noqa: E402

from adapters.torch import (  # noqa: E402
    calibrate,
    digital_state_dict,
    from_torch,
    load_weights,
    reinitialize,
    set_time,
    synchronize,
)
from simulator import InputError, OhmCoreWarning, ShapeError  # noqa: E402

CONVERTERS = {
    "xbar__adc__mvm__model": "QuantizerADC", "xbar__adc__mvm__bits": 8,
    "xbar__adc__mvm__adc_range_option": "MAX",
    "xbar__dac__mvm__model": "QuantizerDAC", "xbar__dac__mvm__bits": 8,
}  # fmt: skip
HARDWARE = {**CONVERTERS, **PROGRAMMING, **NOISE}


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.out = nn.LSTM(8, 6, batch_first=True), nn.Linear(6, 3)

    def forward(self, x):
        return self.out(self.lstm(x)[0])


MODELS = {
    "linear": (lambda: nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 3)), (4, 8)),
    "conv": (lambda: nn.Sequential(nn.Conv2d(2, 4, 3, groups=2), nn.ReLU(), nn.Conv2d(4, 2, 1)),
             (2, 2, 5, 5)),
    "encoder": (lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, dropout=0.0),
                (2, 5, 8)),
    "lstm": (Recurrent, (2, 4, 8)),
}  # fmt: skip


def inputs(shape):
    return 5 * torch.randn(shape, generator=torch.Generator().manual_seed(1))


def digital(name, seed=0):
    torch.manual_seed(seed)
    return MODELS[name][0]().eval()


def converted(name, seed=0, **changes):
    return from_torch(digital(name, seed), seeded(4, **{**HARDWARE, **changes})).eval()


def calibrated(name, **changes):
    model = converted(name, **changes)
    calibrate(model, inputs(MODELS[name][1]).split(1), progress=False)
    return model


def answers(model, name):
    with torch.no_grad():
        return model(inputs(MODELS[name][1]))


def alike(one, other, name):
    return all(torch.equal(answers(one, name), answers(other, name)) for _ in range(2))


def error(model, name):
    exact = answers(digital(name), name)
    return float((answers(model, name) - exact).norm() / exact.norm())


@pytest.mark.parametrize("name", MODELS)
def test_a_calibrated_model_comes_back(name):
    model, other = calibrated(name), converted(name, seed=1)
    uncalibrated = error(converted(name), name)
    state = model.state_dict()
    before = error(copy.deepcopy(model), name)
    assert before < uncalibrated
    assert all(isinstance(value, torch.Tensor) for value in state.values())
    keys = other.load_state_dict(state)
    assert not keys.missing_keys
    assert not keys.unexpected_keys
    assert error(copy.deepcopy(other), name) == before
    assert alike(model, other, name)
    for then in (synchronize, reinitialize):
        then(model)
        then(other)
        assert alike(model, other, name)


@pytest.mark.parametrize("name", MODELS)
def test_other_parameters_are_listed_and_the_layer_stays(name):
    model, other = calibrated(name), converted(name, xbar__device__Rmin=2000.0)
    arrays = [v for k, v in other.state_dict().items() if k.endswith("_extra_state")]
    with pytest.raises(
        InputError, match=r"layer '.*xbar\.device\.Rmin: 1000\.0 in the state, 2000"
    ):
        other.load_state_dict(model.state_dict())
    now = [v for k, v in other.state_dict().items() if k.endswith("_extra_state")]
    assert all(map(torch.equal, arrays, now))
    other.load_state_dict(model.state_dict(), strict=False)
    assert alike(model, other, name)
    reinitialize(model)
    reinitialize(other)
    assert alike(model, other, name)


@pytest.mark.parametrize("name", MODELS)
def test_parameters_of_a_layer_are_a_copy(name):
    model, other = calibrated(name), converted(name)
    other.load_state_dict(model.state_dict())
    mine = [m for m in other.modules() if hasattr(m, "params")]
    theirs = [m for m in model.modules() if hasattr(m, "params")]
    assert all(a.params == b.params and a.params is not b.params for a, b in zip(mine, theirs))


def test_the_time_comes_with_the_state():
    fading = {"xbar__device__drift_error__enable": True, "xbar__device__drift_error__model": "PCM",
              "xbar__device__Rmin": 4e4, "xbar__device__Rmax": 4e6}  # fmt: skip
    model, other = calibrated("linear", **fading), converted("linear", **fading)
    set_time(model, 1e5)
    other.load_state_dict(model.state_dict())
    assert other[0].core.time == 1e5
    assert alike(model, other, "linear")


# -- carriers -------------------------------------------------------------------------------------


def through_torch_save(state, tmp_path):
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def through_distributed_checkpoint(state, tmp_path):
    dcp.save(state, checkpoint_id=tmp_path / "saved", no_dist=True)
    # Into the tensors of a model that was converted anew and has seen nothing.
    fresh = converted("encoder", seed=3).state_dict()
    dcp.load(fresh, checkpoint_id=tmp_path / "saved", no_dist=True)
    return fresh


CARRIERS = {
    "torch.save": through_torch_save,
    "distributed checkpoint": through_distributed_checkpoint,
    "copies": lambda state, _: {k: v.cpu().clone() for k, v in state.items()},
    "float": lambda state, _: {k: v.float() for k, v in state.items()},
    "average of one": lambda state, _: {k: 0.999 * v + 0.001 * v for k, v in state.items()},
}


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_state_travels(carrier, tmp_path):
    model, other = calibrated("encoder"), converted("encoder", seed=1)
    answers(model, "encoder")
    state = CARRIERS[carrier](model.state_dict(), tmp_path)
    other.load_state_dict(state)
    if carrier == "average of one":
        # Weights that differ in their last bits; the arrays are those that were saved.
        pairs = zip(model.modules(), other.modules(), strict=True)
        assert all(
            np.array_equal(a["cells"][0], b["cells"][0])
            for one, two in pairs if hasattr(one, "get_chip_state")
            for a, b in zip(one.get_chip_state()["arrays"], two.get_chip_state()["arrays"])
        )  # fmt: skip
    else:
        assert alike(model, other, "encoder")


def test_states_of_one_hardware_have_one_length():
    model, other = calibrated("encoder"), converted("encoder", seed=1)
    before = {k: v.shape for k, v in other.state_dict().items()}
    other.load_state_dict(model.state_dict())
    for _ in range(3):
        answers(other, "encoder")
        synchronize(other)
    assert {k: v.shape for k, v in other.state_dict().items()} == before


@pytest.mark.filterwarnings("ignore:Please use DTensor:FutureWarning")
def test_the_states_of_distributed_checkpoints_know_every_entry():
    model, other = calibrated("encoder"), converted("encoder", seed=1)
    state = dcp_states.get_model_state_dict(model)
    assert set(state) == set(model.state_dict())
    dcp_states.set_model_state_dict(other, state)
    assert alike(model, other, "encoder")


def test_tensors_of_a_state_share_no_memory():
    """As a file of tensors wants them, and so that nobody changes arrays by changing a state."""
    model = calibrated("linear")
    state = model.state_dict()
    assert all(value.is_contiguous() for value in state.values())
    places = [value.untyped_storage().data_ptr() for value in state.values()]
    assert len(set(places)) == len(places)
    kept = model[0].get_matrix()
    state["0._extra_state"].zero_()
    assert torch.equal(model[0].get_matrix(), kept)


def test_an_averaged_model_is_saved_and_loaded():
    model = calibrated("linear").train()
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.05)
    averaged.update_parameters(model)
    other = AveragedModel(converted("linear", seed=1))
    other.load_state_dict(averaged.state_dict())
    assert alike(averaged.eval(), other.eval(), "linear")


@pytest.mark.parametrize("only_floats", [False, True])
def test_averages_of_states_program_the_arrays_with_their_weights(only_floats):
    model, other = calibrated("encoder"), converted("encoder", seed=1)
    first = model.state_dict()
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(1.1)
    synchronize(model)
    second = model.state_dict()
    mean = {
        k: v if only_floats and not v.is_floating_point() else 0.5 * v + 0.5 * second[k]
        for k, v in {k: v.clone() for k, v in first.items()}.items()
    }
    if only_floats:
        # The arrays are those of the first model, whose weights they held.
        other.load_state_dict(mean)
        assert torch.equal(
            other.linear1.get_matrix(), from_state(first, "encoder").linear1.get_matrix()
        )
        return
    with pytest.warns(OhmCoreWarning, match="layer '.*' *: the saved arrays have been changed"):
        other.load_state_dict(mean)
    assert other.linear1.params == model.linear1.params
    held = other.linear1.get_core_weights()[0]
    torch.testing.assert_close(held, mean["linear1.weight"], rtol=0.6, atol=0.05)
    torch.testing.assert_close(
        other.self_attn.physical_parameters()["out_proj.weight"], mean["self_attn.out_proj.weight"],
        rtol=0.6, atol=0.05,
    )  # fmt: skip


def from_state(state, name):
    model = converted(name, seed=2)
    model.load_state_dict(state)
    return model


# -- digital and analog ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_a_digital_model_takes_the_weights_of_an_analog_state(name):
    analog, plain = calibrated(name), digital(name, seed=1)
    state = analog.state_dict()
    keys = plain.load_state_dict(state, strict=False)
    assert not keys.missing_keys
    assert keys.unexpected_keys
    assert all(key.endswith("_extra_state") for key in keys.unexpected_keys)
    assert torch.equal(answers(plain, name), answers(digital(name), name))
    again = digital(name, seed=2)
    again.load_state_dict(digital_state_dict(state))
    assert torch.equal(answers(again, name), answers(plain, name))


@pytest.mark.parametrize("name", MODELS)
def test_an_analog_model_takes_a_digital_state_and_says_so(name, caplog):
    model, source = calibrated(name), digital(name, seed=1)
    ranges = [m.params for m in model.modules() if hasattr(m, "params")]
    with caplog.at_level(logging.INFO, "adapters.torch"):
        assert not model.load_state_dict(source.state_dict()).missing_keys
    assert "programmed from digital weights" in caplog.text
    assert [m.params for m in model.modules() if hasattr(m, "params")] == ranges
    exact = answers(source, name)
    assert float((answers(model, name) - exact).norm() / exact.norm()) < 0.6


def test_what_fits_is_loaded_and_what_is_left_is_told():
    analog, other = calibrated("linear"), nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 5))
    kept = other[2].weight.detach().clone()
    done = load_weights(other, {**analog.state_dict(), "head.weight": torch.ones(2)})
    assert set(done.taken) == {"0.weight", "0.bias"}
    assert set(done.left) == {
        "0._extra_state", "2._extra_state", "2.weight", "2.bias", "head.weight",
    }  # fmt: skip
    assert "(3, 6); the model has (5, 6)" in done.left["2.weight"]
    assert torch.equal(other[0].weight, analog[0].weight)
    assert torch.equal(other[2].weight, kept)
    assert "left: head.weight: the model has no such entry" in repr(done)
    target = from_torch(other, seeded())
    done = load_weights(target, {"0.weight": torch.zeros(6, 8), "0.bias": torch.zeros(6)})
    assert (done.programmed, done.missing) == (("0",), ("2.weight", "2.bias"))
    assert not target[0].get_matrix().any()
    with pytest.raises(ShapeError, match="no entry of the state fits"):
        load_weights(target, {"x": torch.ones(1)})
