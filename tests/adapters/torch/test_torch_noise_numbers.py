"""Calls that are repeated draw the noise of the first."""

import copy
import threading
import warnings

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.utils.checkpoint import checkpoint  # noqa: E402
from torch_models import DAC, NOISE, seeded  # noqa: E402

from adapters.torch import from_torch  # noqa: E402
from adapters.torch.runtime import numbering  # noqa: E402


@pytest.fixture(autouse=True)
def seeded_weights():
    torch.manual_seed(0)


def attend(layer, x):
    return layer(x, x, x)[0]


def require_alike_gradients(layer, x, call):
    """Gradients of the call under a checkpoint are those without."""
    found = []
    for kept in (True, False):
        model, leaf = copy.deepcopy(layer), x.clone().requires_grad_()

        def squared(u, model=model):
            return call(model, u).pow(2)  # so that noise enters the gradients

        y = squared(leaf) if kept else checkpoint(squared, leaf, use_reentrant=False)
        y.sum().backward()
        found.append([leaf.grad, *(p.grad for p in model.parameters())])
    for one, other in zip(*found, strict=True):
        assert torch.equal(one, other)


def test_transposed_layers_of_a_given_size_repeat_their_noise():
    layer = from_torch(nn.ConvTranspose1d(2, 3, 3, stride=2, padding=1), seeded(**NOISE))
    require_alike_gradients(layer, torch.randn(2, 2, 5), lambda m, x: m(x, [10]))


def test_calls_of_a_given_size_read_the_arrays_once(monkeypatch):
    layer = from_torch(nn.ConvTranspose1d(2, 3, 3, stride=2, padding=1), seeded())
    read, core = [], type(layer.core)
    effective = core.get_effective_matrix
    monkeypatch.setattr(
        core, "get_effective_matrix", lambda self: read.append(self) or effective(self)
    )
    for _ in range(3):
        layer(torch.ones(1, 2, 5), [10])
    assert len(read) == 1


def test_forgotten_calls_are_told_of(monkeypatch):
    monkeypatch.setattr(numbering, "MEMORY", 4)
    layer, x = from_torch(nn.RNN(2, 2), seeded(**NOISE)), torch.randn(6, 1, 2)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        checkpoint(lambda t: layer(t)[0], x, use_reentrant=False).sum().backward()
    assert told


def test_checkpoints_of_several_threads_repeat_their_own_noise():
    layer, found = from_torch(nn.Linear(3, 3), seeded(**NOISE)), []

    def forward(x):
        found.append(layer(x))
        return found[-1].pow(2)

    def work(backward):
        y = checkpoint(forward, torch.ones(2, 3, requires_grad=True), use_reentrant=True)
        if backward:
            y.sum().backward()

    for backward in (False, True):
        thread = threading.Thread(target=work, args=(backward,))
        thread.start()
        thread.join()
    assert len(found) == 3
    assert torch.equal(found[2], found[1])


@pytest.mark.parametrize("kind", ["attention", "gru", "lstm", "transposed"])
def test_checkpoints_repeat_the_noise_of_every_part(kind):
    make, call, shape = {
        "attention": (lambda: nn.MultiheadAttention(4, 2), attend, (3, 2, 4)),
        "gru": (lambda: nn.GRU(4, 2, 2, bidirectional=True), lambda m, x: m(x)[0], (3, 2, 4)),
        "lstm": (lambda: nn.LSTM(4, 3, proj_size=2), lambda m, x: m(x)[0], (3, 2, 4)),
        "transposed": (lambda: nn.ConvTranspose1d(4, 2, 3, 2), lambda m, x: m(x), (2, 4, 3)),
    }[kind]
    layer = from_torch(make(), seeded(**NOISE, **DAC), bias_rows=1)
    require_alike_gradients(layer, torch.randn(shape), call)
