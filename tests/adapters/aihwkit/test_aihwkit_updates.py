"""Pulsed training under autocast, with shared lines, and in another process."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from places import HELPERS, ROOT

torch = pytest.importorskip("torch")

from adapters.aihwkit.nn import AnalogConv2d, AnalogSequential  # noqa: E402
from adapters.aihwkit.nn import AnalogLinear as PulsedLinear  # noqa: E402
from adapters.aihwkit.optim import AnalogSGD  # noqa: E402
from adapters.aihwkit.simulator import configs  # noqa: E402
from simulator.update import ConstantStep, PulsedArray, PulseParameters, PulseType  # noqa: E402


def exact_or_pulsed(pulsed):
    torch.manual_seed(1)
    kinds = {True: configs.SingleRPUConfig, False: configs.FloatingPointRPUConfig}
    return PulsedLinear(64, 32, rpu_config=kinds[pulsed]())


@pytest.mark.parametrize("pulsed", [False, True])
def test_autocast_leaves_tiles_in_single_precision(pulsed):
    x, found = torch.randn(16, 64), []
    for enabled in (False, True):
        model = exact_or_pulsed(pulsed)
        opt = AnalogSGD(model.parameters(), lr=0.1)
        inputs = x.clone().requires_grad_()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            y = model(inputs)
            # Some scripts go back inside of it.
            y.square().sum().backward()
        opt.step()
        found.append((y.detach(), inputs.grad, model.get_weights()[0]))
    for plain, cast in zip(*found, strict=True):
        assert torch.equal(plain, cast)


@pytest.mark.parametrize("pulsed", [False, True])
def test_tiles_take_lazily_negated_inputs(pulsed):
    x, found = torch.randn(16, 64), []
    for given in (torch.complex(x, x).conj().imag, -x):
        model = exact_or_pulsed(pulsed)
        opt = AnalogSGD(model.parameters(), lr=0.1)
        y = model(given)
        y.backward(given[:, :32])
        opt.step()
        found.append((y.detach(), model.get_weights()[0]))
    for lazy, plain in zip(*found, strict=True):
        assert torch.equal(lazy, plain)


@pytest.mark.parametrize("kind", [PulseType.STOCHASTIC_COMPRESSED, PulseType.STOCHASTIC])
def test_moments_of_one_update_with_shared_lines(kind):
    # Slots are independent; in each, cell (i, j) steps where row i and column j both fire.
    step, relative, slots, lr, runs = 0.01, 0.3, 10, 0.1, 2000
    x, d = np.array([0.9, -0.6, 0.3, 0.5]), np.array([0.8, -0.5, 0.2])
    device = ConstantStep(
        dw_min=step, dw_min_dtod=0, dw_min_std=relative, up_down_dtod=0, w_max=5, w_min=-5,
        w_max_dtod=0, w_min_dtod=0,
    )  # fmt: skip
    pulses = PulseParameters(
        desired_bl=slots, update_management=False, update_bl_management=False, pulse_type=kind
    )
    array = PulsedArray((3, 4), device, pulses, dtype=np.float64, seed=5)
    changes = np.empty((runs, 12))
    for run in range(runs):
        array.set_weights(np.zeros((3, 4)))
        array.update(x[None], d[None], lr)
        changes[run] = array.weights.ravel()
    scale = np.sqrt(lr / (step * slots))
    p, q = np.abs(x) * scale, np.abs(d) * scale
    both = np.multiply.outer(q, p)
    means = -lr * np.multiply.outer(d, x).ravel()
    sign, sides = np.sign(means), np.sign(x)
    # Of two cells in a slot: probability that both step, less the product of their own.
    rows, columns = (np.repeat(np.arange(3), 4), np.tile(np.arange(4), 3))
    same_row, same_column = (np.equal.outer(n, n) for n in (rows, columns))
    if kind == PulseType.STOCHASTIC:
        # Rows fire anew for columns of the other sign.
        same_row &= np.equal.outer(sides[columns], sides[columns])
    rows_fire = np.where(same_row, q[rows][:, None], np.multiply.outer(q[rows], q[rows]))
    columns_fire = np.where(
        same_column, p[columns][:, None], np.multiply.outer(p[columns], p[columns])
    )
    joint = rows_fire * columns_fire - np.multiply.outer(both.ravel(), both.ravel())
    joint += relative**2 * np.diag(both.ravel())
    wanted = step**2 * slots * joint * np.multiply.outer(sign, sign)
    spread = np.sqrt(np.diag(wanted))
    assert (np.abs(changes.mean(axis=0) - means) < 4.5 * spread / np.sqrt(runs)).all()
    error = np.sqrt((wanted**2 + np.multiply.outer(spread**2, spread**2)) / runs)
    # Products of small counts are longer-tailed than those of normal numbers.
    assert (np.abs(np.cov(changes.T) - wanted) < 7 * error).all()


def trained(seed):
    """A model with all that has a random state, and what trains it."""
    torch.manual_seed(seed)
    device = configs.SoftBoundsDevice(diffusion=0.01, lifetime=100.0)
    config = configs.SingleRPUConfig(device=device)
    config.mapping.max_input_size = 7
    model = AnalogSequential(
        AnalogConv2d(1, 3, 3, rpu_config=config), torch.nn.Flatten(),
        PulsedLinear(12, 5, rpu_config=config), torch.nn.Tanh(),
        PulsedLinear(5, 2, rpu_config=config),
    )  # fmt: skip
    opt = AnalogSGD(model.parameters(), lr=0.05, momentum=0.5)
    opt.regroup_param_groups(model)
    return model, opt


def train(model, opt, first, last):
    for number in range(first, last):
        generator = torch.Generator().manual_seed(number)
        x, y = (torch.rand(*n, generator=generator) for n in ((6, 1, 4, 4), (6, 2)))
        opt.zero_grad()
        (model(x) - y).square().mean().backward()
        opt.step()
    weights = [tile.get_weights()[0] for tile in model.analog_tiles()]
    return [*weights, *(part.detach() for part in model.parameters())]


def go_on(path):
    """What a fresh process does with a saved model."""
    model, opt = trained(77)
    train(model, opt, 3, 4)
    states = torch.load(path, weights_only=True)
    for part, state in zip((model, opt), states, strict=True):
        part.load_state_dict(state)
    torch.save(train(model, opt, 4, 8), path)


def test_a_fresh_process_with_more_threads_continues_bit_for_bit(tmp_path):
    path, (model, opt) = tmp_path / "model.pt", trained(1)
    train(model, opt, 0, 4)
    torch.save((model.state_dict(), opt.state_dict()), path)
    wanted = train(model, opt, 4, 8)
    search = os.pathsep.join(map(str, (ROOT, HELPERS, Path(__file__).parent)))
    code = f"import test_aihwkit_updates; test_aihwkit_updates.go_on({str(path)!r})"
    environment = os.environ | {"PYTHONPATH": search, "OMP_NUM_THREADS": "2"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, timeout=120)
    for got, known in zip(torch.load(path, weights_only=True), wanted, strict=True):
        assert torch.equal(got, known)
