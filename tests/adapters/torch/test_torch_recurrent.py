"""Recurrent layers on arrays: the digital layer on ideal hardware, and the law of its gradients."""

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hypothesis import example, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from recurrent_layers import (  # noqa: E402
    CELLS,
    INPUTS,
    KINDS,
    UNITS,
    Call,
    cells,
    gradients,
    sequences,
)
from torch import nn  # noqa: E402
from torch_models import ADC, DAC, NOISE, PROGRAMMING, forced, seeded  # noqa: E402

from adapters.torch import AnalogLSTM, AnalogRNN, from_torch, to_torch  # noqa: E402
from adapters.torch.layers.gates import GATES  # noqa: E402
from adapters.torch.layers.recurrent import AnalogRecurrent  # noqa: E402
from simulator import AnalogCore  # noqa: E402

# Float64 sums of a few dozen terms in another order, through a few steps.
CLOSE = {"rtol": 1e-10, "atol": 1e-12}
# Ideal, and wide enough for every input; whatever torch could compute has to be unrolled.
HARDWARE = {"ideal": {}, "limit": {"xbar__array__Icol_max": 1e6}}
NARROW_GATES = {
    "core__mapping__weights__percentile": None,
    "core__mapping__weights__min": -0.3, "core__mapping__weights__max": 0.3,
}  # fmt: skip
calls = st.one_of(sequences(), cells())
rows = st.tuples(st.sampled_from([0, 2]), st.sampled_from([0, 1]))


def seen(monkeypatch):
    """The calls that run on arrays, step after step."""
    taken, run = [], AnalogRecurrent._scan
    monkeypatch.setattr(
        AnalogRecurrent, "_scan", lambda self, *args: taken.append(self) or run(self, *args)
    )
    return taken


# -- the digital layer ---------------------------------------------------------------------------


@settings(max_examples=80)
@given(calls, rows, st.sampled_from(list(HARDWARE)), st.booleans())
@example(Call("gru", form="packed", options={"bidirectional": True}), (2, 1), "ideal", False)
@example(Call("projected", options={"num_layers": 2}), (0, 1), "ideal", True)
def test_ideal_hardware_is_the_digital_layer(call, bias_rows, hardware, every_stage):
    torch.manual_seed(3)
    digital = call.layer()
    analog = from_torch(copy.deepcopy(digital), seeded(**HARDWARE[hardware]), [bias_rows])
    if every_stage:
        forced(analog)
    leaves = call.leaves(digital)
    wanted = gradients(call, digital, leaves)
    for got, want in zip(gradients(call, analog, leaves), wanted, strict=True):
        assert (got is None) == (want is None)
        if want is not None:
            torch.testing.assert_close(got, want, **CLOSE)


@pytest.mark.parametrize("bias_rows", [0, 2])
@pytest.mark.parametrize("hardware", HARDWARE)
@pytest.mark.parametrize("kind", [k for k in KINDS if k != "relu"])
def test_torch_takes_what_is_linear(kind, hardware, bias_rows, monkeypatch):
    call = Call(kind, options={"num_layers": 2, "bidirectional": True})
    layer = from_torch(call.layer(), seeded(**HARDWARE[hardware]), bias_rows)
    taken, leaves = seen(monkeypatch), call.leaves(layer)
    call.run(layer, leaves)
    assert not taken
    call.run(forced(layer), leaves)
    assert len(taken) == 4


def test_hooks_of_parts_see_every_step():
    """As whoever records what drives the lines, and only while they do."""
    layer, lines = from_torch(nn.GRU(3, 4), seeded(), 1), []
    x = torch.rand(5, 2, 3)
    hook = layer.parts["l0"].register_forward_pre_hook(lambda part, args: lines.append(args[0]))
    hidden = layer(x)[0]
    assert len(lines) == 5
    driven = torch.stack(lines)
    assert torch.equal(driven[:, :, :3], x)
    assert torch.equal(driven[1:, :, 3:7], hidden[:-1])
    assert bool((driven[:, :, 7:] == 1).all())
    hook.remove()
    layer(x)
    assert len(lines) == 5


def test_units_without_bound_meet_a_limit(monkeypatch):
    call, taken = Call("relu"), seen(monkeypatch)
    for hardware, count in (("ideal", 0), ("limit", 1)):
        layer = from_torch(call.layer(), seeded(**HARDWARE[hardware]))
        call.run(layer, call.leaves(layer))
        assert len(taken) == count


def test_limits_that_later_steps_can_reach_are_kept(monkeypatch):
    taken = seen(monkeypatch)
    layer = from_torch(nn.RNN(1, 1), seeded())
    x = torch.full((3, 1, 1), 0.1)
    for reach, count in ((0.5, 1), (1.5, 1)):
        layer.parts["l0"]._keep_up()
        layer.parts["l0"]._reach = reach  # between the input and the largest tanh, and beyond
        layer(x)
        assert len(taken) == count


@pytest.mark.parametrize("every_stage", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_dropout_between_layers_is_that_of_torch(kind, every_stage):
    call = Call(kind, options={"num_layers": 3, "dropout": 0.5})
    digital = call.layer()
    analog = from_torch(copy.deepcopy(digital), seeded())
    leaves, found = call.leaves(digital), []
    if every_stage:
        forced(analog)
    for layer, training in ((digital, True), (analog, True), (digital, False), (analog, False)):
        torch.manual_seed(5)
        found.append(gradients(call, layer.train(training), leaves))
    for pair in (found[:2], found[2:]):
        for got, want in zip(*pair, strict=True):
            torch.testing.assert_close(got, want, **CLOSE)
    assert not torch.equal(found[0][0], found[2][0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("kind", KINDS)
def test_results_have_the_dtype_of_the_input(kind, dtype):
    call = Call(kind)
    digital = call.layer(torch.float32)
    analog = from_torch(copy.deepcopy(digital), seeded()).to(dtype)
    analog.synchronize()
    leaves = call.leaves(digital)
    wanted = call.run(digital, leaves)
    got = call.run(analog, [leaf.to(dtype) for leaf in leaves])
    # Weights, inputs and results were rounded, by eps each; a few dozen terms below one.
    for y, want in zip(got, wanted, strict=True):
        assert y.dtype == dtype
        torch.testing.assert_close(y.float(), want, rtol=0, atol=50 * torch.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("hardware", [{}, ADC], ids=["ideal", "adc"])
def test_autocast_computes_in_single_precision(dtype, hardware):
    call = Call("lstm")
    layer = from_torch(call.layer(torch.float32), seeded(**hardware))
    leaves = [leaf.to(dtype) for leaf in call.leaves(layer)]
    wanted = call.run(layer, [leaf.float() for leaf in leaves])
    with torch.autocast("cpu", dtype=dtype):
        got = call.run(layer, leaves)
    for y, want in zip(got, wanted, strict=True):
        assert torch.equal(y, want.to(dtype))


# -- gradients -----------------------------------------------------------------------------------


@settings(max_examples=40)
@given(st.one_of(sequences(("tanh", "relu", "lstm", "projected")), cells()), rows, st.booleans())
def test_errors_of_cells_are_those_of_the_read_back_layer(call, bias_rows, every_stage):
    torch.manual_seed(7)
    params = seeded(**PROGRAMMING, xbar__device__infinite_on_off_ratio=True)
    analog = from_torch(call.layer(), params, [bias_rows])
    held = to_torch(analog, physical_weights=True)
    if every_stage:
        forced(analog)
    leaves = call.leaves(analog)
    wanted = gradients(call, held, leaves)
    for got, want in zip(gradients(call, analog, leaves), wanted, strict=True):
        if want is not None:
            torch.testing.assert_close(got, want, **CLOSE)
    weights = zip(held.parameters(), analog.parameters(), strict=True)
    assert not all(torch.allclose(a, b, rtol=1e-3) for a, b in weights)


@pytest.mark.parametrize("cell", [False, True])
def test_gates_apart_keep_their_errors(cell, monkeypatch):
    """Where the input adds nothing to a gate, cells conduct all the same, and show."""
    call, taken = Call("gru", cell=cell), seen(monkeypatch)
    analog = from_torch(call.layer(), seeded(**PROGRAMMING), 1)
    matrix = analog.get_matrix() if cell else analog.get_matrix()[0]
    target = analog.form_matrix() if cell else analog.form_matrix()[0]
    zeros = target == 0
    assert int(zeros.sum()) == UNITS * (INPUTS + 1) + UNITS * (UNITS + 1)
    assert bool((matrix[zeros] != 0).any())
    x, h = call.leaves(analog)
    got = call.run(analog, [x, h])[-1]
    assert taken
    h = h if cell else h[0]
    for step in [x] if cell else x:
        lines = torch.cat([step, h, torch.ones(len(step), 2, dtype=x.dtype)], dim=1)
        h = GATES["GRU"].step(lines @ matrix.T, (h,))[0]
    torch.testing.assert_close(got if cell else got[0], h, **CLOSE)


@pytest.mark.parametrize("kind", KINDS)
def test_frozen_parameters_get_no_gradient(kind):
    layer = from_torch(Call(kind).layer(), seeded(**ADC))
    frozen = [name for name, _ in layer.named_parameters() if "_hh" in name]
    for name in frozen:
        layer.get_parameter(name).requires_grad_(False)
    x, *_ = Call(kind).leaves(layer)
    layer(x)[0].sum().backward()
    assert all((p.grad is None) == (name in frozen) for name, p in layer.named_parameters())


def test_nothing_is_recorded_without_gradients():
    layer = from_torch(nn.GRU(3, 4), seeded(**ADC))
    x = torch.rand(2, 1, 3)
    with torch.no_grad():
        assert not layer(x)[0].requires_grad
    with torch.inference_mode():
        assert layer(x)[0].is_inference()
    assert layer(x)[0].requires_grad


def test_clipped_values_pass_no_gradient_when_asked():
    layer = from_torch(nn.LSTM(2, 2), seeded(**DAC, **NARROW_GATES), clip_gradient=True)
    with torch.no_grad():
        layer.weight_ih_l0[0] = 0.5
    layer.synchronize()
    x = torch.tensor([[[0.5, 1.5]]], requires_grad=True)
    layer(x)[0].sum().backward()
    assert torch.equal(x.grad[0, 0] != 0, torch.tensor([True, False]))
    assert not layer.weight_ih_l0.grad[0].any()
    assert bool(layer.weight_ih_l0.grad[6:].any())


# -- converters and noise ------------------------------------------------------------------------


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm_step(pre, state):
    i, f, g, o = np.split(pre, 4, axis=1)
    c = sigmoid(f) * state[1] + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru_step(pre, state):
    r, z, n, m = np.split(pre, 4, axis=1)
    z = sigmoid(z)
    return ((1 - z) * np.tanh(n + sigmoid(r) * m) + z * state[0],)


def columns(kind, weight, source):
    """The weight on the outputs of every gate."""
    if kind == "lstm":
        return weight
    reset_update, new = weight[: 2 * UNITS], weight[2 * UNITS :]
    zero = np.zeros_like(new)
    return np.concatenate([reset_update, *((new, zero) if source == "ih" else (zero, new))])


@pytest.mark.parametrize("bias_rows", [0, 2])
@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_converters_see_every_step(kind, bias_rows):
    """The layer is a loop over one AnalogCore, written out in NumPy."""
    step, states = {"lstm": (lstm_step, 2), "gru": (gru_step, 1)}[kind]
    bits = {**DAC, **ADC, "xbar__dac__mvm__bits": 8, "xbar__adc__mvm__bits": 8}
    params = seeded(**bits, xbar__device__cell_bits=6)
    torch.manual_seed(2)
    layer = from_torch(Call(kind).layer(), params, bias_rows)
    w = {name: p.detach().numpy() for name, p in layer.named_parameters()}
    biases = [columns(kind, w[f"bias_{s}_l0"][:, None], s) for s in ("ih", "hh")]
    blocks = [columns(kind, w[f"weight_{s}_l0"], s) for s in ("ih", "hh")]
    if bias_rows:
        blocks += [np.repeat(b / bias_rows, bias_rows, axis=1) for b in biases]
    core = AnalogCore(np.concatenate(blocks, axis=1), params)
    x, *_ = Call(kind).leaves(layer)
    state = tuple(np.zeros((x.shape[1], UNITS)) for _ in range(states))
    hidden = []
    for inputs in x.detach().numpy():
        lines = [inputs, state[0], np.ones((len(inputs), 2 * bias_rows))]
        pre = (core @ np.concatenate(lines, axis=1).T).T
        state = step(pre if bias_rows else pre + sum(biases)[:, 0], state)
        hidden.append(state[0])
    got = layer(x)[0].detach().numpy()
    np.testing.assert_allclose(got, np.array(hidden), rtol=1e-10, atol=1e-12)
    assert not np.allclose(got, to_torch(layer)(x)[0].detach().numpy(), rtol=1e-3)


def test_noise_is_new_at_every_step():
    layer = from_torch(nn.RNN(2, 3), seeded(**NOISE))
    with torch.no_grad():
        layer.weight_hh_l0.zero_()
    layer.synchronize()
    y = layer(torch.ones(6, 1, 2))[0]
    assert len(torch.unique(y[:, 0], dim=0)) == 6


# -- construction --------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_constructors_are_those_of_torch(kind, cell):
    if cell and kind not in CELLS:
        return
    call = Call(kind, cell=cell, options={} if cell else {"num_layers": 2})
    digital = call.layer()
    converted = from_torch(digital, seeded(), 1)
    make, options = (CELLS if cell else KINDS)[kind]
    built = type(converted)(
        seeded(), INPUTS, UNITS, bias_ih_rows=1, bias_hh_rows=1, **options, **call.options
    )
    for layer in (converted, built):
        assert isinstance(layer, make)
        assert repr(layer) == "Analog" + repr(digital)
        assert layer.bias_rows == layer.bias_ih_rows == layer.bias_hh_rows == 1
        assert layer.analog_bias
    built.double().load_state_dict(digital.state_dict())
    leaves = call.leaves(digital)
    for got, want in zip(call.run(built, leaves), call.run(digital, leaves), strict=True):
        torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-5)


def test_constructors_take_the_positions_of_torch():
    layer = AnalogRNN(seeded(), 3, 4, 2, "relu", bias_hh_rows=[0, 2])
    assert (layer.num_layers, layer.nonlinearity) == (2, "relu")
    assert layer.bias_rows == (0, (0, 2))
    assert [m.shape[1] for m in layer.form_matrix()] == [3 + 4, 4 + 4 + 2]
    assert AnalogLSTM(seeded(), 3, 4, proj_size=2).get_matrix()[1].shape == (2, 4)
