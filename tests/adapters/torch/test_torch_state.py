"""State: saved, loaded, copied; what continues is the same to the last bit, noise included."""

import contextlib
import copy
import io
import pickle
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from places import HELPERS, ROOT

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch_models import ADC, NOISE, PROGRAMMING, perceptron, seeded  # noqa: E402

from adapters.shared.saved import packed  # noqa: E402
from adapters.torch import (  # noqa: E402
    from_torch,
    new_epoch,
    reinitialize,
    synchronize,
    to_torch,
)
from adapters.torch.runtime.tensors import in_torch_order  # noqa: E402
from simulator import InputError  # noqa: E402
from simulator.backend import numpy_backend  # noqa: E402

NOISY = {**PROGRAMMING, **NOISE, **ADC}
HERE = Path(__file__).parent
CHILD = """
import sys
import torch
from torch_models import NOISE, PROGRAMMING, ADC, perceptron, seeded
from adapters.torch import from_torch
seed, source, target = sys.argv[1:]
model = from_torch(perceptron(), seeded(eval(seed), **PROGRAMMING, **NOISE, **ADC), bias_rows=1)
model.load_state_dict(torch.load(source, weights_only=True))
x = torch.linspace(-1, 1, 12).reshape(3, 4)
torch.save([model(x).detach(), model[0].get_matrix(), model(x).detach()], target)
"""


def images():
    return torch.linspace(-1, 1, 12).reshape(3, 4)


def continues_alike(one, other, x=None):
    x = images() if x is None else x
    return all(torch.equal(one(x), other(x)) for _ in range(2))


@pytest.mark.parametrize("seed", [5, None])
def test_another_process_continues_bit_for_bit(seed, tmp_path):
    model = from_torch(perceptron(), seeded(seed, **NOISY), bias_rows=1)
    model(images())
    synchronize(model)
    torch.save(model.state_dict(), tmp_path / "state")
    script = tmp_path / "child.py"
    paths = f"import sys; sys.path[:0] = [{str(HERE)!r}, {str(HELPERS)!r}, {str(ROOT)!r}]\n"
    script.write_text(paths + CHILD)
    subprocess.run(
        [sys.executable, script, repr(seed), tmp_path / "state", tmp_path / "result"], check=True
    )
    first, matrix, second = torch.load(tmp_path / "result", weights_only=True)
    assert torch.equal(model(images()), first)
    assert torch.equal(model[0].get_matrix(), matrix)
    assert torch.equal(model(images()), second)
    assert not torch.equal(first, second)


def loaded(model, **options):
    other = from_torch(perceptron(), model[0].params, **options)
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    return other


@pytest.mark.parametrize("then", [synchronize, new_epoch, reinitialize])
@pytest.mark.parametrize("redraw", ["step", "epoch", "fixed"])
def test_programming_continues_alike(then, redraw):
    model = from_torch(perceptron(), seeded(**NOISY), redraw=redraw)
    reinitialize(model)
    new_epoch(model)
    other = loaded(model, redraw=redraw)
    for m in (model, other):
        then(m)
    assert torch.equal(model[0].get_matrix(), other[0].get_matrix())
    assert continues_alike(model, other)


def test_loading_programs_nothing_anew_with_auto_synchronize():
    model = from_torch(perceptron(), seeded(**NOISY), auto_synchronize=True)
    assert continues_alike(model, loaded(model, auto_synchronize=True))


@pytest.mark.parametrize("bias_rows", [0, 1])
@pytest.mark.parametrize("assign", [False, True])
def test_a_digital_state_programs_the_arrays(assign, bias_rows):
    digital = perceptron()
    model = from_torch(perceptron(), seeded(), bias_rows=bias_rows)
    assert not model.load_state_dict(digital.state_dict(), assign=assign).missing_keys
    torch.testing.assert_close(model(images()), digital(images()))
    torch.testing.assert_close(model[0].get_core_weights()[0], digital[0].weight.detach())


def test_a_digital_bias_alone_is_programmed():
    layer = from_torch(nn.Linear(4, 3), seeded(), bias_rows=2)
    layer.load_state_dict({"bias": torch.full((3,), 0.25)}, strict=False)
    torch.testing.assert_close(layer.get_core_weights()[1], torch.full((3,), 0.25))


def test_assigned_parameters_belong_to_the_layer():
    model, other = (from_torch(perceptron(), seeded(**NOISY)) for _ in range(2))
    other.load_state_dict(model.state_dict(), assign=True)
    assert continues_alike(model, other)


def test_a_digital_model_takes_the_parameters():
    model = from_torch(perceptron(), seeded())
    digital = perceptron()
    digital.load_state_dict(to_torch(model).state_dict())
    torch.testing.assert_close(digital(images()), model(images()))


def put(*path, value):
    def edit(state):
        for key in path[:-1]:
            state = state[key]
        state[path[-1]] = value

    return edit


ARRAY = ("arrays", 0)
WRONG = {
    "no arrays": put("arrays", value=[]),
    "another shape": put(*ARRAY, "cells", 0, value=np.ones((1, 2, 3, 3))),
    "not finite": put(*ARRAY, "cells", 0, value=np.full((1, 2, 3, 5), np.nan)),
    "empty range": put(*ARRAY, "range", value=[1.0, 0.0]),
    "no vectors": put(*ARRAY, "vectors", value=-1),
    "unknown dtype": put(*ARRAY, "dtype", value="nope"),
    "complex": put(*ARRAY, "dtype", value="<c8"),
}
NO_STATES = {
    "nothing": None,
    "a number": 3,
    "another version": {"version": 99},
    "no bytes": torch.zeros(0, dtype=torch.uint8),
    "other bytes": torch.arange(100, dtype=torch.uint8),
    "infinite": torch.full((100,), torch.inf),
}


@pytest.mark.parametrize("wrong", [*WRONG, *NO_STATES])
def test_a_wrong_state_names_the_layer_and_leaves_it_whole(wrong):
    model, other = (from_torch(perceptron(), seeded()) for _ in range(2))
    state, edited = other.state_dict(), other[2].get_chip_state()
    if wrong in WRONG:
        WRONG[wrong](edited)
        state["2._extra_state"] = torch.from_numpy(packed(edited))
    else:
        state["2._extra_state"] = NO_STATES[wrong]
    with pytest.raises(InputError, match="layer '2'"):
        model.load_state_dict(state)
    # Whatever was loaded: what a layer computes is still what its parameters say.
    torch.testing.assert_close(model(images()), to_torch(model)(images()))


@pytest.mark.parametrize(
    ("saved", "loading", "rows"),
    [
        ({}, {"core__style": "OFFSET"}, (0, 0)),
        ({}, {}, (0, 1)),
        ({}, {"xbar__device__Rmax": 1e6}, (0, 0)),
        ({}, {"core__style": "BITSLICED", "core__weight_bits": 8}, (0, 0)),
    ],
)
def test_the_state_of_other_hardware_is_refused(saved, loading, rows):
    model = from_torch(perceptron(), seeded(**saved), bias_rows=rows[0])
    other = from_torch(perceptron(), seeded(**loading), bias_rows=rows[1])
    with pytest.raises((InputError, RuntimeError), match="0"):
        other.load_state_dict(model.state_dict())


def test_digital_weights_that_are_no_numbers_name_the_layer():
    model, state = from_torch(perceptron(), seeded()), perceptron().state_dict()
    state["2.weight"][0, 0] = float("nan")
    with pytest.raises((InputError, RuntimeError), match=r"'2'|2\.weight"):
        model.load_state_dict(state)


# -- copies ---------------------------------------------------------------------------------------


COPIES = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
}


@pytest.mark.parametrize("auto", [False, True])
@pytest.mark.parametrize("how", COPIES)
def test_copies_continue_alike(how, auto):
    model = from_torch(perceptron(), seeded(**NOISY), auto_synchronize=auto)
    model(images())
    other = COPIES[how](model)
    assert continues_alike(model, other)
    kept = model[0].get_matrix()
    synchronize(other)
    assert torch.equal(model[0].get_matrix(), kept)
    assert not torch.equal(other[0].get_matrix(), kept)


def test_copies_of_convolutions_continue_alike():
    model = from_torch(nn.Conv2d(4, 4, 3, padding=1, groups=2), seeded(**NOISY), bias_rows=1)
    x = torch.rand(2, 4, 4, 4)
    model(x).sum().backward()
    for how in COPIES.values():
        assert continues_alike(model, how(model), x)


def test_work_on_a_gpu_is_queued_in_the_stream_of_torch(monkeypatch):
    """Of the moment and of the device of the layer; on the CPU nothing asks for a stream."""
    queued = []

    class Backend:
        is_asynchronous, device_id = True, 3

        @contextlib.contextmanager
        def queued(self, stream):
            queued.append(stream)
            yield

    class Layer:
        core = types.SimpleNamespace(backend=Backend())

        @in_torch_order
        def work(self, value):
            return value, list(queued)

    def current(device):
        return types.SimpleNamespace(cuda_stream=100 + device)

    monkeypatch.setattr(torch.cuda, "current_stream", current)
    assert Layer().work(7) == (7, [103])
    on_cpu = Layer()
    on_cpu.core = types.SimpleNamespace(backend=numpy_backend())
    assert on_cpu.work(8) == (8, [103])
