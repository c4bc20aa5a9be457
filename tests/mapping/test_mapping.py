"""Each step from a number to conductances, and its inverse."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import STYLES, conductances, core_of, set_style

from simulator import CrossSimParameters, ParameterError
from simulator.hardware.build import build_hardware
from simulator.kernels import ReferenceKernels
from simulator.mapping import (
    CellLevels,
    InputDigits,
    InputScaling,
    OneSidedPair,
    SingleCell,
    SlicedWeight,
    TwoSidedPair,
    WeightScaling,
    WholeWeight,
    symmetric_limit,
)  # fmt: skip

EPS = np.finfo(float).eps
SEEDS = st.integers(0, 2**32)


def weights(seed, count=50):
    w = np.random.default_rng(seed).uniform(-1, 1, count)
    w[:3] = -1, 0, 1
    return w


@given(st.floats(-10, 10), st.floats(0.01, 20), st.booleans(), SEEDS)
def test_weight_scaling(low, width, clipping, seed):
    scaling = WeightScaling(low, low + width, clipping)
    matrix = np.random.default_rng(seed).uniform(low - 1, low + width + 1, 50)
    target = matrix.clip(low, low + width) if clipping else matrix
    fractions = scaling.encode(matrix, np)
    assert np.abs(scaling.decode(fractions) - target).max() <= 2 * EPS * np.abs(target).max()
    if clipping:
        assert np.abs(fractions).max() <= 1
    assert scaling.limit == max(abs(low), abs(low + width))


@given(st.floats(-10, 10), st.floats(0.01, 20), st.booleans(), SEEDS)
def test_input_scaling(low, width, signed, seed):
    scaling = InputScaling(low, low + width, signed)
    x = np.random.default_rng(seed).uniform(low, low + width, 50)
    assert np.abs(scaling.decode(scaling.encode(x)) - x).max() <= 4 * EPS * np.abs(x).max()
    span = scaling.encode(low + width) - scaling.encode(low)
    assert span == pytest.approx(2 if signed else 1, abs=1e-6)


@pytest.mark.parametrize("cells", [OneSidedPair(), TwoSidedPair()], ids=lambda c: type(c).__name__)
@given(seed=SEEDS)
def test_pairs_hold_signed_values(cells, seed):
    w = weights(seed)[None]
    values = cells.encode(w, np)
    assert values.shape == (1, 2, w.shape[1])
    assert values.min() >= 0
    assert values.max() <= 1
    merged = np.tensordot(cells.merge, values, axes=(0, 1))
    assert np.abs(merged - w).max() <= 2 * EPS
    if isinstance(cells, OneSidedPair):
        assert (values.min(axis=1) == 0).all()
    else:
        assert np.abs(values.sum(axis=1) - 1).max() <= EPS


@given(seed=SEEDS)
def test_single_cells_hold_their_value(seed):
    values = np.abs(weights(seed))[None]
    assert np.array_equal(SingleCell().encode(values, np)[:, 0], values)


@given(st.integers(2, 10) | st.just(0), SEEDS)
def test_whole_unsigned_weights(cell_bits, seed):
    """With few levels the weight zero falls on a level, and the lowest is left unused."""
    step, w = WholeWeight(False, cell_bits), weights(seed)
    values = step.encode(w, np)
    assert values.min() >= 0
    assert values.max() <= 1 + EPS
    assert np.abs(step.merge[0] * values[0] - step.zero - w).max() <= 16 * EPS
    if cell_bits:
        at_zero = step.encode(np.zeros(1), np) * (2**cell_bits - 1)
        assert abs(at_zero - np.rint(at_zero)).max() < 1e-9
        assert values.min() * (2**cell_bits - 1) == pytest.approx(1)
    assert step.unit_values[0] == pytest.approx(step.encode(np.zeros(1), np)[0, 0])


@settings(max_examples=150)
@given(st.booleans(), st.integers(2, 16), st.integers(1, 16), SEEDS)
def test_sliced_weights(signed, bits, slices, seed):
    step, w = SlicedWeight(signed, max(bits, slices), slices), weights(seed)
    values = step.encode(w, np)
    digits = values * (2**step.slice_bits - 1)
    assert np.abs(digits - np.rint(digits)).max() < 1e-6
    merged = np.tensordot(step.merge, values, axes=1) - step.zero
    whole = np.rint(w * step.steps) / step.steps
    assert np.abs(merged - whole).max() <= 32 * EPS
    if signed:
        assert (np.sign(values) * np.sign(w) >= 0).all()
    else:
        assert values.min() >= 0
    if step.slice_bits * slices >= step.weight_bits - signed:
        assert np.abs(values).max() <= 1 + EPS


@settings(max_examples=60)
@given(st.integers(1, 12), st.integers(1, 12))
def test_input_digits(bits, size):
    step = InputDigits(bits, size)
    u = np.arange(-(2**bits) + 1, 2**bits) / (2**bits - 1)
    phases = step.encode(u, ReferenceKernels(np))
    assert phases.shape == (len(step.merge), u.size)
    assert np.abs(np.tensordot(step.merge, phases, axes=1) - u).max() <= 4 * EPS


@given(st.floats(0, 0.5), st.integers(-3, 10), SEEDS)
def test_levels(lowest, bits, seed):
    levels, values = CellLevels(lowest, bits), np.abs(weights(seed))
    conductances = levels.encode(values, np)
    assert conductances.min() >= lowest
    assert conductances.max() <= 1 + EPS
    back = levels.decode(conductances)
    assert np.abs(back - values).max() <= (0.5 / (2**bits - 1) if bits > 0 else 0) + 8 * EPS
    if bits > 0:
        assert np.unique(np.round(back, 9)).size <= 2**bits
        assert np.abs(levels.encode(back, np) - conductances).max() <= 8 * EPS


@settings(max_examples=200)
@given(
    st.sampled_from(STYLES),
    st.integers(1, 4),
    st.integers(2, 12),
    st.sampled_from((1.001, 2, 1e9)),
    SEEDS,
)
def test_the_whole_chain(style, slices, bits, ratio, seed):
    """Weights to conductances in [Gmin, Gmax] and back, for every style."""
    params = CrossSimParameters()
    set_style(params, style, max(bits, slices), slices)
    if style == "sliced_unit":
        # A unit column holds the weight zero only where the slices divide the bits.
        params.core.weight_bits = slices * max(2, bits // slices)
    params.xbar.device.Rmax = params.xbar.device.Rmin * ratio
    code, w = build_hardware(params).code, weights(seed)
    g = code.encode(w, np)
    assert g.min() >= 1 / ratio - EPS
    unit = code.unit(np)[:, :, None] if code.unit_column else None
    back = code.decode(g, unit, np)
    half_step = 0.5 / code.digits.steps if style.startswith("sliced") else 0.0
    assert np.abs(back - w).max() <= half_step + 64 * EPS / (1 - 1 / ratio)


@pytest.mark.parametrize("style", STYLES)
def test_conductances_stay_within_the_device(style):
    rng = np.random.default_rng(0)
    params = CrossSimParameters()
    set_style(params, style)
    for cells in conductances(core_of(rng.uniform(-1, 1, (9, 8)), params)).values():
        assert cells.min() >= 0.1 - EPS
        assert cells.max() <= 1 + EPS


@pytest.mark.parametrize(
    ("percentile", "wanted"), [(1.0, 4.0), (1.5, 6.0), (0.5, 1.0), (0.9, 3.4), (0.25, 2.5)]
)
def test_symmetric_limit(percentile, wanted):
    """Of -2, -1, 0, ... 4: multiples of the largest magnitude, or interpolated percentiles."""
    values = np.array([-2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0])
    assert symmetric_limit(values, percentile, np) == pytest.approx(wanted)


def test_symmetric_limit_of_zeros_is_usable():
    for values in (np.zeros(4), np.zeros(0)):
        assert 0 < symmetric_limit(values, 1.0, np) < 1e-12


@pytest.mark.parametrize(("signed", "bits", "slices"), [(True, 1, 1), (False, 0, 1), (True, 0, 2)])
def test_slices_need_bits(signed, bits, slices):
    with pytest.raises(ParameterError, match="weight_bits"):
        SlicedWeight(signed, bits, slices)
