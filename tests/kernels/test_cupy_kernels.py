"""Kernels of the GPU backend, run on this machine, equal their reference."""

import importlib
import sys

import host_cupy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator import AnalogCore, CrossSimParameters
from simulator.backend.device import Backend
from simulator.errors import ModelError
from simulator.kernels import ReferenceKernels
from simulator.kernels.reading import Reading, ShiftAdd

PLAIN = ReferenceKernels(np)
DTYPES = st.sampled_from((np.float32, np.float64))
SEEDS = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def fast(tmp_path_factory):
    if host_cupy.COMPILER is None:
        pytest.skip("no C++ compiler on this machine")
    before = sys.modules.get("cupy")
    sys.modules["cupy"] = host_cupy.module(tmp_path_factory.mktemp("kernels"))
    try:
        module = importlib.import_module("simulator.kernels.gpu.kernels")
        yield module.CupyKernels(np)
    finally:
        sys.modules.pop("simulator.kernels.gpu.kernels", None)
        sys.modules.pop("cupy")
        if before is not None:
            sys.modules["cupy"] = before


def values(seed, shape, dtype):
    """Values up to 2, some of them exactly between two levels, on a limit or zero."""
    rng = np.random.default_rng(seed)
    grid = rng.integers(-16, 17, shape) / 8
    return np.where(rng.random(shape) < 0.3, grid, rng.uniform(-2, 2, shape)).astype(dtype)


def test_rounding_to_levels(fast):
    for dtype in (np.float32, np.float64):
        x = values(1, (40, 7), dtype)
        high = np.linspace(0.5, 2, 7).astype(dtype)
        dither = np.random.default_rng(2).random((40, 7)).astype(dtype)
        for arguments in ((-1.0, 1.0, 15), (-high, high, 255, dither), (0, high, 7)):
            got, wanted = fast.quantize(x, *arguments), PLAIN.quantize(x, *arguments)
            assert got.dtype == wanted.dtype == dtype
            np.testing.assert_array_equal(got, wanted)
        np.testing.assert_array_equal(
            fast.quantize_magnitude(x, 0.7, 7), PLAIN.quantize_magnitude(x, 0.7, 7)
        )


def test_digits(fast):
    x = np.linspace(-1, 1, 511).reshape(7, 73).T.astype(np.float32)
    np.testing.assert_array_equal(fast.digits(x, 7, 2), PLAIN.digits(x, 7, 2))


def test_draws(fast):
    counter = (
        np.arange(9, dtype=np.uint64), np.arange(3)[:, None], 2**31 + 5, np.arange(2)[:, None, None]
    )  # fmt: skip
    key = (123456789, 4000000000)
    np.testing.assert_array_equal(fast.uniforms(counter, key), PLAIN.uniforms(counter, key))
    # Two ways to a cosine: both are right to a few units of rounding of the largest normal.
    bound = 6.7 * 16 * np.finfo(float).eps
    np.testing.assert_allclose(fast.normals(counter, key), PLAIN.normals(counter, key), atol=bound)


def test_noise(fast):
    mean, normals = values(1, (5, 6), np.float32), values(2, (5, 6), np.float32)
    args = mean, np.abs(mean), normals
    np.testing.assert_array_equal(fast.add_noise(*args), PLAIN.add_noise(*args))


@st.composite
def readings(draw):
    """Currents in some memory order, how they are read, and totals."""
    phases, out_parts, in_parts, slices = (draw(st.integers(1, 3)) for _ in range(4))
    sides, has_unit = draw(st.integers(1, 2)), draw(st.booleans())
    rest = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    dtype = draw(DTYPES)
    codes = draw(DTYPES) if dtype is np.float32 else dtype  # codes are at least as precise
    shape = (phases, out_parts, in_parts, slices, sides, draw(st.integers(2, 4)), *rest)
    rng = np.random.default_rng(draw(SEEDS))
    order = [*range(6), *range(6, len(shape))]
    if draw(st.booleans()):
        order = [6, *range(6), *range(7, len(shape))]  # images outside, as convolutions give them
    amps = values(draw(SEEDS), [shape[k] for k in order], dtype).transpose(np.argsort(order))
    high = rng.uniform(0.5, 2, (in_parts, slices)).astype(codes)
    totals = rng.uniform(-3, 3, rest).astype(dtype) if draw(st.booleans()) else None
    reading = Reading(
        low=-high, high=high, steps=draw(st.sampled_from([3, 15, 254])),
        weights=(2.0 ** np.arange(phases)).astype(codes), phase_unit=1 / (2**phases - 1),
        gains=rng.uniform(0.9, 1.1, (out_parts, in_parts)).astype(codes)
        if draw(st.booleans()) else None,
        slices=ShiftAdd(
            (4.0 ** np.arange(slices)).astype(codes), lowest=0.1, width=0.9, full=1 / 3, zero=0.7,
            span=0.98, back=2.0,
        ),
        scale=0.37, has_unit=has_unit,
    )  # fmt: skip
    return amps, reading, totals, dtype


@settings(max_examples=80, deadline=None)
@given(readings())
def test_reading_codes(fast, case):
    amps, reading, totals, dtype = case
    wanted = PLAIN.read_codes(amps, reading, totals, dtype)
    got = fast.read_codes(amps, reading, totals, dtype)
    assert got.dtype == wanted.dtype
    assert got.shape == wanted.shape
    # Codes are the same; sums of at most 3 x 3 x 3 x 4 terms may be rounded in another order.
    size = 108 * 64 * max(1.0, np.abs(wanted).max(initial=0))
    np.testing.assert_allclose(got, wanted, rtol=0, atol=np.finfo(dtype).eps * size)


@pytest.mark.parametrize("style", ["BALANCED", "OFFSET", "BITSLICED"])
def test_a_core_gives_the_same(fast, style):
    p = CrossSimParameters()
    p.simulation.seed = 3
    p.core.style, p.core.rows_max, p.core.weight_bits = style, 5, 6
    p.xbar.device.cell_bits = 3 if style == "BITSLICED" else 6
    p.xbar.device.programming_error.enable = p.xbar.device.read_noise.enable = True
    p.xbar.device.programming_error.model = "NormalProportionalDevice"
    p.xbar.device.read_noise.model = "NormalIndependentDevice"
    p.xbar.dac.mvm.model, p.xbar.dac.mvm.bits = "SignMagnitudeDAC", 5
    p.xbar.dac.mvm.input_bitslicing = p.xbar.adc.mvm.adc_per_ibit = True
    p.xbar.adc.mvm.model, p.xbar.adc.mvm.bits = "QuantizerADC", 7
    p.xbar.adc.mvm.adc_range_option = "MAX"
    matrix = np.random.default_rng(1).normal(size=(8, 12))
    x = np.random.default_rng(2).uniform(-1, 1, (12, 5))
    plain = AnalogCore(matrix, p, backend=Backend("plain", np, PLAIN)) @ x
    compiled = AnalogCore(matrix, p, backend=Backend("compiled", np, fast)) @ x
    # Normals differ by rounding, far below the distance of any current from a threshold here.
    np.testing.assert_allclose(compiled, plain, rtol=0, atol=1e-12)


CELLS = {
    "one-sided pair": {"core.style": "BALANCED"},
    "two-sided pair": {"core.balanced.style": "TWO_SIDED"},
    "offset": {"core.style": "OFFSET"},
    "sliced pair": {"core.style": "BITSLICED", "core.bit_sliced.num_slices": 3},
    "sliced offset": {
        "core.style": "BITSLICED", "core.bit_sliced.style": "OFFSET",
        "core.bit_sliced.num_slices": 4,
    },
}  # fmt: skip
ERRORS = ("Independent", "Proportional", "InverseProportional")


@pytest.mark.parametrize("style", CELLS)
@pytest.mark.parametrize("error", [None, *ERRORS])
def test_programming(fast, style, error, monkeypatch):
    """Levels are those of the stages; errors are too, up to the rounding of normals."""
    program, results = type(fast).program, []

    def kept(*args):
        results.append(program(*args))
        return results[-1]

    monkeypatch.setattr(type(fast), "program", kept)
    p = CrossSimParameters()
    p.update({"simulation.seed": 3, "core.weight_bits": 8, "core.rows_max": 9, **CELLS[style]})
    p.xbar.device.cell_bits = {"sliced pair": 3, "sliced offset": 2, "offset": 6}.get(style, 0)
    p.xbar.device.clip_conductance = error == "Independent"
    p.xbar.device.programming_error.enable = error is not None
    p.xbar.device.programming_error.model = f"Normal{error}Device" if error else "IdealDevice"
    if error:
        p.xbar.device.programming_error.magnitude = 0.1
    other = p.copy()
    other.xbar.device.Rmax = 5e5  # arrays with parameters of their own begin at any column
    matrix = np.random.default_rng(1).uniform(-1, 1, (6, 26)).astype(np.float32)
    made = []
    for kernels in (PLAIN, fast):
        core = AnalogCore(matrix, [p, other, p], backend=Backend("here", np, kernels))
        made.append(core.get_state()["cells"])
    assert len(results) == 3
    assert all(cells is not None for cells in results)
    for wanted, got in zip(*made, strict=True):
        if error is None:
            np.testing.assert_array_equal(got, wanted)
        # A spread of at most 0.1 Gmax, or 0.1 Gmax**2 / Gmin, of normals of at most 6.7.
        spread = 0.1 * (1000 if error == "InverseProportional" else 1)
        np.testing.assert_allclose(got, wanted, atol=spread * 6.7 * 16 * np.finfo(float).eps)


@pytest.mark.filterwarnings("ignore:values that hardware does not have")
@pytest.mark.parametrize("ohms", [1e-9, 1e3])  # no number of siemens, or none of Gmax
def test_programming_cells_that_are_no_numbers_is_refused(fast, ohms):
    p = CrossSimParameters()
    p.xbar.device.programming_error.enable = True
    p.xbar.device.programming_error.model = "NormalIndependentDevice"
    p.xbar.device.programming_error.magnitude = 1e308
    p.xbar.device.Rmin, p.xbar.device.Rmax = ohms, 10 * ohms
    for kernels in (fast, PLAIN):
        with np.errstate(all="ignore"), pytest.raises(ModelError, match="finite"):
            AnalogCore(np.ones((70, 70)), p, backend=Backend("here", np, kernels))
