"""torch.compile of models with analog layers: the same results, gradients and noise."""

import copy
import shutil
import warnings

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch_models import ADC, NOISE, PROGRAMMING, Nested, seeded  # noqa: E402

from adapters.torch import analog_modules, from_torch, synchronize  # noqa: E402

CLOSE = {"rtol": 1e-5, "atol": 1e-6}  # float32 sums of at most a few dozen terms
needs_compiler = pytest.mark.skipif(not shutil.which("g++"), reason="inductor needs g++")
HARDWARE = {"ideal": {}, "errors": PROGRAMMING, "noise": {**PROGRAMMING, **NOISE, **ADC}}
INDUCTOR = [pytest.mark.slow, needs_compiler]
CASES = [
    ("eager", "noise", True),
    ("aot_eager", "ideal", False),
    ("aot_eager", "errors", True),
    ("aot_eager", "noise", False),
    pytest.param("inductor", "ideal", True, marks=INDUCTOR),
    pytest.param("inductor", "noise", False, marks=INDUCTOR),
]


@pytest.fixture(autouse=True)
def fresh():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


class Mixed(nn.Module):
    """Analog layers among digital operations that a compiler would like to fuse."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(4, 6), nn.Linear(6, 3)
        self.norm = nn.LayerNorm(6)

    def forward(self, x):
        x = torch.tanh(self.first(torch.sin(x) * 2) + 1)
        return torch.softmax(self.last(self.norm(x) * x), -1)


def run(model, x, count=2):
    """Results and gradients of some calls, and what the arrays hold after training steps."""
    optimizer, found = torch.optim.SGD(model.parameters(), lr=0.1), []
    for _ in range(count):
        optimizer.zero_grad()
        leaf = x.clone().requires_grad_()
        y = model(leaf)
        y.square().sum().backward()
        found += [y.detach(), leaf.grad, *(p.grad.clone() for p in model.parameters())]
        optimizer.step()
        synchronize(model)
    return found + [layer.get_matrix() for layer in analog_modules(model)]


def compiled_alike(model, x, backend):
    other = copy.deepcopy(model)
    wanted = run(model, x)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = run(torch.compile(other, backend=backend), x)
    for one, another in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, another, **CLOSE)
    # Torch warns of its own old parts while it compiles.
    own = (DeprecationWarning, FutureWarning)
    return [str(w.message) for w in caught if not issubclass(w.category, own)]


@pytest.mark.parametrize(("backend", "hardware", "auto"), CASES)
def test_compiled_models_compute_the_same(backend, hardware, auto):
    torch.manual_seed(0)
    model = from_torch(Mixed(), seeded(**HARDWARE[hardware]), auto_synchronize=auto, bias_rows=1)
    assert compiled_alike(model, torch.rand(5, 4), backend) == []


def test_compiled_networks_compute_the_same():
    torch.manual_seed(0)
    model = from_torch(Nested(), seeded(**NOISE, **PROGRAMMING))
    compiled_alike(model, torch.rand(2, 1, 6, 6), "aot_eager")


def test_steps_do_not_compile_anew():
    counters = torch._dynamo.utils.counters
    torch.manual_seed(0)
    model = from_torch(Mixed(), seeded(**NOISE, **PROGRAMMING), auto_synchronize=True)
    compiled, x = torch.compile(model, backend="eager"), torch.rand(5, 4)
    run(compiled, x, 2)
    before = counters["stats"]["unique_graphs"]
    run(compiled, x, 6)
    assert counters["stats"]["unique_graphs"] == before > 0


def test_a_compiled_model_is_saved_and_loaded():
    torch.manual_seed(0)
    model = from_torch(Mixed(), seeded(**NOISE, **PROGRAMMING))
    compiled = torch.compile(model, backend="eager")
    x = torch.rand(5, 4)
    compiled(x)
    other = torch.compile(copy.deepcopy(model), backend="eager")
    other.load_state_dict(compiled.state_dict())
    assert torch.equal(compiled(x), other(x))
