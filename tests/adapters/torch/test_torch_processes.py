"""Two processes under DistributedDataParallel: one chip, and noise that no two of them share."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from places import HELPERS, ROOT

torch = pytest.importorskip("torch")

from torch import distributed, nn  # noqa: E402
from torch_models import ADC, NOISE, PROGRAMMING, perceptron, seeded  # noqa: E402

from adapters.torch import (  # noqa: E402
    analog_modules,
    from_torch,
    new_epoch,
    share_chips,
    synchronize,
)
from adapters.torch.runtime import numbering  # noqa: E402
from simulator import AnalogCore, OhmCoreWarning  # noqa: E402

pytestmark = pytest.mark.skipif(
    not (distributed.is_available() and distributed.is_gloo_available()), reason="no gloo"
)
PROCESSES = 2
HERE = Path(__file__).parent
MISMATCH = {**ADC, "xbar__adc__mvm__model": "RampADC", "xbar__adc__mvm__gain_db": 60.0,
            "xbar__adc__mvm__sigma_comparator": 0.02,
            "xbar__adc__mvm__sigma_capacitor": 0.02}  # fmt: skip
SEEDS = {"seed": 8, "no seed": None}
MODES = [("step", False), ("step", True), ("epoch", True)]


# -- what every process does ----------------------------------------------------------------------


def converted(seed, rank, changes, **options):
    """One digital model; torch's generator stands elsewhere in every process."""
    torch.manual_seed(0)
    digital = perceptron()
    torch.manual_seed(rank)
    return from_torch(digital, seeded(seed, **changes), **options)


def matrices(model):
    return [layer.get_matrix() for layer in model if hasattr(layer, "get_matrix")]


def image():
    return torch.linspace(-1, 1, 4).reshape(1, 4)


def outputs(model, count=20):
    return torch.cat([model(image()).detach() for _ in range(count)])


def trained(rank, redraw, auto):
    """Matrices, weights and outputs after some steps on data that differ between processes."""
    changes = {**PROGRAMMING, **NOISE}
    model = converted(None, rank, changes, redraw=redraw, auto_synchronize=auto)
    parallel = nn.parallel.DistributedDataParallel(model)
    optimizer = torch.optim.Adam(parallel.parameters(), lr=0.05)
    found = []
    for epoch in range(2):
        for step in range(2):
            x = torch.full((3, 4), 0.1 + rank + step + epoch)
            optimizer.zero_grad()
            parallel(x).square().mean().backward()
            optimizer.step()
            if not auto:
                synchronize(parallel)
            found += matrices(model)
        new_epoch(parallel)
    parallel(x)
    return {"matrices": [*found, *matrices(model)], "weights": list(model.state_dict().values())[0]}


def early(rank, changes):
    """A model that was converted before the processes knew of each other."""
    model = converted(None, rank, changes)
    model(image())
    return model


def work(rank, folder):
    """All that one process does; the results go to a file."""
    models = {name: early(rank, c) for name, c in (("noise", NOISE), ("errors", PROGRAMMING))}
    models["undrawn"] = converted(None, rank, {**NOISE, **MISMATCH})
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=PROCESSES
    )
    found = {"apart": matrices(models["errors"])}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(2):
            models["errors"](image())
    found["warnings"] = [str(w.message) for w in caught if w.category is OhmCoreWarning]
    for model in models.values():
        share_chips(model)
    found["together"] = matrices(models["errors"])
    for name, model in models.items():
        states = [layer.get_chip_state() for layer in analog_modules(model)]
        found[f"seeds of {name}"] = [s["arrays"][0]["seed"] for s in states]
    for name, seed in SEEDS.items():
        model = converted(seed, rank, {**PROGRAMMING, **NOISE, **MISMATCH})
        found[f"matrices, {name}"] = matrices(model)
        found[f"outputs, {name}"] = outputs(model)
        # Codes, without noise: what was fabricated differs where chips do.
        found[f"codes, {name}"] = outputs(converted(seed, rank, MISMATCH), 1)
    for redraw, auto in MODES:
        found[f"trained, {redraw}, {auto}"] = trained(rank, redraw, auto)
    distributed.barrier()
    distributed.destroy_process_group()
    torch.save(found, f"{folder}/{rank}")


SCRIPT = """
import sys
sys.path[:0] = sys.argv[3:]
import torch
torch.set_num_threads(1)
import test_torch_processes
test_torch_processes.work(int(sys.argv[1]), sys.argv[2])
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """The results of both processes."""
    folder = tmp_path_factory.mktemp("processes")
    command = [sys.executable, "-c", SCRIPT]
    places = [folder, HERE, HELPERS, ROOT]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    running = [
        subprocess.Popen([*command, str(rank), *places], stderr=subprocess.PIPE, env=environment)
        for rank in range(PROCESSES)
    ]
    errors = [process.communicate(timeout=120)[1].decode() for process in running]
    for process, text in zip(running, errors, strict=True):
        assert process.returncode == 0, text
    return [torch.load(folder / str(rank), weights_only=True) for rank in range(PROCESSES)]


# -- what must hold -------------------------------------------------------------------------------


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("name", SEEDS)
def test_all_processes_have_one_chip(found, name):
    first, second = found
    for what in ("matrices", "codes"):
        assert same(first[f"{what}, {name}"], second[f"{what}, {name}"])


@pytest.mark.parametrize("name", SEEDS)
def test_no_two_processes_share_noise(found, name):
    first, second = (f[f"outputs, {name}"] for f in found)
    # Codes repeat by chance, whole runs of them do not.
    assert not torch.equal(first, second)
    hits = (first[:, None] == second[None]).all(2).float().mean()
    assert hits < 0.5


def test_the_first_process_computes_what_a_single_one_does(found):
    model = converted(8, 5, {**PROGRAMMING, **NOISE, **MISMATCH})
    assert same(matrices(model), found[0]["matrices, seed"])
    torch.testing.assert_close(outputs(model), found[0]["outputs, seed"])


@pytest.mark.parametrize(("redraw", "auto"), MODES)
def test_arrays_stay_alike_through_training(found, redraw, auto):
    first, second = (f[f"trained, {redraw}, {auto}"] for f in found)
    assert torch.equal(first["weights"], second["weights"])
    assert same(first["matrices"], second["matrices"])
    assert not torch.equal(first["matrices"][0], first["matrices"][2])


def test_chips_of_their_own_are_noticed_and_shared(found):
    first, second = found
    assert not same(first["apart"], second["apart"])
    for one in found:
        assert len(one["warnings"]) == 1
        assert "share_chips" in one["warnings"][0]
    assert same(first["together"], second["together"])
    assert same(first["together"], first["apart"])
    for name in ("noise", "errors", "undrawn"):
        seeds = first[f"seeds of {name}"]
        assert None not in seeds
        assert seeds == second[f"seeds of {name}"]


@pytest.mark.parametrize("rank", [1, 5])
def test_every_process_counts_in_a_range_of_its_own(rank, monkeypatch):
    models = [converted(8, 0, {**PROGRAMMING, **NOISE}) for _ in range(2)]
    first = outputs(models[0], 3)
    models[1][0].core._numbers.count = models[1][2].core._numbers.count = 3
    # What a single process would draw there, in the life of one core.
    for layer in models[0]:
        if hasattr(layer, "core"):
            layer.core._numbers.count = (rank << numbering.VECTOR_BITS) + 3
    wanted = outputs(models[0], 3)
    monkeypatch.setattr(numbering, "process_rank", lambda: rank)
    assert torch.equal(outputs(models[1], 3), wanted)
    assert not (first[:, None] == wanted[None]).any()
    # Counters of a state belong to no process.
    assert models[1][0].get_chip_state()["arrays"][0]["vectors"] == 6


def test_a_core_asks_only_for_what_it_draws():
    asked = []

    def given(count_on):
        asked.append(count_on())
        return 7

    matrix, x = np.ones((2, 3)), np.ones((3, 2))
    core = AnalogCore(matrix, seeded(**NOISE), numbering=given)
    repeated = [core @ x for _ in range(2)]
    assert asked == [0, 2]
    assert np.array_equal(*repeated)
    AnalogCore(matrix, seeded(**ADC), numbering=given) @ x
    assert asked == [0, 2]


def test_a_single_process_shares_with_nobody():
    model = from_torch(perceptron(), seeded(None, **PROGRAMMING))
    before, state = matrices(model), torch.get_rng_state()
    share_chips(model)
    assert same(before, matrices(model))
    assert torch.equal(state, torch.get_rng_state())
