"""Corners of recurrent, attention and transposed layers, and of what torch does around layers."""

import copy
import pickle
import threading
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.utils.checkpoint import checkpoint  # noqa: E402
from torch_models import ADC, DAC, NOISE, PROGRAMMING, forced, seeded  # noqa: E402

from adapters import torch as analog  # noqa: E402
from adapters.torch import from_torch, summary, to_torch  # noqa: E402
from adapters.torch.runtime import numbering  # noqa: E402
from simulator import InputError  # noqa: E402


def defect(reason):
    return pytest.mark.xfail(strict=True, reason=reason)


@pytest.fixture(autouse=True)
def seeded_weights():
    torch.manual_seed(0)


def single(result):
    return result[0] if isinstance(result, tuple) else result


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


# -- digital paths that pass the arrays by --------------------------------------------------------


def test_a_layer_whose_forward_was_replaced_stays_or_runs_on_arrays():
    model, x = nn.Sequential(nn.Linear(3, 2)), torch.ones(2, 3)
    inner = model[0].forward
    model[0].forward = lambda *args: inner(*args)  # as libraries do that add hooks of their own
    converted = from_torch(model, seeded(**NOISE))
    stays = type(converted[0]) is nn.Linear and "forward" in summary(converted).rows[0][-1]
    assert stays or not torch.equal(converted(x), model(x))


def test_a_compiled_layer_is_converted():
    layer, x = nn.Linear(3, 2), torch.ones(2, 3)
    layer.compile(backend="eager")
    converted = from_torch(layer, seeded(**NOISE))
    assert not torch.equal(converted(x), layer(x))


def test_the_digital_copy_of_a_compiled_layer_is_digital():
    model, x = from_torch(nn.Sequential(nn.Linear(3, 2)), seeded(**NOISE)), torch.ones(2, 3)
    model[0].compile(backend="eager")
    digital = to_torch(model)
    assert torch.equal(digital(x), nn.functional.linear(x, model[0].weight, model[0].bias))


def test_a_copy_of_a_compiled_layer_runs_on_its_own():
    layer, x = from_torch(nn.Linear(3, 2, bias=False), seeded()), torch.ones(2, 3)
    layer.compile(backend="eager")
    other = copy.deepcopy(layer)
    other.weight = nn.Parameter(torch.zeros(2, 3))
    assert not other(x).any()


def test_a_compiled_layer_is_pickled():
    layer, x = from_torch(nn.Linear(3, 2), seeded()), torch.ones(2, 3)
    layer.compile(backend="eager")
    assert torch.equal(pickle.loads(pickle.dumps(layer))(x), layer(x))


@defect("switch_off runs in from_torch alone, so a layer put in by hand is passed by")
@pytest.mark.parametrize("name", ["self_attn", "linear1"])
def test_a_layer_put_into_an_encoder_by_hand_is_used(name):
    encoder, x = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True).eval(), torch.rand(2, 3, 4)
    setattr(encoder, name, from_torch(getattr(encoder, name), seeded(**NOISE)))
    with torch.no_grad():
        assert not torch.equal(encoder(x), encoder(x))


# -- wrong results and gradients ------------------------------------------------------------------


def test_a_dropped_out_first_state_meets_the_limit():
    digital = nn.GRU(1, 1, 2, bias=False, dropout=0.5, dtype=torch.float64)
    with torch.no_grad():
        for parameter in digital.parameters():
            parameter.zero_()
        digital.weight_ih_l0[1] = 50.0  # keeps the first state
        digital.weight_ih_l1[1] = digital.weight_hh_l1[1] = 1.0
    layer = from_torch(digital, seeded(xbar__array__Icol_max=4.2))
    x, first = torch.full((8, 1, 1), 0.5).double(), torch.full((2, 1, 1), 2.0).double()
    assert layer.parts["l1"].linear_reach < 4.0  # of twice the first state
    found = []
    for every_stage in (False, True):
        if every_stage:
            forced(layer)
        torch.manual_seed(2)
        found.append(layer(x, first)[0].detach())
    torch.testing.assert_close(*found, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("make", [nn.Conv1d, nn.ConvTranspose1d])
def test_every_group_is_clipped_by_its_own_range(make):
    digital = make(4, 2, 1, groups=2, bias=False)
    with torch.no_grad():
        digital.weight.copy_(torch.tensor([1.0, 0.1, 10.0, 2.0]).reshape(digital.weight.shape))
    params = seeded(core__mapping__weights__percentile=0.5)
    params.core.mapping.weights.min = params.core.mapping.weights.max = None
    layer = from_torch(digital, params, clip_gradient=True)
    limits = [core.max for core in layer.arrays]
    assert limits[0] < 1.0 < 2.0 < limits[1] < 10.0
    layer(torch.full((1, 4, 3), 0.5)).sum().backward()
    assert (layer.weight.grad.flatten() != 0).tolist() == [False, True, False, True]


class Alias(nn.Module):
    """One layer under two names, the second right before the norm."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 3)
        self.again = self.first
        self.norm = nn.BatchNorm1d(3)

    def forward(self, x):
        return self.norm(self.again(torch.relu(self.first(x))))


def chained():
    layer = nn.Linear(3, 3)
    return nn.Sequential(layer, layer, nn.BatchNorm1d(3))


@pytest.mark.parametrize("make", [Alias, chained])
def test_a_norm_behind_the_second_use_of_a_layer(make):
    model, x = make().eval(), torch.randn(4, 3)
    next(m for m in model.modules() if isinstance(m, nn.BatchNorm1d)).running_mean.uniform_()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a norm that stays is right as well
        converted = from_torch(model, seeded(), fuse_batchnorm=True)
    torch.testing.assert_close(converted(x), model(x))


@defect("standing_in gives inf - inf where a parameter was changed behind the arrays' back")
@pytest.mark.parametrize("make", [nn.Linear, nn.LSTM])
def test_results_do_not_depend_on_whether_gradients_are_kept(make):
    layer, x = from_torch(make(3, 2), seeded()), torch.ones(1, 3)
    next(layer.parameters()).data[0, 0] = torch.inf
    with torch.no_grad():
        wanted = single(layer(x))
    torch.testing.assert_close(single(layer(x)), wanted)


MOVED = {
    "linear": (lambda: nn.Linear(4, 2), (2, 4)), "conv": (lambda: nn.Conv1d(4, 2, 1), (1, 4, 3)),
    "lstm": (lambda: nn.LSTM(4, 2), (3, 1, 4)),
    "attention": (lambda: nn.MultiheadAttention(4, 2), (3, 1, 4)),
}  # fmt: skip


@pytest.mark.parametrize("kind", MOVED)
def test_a_layer_follows_its_parameters_to_another_dtype(kind):
    make, shape = MOVED[kind]
    layer, x = from_torch(make(), seeded()), torch.rand(shape)
    with torch.no_grad():
        for dtype in (torch.float32, torch.float64):
            given = x.to(dtype)
            y = attend(layer.to(dtype), given) if kind == "attention" else layer.to(dtype)(given)
            assert single(y).dtype == dtype


# -- noise and checkpoints ------------------------------------------------------------------------


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


# -- saving and loading ---------------------------------------------------------------------------


@pytest.mark.parametrize("make", [lambda: nn.Linear(4, 4), lambda: nn.MultiheadAttention(4, 2)])
def test_a_state_that_does_not_fit_changes_nothing_when_assigned(make):
    layer = from_torch(make(), seeded())
    before = {name: p.detach().clone() for name, p in layer.named_parameters()}
    state = {**from_torch(make(), seeded()).state_dict(), "_extra_state": {"version": 99}}
    with pytest.raises(InputError):
        layer.load_state_dict(state, assign=True)
    assert all(torch.equal(p, before[name]) for name, p in layer.named_parameters())


def test_a_loaded_attention_layer_is_in_step():
    layer = from_torch(nn.MultiheadAttention(4, 2), seeded(**PROGRAMMING))
    layer.load_state_dict(layer.state_dict())
    # Otherwise a layer that follows its parameters would program this chip anew.
    assert layer.state_dict()["_extra_state"]["in_step"]


@pytest.mark.parametrize("make", [lambda: nn.Linear(4, 4), lambda: nn.LSTM(4, 4)])
def test_a_digital_state_that_is_refused_leaves_the_layer(make):
    layer = from_torch(make(), seeded())
    state = {k: torch.full_like(v, torch.nan) for k, v in make().state_dict().items()}
    with pytest.raises(InputError):
        layer.load_state_dict(state)
    assert all(p.isfinite().all() for p in layer.parameters())


def test_an_assigned_last_projection_reaches_the_arrays():
    layer = from_torch(nn.MultiheadAttention(4, 2, bias=False), seeded())
    layer.out_proj.weight = nn.Parameter(torch.zeros(4, 4))
    assert not attend(layer, torch.ones(3, 1, 4)).any()


@pytest.mark.parametrize("make", [nn.Linear, nn.LSTMCell])
def test_weights_that_are_read_back_are_copies(make):
    layer = from_torch(make(3, 2), seeded())
    before = [p.detach().clone() for p in layer.parameters()]
    for part in layer.get_core_weights():
        part.zero_()
    assert all(torch.equal(p, was) for p, was in zip(layer.parameters(), before, strict=True))


# -- words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [nn.Linear, nn.LSTM])
def test_new_arrays_for_weights_that_are_no_numbers_name_the_layer(make):
    model = from_torch(nn.ModuleDict({"look": make(3, 2)}), seeded())
    next(model.parameters()).data[0] = torch.nan
    with pytest.raises(InputError, match="'look"):
        analog.reinitialize(model)


def test_whole_numbers_name_the_attention_layer():
    model = from_torch(nn.ModuleDict({"look": nn.MultiheadAttention(4, 2)}), seeded())
    with pytest.raises((InputError, RuntimeError), match=r"look|MultiheadAttention"):
        attend(model["look"], torch.ones(3, 1, 4, dtype=torch.long))


# -- what held ------------------------------------------------------------------------------------


def test_a_gru_on_tiles_and_converters_is_its_recurrence():
    """Against gates written in NumPy over the layer's core."""
    layer = from_torch(nn.GRU(3, 2), seeded(**PROGRAMMING, **ADC, **DAC, core__rows_max=3), 1)
    core, x = copy.deepcopy(layer.parts["l0"].core), torch.rand(4, 1, 3) - 0.5
    hidden, wanted = np.zeros(2, np.float32), []
    for row in x[:, 0].numpy():
        pre = core @ np.concatenate([row, hidden, np.ones(2, np.float32)])
        reset, keep = 1 / (1 + np.exp(-pre[:4].reshape(2, 2)))
        new = np.tanh(pre[4:6] + reset * pre[6:])
        hidden = ((1 - keep) * new + keep * hidden).astype(np.float32)
        wanted.append(hidden)
    np.testing.assert_allclose(layer(x)[0][:, 0].detach().numpy(), wanted, rtol=0, atol=1e-6)


def test_an_encoder_of_clones_of_an_analog_layer_is_never_passed_by():
    layer = from_torch(nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), seeded(**NOISE))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        encoder = nn.TransformerEncoder(layer, 2).eval()
    x, padding = torch.rand(1, 3, 4), torch.tensor([[False, False, True]])
    with torch.no_grad():
        first, second = (encoder(x, src_key_padding_mask=padding) for _ in range(2))
    assert not torch.equal(first, second)


def test_functional_calls_with_layers_that_follow():
    layer = from_torch(nn.MultiheadAttention(4, 2), seeded(), auto_synchronize=True)
    x, zero = torch.ones(3, 1, 4), {n: torch.zeros_like(p) for n, p in layer.named_parameters()}
    before = attend(layer, x)
    assert not torch.func.functional_call(layer, zero, (x, x, x))[0].any()
    assert torch.equal(attend(layer, x), before)
