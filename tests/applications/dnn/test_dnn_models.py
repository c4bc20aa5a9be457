"""Networks of the evaluation by name, and checkpoints that do or do not fit them."""

import sys

import numpy as np
import pytest

pytest.importorskip("torch", reason="networks need the extra 'torch'")
pytest.importorskip("sklearn", reason="the evaluation needs the extra 'study'")

import torch
from torch import nn

from applications.dnn.data import load
from applications.dnn.models import build, load_checkpoint
from applications.dnn.settings import COLOUR_MEAN, COLOUR_STD, RESNETS, DataOptions
from applications.mvm_study.errors import StudyError


@pytest.mark.parametrize("name", RESNETS)
def test_a_residual_network_has_the_layers_of_its_name(name):
    layers = [m for m in build(name).modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    past_blocks = [m for m in layers if getattr(m, "kernel_size", 0) == (1, 1)]
    assert len(past_blocks) == 2
    assert f"resnet{len(layers) - 2}" == name


# He et al. 2016, table 6, in units of 0.01 million; there, nothing past blocks has weights.
@pytest.mark.parametrize(
    ("name", "published"), [("resnet20", 27), ("resnet32", 46), ("resnet44", 66), ("resnet56", 85)]
)
def test_a_residual_network_has_the_parameters_of_its_paper(name, published):
    model = build(name)
    past_blocks = sum(p.numel() for n, p in model.named_parameters() if "downsample" in n)
    assert past_blocks == 16 * 32 + 2 * 32 + 32 * 64 + 2 * 64
    count = sum(p.numel() for p in model.parameters()) - past_blocks
    # The paper rounds 0.464 up and 0.853 down; a hundredth either way is none of them wrong.
    assert abs(count / 1e4 - published) < 1


def test_a_residual_network_ends_in_one_score_per_class():
    with torch.no_grad():
        assert build("resnet20")(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


def test_the_checkpoint_gives_the_scores_of_the_reference(test_data):
    model = build("resnet14")
    load_checkpoint(model, test_data / "models" / "resnet14_cifar10.pth")
    folder = test_data / "data" / "cifar10"
    paths = [str(folder / f"cifar10_{name}_lossless.npz") for name in ("test1000", "train5728")]
    data = load(
        DataOptions(path=paths[0], calibration=paths[1], mean=COLOUR_MEAN, std=COLOUR_STD), 1
    )
    with np.load(test_data / "golden" / "resnet14.npz") as golden, torch.no_grad():
        found = model(torch.from_numpy(data.test[:200])).numpy()
        np.testing.assert_array_equal(data.labels[:200], golden["y"])
        # Fourteen layers of float32, of sums of up to 576 terms, taken in any order.
        bound = 14 * np.sqrt(576) * np.finfo(np.float32).eps * np.abs(golden["digital"]).max()
        np.testing.assert_allclose(found, golden["digital"], rtol=0, atol=bound)


@pytest.fixture
def state():
    return build("digits-mlp", 5).state_dict()


WRAPPINGS = {
    "bare": lambda state: state,
    "state_dict": lambda state: {"state_dict": state, "epoch": 7},
    "model": lambda state: {"model": state},
    "of several GPUs": lambda state: {"module." + name: value for name, value in state.items()},
}


@pytest.mark.parametrize("name", WRAPPINGS)
def test_a_state_is_found_in_what_training_scripts_save(tmp_path, state, name):
    torch.save(WRAPPINGS[name](state), tmp_path / "net.pth")
    model = build("digits-mlp", 6)
    load_checkpoint(model, tmp_path / "net.pth")
    for key, value in model.state_dict().items():
        torch.testing.assert_close(value, state[key], rtol=0, atol=0)


def test_counts_of_batches_may_be_missing(tmp_path):
    state = build("resnet14").state_dict()
    torch.save(
        {n: v for n, v in state.items() if "num_batches" not in n}, tmp_path / "net.pth"
    )  # fmt: skip
    load_checkpoint(build("resnet14"), tmp_path / "net.pth")


def changed(state, **tensors):
    return {**state, **{name.replace("__", "."): value for name, value in tensors.items()}}


MISTAKES = {
    "missing": (lambda s: dict(list(s.items())[1:]), "1.weight missing (4 tensors needed)"),
    "added": (lambda s: changed(s, extra=torch.ones(1)), "extra unknown to the network"),
    "shape": (lambda s: changed(s, **{"1__bias": torch.ones(3)}), "1.bias has shape (3,)"),
    "NaN": (lambda s: changed(s, **{"1__bias": torch.full((64,), torch.nan)}), "1.bias holds NaN"),
    "text": (lambda s: changed(s, name="net"), "'name' is no tensor"),
    "list": (list, "holds a list"),
    "empty": (lambda s: {}, "allowed is a state dictionary"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_checkpoint_that_does_not_fit_is_named(tmp_path, state, name):
    change, problem = MISTAKES[name]
    path = tmp_path / "net.pth"
    torch.save(change(state), path)
    with pytest.raises(StudyError) as error:
        load_checkpoint(build("digits-mlp"), path)
    assert str(path) in str(error.value)
    assert problem in str(error.value)


def test_nothing_in_a_checkpoint_is_run(tmp_path):
    path = tmp_path / "net.pth"
    torch.save(build("digits-mlp"), path)
    with pytest.raises(StudyError, match="not a checkpoint of plain tensors"):
        load_checkpoint(build("digits-mlp"), path)
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(StudyError, match="not a checkpoint of plain tensors"):
        load_checkpoint(build("digits-mlp"), path)
    with pytest.raises(StudyError, match="no such file"):
        load_checkpoint(build("digits-mlp"), tmp_path / "nowhere.pth")


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A module of one's own."""
    (tmp_path / "own_networks.py").write_text(
        "from torch import nn\n"
        "def good():\n    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))\n"
        "def needy(width):\n    return nn.Linear(width, 10)\n"
        "def wrong():\n    return 7\n"
        "value = 3\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield "own_networks"
    sys.modules.pop("own_networks", None)


def test_a_network_of_ones_own_is_imported(own):
    assert build(f"{own}:good")(torch.zeros(1, 1, 8, 8)).shape == (1, 10)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("{own}:goood", "has no 'goood'. Did you mean 'good'?"),
        ("{own}:value", "cannot call, 'value'"),
        ("{own}:needy", "needy() raised TypeError"),
        ("{own}:wrong", "wrong() returned int"),
        ("nowhere_at_all:good", "cannot import 'nowhere_at_all'"),
        (":good", "cannot import ''"),
        ("resnet21", "got 'resnet21'; allowed is one of digits-cnn"),
    ],
)
def test_a_network_that_is_none_is_named(own, name, problem):
    name = name.format(own=own)
    with pytest.raises(StudyError) as error:
        build(name)
    assert name in str(error.value)
    assert problem in str(error.value)
