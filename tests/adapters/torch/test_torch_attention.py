"""Attention: what torch computes, with its projections on arrays; and the models made of it.

Everything runs in double precision. Scores are sums of at most a dozen products of numbers of the
order of one, so 1e-11 is a thousand times the rounding of all sums on the way.
"""

import copy
import pickle
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn.utils import prune  # noqa: E402
from torch_models import ADC, DAC, NOISE, PROGRAMMING, forced, seeded  # noqa: E402

from adapters.torch import (  # noqa: E402
    AnalogMultiheadAttention,
    analog_modules,
    convertible_modules,
    from_torch,
    ideal,
    inconvertible_modules,
    new_epoch,
    summary,
    synchronize,
    to_torch,
)
from simulator import InputError, ParameterError, ShapeError  # noqa: E402

CLOSE = {"rtol": 1e-11, "atol": 1e-11}
ERRORS = {**PROGRAMMING, "xbar__device__programming_error__magnitude": 0.3}


def results(layer, inputs, options, seed=4):
    """Result, weights and all gradients of one call; the dropout is that of the seed."""
    leaves = {id(x): x.clone().requires_grad_() for x in inputs}
    layer.zero_grad()
    torch.manual_seed(seed)
    with warnings.catch_warnings():
        # Masks of two kinds in one call.
        warnings.simplefilter("ignore", UserWarning)
        y, weights = layer(*(leaves[id(x)] for x in inputs), **options)
    total = (y * torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view(y.shape)).sum()
    if weights is not None:
        total = total + (weights**2).sum()
    total.backward()
    grads = {name: p.grad for name, p in layer.named_parameters()}
    return y.detach(), weights, [leaf.grad for leaf in leaves.values()], grads


def assert_same(got, wanted):
    for one, other in zip(got, wanted, strict=True):
        torch.testing.assert_close(one, other, **CLOSE)


def with_biases(layer):
    """The layer, with biases that are not zero."""
    with torch.no_grad():
        for name, p in layer.named_parameters():
            if "bias" in name:
                p.uniform_(-0.5, 0.5)
    return layer


def a_mask(draw, shape, kind):
    """A mask that leaves the first key to every query."""
    hidden = torch.rand(shape) < 0.4
    hidden[..., 0] = False
    return hidden if kind == "bool" else torch.randn(shape, dtype=torch.float64) * hidden


@st.composite
def attentions(draw):
    """A digital layer, its inputs and the options of a call."""
    torch.manual_seed(draw(st.integers(0, 9999)))
    heads, dim = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    embed, batch_first = heads * dim, draw(st.booleans())
    kdim, vdim = (draw(st.sampled_from([None, None, 4])) for _ in range(2))
    flags = {k: draw(st.booleans()) for k in ("bias", "add_bias_kv", "add_zero_attn")}
    layer = nn.MultiheadAttention(
        embed, heads, dropout=draw(st.sampled_from([0.0, 0.3])), kdim=kdim, vdim=vdim,
        batch_first=batch_first, dtype=torch.float64, **flags,
    )  # fmt: skip
    queries, batch = draw(st.integers(1, 4)), draw(st.sampled_from([None, 1, 3]))
    alike = kdim is None and vdim is None and draw(st.booleans())
    keys = queries if alike else draw(st.integers(1, 4))

    def sequence(length, width):
        order = [length] if batch is None else [batch, length] if batch_first else [length, batch]
        return torch.rand(*order, width, dtype=torch.float64) - 0.5

    query = sequence(queries, embed)
    inputs = [query] * 3 if alike else [
        query, sequence(keys, kdim or embed), sequence(keys, vdim or embed),
    ]  # fmt: skip
    return with_biases(layer), inputs, draw(options(heads, batch, queries, keys))


@st.composite
def options(draw, heads, batch, queries, keys):
    given = {k: draw(st.booleans()) for k in ("need_weights", "average_attn_weights")}
    kind = draw(st.sampled_from([None, "bool", "float", "causal"]))
    if kind == "causal":
        given["attn_mask"] = torch.ones(queries, keys).triu(1).bool()
        given["is_causal"] = True
    elif kind is not None:
        several = draw(st.booleans())
        shape = ((batch or 1) * heads, queries, keys) if several else (queries, keys)
        given["attn_mask"] = a_mask(draw, shape, kind)
    padding = draw(st.sampled_from([None, "bool", "float"]))
    if padding is not None:
        shape = (keys,) if batch is None else (batch, keys)
        given["key_padding_mask"] = a_mask(draw, shape, padding)
    return given


@settings(max_examples=30, deadline=None)
@given(case=attentions(), rows=st.integers(0, 2), arrays=st.booleans(), training=st.booleans())
def test_ideal_arrays_compute_what_torch_does(case, rows, arrays, training):
    digital, inputs, given = case
    analog = from_torch(copy.deepcopy(digital), seeded(), bias_rows=rows)
    if arrays:
        forced(analog)
    wanted = results(digital.train(training), inputs, given)
    got = results(analog.train(training), inputs, given)
    assert all((part._reach == 0.0) == arrays for part in analog.parts.values())
    assert got[0].is_contiguous()
    assert (got[1] is None) == (wanted[1] is None)
    if wanted[1] is not None:
        torch.testing.assert_close(got[1], wanted[1], **CLOSE)
    assert_same([got[0], *got[2]], [wanted[0], *wanted[2]])
    assert got[3].keys() == wanted[3].keys()
    assert_same(got[3].values(), wanted[3].values())
    with torch.no_grad():
        torch.manual_seed(4)
        torch.testing.assert_close(analog(*inputs, **given)[0], got[0], **CLOSE)


@pytest.mark.parametrize("rows", [0, 2])
@pytest.mark.parametrize("widths", [{}, {"kdim": 3, "vdim": 5}], ids=["packed", "separate"])
@pytest.mark.parametrize("hardware", [{}, {**DAC, **ADC}], ids=["product", "stages"])
def test_gradients_are_those_of_the_read_back_weights(hardware, widths, rows):
    torch.manual_seed(1)
    layer = with_biases(nn.MultiheadAttention(6, 2, **widths, dtype=torch.float64))
    analog = from_torch(layer, seeded(**ERRORS, **hardware), bias_rows=rows)
    held = to_torch(analog, physical_weights=True)
    for name, p in held.named_parameters():
        followed = "weight" in name or rows > 0
        assert torch.allclose(p, layer.get_parameter(name), rtol=1e-3) != followed
    inputs = [torch.rand(4, 2, n, dtype=torch.float64) for n in (6, analog.kdim, analog.vdim)]
    got, wanted = results(analog, inputs, {}), results(held, inputs, {})
    if not hardware:
        assert_same([*got[:2], *got[2], *got[3].values()],
                    [*wanted[:2], *wanted[2], *wanted[3].values()])  # fmt: skip
    # Behind converters the last product alone has the gradient of the read-back weights.
    assert_same([got[3]["out_proj.bias"]], [wanted[3]["out_proj.bias"]])
    assert all(g is not None and bool(g.isfinite().all()) for g in got[3].values())


def test_each_projection_has_arrays_of_its_own():
    torch.manual_seed(0)
    layer = nn.MultiheadAttention(6, 2, kdim=3, vdim=5)
    analog = from_torch(layer, seeded(core__rows_max=4), bias_rows=1)
    shapes = {name: tuple(m.shape) for name, m in analog.form_matrix().items()}
    assert shapes == {"q": (6, 7), "k": (6, 4), "v": (6, 6), "out": (6, 7)}
    assert [core.Ncores for core in analog.arrays] == [2, 1, 2, 2]
    torch.testing.assert_close(analog.form_matrix()["k"][:, :3], layer.k_proj_weight.detach())
    for name, held in analog.get_matrix().items():
        torch.testing.assert_close(held, analog.form_matrix()[name])
    (row,) = [row for row in summary(analog).rows if row[1] == "AnalogMultiheadAttention"]
    assert row[2] == "6x7, 6x4, 6x6, 6x7"
    assert row[-1] == "bias on 1 lines"
    assert len(summary(analog).rows) == 1


def test_a_layer_can_be_built_by_itself():
    layer = AnalogMultiheadAttention(seeded(), 4, 2, kdim=3, batch_first=True, bias_rows=1)
    assert isinstance(layer, nn.MultiheadAttention)
    assert layer.analog_bias
    assert layer(torch.rand(2, 3, 4), torch.rand(2, 5, 3), torch.rand(2, 5, 4))[1].shape == (
        2,
        3,
        5,
    )
    assert not AnalogMultiheadAttention(seeded(), 4, 2, bias=False, bias_rows=1).analog_bias


def test_half_precision_comes_back_as_it_came():
    analog = from_torch(nn.MultiheadAttention(4, 2), seeded())
    x = torch.rand(3, 2, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert analog(*[x.bfloat16()] * 3)[0].dtype == torch.bfloat16
    analog(x, x, x)[0].sum().backward()
    half = from_torch(nn.MultiheadAttention(4, 2, dtype=torch.bfloat16), seeded())
    assert half(*[x.bfloat16()] * 3)[0].dtype == torch.bfloat16


def test_queries_that_may_see_nothing_are_as_in_torch_or_refused():
    digital = nn.MultiheadAttention(4, 2, dtype=torch.float64)
    analog = from_torch(nn.ModuleDict({"look": copy.deepcopy(digital)}), seeded())["look"]
    x, nothing = torch.rand(3, 2, 4, dtype=torch.float64), torch.ones(3, 3).bool()
    got, wanted = (m(x, x, x, attn_mask=nothing, need_weights=False)[0] for m in (analog, digital))
    torch.testing.assert_close(got, wanted, **CLOSE)
    # Torch's weights are then NaN, and no array can be driven with that.
    with pytest.raises(InputError, match=r"'look'.*'out'.*nan"):
        analog(x, x, x, attn_mask=nothing)


@pytest.mark.parametrize(
    ("shapes", "given", "kind", "words"),
    [
        ([(3, 4), (3, 1, 4), (3, 1, 4)], {}, ShapeError, ["query (3, 4)"]),
        ([(3, 1, 5), (3, 1, 4), (3, 1, 4)], {}, ShapeError, ["(3, 1, 5)", "(4, 4, 4) features"]),
        ([(3, 1, 4), (3, 1, 4), (2, 1, 4)], {}, ShapeError, ["one length"]),
        ([(3, 2, 4), (3, 1, 4), (3, 1, 4)], {}, ShapeError, ["(length, batch, features)"]),
        ([(3, 2, 4)] * 3, {"attn_mask": torch.zeros(3, 2)}, ShapeError, ["attn_mask", "(3, 3)"]),
        ([(3, 2, 4)] * 3, {"attn_mask": torch.zeros(3, 3, 3)}, ShapeError, ["(4, 3, 3)"]),
        ([(3, 2, 4)] * 3, {"key_padding_mask": torch.zeros(3, 2)}, ShapeError, ["(2, 3)"]),
        ([(3, 2, 4)] * 3, {"attn_mask": torch.zeros(3, 3).int()}, InputError, ["int32", "bool"]),
        ([(3, 2, 4)] * 3, {"is_causal": True}, InputError, ["is_causal", "attn_mask"]),
    ],
)
def test_wrong_inputs_name_the_layer(shapes, given, kind, words):
    model = from_torch(nn.ModuleDict({"look": nn.MultiheadAttention(4, 2)}), seeded())
    with pytest.raises(kind) as error:
        model["look"](*(torch.rand(shape) for shape in shapes), **given)
    assert all(word in str(error.value) for word in ["'look'", *words])


def test_nested_tensors_are_refused():
    layer = from_torch(nn.MultiheadAttention(4, 2, batch_first=True), seeded())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        x = torch.nested.nested_tensor([torch.rand(2, 4), torch.rand(3, 4)])
    with pytest.raises(InputError, match="key_padding_mask"):
        layer(x, x, x)


# -- life of a layer ------------------------------------------------------------------------------


def images():
    return [torch.linspace(-1, 1, 24).reshape(3, 2, 4)] * 3


NOISY = {**PROGRAMMING, **NOISE, **ADC}


@pytest.mark.parametrize("widths", [{}, {"vdim": 4, "kdim": 4}], ids=["packed", "separate"])
@pytest.mark.parametrize("automatic", [False, True])
@pytest.mark.parametrize("how", ["state_dict", "deepcopy", "pickle"])
def test_what_continues_is_the_same_to_the_last_bit(how, automatic, widths):
    layer = nn.MultiheadAttention(4, 2, **widths)
    made = {"params": seeded(**NOISY), "bias_rows": 1, "auto_synchronize": automatic}
    analog = from_torch(layer, **made)
    synchronize(analog)
    analog(*images())
    if how == "deepcopy":
        other = copy.deepcopy(analog)
    elif how == "pickle":
        other = pickle.loads(pickle.dumps(analog))
    else:
        other = from_torch(nn.MultiheadAttention(4, 2, **widths), **made)
        other.load_state_dict(analog.state_dict())
    for _ in range(2):
        assert torch.equal(analog(*images())[0], other(*images())[0])
    assert set(analog.state_dict()) == {*layer.state_dict(), "_extra_state"}


def test_weights_of_a_digital_model_reach_the_arrays():
    analog = from_torch(nn.Sequential(nn.MultiheadAttention(4, 2)), seeded())[0]
    digital = with_biases(nn.MultiheadAttention(4, 2))
    torch.nn.init.normal_(digital.out_proj.weight)
    analog.load_state_dict(digital.state_dict())
    for got, wanted in zip(analog(*images()), digital(*images())):
        torch.testing.assert_close(got, wanted)


def test_a_state_that_does_not_fit_changes_nothing():
    analog = from_torch(nn.MultiheadAttention(4, 2), seeded())
    before, y = copy.deepcopy(analog.state_dict()), analog(*images())[0]
    bad = {name: value + 1 for name, value in before.items() if name != "_extra_state"}
    with pytest.raises(InputError):
        analog.load_state_dict({**bad, "_extra_state": {"version": 99}})
    assert all(torch.equal(p, before[name]) for name, p in analog.named_parameters())
    assert torch.equal(analog(*images())[0], y)


def test_training_steps_reach_all_arrays():
    digital = with_biases(nn.MultiheadAttention(4, 2))
    analog = from_torch(copy.deepcopy(digital), seeded(), bias_rows=2, auto_synchronize=True)
    for layer in (digital, analog):
        optimiser = torch.optim.SGD(layer.parameters(), 0.5)
        for _ in range(3):
            optimiser.zero_grad()
            layer(*images())[0].pow(2).sum().backward()
            optimiser.step()
    torch.testing.assert_close(analog(*images())[0], digital(*images())[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["in_proj_weight", "out_proj.weight", "out_proj.bias"])
def test_values_changed_behind_the_back_are_seen(name):
    analog = from_torch(nn.MultiheadAttention(4, 2), seeded(), bias_rows=1, auto_synchronize=True)
    analog.get_parameter(name).data.add_(0.3)
    torch.testing.assert_close(analog(*images())[0], to_torch(analog)(*images())[0])


def test_weights_that_are_no_numbers_are_refused():
    model = nn.ModuleDict({"look": nn.MultiheadAttention(4, 2)})
    analog = from_torch(model, seeded())
    with torch.no_grad():
        analog["look"].out_proj.weight[0, 0] = float("nan")
        model["look"].in_proj_weight[0, 0] = float("nan")
    with pytest.raises(InputError, match=r"look.*out_proj\.weight"):
        synchronize(analog)
    with pytest.raises(InputError, match="look"):
        from_torch(model, seeded())


def test_errors_are_drawn_as_often_as_asked():
    layer = nn.MultiheadAttention(4, 2)
    for redraw, again, epoch in (("step", False, False), ("epoch", True, False),
                                 ("fixed", True, True)):  # fmt: skip
        analog = from_torch(layer, seeded(**PROGRAMMING), redraw=redraw)
        synchronize(analog)
        first = analog.get_matrix()["out"]
        synchronize(analog)
        assert torch.equal(first, analog.get_matrix()["out"]) == again
        new_epoch(analog)
        assert torch.equal(first, analog.get_matrix()["out"]) == epoch


def test_digital_inside_ideal():
    digital = nn.MultiheadAttention(4, 2)
    analog = from_torch(copy.deepcopy(digital), seeded(**ERRORS))
    with ideal(analog):
        assert torch.equal(analog(*images())[0], digital(*images())[0])
    assert not torch.allclose(analog(*images())[0], digital(*images())[0], rtol=1e-3)


# -- which layers are converted -------------------------------------------------------------------


def test_the_last_projection_belongs_to_its_parent():
    model = nn.Sequential(nn.MultiheadAttention(4, 2), nn.Linear(4, 4))
    assert convertible_modules(model) == [model[0], model[1]]
    assert inconvertible_modules(model) == []
    analog = from_torch(model, seeded())
    assert analog_modules(analog) == [analog[0], analog[1]]
    back = to_torch(analog)
    assert repr(back) == repr(model)
    assert all(torch.equal(p, q) for p, q in zip(back.parameters(), model.parameters()))
    only = from_torch(model, {"1": seeded()})
    assert type(only[0]) is nn.MultiheadAttention
    assert {row[0]: row[-1] for row in summary(only).rows}["0"].startswith("digital: no parameters")


class Other(nn.MultiheadAttention):
    """A subclass that computes something else."""

    def forward(self, *args, **kwargs):
        y, weights = super().forward(*args, **kwargs)
        return 2 * y, weights


def pruned(layer, name):
    place, _, leaf = name.rpartition(".")
    prune.l1_unstructured(layer.get_submodule(place), leaf, 0.5)
    return layer


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: Other(4, 2), "computes something else"),
        (lambda: pruned(nn.MultiheadAttention(4, 2), "out_proj.weight"), "out_proj.weight"),
    ],
)
def test_layers_that_arrays_could_not_follow_stay(make, reason):
    model = nn.Sequential(make())
    assert not convertible_modules(model)
    assert model[0] in inconvertible_modules(model)
    assert not analog_modules(from_torch(model, seeded(), allow_digital=True))
    (row,) = [row for row in summary(model).rows if row[0] == "0"]
    assert reason in row[-1]


def test_parameters_by_name_and_rows_for_each_layer():
    model = nn.TransformerEncoderLayer(4, 2, 8)
    assert [type(m) for m in convertible_modules(model)] == [
        nn.MultiheadAttention, nn.Linear, nn.Linear,
    ]  # fmt: skip
    analog = from_torch(model, seeded(), bias_rows=[2, 0, 1])
    assert [a.bias_rows for a in analog_modules(analog)] == [2, 0, 1]
    with pytest.raises(ParameterError, match=r"self_attn"):
        from_torch(model, seeded(), bias_rows=[-1, 0, 0])
