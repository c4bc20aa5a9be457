"""Noise of converters, mid-tread converters and pulsed training beside everything else."""

import copy
import os
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
from fading_cells import fading
from places import ROOT
from strategies import set_style

torch = pytest.importorskip("torch")

from adapters.aihwkit.nn import AnalogConv2d, AnalogSequential  # noqa: E402
from adapters.aihwkit.nn import AnalogLinear as PulsedLinear  # noqa: E402
from adapters.aihwkit.optim import AnalogSGD  # noqa: E402
from adapters.aihwkit.simulator import configs  # noqa: E402
from adapters.torch import AnalogLinear, calibrate, from_torch, report  # noqa: E402
from simulator import AnalogCore, CrossSimParameters  # noqa: E402
from simulator.converters import MidTreadADC  # noqa: E402
from simulator.converters.curves import linearity  # noqa: E402
from simulator.update import ConstantStep, PulsedArray, PulseParameters, PulseType  # noqa: E402

CODES = {
    f"xbar.{kind}.{side}.{name}": value
    for kind in ("adc", "dac")
    for side in ("mvm", "vmm")
    for name, value in (("model", f"Quantizer{kind.upper()}"), ("bits", 8))
}
CODES |= {f"xbar.adc.{side}.adc_range_option": "MAX" for side in ("mvm", "vmm")}
NOISE = {f"xbar.adc.{side}.input_noise": 0.05 for side in ("mvm", "vmm")}
FOLLOWS = {f"core.mapping.weights.{n}": v for n, v in
           (("percentile", 0.98), ("min", None), ("max", None))}  # fmt: skip
TILES = {"core.rows_max": 10, "core.cols_max": 8}
ERROR = {
    "xbar.device.programming_error.enable": True,
    "xbar.device.programming_error.model": "NormalProportionalDevice",
    "xbar.device.programming_error.magnitude": 0.05,
}


def tree(changes=None, style=None):
    p = CrossSimParameters()
    p.simulation.seed = 1
    if style:
        set_style(p, style)
    p.update(dict(changes or {}))
    return p


# -- what a path keeps when its cells change ------------------------------------------------------


def both_sides(core, x):
    return core @ x, x.T[:, : core.shape[0]] @ core


@pytest.mark.parametrize("style", [None, "unit", "offset"])
@pytest.mark.parametrize(
    "changes",
    [CODES, CODES | NOISE | TILES, FOLLOWS | NOISE, CODES | FOLLOWS | TILES | ERROR | NOISE,
     {"xbar.array.Icol_max": 1.0} | FOLLOWS | NOISE],
    ids=["codes", "noisy tiles", "range follows", "all", "limited"],
)  # fmt: skip
def test_a_core_programmed_again_is_a_new_one(changes, style):
    rng, p = np.random.default_rng(0), tree(changes, style)
    x = rng.uniform(-1, 1, (20, 13))
    held = AnalogCore(rng.normal(size=(13, 20)), p)
    both_sides(held, x)
    for scale in (3, 3, 0.2):
        matrix = scale * rng.normal(size=(13, 20))
        held.set_matrix(matrix, draw=5)
        new = AnalogCore(matrix, p)
        new.set_matrix(matrix, draw=5)
        new._numbers.count = held._numbers.count
        other = AnalogCore(np.ones((13, 20)), p)
        both_sides(other, x)
        other.set_state(held.get_state())
        copies = new, other, copy.deepcopy(held), pickle.loads(pickle.dumps(held))
        wanted = both_sides(held, x)
        for found in copies:
            for got, side in zip(both_sides(found, x), wanted, strict=True):
                np.testing.assert_array_equal(got, side)


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("mode", ["none", "global", "per_tile"])
def test_gains_of_another_time_do_not_stay(mode, several):
    p = fading(simulation__drift_compensation=mode)
    p.update(CODES | NOISE | TILES)
    rng = np.random.default_rng(0)
    x, first, second = (rng.uniform(-1, 1, shape) for shape in ((20, 13), (13, 20), (13, 20)))
    if several:
        trees = [p.copy() for _ in range(AnalogCore(first, p).Ncores)]
        for number, own in enumerate(trees):
            own.xbar.adc.mvm.input_noise *= 1 + number
        p = trees
    held = AnalogCore(first, p)
    both_sides(held, x)
    held.time = 50.0
    both_sides(held, x)
    held.set_matrix(second / 2, draw=3)
    both_sides(held, x)
    held.time = 500.0
    new = AnalogCore(second / 2, p)
    new.set_matrix(second / 2, draw=3)
    new.time = 500.0
    new._numbers.count = held._numbers.count
    for got, wanted in zip(both_sides(held, x), both_sides(new, x), strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_parameters_keep_noise_and_steps_in_every_file(tmp_path):
    p = tree({"xbar.adc.mvm.model": "MidTreadADC", "xbar.adc.mvm.input_noise": 0.25})
    p.xbar.adc.mvm.resolution = 1 / 126
    p.xbar.adc.mvm.calibrated_range = [-3, 3]
    p.to_yaml(tmp_path / "p.yaml")
    p.to_json(tmp_path / "p.json")
    for back in (
        CrossSimParameters.from_yaml(tmp_path / "p.yaml"),
        CrossSimParameters.from_json(tmp_path / "p.json"),
        pickle.loads(pickle.dumps(p)),
    ):
        adc = back.xbar.adc.mvm
        assert back == p
        assert (adc.model, adc.input_noise, adc.resolution) == ("MidTreadADC", 0.25, 1 / 126)


# -- layers of torch ------------------------------------------------------------------------------

SHAPES = {
    "rows": lambda x: x,
    "turned": lambda x: x.transpose(0, 1),
    "every second": lambda x: x[:, ::2],
    "one": lambda x: x[0, 0],
    "none": lambda x: x[:0],
    "repeated": lambda x: x[0, 0].expand(4, 37),
    "conjugated": lambda x: torch.complex(x, x).conj().imag,
    "double": lambda x: x.double(),
    "half": lambda x: x.half(),
}


@pytest.mark.parametrize("changes", [CODES | ERROR, NOISE, CODES | NOISE | TILES])
@pytest.mark.parametrize("bias_rows", [0, 2])
def test_a_layer_gives_what_its_core_gives(changes, bias_rows):
    torch.manual_seed(0)
    layer = AnalogLinear(tree(changes), 37, 50, bias_rows=bias_rows)
    values = torch.rand(6, 5, 37) * 2 - 1
    for make in SHAPES.values():
        x, by_core = make(values), copy.deepcopy(layer).core
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            got = copy.deepcopy(layer)(x)
        rows = x.resolve_neg().reshape(-1, 37).to(torch.promote_types(x.dtype, torch.float32))
        lines = np.concatenate(
            [rows.numpy(), np.ones((len(rows), bias_rows), rows.numpy().dtype)], 1
        )
        wanted = torch.from_numpy(np.ascontiguousarray((by_core.matmat(lines.T)).T))
        if not bias_rows:
            wanted = wanted + layer.bias.detach()
        assert (got.dtype, got.shape) == (x.dtype, (*x.shape[:-1], 50))
        # Sums of torch and NumPy round apart: a code is another in a few places at most.
        apart = (got.detach().reshape(-1, 50).double() - wanted.double()).abs()
        limit = 4e-3 if x.dtype == torch.half else 1e-5
        assert (apart > limit).double().mean().nan_to_num() <= 2e-3


def test_noise_of_converters_has_its_size_in_layers():
    torch.manual_seed(0)
    cases = ((torch.nn.Linear(40, 60), torch.rand(100, 40)),
             (torch.nn.Conv2d(3, 16, 3), torch.rand(10, 3, 10, 10)))  # fmt: skip
    for digital, x in cases:
        noisy, plain = (from_torch(digital, tree(c)) for c in (NOISE, {}))
        device = noisy.core.params.xbar.device
        unit = noisy.core.max / (1 - device.Rmin / device.Rmax)
        found = ((noisy(x) - plain(x)).detach().double() / (0.05 * unit)).numpy()
        # Four standard deviations of the estimates.
        assert abs(found.mean()) < 4 / np.sqrt(found.size)
        assert abs(found.var() - 1) < 4 * np.sqrt(2 / found.size)


# -- calibration ----------------------------------------------------------------------------------


def perceptron():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(20, 30), torch.nn.ReLU(), torch.nn.Linear(30, 10))


def steps(bits, noise=0.0):
    p = tree({"xbar.adc.mvm.adc_range_option": "MAX", "xbar.adc.mvm.input_noise": noise})
    for node, kind in ((p.xbar.adc.mvm, "ADC"), (p.xbar.dac.mvm, "DAC")):
        node.model, node.bits, node.resolution = f"MidTread{kind}", bits, 1 / 126
    return p


@pytest.mark.parametrize("bits", [0, 8])
def test_mid_tread_converters_are_calibrated_whatever_their_bits(bits):
    x = 5 * torch.randn(200, 20)
    model = from_torch(perceptron(), steps(bits))
    found = calibrate(model, [x])
    plain = from_torch(perceptron(), tree())
    with torch.no_grad():
        hidden = plain[1](plain[0](x))
    for ranges, seen in zip(found.layers, (x, hidden), strict=True):
        assert ranges.dac_bits == ranges.adc_bits == 7
        # What comes to the second layer is what the first gives without converters.
        top = np.percentile(np.abs(seen.numpy()), [99.8, 100])
        assert top[0] <= ranges.inputs[1] <= top[1] * (1 + 1e-6)
        assert ranges.outputs[0] == -ranges.outputs[1]
    lines = report(model, [x]).layers
    assert all(line.adc_levels == 127 and line.snr > 20 for line in lines)


def test_noise_of_converters_moves_no_input_range():
    x = 5 * torch.randn(200, 20)
    ranges = [
        [layer.inputs for layer in calibrate(from_torch(perceptron(), p), [x]).layers]
        for p in (steps(8), steps(8, noise=0.3))
    ]
    assert ranges[0] == ranges[1]


def test_mid_tread_dacs_mask_gradients_beyond_their_range():
    p = steps(0)
    limits = p.core.mapping.inputs.mvm
    limits.percentile, limits.min, limits.max = None, -1.0, 1.0
    torch.manual_seed(0)
    layer = AnalogLinear(p, 3, 4)
    layer.clip_gradient = True
    x = torch.tensor([[0.5, 2.0, -2.0]], requires_grad=True)
    layer(x).sum().backward()
    assert (x.grad != 0).tolist() == [[True, False, False]]


def test_curves_of_mid_tread_converters_show_every_code():
    curve = linearity(MidTreadADC(resolution=1 / 126), -1.0, 1.0)
    assert len(curve.levels) == 125 or len(curve.levels) == 127
    # Codes have one width but for the samples at their edges.
    assert np.abs(curve.dnl).max() < 0.05


# -- pulsed training ------------------------------------------------------------------------------


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
    search = os.pathsep.join((str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "helpers")))
    code = f"import test_review_pulses; test_review_pulses.go_on({str(path)!r})"
    environment = os.environ | {"PYTHONPATH": search, "OMP_NUM_THREADS": "2"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, timeout=120)
    for got, known in zip(torch.load(path, weights_only=True), wanted, strict=True):
        assert torch.equal(got, known)
