"""Training: arrays follow the weights, and draw what they are told to draw."""

import threading

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.utils.data import DataLoader, Dataset  # noqa: E402
from torch_models import NOISE, PROGRAMMING, Nested, perceptron, seeded  # noqa: E402

from adapters.torch import (  # noqa: E402
    from_torch,
    ideal,
    new_epoch,
    reinitialize,
    synchronize,
    to_torch,
)
from simulator import ParameterError  # noqa: E402

CLOSE = {"rtol": 1e-5, "atol": 1e-6}  # float32 sums of at most a few dozen terms


def images():
    return torch.linspace(-1, 1, 12).reshape(3, 4)


def follows(model):
    x = images()
    return torch.allclose(model(x), to_torch(model)(x), **CLOSE)


def step(model):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    optimizer.zero_grad()
    model(images()).pow(2).sum().backward()
    optimizer.step()


@pytest.mark.parametrize("bias_rows", [0, 2])
def test_arrays_follow_when_they_are_synchronised(bias_rows):
    model = from_torch(perceptron(), seeded(), bias_rows=bias_rows, auto_synchronize=False)
    step(model)
    assert not follows(model)
    synchronize(model)
    assert follows(model)


@pytest.mark.parametrize("bias_rows", [0, 2])
def test_arrays_follow_by_themselves_when_asked(bias_rows):
    model = from_torch(perceptron(), seeded(), bias_rows=bias_rows, auto_synchronize=True)
    for _ in range(3):
        step(model)
        assert follows(model)


def test_arrays_that_follow_are_programmed_only_after_changes():
    layer = from_torch(nn.Linear(4, 3), seeded(**PROGRAMMING), auto_synchronize=True)
    before = layer.get_matrix()
    layer(images())
    assert torch.equal(layer.get_matrix(), before)
    with torch.no_grad():
        layer.weight.mul_(2)
    layer(images())
    assert not torch.equal(layer.get_matrix(), before)


@pytest.mark.parametrize(
    "change",
    [
        lambda w: w.data.add_(1),
        lambda w: setattr(w, "data", w.data + 1),
        lambda w: w.detach().add_(1),
    ],
    ids=["data in place", "data replaced", "detached"],
)
def test_every_way_to_change_a_weight_is_noticed(change):
    model = from_torch(perceptron(), seeded(), auto_synchronize=True)
    change(model[0].weight)
    assert follows(model)


def test_training_on_arrays_learns():
    torch.manual_seed(0)
    model = from_torch(perceptron(), seeded(**PROGRAMMING, **NOISE), auto_synchronize=True)
    x = torch.rand(64, 4)
    y = (x[:, 0] > x[:, 1]).long()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert np.mean(losses[-5:]) < 0.5 * losses[0]


# -- what is drawn --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("redraw", "same_in_epoch", "same_after"),
    [("step", False, False), ("epoch", True, False), ("fixed", True, True)],
)
def test_redraw(redraw, same_in_epoch, same_after):
    layer = from_torch(nn.Linear(4, 3), seeded(**PROGRAMMING), redraw=redraw)
    matrices = [layer.get_matrix()]
    layer.synchronize()
    matrices.append(layer.get_matrix())
    new_epoch(layer)
    layer.synchronize()
    matrices.append(layer.get_matrix())
    assert torch.equal(matrices[0], matrices[1]) == same_in_epoch
    assert torch.equal(matrices[1], matrices[2]) == same_after


@pytest.mark.parametrize("redraw", ["step", "epoch", "fixed"])
def test_a_new_chip_has_new_errors(redraw):
    layer = from_torch(nn.Linear(4, 3), seeded(**PROGRAMMING), redraw=redraw)
    matrices = [layer.get_matrix()]
    for _ in range(2):
        reinitialize(layer)
        matrices.append(layer.get_matrix())
    assert not any(torch.equal(matrices[i], matrices[j]) for i, j in [(0, 1), (1, 2), (0, 2)])


def test_torch_seed_repeats_a_model_without_seed():
    found = []
    for number in (3, 3, 4):
        torch.manual_seed(3)
        model = perceptron()
        torch.manual_seed(number)
        np.random.random(number)
        model = from_torch(model, seeded(None, **PROGRAMMING, **NOISE))
        found.append((model[0].get_matrix(), model(images())))
    for same, *others in zip(*found):
        assert torch.equal(same, others[0])
        assert not torch.equal(same, others[1])


def test_ideal_arrays_take_nothing_from_any_generator():
    model = perceptron()
    state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()
    from_torch(model, seeded(None))(images())
    assert torch.equal(state, torch.get_rng_state())
    assert np.array_equal(numpy_state, np.random.get_state()[1])


def test_a_seeded_layer_depends_on_its_name_alone():
    model = Nested()
    whole = from_torch(model, seeded(**PROGRAMMING))
    part = from_torch(model, {"classifier": seeded(**PROGRAMMING)})
    assert torch.equal(whole.classifier.get_matrix(), part.classifier.get_matrix())
    twins = nn.ModuleList([nn.Linear(4, 3), nn.Linear(4, 3)])
    twins[1].load_state_dict(twins[0].state_dict())
    twins = from_torch(twins, seeded(**PROGRAMMING))
    assert not torch.equal(twins[0].get_matrix(), twins[1].get_matrix())


# -- assignment -----------------------------------------------------------------------------------


def test_assigned_weights_are_programmed():
    layer = from_torch(nn.Linear(4, 3), seeded(), bias_rows=1)
    layer.weight = nn.Parameter(torch.full((3, 4), 7.0))
    layer.bias = nn.Parameter(torch.full((3,), 3.0))
    weight, bias = layer.get_core_weights()
    torch.testing.assert_close(weight, torch.full((3, 4), 7.0))
    torch.testing.assert_close(bias, torch.full((3,), 3.0))


@pytest.mark.parametrize("bias_rows", [0, 2])
def test_a_bias_comes_and_goes(bias_rows):
    layer = from_torch(nn.Linear(4, 3), seeded(), bias_rows=bias_rows)
    layer.bias = None
    assert follows(layer)
    layer.bias = nn.Parameter(torch.ones(3))
    assert follows(layer)


@pytest.mark.parametrize("weight", [torch.ones(5, 4), torch.full((3, 4), float("nan"))])
def test_a_weight_that_cannot_be_programmed_is_not_taken(weight):
    layer = from_torch(nn.Linear(4, 3), seeded())
    with pytest.raises(ValueError):
        layer.weight = nn.Parameter(weight)
    assert follows(layer)


def test_new_hardware_for_a_layer():
    layer = from_torch(nn.Conv2d(2, 3, 3, padding=1), seeded())
    x = torch.rand(1, 2, 5, 5)
    wanted = to_torch(layer)(x)
    layer.bias_rows = 2
    assert layer.core.shape == (3, 20)
    torch.testing.assert_close(layer(x), wanted, **CLOSE)
    layer.params = seeded(core__rows_max=4)
    assert layer.core.Ncores == 5
    torch.testing.assert_close(layer(x), wanted, **CLOSE)
    for name, value in (("bias_rows", -1), ("params", seeded(core__style="BITSLICED"))):
        with pytest.raises(ParameterError):
            setattr(layer, name, value)
        torch.testing.assert_close(layer(x), wanted, **CLOSE)
    assert layer.bias_rows == 2
    assert layer.params.core.rows_max == 4


def test_a_changed_leaf_counts_at_the_next_initialisation():
    layer = from_torch(nn.Linear(4, 3), seeded())
    layer.params.core.rows_max = 2
    layer.synchronize()
    assert layer.core.Ncores == 1
    layer.reinitialize()
    assert layer.core.Ncores == 2


# -- threads, processes, the digital model --------------------------------------------------------


class Analog(Dataset):
    """Samples that went through arrays inside the worker."""

    def __init__(self, model):
        self.model = model

    def __len__(self):
        return 8

    def __getitem__(self, i):
        with torch.no_grad():
            return self.model(torch.full((1, 4), i / 8))[0]


@pytest.mark.skipif("fork" not in torch.multiprocessing.get_all_start_methods(), reason="no fork")
def test_forked_workers_compute_the_same():
    model = from_torch(perceptron(), seeded(**PROGRAMMING))
    samples = Analog(model)
    wanted = torch.stack([samples[i] for i in range(8)])
    loader = DataLoader(
        samples, batch_size=4, num_workers=2, multiprocessing_context="fork", timeout=60
    )
    torch.testing.assert_close(torch.cat(list(loader)), wanted, **CLOSE)


def test_two_threads_at_once():
    model = from_torch(perceptron(), seeded(**PROGRAMMING))
    x = torch.rand(16, 4)
    wanted, found = model(x).detach(), []

    def work():
        for _ in range(50):
            found.append(torch.equal(model(x), wanted))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 100
    assert all(found)


def test_two_threads_never_share_a_draw():
    layer = from_torch(nn.Linear(4, 3), seeded(**NOISE))
    x, found = torch.rand(1, 4), []
    threads = [
        threading.Thread(target=lambda: found.extend(layer(x).detach() for _ in range(50)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(torch.unique(torch.cat(found), dim=0)) == 100


def test_ideal_runs_the_digital_model_for_a_while():
    model = from_torch(perceptron(), seeded(**PROGRAMMING))
    x = images()
    analog, digital = model(x), to_torch(model)(x)
    with ideal(model) as inside:
        assert inside is model
        assert torch.equal(model(x), digital)
        with ideal(model[0]):
            pass
        assert torch.equal(model(x), digital)
    assert torch.equal(model(x), analog)
    with pytest.raises(KeyError), ideal(model):
        raise KeyError
    assert torch.equal(model(x), analog)
