"""Threads by the work of the layers: one for what takes microseconds, more where they pay."""

import pytest

torch = pytest.importorskip("torch", reason="networks need the extra 'torch'")

from torch import nn  # noqa: E402

from applications.common import torch_threads  # noqa: E402
from applications.common.torch_threads import (  # noqa: E402
    WORTH_A_THREAD,
    multiplications,
    one_pool,
    threads_for,
)
from applications.dnn import cli, evaluation, training  # noqa: E402
from applications.dnn.models import build  # noqa: E402


@pytest.fixture
def sixteen(monkeypatch):
    monkeypatch.setattr(torch_threads, "usable_processors", lambda: 16)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 16)


@pytest.mark.parametrize("name", ["digits-mlp", "digits-cnn"])
def test_small_networks_take_one_thread(sixteen, name):
    assert threads_for(build(name, 0), torch.zeros(1, 1, 8, 8), 64) == 1


def test_large_networks_take_several_but_no_more_than_there_are(sixteen, monkeypatch):
    network, image = build("resnet20", 0), torch.zeros(1, 3, 32, 32)
    assert 1 < threads_for(network, image, 64) < 16
    assert threads_for(network, image, 64) < threads_for(network, image, 256)
    assert threads_for(network, image, 100_000) == 16
    monkeypatch.setattr(torch_threads, "usable_processors", lambda: 3)
    assert threads_for(network, image, 100_000) == 3


@pytest.mark.parametrize("width", [16, 1 << 10, 1 << 12])
def test_the_bound_is_that_of_the_work(sixteen, width):
    network = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
    assert multiplications(network, torch.zeros(1, width)) == width**2
    wanted = max(1, min(16, 64 * width**2 // WORTH_A_THREAD))
    assert threads_for(network, torch.zeros(1, width), 64) == wanted


def test_looking_changes_nothing():
    network = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    multiplications(network, torch.ones(1, 4))
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not network[0]._forward_hooks


def test_the_number_of_threads_is_put_back():
    before = torch.get_num_threads()
    with one_pool(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(("asked", "used"), [([], 1), (["--threads", "2"], 2)])
def test_training_and_evaluation_use_them(monkeypatch, tmp_path, asked, used):
    seen = []
    classes = evaluation._classes

    def watched(*args):
        seen.append(torch.get_num_threads())
        return classes(*args)

    monkeypatch.setattr(training, "train", lambda *args: seen.append(torch.get_num_threads()))
    monkeypatch.setattr(evaluation, "_classes", watched)
    small = ["--model", "digits-mlp", "--limit", "10", "--calibration-images", "16", "--seeds", "1"]
    assert cli.main([*small, *asked, "--out", str(tmp_path)]) == 0
    assert seen == [used] * 3
