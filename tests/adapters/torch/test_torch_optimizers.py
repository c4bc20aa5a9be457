"""Tools of training around analog layers: optimizers, clipping, averaging, resuming."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from places import HELPERS, ROOT

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn.utils import clip_grad_norm_  # noqa: E402
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn  # noqa: E402
from torch_models import ADC, NOISE, PROGRAMMING, perceptron, seeded  # noqa: E402

from adapters.torch import (  # noqa: E402
    from_torch,
    new_epoch,
    synchronize,
    to_torch,
)

HERE = Path(__file__).parent
CLOSE = {"rtol": 1e-5, "atol": 1e-6}  # float32 sums of at most a few dozen terms
OPTIMIZERS = {
    "SGD": lambda groups: torch.optim.SGD(groups, lr=0.1, momentum=0.9, nesterov=True),
    "AdamW": lambda groups: torch.optim.AdamW(groups, lr=0.05),
    "AdamW in one kernel": lambda groups: torch.optim.AdamW(groups, lr=0.05, fused=True),
    "AdamW over lists": lambda groups: torch.optim.AdamW(groups, lr=0.05, foreach=True),
    "RMSprop": lambda groups: torch.optim.RMSprop(groups, lr=0.05),
    "Adagrad": lambda groups: torch.optim.Adagrad(groups, lr=0.05),
}


def images():
    return torch.linspace(-1, 1, 12).reshape(3, 4)


def decay_groups(model):
    """Weight decay for matrices and none for vectors, as most training scripts have it."""
    return [
        {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": 0.1},
        {"params": [p for p in model.parameters() if p.ndim < 2], "weight_decay": 0.0, "lr": 0.2},
    ]


def step(model, optimizer, limit=None):
    optimizer.zero_grad()
    loss = model(images()).square().sum()
    loss.backward()
    if limit:
        clip_grad_norm_(model.parameters(), limit)
    optimizer.step()
    return loss.item()


@pytest.mark.parametrize("limit", [None, 0.05])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_ideal_arrays_train_as_the_digital_model(name, limit):
    """Parameter groups, weight decay, clipped gradients: the same weights, and arrays follow."""
    torch.manual_seed(0)
    digital = perceptron()
    model = from_torch(digital, seeded(), auto_synchronize=True)
    optimizers = [OPTIMIZERS[name](decay_groups(m)) for m in (digital, model)]
    for _ in range(4):
        losses = [step(m, o, limit) for m, o in zip((digital, model), optimizers, strict=True)]
        assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    for one, other in zip(model.parameters(), digital.parameters(), strict=True):
        torch.testing.assert_close(one, other, **CLOSE)
    torch.testing.assert_close(model(images()), digital(images()), **CLOSE)


def test_a_scheduler_and_accumulated_gradients():
    torch.manual_seed(0)
    digital = perceptron()
    model = from_torch(digital, seeded(), auto_synchronize=True)
    for m in (digital, model):
        optimizer = torch.optim.SGD(m.parameters(), lr=0.1)
        scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=4)
        for _ in range(3):
            for part in images():
                (m(part).square().sum() / 3).backward()
            optimizer.step()
            optimizer.zero_grad()
            scheduler.step()
    torch.testing.assert_close(model(images()), digital(images()), **CLOSE)


def test_autocast_trains():
    torch.manual_seed(0)
    model = from_torch(perceptron(), seeded(**PROGRAMMING, **NOISE), auto_synchronize=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = (model(images()).float() - 1).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert all(p.grad.dtype == torch.float32 for p in model.parameters())
    assert losses[-1] < 0.3 * losses[0]


# -- averages -------------------------------------------------------------------------------------


@pytest.mark.parametrize("auto", [False, True])
@pytest.mark.parametrize("kind", ["mean", "exponential"])
def test_averaged_models(kind, auto):
    """The average of the weights is programmed into a chip like that of the model."""
    torch.manual_seed(0)
    model = from_torch(perceptron(), seeded(**PROGRAMMING), auto_synchronize=auto, redraw="fixed")
    rule = {} if kind == "mean" else {"multi_avg_fn": get_ema_multi_avg_fn(0.9)}
    average = AveragedModel(model, **rule)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    seen = [[p.detach().clone() for p in model.parameters()]]
    for _ in range(3):
        step(model, optimizer)
        synchronize(model)
        seen.append([p.detach().clone() for p in model.parameters()])
        average.update_parameters(model)
    if kind == "mean":
        # The first update sets the average, the others count.
        wanted = [torch.stack(steps).mean(0) for steps in list(zip(*seen[1:]))]
        for one, other in zip(average.module.parameters(), wanted, strict=True):
            torch.testing.assert_close(one, other, **CLOSE)
    held = average.module[0].get_matrix()
    if not auto:
        synchronize(average)
    average(images())
    assert not torch.equal(average.module[0].get_matrix(), held)
    # The same named errors on other weights: as if they were programmed into the model's arrays.
    twin = from_torch(to_torch(average.module), model[0].params, redraw="fixed")
    assert torch.equal(average(images()), twin(images()))


def test_averaged_models_are_saved_and_loaded():
    def averaged():
        torch.manual_seed(0)
        model = from_torch(perceptron(), seeded(None, **PROGRAMMING, **NOISE))
        return model, AveragedModel(model)

    model, average = averaged()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):
        step(model, optimizer)
        average.update_parameters(model)
    synchronize(average)
    average(images())
    _, other = averaged()
    other.load_state_dict(through_a_file(average.state_dict()))
    assert int(other.n_averaged) == 2
    for _ in range(2):
        assert torch.equal(average(images()), other(images()))


# -- resuming -------------------------------------------------------------------------------------


def through_a_file(state):
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


class Several(nn.Module):
    """Layers of several matrices."""

    def __init__(self):
        super().__init__()
        self.recurrent = nn.GRU(4, 4, batch_first=True)
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)

    def forward(self, x):
        states = self.recurrent(x.reshape(-1, 2, 4))[0]
        return self.attention(states, states, states, need_weights=False)[0]


def several_kinds():
    return nn.Sequential(
        nn.Linear(4, 5), nn.ReLU(), nn.Dropout(0.2), nn.BatchNorm1d(5), nn.Linear(5, 3)
    )


class Run:
    """A training run with everything that draws: dropout, data, programming and read noise."""

    def __init__(self, seed, redraw, auto, make=several_kinds):
        model, self.auto = make(), auto
        hardware = seeded(seed, **PROGRAMMING, **NOISE, **ADC)
        self.model = from_torch(model, hardware, redraw=redraw, auto_synchronize=auto, bias_rows=1)
        self.optimizer = torch.optim.AdamW(decay_groups(self.model), lr=0.05)
        self.scheduler = torch.optim.lr_scheduler.StepLR(self.optimizer, 1, 0.9)

    def train(self, steps):
        for _ in range(steps):
            self.optimizer.zero_grad()
            loss = (self.model(torch.rand(6, 4)) - 1).square().mean()
            loss.backward()
            clip_grad_norm_(self.model.parameters(), 0.5)
            self.optimizer.step()
            self.scheduler.step()
            if not self.auto:
                synchronize(self.model)
            new_epoch(self.model)

    def state(self):
        parts = {name: getattr(self, name) for name in ("model", "optimizer", "scheduler")}
        return {**{k: v.state_dict() for k, v in parts.items()}, "rng": torch.get_rng_state()}

    def load(self, state):
        for name in ("model", "optimizer", "scheduler"):
            getattr(self, name).load_state_dict(state[name])
        torch.set_rng_state(state["rng"])


def flat(state):
    """All leaves of a nested state, tensors as they are."""
    if isinstance(state, dict):
        return [leaf for key in state for leaf in [key, *flat(state[key])]]
    if isinstance(state, (list, tuple)):
        return [leaf for part in state for leaf in flat(part)]
    return [state]


def require_equal(one, other):
    one, other = flat(one), flat(other)
    assert len(one) == len(other) > 50
    for a, b in zip(one, other, strict=True):
        if isinstance(a, torch.Tensor):
            assert torch.equal(a, b)
        else:
            assert a == b


@pytest.mark.parametrize("seed", [5, None])
@pytest.mark.parametrize("auto", [False, True])
@pytest.mark.parametrize("redraw", ["step", "epoch", "fixed"])
def test_a_resumed_run_ends_in_the_same_state(redraw, auto, seed):
    torch.manual_seed(3)
    whole = Run(seed, redraw, auto)
    whole.train(2)
    saved = through_a_file(whole.state())
    whole.train(2)
    torch.manual_seed(4)
    resumed = Run(seed, redraw, auto)
    resumed.load(saved)
    resumed.train(2)
    require_equal(resumed.state(), whole.state())
    assert torch.equal(resumed.model.eval()(images()), whole.model.eval()(images()))


@pytest.mark.parametrize("auto", [False, True])
def test_a_resumed_run_of_layers_of_several_matrices(auto):
    torch.manual_seed(3)
    whole = Run(5, "step", auto, Several)
    whole.train(2)
    saved = through_a_file(whole.state())
    whole.train(1)
    torch.manual_seed(4)
    resumed = Run(5, "step", auto, Several)
    resumed.load(saved)
    resumed.train(1)
    require_equal(resumed.state(), whole.state())


CHILD = """
import sys
sys.path[:0] = sys.argv[2:]
import torch
from test_torch_optimizers import Run
run = Run(None, "step", True)
run.load(torch.load(sys.argv[1] + "/middle", weights_only=True))
run.train(2)
torch.save(run.state(), sys.argv[1] + "/end")
"""


def test_another_process_resumes_a_run(tmp_path):
    torch.manual_seed(3)
    run = Run(None, "step", True)
    run.train(2)
    torch.save(run.state(), tmp_path / "middle")
    run.train(2)
    # One thread, as here or not: sums over a few terms are not cut.
    subprocess.run(
        [sys.executable, "-c", CHILD, tmp_path, HERE, HELPERS, ROOT], check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    require_equal(torch.load(tmp_path / "end", weights_only=True), run.state())
