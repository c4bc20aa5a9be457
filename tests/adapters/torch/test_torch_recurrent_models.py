"""Recurrent layers in models: converted, saved, copied, programmed, and what they refuse."""

import copy
import io
import pickle

import pytest

torch = pytest.importorskip("torch")

from recurrent_layers import Call, flat  # noqa: E402
from torch import nn  # noqa: E402
from torch_models import ADC, DAC, NOISE, PROGRAMMING, seeded  # noqa: E402

from adapters.torch import (  # noqa: E402
    analog_modules,
    convertible_modules,
    from_torch,
    ideal,
    new_epoch,
    reinitialize,
    summary,
    synchronize,
    to_torch,
)
from simulator import AnalogCore, InputError, ParameterError  # noqa: E402

NOISY = {**PROGRAMMING, **NOISE, **ADC}
DEEP = {"num_layers": 2, "bidirectional": True}
CALLS = {
    "lstm": Call("lstm", options=DEEP), "gru": Call("gru", options=DEEP), "tanh": Call("tanh"),
    "projected": Call("projected", options=DEEP), "lstm cell": Call("lstm", cell=True),
    "gru cell": Call("gru", cell=True),
}  # fmt: skip
every_kind = pytest.mark.parametrize("call", CALLS.values(), ids=list(CALLS))


class Reader(nn.Module):
    """A sequence layer, a cell and a linear layer."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.ModuleDict({"lstm": nn.LSTM(3, 4, bidirectional=True)})
        self.cell = nn.GRUCell(8, 5)
        self.head = nn.Linear(5, 2)

    def forward(self, x):
        hidden = None
        for step in self.encoder["lstm"](x)[0]:
            hidden = self.cell(step, hidden)
        return self.head(hidden)


def words():
    return torch.linspace(-1, 1, 4 * 2 * 3).reshape(4, 2, 3)


def results(call, layer):
    torch.manual_seed(4)
    return call.run(layer, call.leaves(layer))


def alike(call, one, other, calls=2):
    pairs = [(results(call, one), results(call, other)) for _ in range(calls)]
    return all(torch.equal(a, b) for pair in pairs for a, b in zip(*pair, strict=True))


def is_ideal(call, layer):
    wanted = results(call, to_torch(layer))
    pairs = zip(results(call, layer), wanted, strict=True)
    return all(torch.allclose(a, b, rtol=1e-10, atol=1e-12) for a, b in pairs)


# -- conversion ----------------------------------------------------------------------------------


def test_models_are_converted_whole():
    digital = Reader()
    assert convertible_modules(digital) == [digital.encoder["lstm"], digital.cell, digital.head]
    analog = from_torch(digital, seeded(), bias_rows=[(1, 2), 3, 0])
    kinds = ["AnalogLSTM", "AnalogGRUCell", "AnalogLinear"]
    assert [type(m).__name__ for m in analog_modules(analog)] == kinds
    paths = [part.path for part in analog.encoder["lstm"].parts.values()]
    assert paths == ["encoder.lstm/l0", "encoder.lstm/l0_reverse"]
    assert analog.encoder["lstm"].bias_rows == (1, 2)
    torch.testing.assert_close(analog(words()), digital(words()))
    back = to_torch(analog)
    assert str(back) == str(digital)
    assert torch.equal(back(words()), digital(words()))
    assert "bias on 3 lines" in str(summary(analog))


@pytest.mark.parametrize(
    ("params", "kinds"),
    [
        ({"encoder.*": seeded()}, ["AnalogLSTM", "GRUCell", "Linear"]),
        ({"cell": seeded()}, ["LSTM", "AnalogGRUCell", "Linear"]),
        ([seeded(1), seeded(2), seeded(3)], ["AnalogLSTM", "AnalogGRUCell", "AnalogLinear"]),
    ],
)
def test_layers_are_chosen_by_patterns_and_lists(params, kinds):
    model = from_torch(Reader(), params)
    found = [model.encoder["lstm"], model.cell, model.head]
    assert [type(m).__name__ for m in found] == kinds
    if isinstance(params, list):
        assert [m.params.simulation.seed for m in found] == [1, 2, 3]


@every_kind
def test_conversion_programs_each_part_once(call, monkeypatch):
    programmed, program = [], AnalogCore.set_matrix
    monkeypatch.setattr(
        AnalogCore, "set_matrix",
        lambda self, *args, **kw: programmed.append(self) or program(self, *args, **kw),
    )  # fmt: skip
    layer = from_torch(call.layer(), seeded())
    assert programmed == layer.arrays
    assert len(layer.arrays) == len(layer.parts)


@every_kind
@pytest.mark.parametrize("bias_rows", [0, 2])
def test_matrices_are_lines_by_gates(call, bias_rows):
    layer = from_torch(call.layer(), seeded(), bias_rows)
    form, held = layer.form_matrix(), layer.get_matrix()
    for target, matrix in zip(*((m if isinstance(m, list) else [m]) for m in (form, held))):
        torch.testing.assert_close(matrix, target)
    weights, wanted = layer.get_core_weights(), list(layer.parameters())
    assert len(flat(weights)) == len(wanted)
    for got, want in zip(flat(weights), wanted, strict=True):
        torch.testing.assert_close(got, want.detach())


def test_cells_without_bias_say_so():
    layer = from_torch(nn.LSTMCell(3, 4, bias=False), seeded(), 2)
    assert layer.get_core_weights()[2:] == (None, None)
    assert layer.form_matrix().shape == (16, 7)
    assert not layer.analog_bias


# -- programming ---------------------------------------------------------------------------------


@every_kind
@pytest.mark.parametrize("bias_rows", [0, 1])
def test_changed_parameters_count_when_the_arrays_are_programmed(call, bias_rows):
    layer = from_torch(call.layer(), seeded(), bias_rows, auto_synchronize=False)
    before = results(call, layer)
    with torch.no_grad():
        for name, p in layer.named_parameters():
            if bias_rows or "weight" in name:
                p.mul_(0.5)
    assert torch.equal(results(call, layer)[0], before[0])
    synchronize(layer)
    assert not torch.equal(results(call, layer)[0], before[0])
    assert is_ideal(call, layer)


@every_kind
def test_layers_can_follow_their_parameters(call):
    layer = from_torch(call.layer(), seeded(**PROGRAMMING), 1, auto_synchronize=True)
    held = layer.physical_parameters()
    results(call, layer)
    assert all(torch.equal(v, held[k]) for k, v in layer.physical_parameters().items())
    for p in layer.parameters():
        p.data.mul_(0.5)
    results(call, layer)
    assert not any(torch.equal(v, held[k]) for k, v in layer.physical_parameters().items())


@every_kind
def test_assigned_weights_are_programmed(call):
    layer = from_torch(call.layer(), seeded())
    name = next(iter(layer._parameters))
    setattr(layer, name, nn.Parameter(getattr(layer, name).detach() * 0.5))
    assert is_ideal(call, layer)
    with pytest.raises(ParameterError, match=f"{name} of shape"):
        setattr(layer, name, nn.Parameter(torch.zeros(2, 2)))


@every_kind
def test_layers_run_digitally_inside_ideal(call):
    layer = from_torch(call.layer(), seeded(**NOISY), 1)
    with ideal(layer):
        inside = results(call, layer)
    for got, want in zip(inside, results(call, to_torch(layer)), strict=True):
        assert torch.equal(got, want)
    assert not torch.equal(results(call, layer)[0], inside[0])


def test_assigned_rows_build_new_arrays():
    layer = from_torch(nn.GRU(3, 4, 2), seeded())
    layer.bias_rows = 2
    assert (layer.bias_ih_rows, layer.bias_hh_rows, layer.analog_bias) == (2, 2, True)
    layer.bias_ih_rows = [0, 1]
    assert layer.bias_rows == ((0, 1), 2)
    assert [m.shape[1] for m in layer.form_matrix()] == [3 + 4 + 2, 4 + 4 + 3]
    for wrong in (-1, (1, 2, 3), ([1, 2, 3], 0), 1.5):
        with pytest.raises(ParameterError, match="bias_rows"):
            layer.bias_rows = wrong
    assert layer.bias_rows == ((0, 1), 2)


@pytest.mark.parametrize("redraw", ["step", "epoch", "fixed"])
def test_errors_are_drawn_anew_when_asked(redraw):
    layer = from_torch(nn.LSTM(3, 4, proj_size=2), seeded(**PROGRAMMING), redraw=redraw)
    held = [layer.get_matrix()]
    for change in (synchronize, new_epoch, reinitialize):
        change(layer)
        held.append(layer.get_matrix())
    changed = [
        {torch.equal(*pair) for pair in zip(a, b, strict=True)}
        for a, b in zip(held, held[1:], strict=False)
    ]
    # Drawn anew at programming, at a new epoch, and by nothing but a new chip.
    wanted = {"step": (False, True), "epoch": (True, False), "fixed": (True, True)}[redraw]
    assert changed == [{kept} for kept in (*wanted, False)]


def test_training_reduces_a_loss():
    torch.manual_seed(0)
    model = from_torch(Reader(), seeded(**PROGRAMMING, **DAC), 1, auto_synchronize=True)
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    losses = []
    for _ in range(20):
        loss = (model(words()) - torch.tensor([[1.0, -1.0], [-1.0, 1.0]])).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] / 2


# -- state ---------------------------------------------------------------------------------------


@every_kind
@pytest.mark.parametrize("seed", [8, None])
def test_a_fresh_layer_continues_bit_for_bit(call, seed):
    layer = from_torch(call.layer(), seeded(seed, **NOISY), 1)
    results(call, layer)
    synchronize(layer)
    file = io.BytesIO()
    torch.save(layer.state_dict(), file)
    assert set(layer.state_dict()) == {*call.layer().state_dict(), "_extra_state"}
    file.seek(0)
    other = from_torch(call.layer(), seeded(seed, **NOISY), 1)
    assert not alike(call, copy.deepcopy(layer), copy.deepcopy(other))
    other.load_state_dict(torch.load(file, weights_only=True))
    assert alike(call, layer, other)
    for change in (synchronize, reinitialize):
        torch.manual_seed(1)
        change(layer)
        torch.manual_seed(1)
        change(other)
        assert alike(call, layer, other)


@every_kind
def test_copies_continue_bit_for_bit_on_their_own(call):
    layer = from_torch(call.layer(), seeded(**NOISY), 1)
    results(call, layer)
    copies = [copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))]
    for other in copies:
        assert alike(call, copy.deepcopy(layer), other)
    for other in copies:
        assert all(part.owner is other for part in other.parts.values())
        with torch.no_grad():
            next(other.parameters()).zero_()
        other.synchronize()
        assert not alike(call, copy.deepcopy(layer), other)
        assert all(bool(p.any()) for p in layer.parameters())


@every_kind
@pytest.mark.parametrize("assign", [False, True])
def test_a_digital_state_programs_the_arrays(call, assign):
    layer, digital = from_torch(call.layer(), seeded(), 1), call.layer()
    assert not layer.load_state_dict(digital.state_dict(), assign=assign).missing_keys
    for got, want in zip(results(call, layer), results(call, digital), strict=True):
        torch.testing.assert_close(got, want, rtol=1e-10, atol=1e-12)


def test_reading_back_needs_no_flat_weights():
    layer = from_torch(nn.LSTM(3, 4), seeded(**PROGRAMMING))
    held = to_torch(layer, physical_weights=True)
    for name, values in layer.physical_parameters().items():
        assert torch.equal(held.get_parameter(name), values)
    x = torch.rand(2, 1, 3)
    torch.testing.assert_close(held(x)[0], layer(x)[0])
    torch.testing.assert_close(pickle.loads(pickle.dumps(held))(x)[0], layer(x)[0])


# -- what is refused -----------------------------------------------------------------------------


def pack(*lengths, width=3):
    return nn.utils.rnn.pack_sequence([torch.rand(n, width) for n in lengths])


SEQUENCE = [
    (torch.rand(2, 3, 4),),
    (torch.rand(3),),
    (torch.rand(0, 2, 3),),
    (torch.rand(2, 3, 3), torch.rand(1, 2, 4)),
    (torch.rand(2, 3, 3), torch.rand(3, 4)),
    (torch.rand(2, 3), torch.rand(1, 1, 4)),
    (torch.rand(2, 3, 3).double(),),
    (pack(3, 2, width=2),),
    (pack(3, 2), torch.rand(1, 2, 5)),
]
CELL = [
    (torch.rand(2, 4),),
    (torch.rand(1, 2, 3),),
    (torch.rand(2, 3), torch.rand(3, 4)),
    (torch.rand(2, 3), torch.rand(2, 5)),
    (torch.ones(2, 3, dtype=torch.int64),),
]


@pytest.mark.parametrize("hardware", [{}, ADC], ids=["ideal", "adc"])
@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_bad_inputs_raise_what_torch_raises(kind, hardware):
    for make, bad in ((getattr(nn, kind), SEQUENCE), (getattr(nn, f"{kind}Cell"), CELL)):
        digital = make(3, 4)
        analog = from_torch(digital, seeded(**hardware))
        for x, *state in bad:
            hx = (state[0], state[0]) if state and kind == "LSTM" else state[0] if state else None
            with pytest.raises((RuntimeError, ValueError)) as wanted:
                digital(x, hx)
            with pytest.raises(type(wanted.value)) as found:
                analog(x, hx)
            assert str(found.value) == str(wanted.value)


@pytest.mark.parametrize("hardware", [{}, ADC], ids=["ideal", "adc"])
def test_inputs_that_are_not_finite_are_named(hardware):
    layer = from_torch(nn.GRU(3, 4), seeded(**hardware))
    with pytest.raises(InputError, match="NaN|finite"):
        layer(torch.full((2, 1, 3), torch.nan))


def test_weights_that_are_not_finite_name_their_layer():
    model = from_torch(Reader(), seeded())
    layer = model.encoder["lstm"]
    before = layer.get_matrix()
    with torch.no_grad():
        layer.weight_hh_l0_reverse[1, 1] = torch.inf
    with pytest.raises(InputError, match=r"'encoder\.lstm': weight_hh_l0_reverse"):
        synchronize(model)
    assert all(torch.equal(a, b) for a, b in zip(before, layer.get_matrix(), strict=True))


def test_hardware_that_cannot_be_names_its_layer():
    with pytest.raises(ParameterError, match=r"encoder\.lstm"):
        from_torch(Reader(), seeded(), bias_rows=[-1, 0, 0])


def test_states_of_other_layers_are_refused():
    layer = from_torch(nn.LSTM(3, 4), seeded())
    other = from_torch(nn.LSTM(3, 4, 2), seeded())
    state = {**layer.state_dict(), "_extra_state": other.state_dict()["_extra_state"]}
    with pytest.raises(InputError, match="2 arrays"):
        layer.load_state_dict(state)
