"""Ideal analog layers equal the digital layer; all equal a dense core behind unrolled inputs.

Tolerances. Two ways to sum n products in floating point differ by at most 2 n eps sum|w||x|
(Higham, Accuracy and Stability, 3.1), plus a few eps for weights that were conductances.
The sum of magnitudes is that of the digital layer with all weights and inputs made positive.
"""

import copy
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402
from torch_models import ADC, DAC, NOISE, PROGRAMMING, seeded  # noqa: E402

from adapters.shared.lowering import stream_of  # noqa: E402
from adapters.torch import (  # noqa: E402
    AnalogConv1d,
    AnalogConv2d,
    AnalogConv3d,
    from_torch,
    to_torch,
)
from simulator import AnalogCore  # noqa: E402

CONVS = {1: AnalogConv1d, 2: AnalogConv2d, 3: AnalogConv3d}
HALF = (torch.float16, torch.bfloat16)
STYLES = {
    "one_sided": {},
    "two_sided": {"core__balanced__style": "TWO_SIDED"},
    "digital_offset": {"core__style": "OFFSET"},
    "unit_column": {"core__style": "OFFSET", "core__offset__style": "UNIT_COLUMN_SUBTRACTION"},
    "sliced": {"core__style": "BITSLICED", "core__weight_bits": 8},
    "sliced_offset": {
        "core__style": "BITSLICED", "core__weight_bits": 6, "core__bit_sliced__num_slices": 3,
        "core__bit_sliced__style": "OFFSET",
    },
}  # fmt: skip
TILES = {
    "one": {},
    "rows": {"core__rows_max": 5},
    "cols": {"core__cols_max": 2},
    "both": {"core__rows_max": 4, "core__cols_max": 3},
}


def magnitudes(digital, x, eps):
    """The digital layer on magnitudes, in double precision, with all that flows through it.

    A weight is a difference of conductances, kept in double precision: its error is relative to
    the range of all weights.
    """
    layer = copy.deepcopy(digital).double()
    limit = max(float(p.detach().abs().max()) for p in layer.parameters())
    with torch.no_grad():
        for p in layer.parameters():
            p.abs_().add_(limit * torch.finfo(torch.float64).eps / eps)
    leaf = x.detach().double().abs().requires_grad_()
    return layer, leaf


def assert_like_digital(analog, digital, x):
    """Forward and backward of both agree to rounding."""
    work = torch.float64 if x.dtype == torch.float64 else torch.float32
    exact = copy.deepcopy(digital).double()
    leaves = [x.detach().clone().requires_grad_(), x.detach().double().requires_grad_()]
    y = analog(leaves[0])
    wanted = exact(leaves[1])
    assert y.shape == wanted.shape
    assert y.dtype == x.dtype
    eps = torch.finfo(work).eps
    size, leaf = magnitudes(digital, x, eps)
    bound = size(leaf)
    grad = torch.linspace(-1, 1, y.numel(), dtype=torch.float64).reshape(y.shape)
    grad = grad.to(y.dtype)
    y.backward(grad)
    wanted.backward(grad.double())
    bound.backward(grad.double().abs())
    # No sum is longer than all inputs times one weight, or all products of one output.
    terms = max(y.numel(), x.numel(), digital.weight.numel()) + 8
    loss = 2 * terms * eps
    if x.dtype in HALF or digital.weight.dtype in HALF:
        # Results, and gradients on their way through a cast, are rounded to few bits: twice.
        loss = loss + 2 * torch.finfo(x.dtype if x.dtype in HALF else digital.weight.dtype).eps
    pairs = [(y, wanted, bound), (leaves[0].grad, leaves[1].grad, leaf.grad)]
    pairs += [
        (analog.get_parameter(name).grad, p.grad, size.get_parameter(name).grad)
        for name, p in exact.named_parameters()
    ]
    tiny = torch.finfo(x.dtype).tiny
    for got, want, scale in pairs:
        assert got is not None
        assert got.shape == want.shape
        assert bool(((got.double() - want).abs() <= loss * scale + tiny).all())


@st.composite
def convolutions(draw):
    """A digital convolution, a shape it accepts and the number of bias lines."""
    space = draw(st.integers(1, 3))

    def each(low, high):
        return tuple(draw(st.integers(low, high)) for _ in range(space))

    groups = draw(st.integers(1, 3))
    channels = groups * draw(st.integers(1, 2))
    outputs = groups * draw(st.integers(1, 2))
    kernel, dilation = each(1, 3), each(1, 2)
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation)]
    size = tuple(r + e for r, e in zip(reach, each(0, 2)))
    padding = draw(st.sampled_from(["same", "valid", "int", "tuple"]))
    stride = (1,) * space if padding == "same" else each(1, 2)
    # Reflection reaches at most to the last pixel but one.
    most = [min(2, n - 1) for n in size]
    if padding == "int":
        padding = draw(st.integers(0, min(most)))
    elif padding == "tuple":
        padding = tuple(draw(st.integers(0, m)) for m in most)
    mode = draw(st.sampled_from(["zeros", "reflect", "replicate", "circular"]))
    layer = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[space - 1](
        channels, outputs, kernel, stride, padding, dilation, groups,
        bias=draw(st.booleans()), padding_mode=mode,
    )  # fmt: skip
    batch = draw(st.sampled_from([(), (0,), (1,), (3,)]))
    return layer, (*batch, channels, *size), draw(st.integers(0, 3))


@st.composite
def linears(draw):
    layer = nn.Linear(draw(st.integers(1, 9)), draw(st.integers(1, 7)), bias=draw(st.booleans()))
    lead = draw(st.lists(st.integers(0, 3), max_size=3))
    return layer, (*lead, layer.in_features), draw(st.integers(0, 3))


DTYPES = st.sampled_from([torch.float32, torch.float64, *HALF])


def check_generated(case, style, tiles, dtype, seed):
    layer, shape, rows = case
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in layer.parameters():
            p.copy_(torch.rand(p.shape, generator=generator) - 0.5)
    layer = layer.to(dtype)
    params = seeded(**STYLES[style], **TILES[tiles])
    with warnings.catch_warnings():
        # torch's own remark about even kernels with padding="same".
        warnings.filterwarnings("ignore", message="Using padding='same' with even")
        analog = from_torch(copy.deepcopy(layer), params, bias_rows=rows)
        x = (torch.rand(shape, generator=generator) - 0.5).to(dtype)
        if style.startswith("sliced"):
            # Few bits: the weights are what the arrays hold, in the precision they are held in.
            weight, bias = analog.get_core_weights()
            digital = layer.to(weight.dtype)
            with torch.no_grad():
                digital.weight.copy_(weight)
                if bias is not None:
                    digital.bias.copy_(bias)
        else:
            digital = layer
        assert_like_digital(analog, digital, x)


@given(convolutions(), st.sampled_from(list(STYLES)), st.sampled_from(list(TILES)), DTYPES,
       st.integers(0, 2**16))  # fmt: skip
@settings(max_examples=120)
def test_ideal_convolution_is_the_digital_one(case, style, tiles, dtype, seed):
    check_generated(case, style, tiles, dtype, seed)


@given(linears(), st.sampled_from(list(STYLES)), st.sampled_from(list(TILES)), DTYPES,
       st.integers(0, 2**16))  # fmt: skip
@settings(max_examples=60)
def test_ideal_linear_layer_is_the_digital_one(case, style, tiles, dtype, seed):
    check_generated(case, style, tiles, dtype, seed)


@pytest.mark.parametrize("dtype", HALF)
@pytest.mark.parametrize("layer", [nn.Linear(6, 5), nn.Conv1d(6, 4, 1)])
def test_half_precision_inputs_of_a_single_precision_layer(layer, dtype):
    x = torch.randn(3, 6) if isinstance(layer, nn.Linear) else torch.randn(2, 6, 5)
    x = x.to(dtype)
    y = from_torch(copy.deepcopy(layer), seeded())(x)
    assert y.dtype == dtype
    # Computed in float32 and rounded once; two roundings of sums that differ may differ by one.
    torch.testing.assert_close(
        y.float(), layer(x.float()), rtol=2 * torch.finfo(dtype).eps, atol=1e-5
    )


# -- the same core, driven with unrolled inputs ---------------------------------------------------

UNEVEN_DAC = {"xbar__dac__mvm__model": "QuantizerDAC", "xbar__dac__mvm__bits": 5}
UNSIGNED = {**UNEVEN_DAC, "xbar__dac__mvm__signed": False,
            "core__mapping__inputs__mvm__min": 0.0}  # fmt: skip
BITS = {"xbar__dac__mvm__input_bitslicing": True, "xbar__adc__mvm__adc_per_ibit": True}
PERCENTILE = {"core__mapping__inputs__mvm__min": None, "core__mapping__inputs__mvm__max": None,
              "core__mapping__inputs__mvm__percentile": 0.9}  # fmt: skip
HARDWARE = {
    "adc": ADC,
    "dac": DAC,
    "a DAC without zero": UNEVEN_DAC,
    "dac and adc": {**DAC, **ADC},
    "unsigned": {**UNSIGNED, **ADC},
    "bits": {**DAC, **ADC, **BITS},
    "two bits at once": {**UNSIGNED, **ADC, **BITS, "xbar__dac__mvm__slice_size": 2},
    "bits added up before one conversion": {
        **DAC, **ADC, **BITS, "xbar__adc__mvm__adc_per_ibit": False,
    },
    "offset": {**DAC, **ADC, **BITS, **STYLES["digital_offset"]},
    "unit column": {**DAC, **ADC, **BITS, **STYLES["unit_column"]},
    "slices": {**DAC, **ADC, **BITS, **STYLES["sliced"]},
    "slices with an offset": {**DAC, **ADC, **BITS, **STYLES["sliced_offset"]},
    "tiles": {**DAC, **ADC, **TILES["both"]},
    "tiles of bits": {**DAC, **ADC, **BITS, **TILES["both"], **STYLES["unit_column"]},
    "column limit": {**DAC, **ADC, "xbar__array__Icol_max": 0.8},
    "column limit alone": {"xbar__array__Icol_max": 0.8},
    "two converters": {**ADC, "core__balanced__subtract_current_in_xbar": False},
    "stochastic rounding": {**DAC, **ADC, "xbar__adc__mvm__stochastic_rounding": True},
    "converter noise": {**DAC, **ADC, **BITS, "xbar__adc__mvm__input_noise": 0.05},
    "noise of ideal converters": {**TILES["both"], "xbar__adc__mvm__input_noise": 0.05},
    "errors": {**DAC, **ADC, **PROGRAMMING},
    "noise": NOISE,
    "noise, adc": {**DAC, **ADC, **BITS, **NOISE, **PROGRAMMING},
    "noise of unit columns": {**ADC, **NOISE, **STYLES["unit_column"]},
    "noise on tiles": {**ADC, **NOISE, **TILES["both"]},
    "noise per device": {**DAC, **NOISE, "simulation__read_noise_sampling": "per_device"},
    "noise per device on tiles": {
        **DAC, **BITS, **ADC, **NOISE, **TILES["both"],
        "simulation__read_noise_sampling": "per_device",
    },
    "percentile": {**DAC, **ADC, **PERCENTILE},
    "percentile of an uneven DAC": {**UNEVEN_DAC, **PERCENTILE},
    "little memory": {**DAC, **ADC, **BITS, **NOISE, "simulation__memory_limit": 1},
    "unfolded": {**DAC, **ADC, **BITS, "simulation__disable_fast_matmul": True},
}  # fmt: skip
GEOMETRY = {  # dimensions, pixels each way, bias lines, options
    "plain": (2, 5, 1, {"kernel_size": 3}),
    "padded": (2, 5, 0, {"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 2)}),
    "padded, bias lines": (2, 5, 2, {"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 2)}),
    "same": (2, 4, 0, {"kernel_size": 2, "padding": "same", "dilation": (1, 2)}),
    "depthwise": (2, 4, 0, {"kernel_size": 3, "padding": 1, "groups": 4}),
    "line": (1, 7, 3, {"kernel_size": 3, "padding": 2, "dilation": 2}),
    "volume": (
        3, 3, 0, {"kernel_size": 2, "padding": 1, "padding_mode": "circular", "groups": 2},
    ),
}  # fmt: skip


def unrolled(layer, x):
    """Windows of padded images as columns (channels * taps, batch * positions), for each group."""
    mode = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
    if isinstance(layer.padding, str):
        pads = [d * (k - 1) for d, k in zip(layer.dilation, layer.kernel_size)]
        pads = [(p // 2, p - p // 2) if layer.padding == "same" else (0, 0) for p in pads]
    else:
        pads = [(p, p) for p in layer.padding]
    x = functional.pad(x, [p for pair in reversed(pads) for p in pair], mode=mode)
    for axis, (k, s, d) in enumerate(zip(layer.kernel_size, layer.stride, layer.dilation), 2):
        x = x.unfold(axis, d * (k - 1) + 1, s)[..., ::d]
    space = len(layer.kernel_size)
    positions = x.shape[2 : 2 + space]
    order = (1, *range(2 + space, 2 + 2 * space), 0, *range(2, 2 + space))
    columns = x.permute(order).reshape(layer.groups, -1, len(x) * positions.numel())
    return columns.numpy(), positions


@pytest.mark.parametrize("geometry", GEOMETRY)
@pytest.mark.parametrize("hardware", HARDWARE)
def test_convolution_is_the_core_on_unrolled_inputs(hardware, geometry):
    space, size, rows, options = GEOMETRY[geometry]
    generator = torch.Generator().manual_seed(7)
    layer = CONVS[space](seeded(), 4, 4, **options, dtype=torch.float64)
    with torch.no_grad():
        for p in layer.parameters():
            p.copy_(torch.rand(p.shape, generator=generator, dtype=torch.float64) - 0.4)
    low = 0.0 if "unsigned" in hardware or "two bits" in hardware else -1.0
    x = torch.rand(2, 4, *[size] * space, generator=generator, dtype=torch.float64)
    x = low + (1.1 - low) * x
    params = seeded(**HARDWARE[hardware])
    layer = from_torch(to_torch(layer), params, bias_rows=rows)
    columns, positions = unrolled(layer, x)
    bias = layer.bias.detach().numpy()
    width = len(bias) // layer.groups
    matrix = layer.weight.detach().numpy().reshape(layer.groups, width, -1)
    for call in range(2):  # vectors are numbered through the life of the layer
        y = layer(x).detach()
        assert y.shape == (2, 4, *positions)
        for g, inputs in enumerate(columns):
            if rows:
                share = np.repeat(bias[g * width :][:width, None] / rows, rows, axis=1)
                target = np.concatenate([matrix[g], share], axis=1)
                inputs = np.concatenate([inputs, np.ones((rows, inputs.shape[1]))])
            else:
                target = matrix[g]
            core = AnalogCore(target, params, stream=stream_of(f"/{g}" if layer.groups > 1 else ""))
            for _ in range(call):
                core @ inputs
            wanted = core @ inputs
            if not rows:
                wanted = wanted + bias[g * width :][:width, None]
            got = y[:, g * width :][:, :width].transpose(0, 1).reshape(width, -1).numpy()
            # The same numbers in another order of summation: 2 n eps, and codes that agree
            # because no generic current lies so close to a threshold.
            np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-12 * np.abs(wanted).max())


@pytest.mark.parametrize("hardware", ["dac and adc", "noise, adc", "unit column", "tiles"])
def test_linear_layer_is_the_core_on_columns(hardware):
    params = seeded(**HARDWARE[hardware])
    layer = from_torch(nn.Linear(9, 5, dtype=torch.float64), params, bias_rows=2)
    x = torch.rand(2, 3, 9, dtype=torch.float64)
    core = AnalogCore(layer.form_matrix().numpy(), params, stream=stream_of(""))
    inputs = np.concatenate([x.reshape(6, 9).numpy(), np.ones((6, 2))], axis=1).T
    wanted = (core @ inputs).T.reshape(2, 3, 5)
    np.testing.assert_allclose(layer(x).detach().numpy(), wanted, rtol=0, atol=1e-12)


def test_a_list_of_parameters_goes_to_the_arrays_of_a_layer():
    several = [seeded(core__rows_max=9, **ADC), seeded(core__rows_max=9, **DAC, **ADC)]
    layer = from_torch(nn.Conv2d(2, 3, 3, bias=False, dtype=torch.float64), [several])
    assert layer.core.Ncores == 2
    x = torch.rand(2, 2, 5, 5, dtype=torch.float64)
    core = AnalogCore(layer.form_matrix().numpy(), several, stream=stream_of(""))
    wanted = core @ functional.unfold(x, 3).transpose(0, 1).reshape(18, -1).numpy()
    got = layer(x).detach().transpose(0, 1).reshape(3, -1).numpy()
    np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("layer", "x"),
    [
        (nn.Conv2d(2, 3, 3), torch.ones(1, 2, 2, 5)),
        (nn.Conv2d(2, 3, 3), torch.ones(1, 3, 5, 5)),
        (nn.Conv2d(2, 3, 1), torch.ones(1, 2, 4, 4, dtype=torch.complex64)),
        (nn.Conv2d(2, 3, 1), torch.ones(1, 2, 4, 4, dtype=torch.int32)),
        (nn.Linear(2, 3), torch.ones(4, 3)),
        (nn.Linear(2, 3), torch.ones(4, 2, dtype=torch.int64)),
        (nn.Linear(2, 3), torch.full((4, 2), float("nan"))),
    ],
)
def test_inputs_that_mean_nothing_are_refused(layer, x):
    with pytest.raises((RuntimeError, ValueError)):
        from_torch(layer, seeded())(x)
