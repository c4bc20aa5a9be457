"""Noise at the input of converters, in layers."""

import copy
import warnings

import numpy as np
import pytest
from strategies import set_style

torch = pytest.importorskip("torch")

from adapters.torch import AnalogLinear, from_torch  # noqa: E402
from simulator import CrossSimParameters  # noqa: E402

CODES = {
    f"xbar.{kind}.{side}.{name}": value
    for kind in ("adc", "dac")
    for side in ("mvm", "vmm")
    for name, value in (("model", f"Quantizer{kind.upper()}"), ("bits", 8))
}
CODES |= {f"xbar.adc.{side}.adc_range_option": "MAX" for side in ("mvm", "vmm")}
NOISE = {f"xbar.adc.{side}.input_noise": 0.05 for side in ("mvm", "vmm")}
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
