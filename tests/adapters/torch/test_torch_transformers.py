"""Transformers of torch and of Hugging Face: every product on arrays, in every mode.

Models of torch run in double precision, where 1e-11 is far above the rounding of their sums.
"""

import copy
import math
import pickle
import warnings

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402
from torch_models import ADC, DAC, NOISE, PROGRAMMING, forced, seeded  # noqa: E402

from adapters.torch import (  # noqa: E402
    AnalogLinear,
    AnalogMultiheadAttention,
    analog_modules,
    convertible_modules,
    from_torch,
    ideal,
    summary,
    synchronize,
    to_torch,
)

CLOSE = {"rtol": 1e-11, "atol": 1e-11}
ERRORS = {**PROGRAMMING, "xbar__device__programming_error__magnitude": 0.3}


def with_biases(model):
    """The model, with biases that are not zero."""
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "bias" in name:
                p.uniform_(-0.5, 0.5)
    return model


# -- models of torch ------------------------------------------------------------------------------


def an_encoder(norm_first=False, activation="relu", batch_first=True, **rest):
    layer = nn.TransformerEncoderLayer(
        4, 2, 6, 0.0, activation, norm_first=norm_first, batch_first=batch_first,
        dtype=torch.float64, **rest,
    )  # fmt: skip
    return with_biases(layer)


def run(model, x, grad, **masks):
    with torch.set_grad_enabled(grad):
        return model(x, **masks)


VARIANTS = [
    {"norm_first": n, "activation": a} for n in (False, True) for a in ("relu", "gelu", torch.tanh)
]


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_encoder_layers_never_pass_their_arrays_by(variant, grad, training):
    torch.manual_seed(0)
    digital = an_encoder(**variant).train(training)
    x = torch.rand(2, 3, 4, dtype=torch.float64)
    mask = torch.ones(3, 3).triu(1).bool()
    for hardware, masks in (({}, {}), (ERRORS, {}), (ERRORS, {"src_mask": mask})):
        analog = from_torch(digital, seeded(**hardware))
        held = to_torch(analog, physical_weights=True)
        got = run(analog, x, grad, **masks)
        torch.testing.assert_close(got, run(held, x, grad, **masks), **CLOSE)
        assert torch.allclose(got, run(digital, x, grad, **masks), rtol=1e-3) == (not hardware)


@pytest.mark.parametrize("variant", VARIANTS[:2])
@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize("pattern", ["*", "*self_attn", "*linear2"])
@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")
def test_encoders_never_pass_their_arrays_by(variant, grad, pattern):
    torch.manual_seed(0)
    digital = nn.TransformerEncoder(an_encoder(**variant), 2).eval()
    analog = from_torch(digital, {pattern: seeded(**ERRORS)})
    held = to_torch(analog, physical_weights=True)
    assert held.use_nested_tensor
    assert held.layers[0].activation_relu_or_gelu == digital.layers[0].activation_relu_or_gelu != 0
    x = torch.rand(2, 3, 4, dtype=torch.float64)
    padding = torch.tensor([[False, False, False], [False, False, True]])
    for masks in ({}, {"src_key_padding_mask": padding}):
        seen = ~padding if masks else torch.ones(2, 3, dtype=torch.bool)
        got, wanted = run(analog, x, grad, **masks), run(held, x, grad, **masks)
        torch.testing.assert_close(got[seen], wanted[seen], **CLOSE)
        without = run(digital, x, grad, **masks)
        assert not torch.allclose(got[seen], without[seen], rtol=1e-3)


def test_what_has_no_arrays_keeps_its_fused_kernel():
    model = nn.ModuleList([an_encoder(), an_encoder()])
    analog = from_torch(model, {"0.*": seeded()})
    assert [layer.activation_relu_or_gelu for layer in analog] == [0, 1]


@pytest.mark.parametrize("training", [False, True])
def test_a_whole_transformer(training):
    torch.manual_seed(0)
    digital = nn.Transformer(
        4, 2, 1, 2, 6, dropout=0.0, batch_first=True, dtype=torch.float64
    ).train(training)
    for hardware in ({}, ERRORS):
        analog = from_torch(digital, seeded(**hardware), bias_rows=1)
        assert sum(isinstance(m, AnalogMultiheadAttention) for m in analog_modules(analog)) == 5
        assert sum(isinstance(m, AnalogLinear) for m in analog_modules(analog)) == 6
        source = torch.rand(2, 3, 4, dtype=torch.float64)
        target = torch.rand(2, 4, 4, dtype=torch.float64)
        masks = {
            "tgt_mask": nn.Transformer.generate_square_subsequent_mask(4, dtype=torch.float64),
            "tgt_is_causal": True,
            "memory_key_padding_mask": torch.tensor([[False] * 3, [False, True, False]]),
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            held = to_torch(analog, physical_weights=True)
            found = [m(source, target, **masks) for m in (analog, held)]
        torch.testing.assert_close(*found, **CLOSE)
        for y in found:
            y.pow(2).sum().backward()
        for (name, p), q in zip(analog.named_parameters(), held.parameters(), strict=True):
            torch.testing.assert_close(p.grad, q.grad, **CLOSE, msg=name)


# -- models of Hugging Face -----------------------------------------------------------------------


class Conv1D(nn.Module):
    """What GPT-2 has in place of linear layers: a weight (inputs, outputs)."""

    def __init__(self, nf, nx):
        super().__init__()
        self.nf = nf
        self.weight = nn.Parameter(torch.randn(nx, nf) / 4)
        self.bias = nn.Parameter(torch.randn(nf) / 4)

    def forward(self, x):
        return torch.addmm(self.bias, x.flatten(0, -2), self.weight).view(*x.shape[:-1], self.nf)


class Subclass(Conv1D):
    """Computes what its base does."""


class Doubled(Conv1D):
    """Computes something else than its base."""

    def forward(self, x):
        return 2 * super().forward(x)


def namesake(answer):
    """A module called Conv1D, with all that one has, and this forward."""
    made = type("Conv1D", (nn.Module,), {"forward": answer})()
    made.nf, made.weight = 2, nn.Parameter(torch.rand(2, 2))
    made.bias = nn.Parameter(torch.rand(2))
    return made


class Block(nn.Module):
    """A block of GPT-2 (Radford et al. 2019): attention and two layers, each behind a norm."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.c_attn, self.c_proj = Conv1D(3 * width, width), Conv1D(width, width)
        self.c_fc, self.c_out = Conv1D(4 * width, width), Subclass(width, 4 * width)

    def forward(self, x):
        split = self.c_attn(self.ln_1(x)).unflatten(-1, (3, self.heads, -1))
        q, k, v = split.permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.c_proj(seen.transpose(1, 2).flatten(2))
        return x + self.c_out(functional.gelu(self.c_fc(self.ln_2(x))))


class Writer(nn.Module):
    """GPT-2 with one block, its last layer tied to the embedding."""

    def __init__(self, words=7, width=8, heads=2):
        super().__init__()
        self.wte, self.block = nn.Embedding(words, width), Block(width, heads)
        self.ln_f, self.lm_head = nn.LayerNorm(width), nn.Linear(width, words, bias=False)
        self.lm_head.weight = self.wte.weight

    def forward(self, ids):
        return self.lm_head(self.ln_f(self.block(self.wte(ids))))


def words(count=7):
    return torch.arange(10).reshape(2, 5) % count


@pytest.mark.parametrize("stages", [False, True])
@pytest.mark.parametrize("rows", [0, 2])
@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 4, 3), (0, 3)])
def test_a_layer_with_inputs_first_is_what_it_was(shape, rows, stages):
    torch.manual_seed(0)
    layer = Conv1D(5, 3).double()
    for hardware in ({}, PROGRAMMING):
        analog = from_torch(copy.deepcopy(layer), seeded(**hardware), bias_rows=rows)
        held = to_torch(analog, physical_weights=True)
        assert type(held) is Conv1D
        assert held.weight.is_contiguous()
        assert torch.allclose(held.weight, layer.weight, rtol=1e-9) == (not hardware)
        if stages:
            forced(analog)
        found = []
        for module in (analog, held):
            x = torch.linspace(-1, 1, math.prod(shape), dtype=torch.float64)
            x = x.reshape(shape).requires_grad_()
            y = module(x[None] if x.ndim == 1 else x)
            y.pow(2).sum().backward()
            found.append([y, x.grad, module.weight.grad, module.bias.grad])
        for got, wanted in zip(*found, strict=True):
            torch.testing.assert_close(got, wanted, **CLOSE)


def test_a_layer_with_inputs_first_is_its_turned_linear_layer():
    layer, params = Conv1D(5, 3), seeded(**PROGRAMMING, **NOISE, **DAC, **ADC)
    turned = nn.Linear(3, 5)
    turned.weight, turned.bias = nn.Parameter(layer.weight.detach().t().contiguous()), layer.bias
    analog, other = (from_torch(m, params, bias_rows=1) for m in (layer, turned))
    assert analog.form_matrix().shape == (5, 4)
    assert torch.equal(analog.get_matrix(), other.get_matrix())
    x = torch.rand(4, 3)
    assert torch.equal(analog(x), other(x))
    assert isinstance(analog, Conv1D)
    assert type(analog).__name__ == "AnalogConv1D"
    made = type(analog)(seeded(), 5, 3, bias_rows=1)
    assert made(x).shape == (4, 5)


@pytest.mark.parametrize("how", ["state_dict", "deepcopy", "pickle"])
def test_what_continues_is_the_same_to_the_last_bit(how):
    params, x = seeded(**PROGRAMMING, **NOISE), torch.rand(2, 3)
    analog = from_torch(Conv1D(5, 3), params, bias_rows=1)
    synchronize(analog)
    analog(x)
    other = from_torch(Conv1D(5, 3), params, bias_rows=1)
    if how == "state_dict":
        other.load_state_dict(analog.state_dict())
    elif how == "deepcopy":
        other = copy.deepcopy(analog)
    else:
        other = pickle.loads(pickle.dumps(analog))
    assert type(other) is type(analog)
    assert torch.equal(analog(x), other(x))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: Doubled(5, 3), "computes something else than Conv1D"),
        (lambda: namesake(lambda self, x: x @ self.weight - self.bias), "no analog counterpart"),
        (lambda: namesake(lambda self, x: x @ self.weight.relu() + self.bias), "no analog"),
        (lambda: namesake(lambda self, x: x @ self.weight.T + self.bias), "no analog counterpart"),
        (lambda: namesake(lambda self, x: self.lost), "no analog counterpart"),
    ],
)
def test_a_name_is_not_enough(make, reason):
    model = nn.Sequential(make())
    assert not convertible_modules(model)
    assert reason in summary(model).rows[0][-1]


@pytest.mark.parametrize("device", ["meta", "cpu"])
def test_what_a_class_computes_does_not_depend_on_where_one_asks(device):
    layer = namesake(lambda self, x: torch.addmm(self.bias, x.flatten(0, -2), self.weight)
                     .view(*x.shape[:-1], self.nf))  # fmt: skip
    with torch.device(device), torch.autocast("cpu", dtype=torch.bfloat16):
        assert convertible_modules(layer) == [layer]


def test_a_model_with_tied_words():
    torch.manual_seed(0)
    digital = Writer()
    names = [name for name, m in digital.named_modules() if m in convertible_modules(digital)]
    assert names == ["block.c_attn", "block.c_proj", "block.c_fc", "block.c_out", "lm_head"]
    analog = from_torch(digital, seeded(), auto_synchronize=True)
    assert analog.lm_head.weight is analog.wte.weight
    assert type(analog.wte) is nn.Embedding
    ids = words()
    for model in (digital, analog):
        optimiser = torch.optim.SGD(model.parameters(), 0.1)
        for _ in range(3):
            optimiser.zero_grad()
            functional.cross_entropy(model(ids).flatten(0, 1), ids.flatten()).backward()
            optimiser.step()
    torch.testing.assert_close(analog(ids), digital(ids), rtol=1e-4, atol=1e-4)
    held = analog.lm_head.get_core_weights()[0]
    torch.testing.assert_close(held, analog.wte.weight.detach())
    back = to_torch(analog)
    assert back.lm_head.weight is back.wte.weight
    assert torch.equal(back.wte.weight, analog.wte.weight)


def test_changed_words_reach_the_tied_layer():
    analog = from_torch(Writer(), seeded(**ERRORS))
    # The arrays have errors of their own: the words that are read are not those that are written.
    held = to_torch(analog, physical_weights=True)
    assert not torch.equal(held.lm_head.weight, held.wte.weight)
    torch.testing.assert_close(analog(words()), held(words()))
    with torch.no_grad():
        analog.wte.weight.zero_()
    synchronize(analog)
    # All that is left is the rounding of a difference of equal cells.
    assert float(analog(words()).detach().abs().max()) < 1e-12


def gpt2(transformers):
    config = transformers.GPT2Config(
        vocab_size=11, n_positions=8, n_embd=8, n_layer=2, n_head=2, resid_pdrop=0.0,
        embd_pdrop=0.0, attn_pdrop=0.0,
    )  # fmt: skip
    return transformers.GPT2LMHeadModel(config)


def bert(transformers):
    config = transformers.BertConfig(
        vocab_size=11, hidden_size=8, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=12, max_position_embeddings=8, hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    return transformers.BertForMaskedLM(config)


@pytest.mark.parametrize(("make", "layers"), [(gpt2, 9), (bert, 14)])
@pytest.mark.parametrize("hardware", [{}, ERRORS], ids=["ideal", "errors"])
def test_models_of_the_library(make, layers, hardware):
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    digital = make(transformers).double().eval()
    with torch.no_grad():
        for p in digital.parameters():
            p.add_(0.2 * torch.randn_like(p))
    analog = from_torch(digital, seeded(**hardware), bias_rows=1)
    assert len(analog_modules(analog)) == layers
    tied = analog.get_output_embeddings()
    assert tied.weight is analog.get_input_embeddings().weight
    held = to_torch(analog, physical_weights=True)
    ids = words(11)
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
    found = []
    for model in (analog, held):
        y = model(input_ids=ids, attention_mask=mask).logits
        torch.testing.assert_close(y, model(input_ids=ids, attention_mask=mask).logits)
        y.pow(2).sum().backward()
        found.append((y, {name: p.grad for name, p in model.named_parameters()}))
    torch.testing.assert_close(found[0][0], found[1][0], **CLOSE)
    digital_y = digital(input_ids=ids, attention_mask=mask).logits
    assert torch.allclose(found[0][0], digital_y, rtol=1e-6, atol=1e-9) == (not hardware)
    if not hardware:
        digital_y.pow(2).sum().backward()
        for name, p in digital.named_parameters():
            torch.testing.assert_close(found[0][1][name], p.grad, rtol=1e-9, atol=1e-9)
    with ideal(analog):
        torch.testing.assert_close(
            analog(input_ids=ids, attention_mask=mask).logits, digital_y, **CLOSE
        )
