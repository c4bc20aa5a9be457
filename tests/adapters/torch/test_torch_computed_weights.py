"""Weights that are computed from others: arrays hold the result, training has the sources."""

import copy

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn.utils import parametrizations, parametrize, prune  # noqa: E402
from torch_models import PROGRAMMING, seeded  # noqa: E402

from adapters.torch import AnalogLayer, from_torch, synchronize, to_torch  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


class Doubled(nn.Module):
    """A parametrisation of a user."""

    def forward(self, weight):
        return 2 * weight


class Named(nn.Linear):
    """A subclass of a user, with a method of its own."""

    def greet(self):
        return f"{self.in_features} inputs"


# Power iterations enough to converge: torch's own layers take another number of them in a forward.
FORMS = {
    "weight_norm, hook": nn.utils.weight_norm,
    "weight_norm": parametrizations.weight_norm,
    "spectral_norm, hook": lambda m, n: nn.utils.spectral_norm(m, n, n_power_iterations=50),
    "spectral_norm": lambda m, n: parametrizations.spectral_norm(m, n, n_power_iterations=50),
    "orthogonal": parametrizations.orthogonal,
    "pruned": lambda m, n: prune.l1_unstructured(m, n, 0.4),
    "pruned twice": lambda m, n: prune.random_unstructured(
        prune.l1_unstructured(m, n, 0.3), n, 0.3
    ),
    "own": lambda m, n: parametrize.register_parametrization(m, n, Doubled()),
}
LAYERS = {
    "linear": (lambda: nn.Linear(4, 3), "weight", (5, 4)),
    "subclass": (lambda: Named(4, 3), "weight", (5, 4)),
    "conv1d": (lambda: nn.Conv1d(4, 2, 3, groups=2), "weight", (2, 4, 5)),
    "conv2d": (lambda: nn.Conv2d(2, 3, 3, padding=1), "weight", (2, 2, 5, 5)),
    "transposed": (lambda: nn.ConvTranspose1d(4, 2, 3), "weight", (2, 4, 5)),
    "rnn": (lambda: nn.RNN(4, 3), "weight_ih_l0", (6, 2, 4)),
    "lstm": (lambda: nn.LSTM(4, 3), "weight_hh_l0", (6, 2, 4)),
    "lstm cell": (lambda: nn.LSTMCell(4, 3), "weight_hh", (2, 4)),
    "attention": (lambda: nn.MultiheadAttention(4, 2), "in_proj_weight", (3, 2, 4)),
}  # fmt: skip


@pytest.fixture(params=LAYERS)
def layer(request):
    return request.param


@pytest.fixture(params=FORMS)
def form(request):
    return request.param


def digital(layer, form):
    torch.manual_seed(0)
    make, name, shape = LAYERS[layer]
    model = nn.Sequential(make().double())
    FORMS[form](model[0], name)
    return model, torch.rand(shape).double()


def run(model, x):
    y = model[0](x, x, x) if isinstance(model[0], nn.MultiheadAttention) else model(x)
    return y[0] if isinstance(y, tuple) else y


def alike(a, b):
    torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-9)


def trained(model, x, steps, rate=0.02, after=lambda model: None):
    optimizer = torch.optim.SGD(model.parameters(), rate)
    for _ in range(steps):
        optimizer.zero_grad()
        (run(model, x) ** 2).sum().backward()
        optimizer.step()
        after(model)
    return [None if p.grad is None else p.grad for p in model.parameters()]


@pytest.mark.parametrize("explicit", [True, False])
def test_training_is_that_of_the_digital_model(layer, form, explicit):
    model, x = digital(layer, form)
    analog = from_torch(model, seeded())
    names = [name for name, _ in model.named_parameters()]
    assert [name for name, _ in analog.named_parameters()] == names
    wanted = trained(model, x, 3)
    got = trained(analog, x, 3, after=synchronize if explicit else lambda model: None)
    for name, want, have in zip(names, wanted, got, strict=True):
        assert (want is None) == (have is None), name
        if want is not None:
            alike(have, want)
    alike(run(analog.eval(), x), run(model.eval(), x))


def test_states_copies_and_the_way_back(layer, form):
    model, x = digital(layer, form)
    analog = from_torch(model, seeded(**PROGRAMMING))
    trained(analog, x, 2)
    analog.eval()
    wanted = run(analog, x)
    other = from_torch(model, seeded(**PROGRAMMING)).eval()
    other.load_state_dict(analog.state_dict())
    alike(run(other, x), wanted)
    alike(run(copy.deepcopy(analog), x), wanted)
    alike(run(to_torch(analog, physical_weights=True).eval(), x), wanted)
    back = to_torch(analog).eval()
    assert not any(isinstance(m, AnalogLayer) for m in back.modules())
    model.load_state_dict({k: v for k, v in analog.state_dict().items() if "_extra" not in k})
    alike(run(back, x), run(model.eval(), x))


def test_the_given_model_is_not_changed(layer, form):
    model, _ = digital(layer, form)
    before = {name: values.clone() for name, values in model.state_dict().items()}
    from_torch(model, seeded())
    for name, values in model.state_dict().items():
        assert torch.equal(values, before[name]), name


@pytest.mark.parametrize("form", ["weight_norm", "weight_norm, hook", "pruned", "own"])
def test_a_step_programs_once(layer, form, monkeypatch):
    from simulator import AnalogCore

    model, x = digital(layer, form)
    counts, program = [], AnalogCore.set_matrix
    monkeypatch.setattr(
        AnalogCore, "set_matrix", lambda *args, **more: (counts.append(1), program(*args, **more))
    )
    for after in (synchronize, lambda model: None):
        analog = from_torch(model, seeded())
        arrays = len(analog[0].arrays)
        run(analog, x)
        counts.clear()
        trained(analog, x, 3, after=after)
        run(analog, x)
        assert len(counts) == 3 * arrays


def test_pruning_an_analog_layer():
    analog, x = from_torch(nn.Sequential(nn.Linear(4, 3)), seeded()), torch.rand(2, 4)
    prune.l1_unstructured(analog[0], "weight", 0.5)
    torch.testing.assert_close(analog(x), to_torch(analog)(x))
    assert int((analog[0].get_matrix() == 0).sum()) == 6
    prune.remove(analog[0], "weight")
    torch.testing.assert_close(analog(x), to_torch(analog)(x))


def test_a_subclass_keeps_its_methods_and_its_class_on_the_way_back():
    import pickle

    analog = from_torch(nn.Sequential(Named(4, 3)), seeded())
    assert analog[0].greet() == "4 inputs"
    assert isinstance(analog[0], Named)
    again = pickle.loads(pickle.dumps(analog))
    assert again[0].greet() == "4 inputs"
    assert type(to_torch(analog)[0]) is Named
