"""Arrays follow the weights of their layer, whoever changes them and however."""

import copy

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.func import functional_call  # noqa: E402
from torch.optim.swa_utils import AveragedModel  # noqa: E402
from torch_models import PROGRAMMING, seeded  # noqa: E402

from adapters.torch import from_torch, synchronize, to_torch  # noqa: E402
from simulator import AnalogCore  # noqa: E402


@pytest.fixture
def programmings(monkeypatch):
    counts, program = [], AnalogCore.set_matrix

    def counted(self, *args, **more):
        counts.append(self)
        return program(self, *args, **more)

    monkeypatch.setattr(AnalogCore, "set_matrix", counted)
    return counts


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))


X = torch.linspace(-1, 1, 60).reshape(10, 6)
Y = torch.arange(10) % 3


def train(model, steps, after=lambda model: None, make=torch.optim.SGD, lr=0.5, parts=1):
    optimizer, losses = make(model.parameters(), lr=lr), []
    for _ in range(steps):
        optimizer.zero_grad()
        for x, y in zip(X.chunk(parts), Y.chunk(parts), strict=True):
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
        losses.append(loss.item())
        optimizer.step()
        after(model)
    return losses


def in_step(model, x=X):
    torch.testing.assert_close(model(x), to_torch(model)(x))


def test_training_without_synchronize_is_training_with_it():
    seen = []
    for after in (lambda model: None, synchronize):
        model = from_torch(network(), seeded(**PROGRAMMING))
        seen.append((train(model, 5, after), model(X), model[0].get_matrix()))
    assert seen[0][0] == seen[1][0]
    assert torch.equal(seen[0][1], seen[1][1])
    assert torch.equal(seen[0][2], seen[1][2])


def test_it_learns():
    losses = train(from_torch(network(), seeded()), 60)
    stale = from_torch(network(), seeded(), auto_synchronize=False)
    before = stale[0].get_matrix()
    train(stale, 3)
    assert losses == pytest.approx(train(network(), 60), rel=1e-4)
    assert losses[-1] < 0.9 * losses[0]
    assert torch.equal(stale[0].get_matrix(), before)  # as in CrossSim


@pytest.mark.parametrize("after", [lambda model: None, synchronize])
@pytest.mark.parametrize("parts", [1, 5])
def test_one_programming_a_step(programmings, after, parts):
    model = from_torch(network(), seeded())
    programmings.clear()
    train(model, 4, after, parts=parts)
    model(X), model.eval()(X), model(X)
    assert len(programmings) == 4 * 2


def data_step(model):
    for parameter in model.parameters():
        parameter.data.sub_(0.1)


def no_grad_step(model):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(0.5)


def replaced_data(model):
    for parameter in model.parameters():
        parameter.data = parameter.data + 1


def swapped_values(model):
    model[0].weight.data.copy_(model[0].weight.data.flip(0))


def negated(model):
    model[0].weight.data.neg_()


CHANGES = [data_step, no_grad_step, replaced_data, swapped_values, negated]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("size", [6, 300])
def test_every_change_in_training_is_seen(change, size):
    torch.manual_seed(0)
    model = from_torch(nn.Sequential(nn.Linear(size, 64)), seeded())
    model(torch.ones(1, size))
    change(model)
    in_step(model, torch.rand(2, size))


@pytest.mark.parametrize("change", CHANGES)
def test_the_first_look_after_training_sees_every_change(change):
    model = from_torch(network(), seeded())
    model(X)
    change(model)
    in_step(model.eval())


@pytest.mark.parametrize("size", [1, 3, 8191, 8192, 8195, 100_003])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_a_trace_tells_values_that_change_or_change_places(size, dtype):
    from adapters.torch.runtime.traces import trace

    values = torch.arange(size + 1).to(dtype)[1:]
    before = trace(values)
    assert torch.equal(trace(values.clone()), before)
    for place in {0, size // 2, size - 1}:
        other = values.clone()
        other[place] += 1000
        assert not torch.equal(trace(other), before)
    if size > 1:
        assert not torch.equal(trace(values.flip(0)), before)


OPTIMIZERS = {
    "foreach": lambda p, lr: torch.optim.Adam(p, lr, foreach=True),
    "fused": lambda p, lr: torch.optim.Adam(p, lr, fused=True),
    "loop": lambda p, lr: torch.optim.Adam(p, lr, foreach=False),
    "momentum": lambda p, lr: torch.optim.SGD(p, lr, momentum=0.9),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers(name, programmings):
    model = from_torch(network(), seeded())
    programmings.clear()
    train(model, 3, make=OPTIMIZERS[name], lr=0.01)
    in_step(model)
    assert len(programmings) == 6


def test_averaged_models():
    model = from_torch(network(), seeded())
    averaged = AveragedModel(model)
    train(model, 3, after=averaged.update_parameters)
    in_step(averaged.module)


def test_other_weights_in_functional_call():
    model = from_torch(network(), seeded())
    for kind in (torch.Tensor, nn.Parameter):
        other = {name: p.detach() * 2 for name, p in model.named_parameters()}
        if kind is nn.Parameter:
            other = {name: nn.Parameter(p) for name, p in other.items()}
        torch.testing.assert_close(
            functional_call(model, other, X), functional_call(to_torch(model), other, X)
        )
        in_step(model)


def test_moving_programs_nothing(programmings):
    model = from_torch(network(), seeded(**PROGRAMMING))
    programmings.clear()
    model(X)
    model.to("cpu").double()(X.double())
    model.float()(X)
    copy.deepcopy(model)(X)
    model.eval()(X)
    model.train()(X)
    assert not programmings


def test_what_stays_digital_is_named():
    model = nn.Sequential(nn.Linear(3, 3), nn.Bilinear(3, 3, 2), nn.Embedding(3, 3))
    with pytest.warns(RuntimeWarning, match=r"'1' \(Bilinear: no analog counterpart\)") as told:
        from_torch(model, seeded())
    assert len(told) == 1
    assert "Embedding" not in str(told[0].message)
    assert told[0].filename == __file__


class Unknown(nn.Module):
    def __init__(self):
        super().__init__()
        self.matrix = nn.Parameter(torch.ones(2, 2))

    def forward(self, x):
        return x @ self.matrix


class Other(nn.Linear):
    def forward(self, x):
        return super().forward(x) ** 2


STAY = {
    "no analog counterpart": Unknown,
    "computes something else": lambda: Other(2, 2),
    "scripted": lambda: torch.jit.script(nn.Linear(2, 2)),
    "lazy": lambda: nn.LazyLinear(2),
    "meta device": lambda: nn.Linear(2, 2, device="meta"),
    "torch.complex64": lambda: nn.Linear(2, 2, dtype=torch.complex64),
}


@pytest.mark.filterwarnings("ignore:.*jit.script.*", "ignore:Lazy modules")
@pytest.mark.parametrize("reason", STAY)
def test_converting_nothing_is_an_error_unless_asked_for(reason):
    model = nn.Sequential(STAY[reason](), nn.ReLU())
    with pytest.raises(ValueError, match=f"{reason}.*allow_digital=True"):
        from_torch(model, seeded())
    digital = from_torch(model, seeded(), allow_digital=True)
    assert len(digital) == 2


@pytest.mark.filterwarnings("ignore:.*quantiz.*", "ignore:.*torch.ao.*", "ignore::FutureWarning")
def test_quantised_layers_are_named():
    if "none" in torch.backends.quantized.engine:
        pytest.skip("this build of torch quantises nothing")
    quantised = torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(2, 2)))
    with pytest.raises(ValueError, match="'0' .*is quantised"):
        from_torch(quantised, seeded())


def test_what_has_no_effect_says_so():
    from adapters.torch import new_epoch, reinitialize, set_time

    for act in (synchronize, new_epoch):
        act(network())  # one loop trains both
    for act in (reinitialize, lambda model: set_time(model, 1.0)):
        with pytest.warns(RuntimeWarning, match="no analog layers"):
            act(network())
