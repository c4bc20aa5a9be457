"""Activation checkpointing: what is computed twice draws the same noise twice."""

import copy
import warnings

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.utils.checkpoint import checkpoint, checkpoint_sequential  # noqa: E402
from torch_models import NOISE, PROGRAMMING, seeded  # noqa: E402

from adapters.torch import analog_modules, from_torch  # noqa: E402
from adapters.torch.runtime import numbering as numbers  # noqa: E402

# A few float32 terms, added up in another order.
CLOSE = {"rtol": 1e-5, "atol": 1e-6}
NOISY = {**NOISE, **PROGRAMMING}
REENTRANT = pytest.mark.parametrize("reentrant", [True, False], ids=["reentrant", "not"])


def plain(function, *args):
    return function(*args)


def twice(layer, x, segment):
    return segment(lambda a: torch.tanh(layer(torch.tanh(layer(a)))), x)


def same_input_twice(layer, x, segment):
    return segment(lambda a: torch.tanh(layer(a)) * layer(a) ** 2, x)


def same_input_in_two_segments(layer, x, segment):
    def part(a):
        return torch.tanh(layer(a))

    return segment(part, x) * segment(part, x) ** 2


def chain(layer, x, segment):
    for _ in range(3):
        x = segment(lambda a: torch.tanh(layer(a)) * a, x)
    return x


def nested(layer, x, segment):
    def inner(a):
        return torch.tanh(layer(a))

    def outer(a):
        return layer(a) ** 2 * segment(inner, a) * segment(inner, torch.sin(a))

    return segment(outer, x)


def partly(layer, x, segment):
    return segment(lambda a: torch.tanh(layer(a)), layer(x)) * layer(x)


def two_inputs(layer, x, segment):
    return segment(lambda a, b: layer(a).sin() * layer(b).cos(), x, x.flip(0))


USES = [
    twice, same_input_twice, same_input_in_two_segments, chain, nested, partly, two_inputs,
]  # fmt: skip


def counted(model):
    return [core._numbers.count for layer in analog_modules(model) for core in layer.arrays]


def gradients(model, x, use, segment):
    """Result and gradients of a copy of the model, and how far its vectors are counted."""
    model = copy.deepcopy(model)
    x = x.clone().requires_grad_()
    with warnings.catch_warnings():
        # The inner of two reentrant checkpoints has no gradient to give in its first forward.
        warnings.filterwarnings("ignore", "None of the inputs have requires_grad=True")
        y = use(model, x, segment)
    y.pow(3).sum().backward()
    return [y.detach(), x.grad, *(p.grad for p in model.parameters())], counted(model)


def checkpointed(reentrant, **options):
    def segment(function, *args):
        return checkpoint(function, *args, use_reentrant=reentrant, **options)

    return segment


def require_alike(found, wanted):
    assert found[1] == wanted[1]
    assert min(wanted[1]) > 0
    for one, other in zip(found[0], wanted[0], strict=True):
        torch.testing.assert_close(one, other, **CLOSE)


def square():
    torch.manual_seed(0)
    return from_torch(nn.Linear(4, 4), seeded(**NOISY), bias_rows=1)


def rows():
    return torch.linspace(-1, 1, 12).reshape(3, 4)


@REENTRANT
@pytest.mark.parametrize("use", USES)
def test_gradients_are_those_without(use, reentrant):
    wanted = gradients(square(), rows(), use, plain)
    require_alike(gradients(square(), rows(), use, checkpointed(reentrant)), wanted)


@REENTRANT
def test_other_noise_would_be_seen(reentrant, monkeypatch):
    monkeypatch.setattr(numbers.Journal, "numbers", lambda *_: [])
    wanted, _ = gradients(square(), rows(), twice, plain)
    found, _ = gradients(square(), rows(), twice, checkpointed(reentrant))
    assert torch.equal(found[0], wanted[0])
    assert not torch.allclose(found[1], wanted[1], **CLOSE)


@pytest.mark.parametrize("use", [twice, chain, same_input_in_two_segments])
@pytest.mark.parametrize("what", ["no hooks", "other hooks"])
def test_without_the_word_of_torch(use, what, monkeypatch):
    """Where torch does not tell checkpoints apart, the backward pass and the inputs do."""
    if what == "no hooks":
        unknown = numbers.Checkpoint(told=False)
        monkeypatch.setattr(numbers.Checkpoint, "present", lambda: unknown)
    else:
        monkeypatch.setattr(numbers, "_closure", lambda _: [])
    wanted = gradients(square(), rows(), use, plain)
    for reentrant in (True, False):
        require_alike(gradients(square(), rows(), use, checkpointed(reentrant)), wanted)


@REENTRANT
def test_without_the_state_of_torchs_generator(reentrant):
    wanted = gradients(square(), rows(), chain, plain)
    segment = checkpointed(reentrant, preserve_rng_state=False)
    require_alike(gradients(square(), rows(), chain, segment), wanted)


def through(model, x, segment):
    return segment(model, x)


LAYERS = {
    "groups": (lambda: nn.Conv2d(4, 4, 3, padding=1, groups=2), (2, 4, 5, 5)),
    "double": (lambda: nn.Linear(4, 3, dtype=torch.float64), (3, 4)),
    "several arrays": (lambda: nn.Sequential(nn.Linear(4, 9), nn.ReLU(), nn.Linear(9, 4)), (5, 4)),
    "one vector": (lambda: nn.Linear(4, 3), (4,)),
}


@REENTRANT
@pytest.mark.parametrize("name", LAYERS)
def test_layers_of_every_kind(name, reentrant):
    make, shape = LAYERS[name]
    torch.manual_seed(0)
    model = from_torch(make(), seeded(**NOISY, core__rows_max=3), bias_rows=1)
    x = torch.rand(*shape, dtype=next(model.parameters()).dtype)
    wanted = gradients(model, x, through, plain)
    require_alike(gradients(model, x, through, checkpointed(reentrant)), wanted)


@REENTRANT
def test_layers_of_several_matrices(reentrant):
    def run(model, x, segment):
        return segment(lambda a: model(a)[0], x)

    torch.manual_seed(0)
    model = from_torch(nn.LSTM(4, 3), seeded(**NOISY), bias_rows=1)
    # Zeros at every step: the input alone does not tell the steps apart.
    for x in (torch.rand(5, 2, 4), torch.zeros(5, 2, 4)):
        wanted = gradients(model, x, run, plain)
        require_alike(gradients(model, x, run, checkpointed(reentrant)), wanted)


@REENTRANT
def test_segments_of_a_sequence(reentrant):
    torch.manual_seed(0)
    parts = [m for _ in range(4) for m in (nn.Linear(4, 4), nn.Tanh(), nn.Dropout(0.3))]
    model = from_torch(nn.Sequential(*parts), seeded(**NOISY))

    def run(model, x, segments):
        torch.manual_seed(1)
        if not segments:
            return model(x)
        return checkpoint_sequential(model, segments, x, use_reentrant=reentrant)

    wanted = gradients(model, rows(), run, None)
    for segments in (2, 4):
        require_alike(gradients(model, rows(), run, segments), wanted)


@REENTRANT
@pytest.mark.parametrize("redraw", ["step", "fixed"])
def test_training_with_arrays_that_follow(redraw, reentrant):
    def trained(segment):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4))
        model = from_torch(model, seeded(**NOISY), auto_synchronize=True, redraw=redraw)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
        for _ in range(3):
            optimizer.zero_grad()
            # Twice the same input before one backward, and an evaluation in between.
            loss = segment(model, rows().requires_grad_()).square().sum()
            with torch.no_grad():
                model(rows())
            loss = loss + segment(model, rows().requires_grad_()).square().sum()
            loss.backward()
            optimizer.step()
        held = [layer.get_matrix() for layer in analog_modules(model)]
        return [*model.parameters(), *held], counted(model)

    require_alike(trained(checkpointed(reentrant)), trained(plain))


def test_backward_twice():
    def run(segment):
        layer, x = square(), rows().requires_grad_()
        y = chain(layer, x, segment).sum()
        y.backward(retain_graph=True)
        y.backward()
        return [x.grad, layer.weight.grad], counted(layer)

    require_alike(run(checkpointed(False)), run(plain))


def test_part_of_a_backward():
    """Only the first of two alike segments is repeated."""

    def run(segment):
        layer, x = square(), rows().requires_grad_()
        first, _ = (segment(lambda a: torch.tanh(layer(a)), x) for _ in range(2))
        first.sum().backward()
        return [x.grad, layer.weight.grad], counted(layer)

    for reentrant in (True, False):
        require_alike(run(checkpointed(reentrant)), run(plain))


# -- what it costs --------------------------------------------------------------------------------


def remembered(layer):
    journal = numbers._JOURNALS.get(layer)
    return 0 if journal is None else len(journal._order)


@pytest.mark.parametrize("changes", [{}, NOISE])
def test_training_without_checkpoints_remembers_nothing(changes):
    layer = from_torch(nn.Linear(4, 4), seeded(**changes))
    layer(rows()).sum().backward()
    with torch.inference_mode():
        layer(rows())
    assert remembered(layer) == 0


def test_arrays_that_draw_nothing_remember_nothing():
    layer = from_torch(nn.Linear(4, 4), seeded(**PROGRAMMING, xbar__dac__mvm__bits=4))
    for reentrant in (True, False):
        chain(layer, rows().requires_grad_(), checkpointed(reentrant)).sum().backward()
    assert remembered(layer) == 0


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(numbers, "MEMORY", 5)
    layer = square()
    with torch.no_grad():
        for number in range(20):
            layer(rows() + number % 3)
    journal = numbers._JOURNALS[layer]
    assert remembered(layer) == 5
    assert sum(map(len, journal._calls.values())) == 5


def test_a_forward_in_a_backward_that_repeats_nothing_draws_anew():
    layer, found = square(), []
    x = rows().requires_grad_()
    y = layer(x)
    y.register_hook(lambda grad: found.append(layer(torch.ones(1, 4))) or grad)
    y.sum().backward()
    assert counted(layer) == [4]
    assert not torch.equal(found[0], layer(torch.ones(1, 4)))


def test_the_same_input_draws_anew_outside_of_a_backward():
    layer = square()
    with torch.no_grad():
        assert not torch.equal(layer(rows()), layer(rows()))
