"""Cells that do not follow Ohm's law, against Kirchhoff's laws solved node by node.

Tolerances. The solver is asked for 1e-11 of the largest current of a line, and the dense solution
loses 1e-16 times its condition, at most 1e5 here: 1e-9 of the currents before anything is
subtracted from them, which is the scale that `WiredCore.multiply_with_scale` gives.
"""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from kirchhoff import EVEN, EvenDevice, WiredCore
from strategies import conductances, core_of, set_style, styles
from wired_cores import matrix, wired

from simulator import ModelError
from simulator.devices import Device

ACCURACY = 1e-9
MODELS = ("CubicDevice", "EvenDevice")
STYLES = (
    "one_sided", "two_sided", "digital", "interleaved", "offset", "unit",
    "sliced_balanced", "sliced_offset", "sliced_unit",
)  # fmt: skip


def hardware(model, style="one_sided", ohms=(0.0, 0.0), volts=0.8):
    """Cells of a nonlinear model; ``ohms`` as in `wired`, none by default."""
    p = wired(*ohms)
    p.xbar.array.parasitics.enable = any(ohms)
    set_style(p, style if style not in ("digital", "interleaved") else "one_sided")
    p.core.balanced.interleaved_posneg = style == "interleaved"
    p.core.balanced.subtract_current_in_xbar = style != "digital"
    p.xbar.device.Vread = volts
    p.xbar.device.nonlinear_IV.enable = model is not None
    if model:
        p.xbar.device.nonlinear_IV.model = model
    return p


def multiply(core, x, transposed):
    return x @ core if transposed else core @ x


def inputs(shape, transposed, count=2, seed=7):
    rng = np.random.default_rng(seed)
    lines = shape[0] if transposed else shape[1]
    return rng.uniform(-1, 1, (count, lines) if transposed else (lines, count))


def check(a, x, p, transposed, accuracy=ACCURACY):
    wanted, scale = WiredCore(a, p).multiply_with_scale(x, transposed)
    got = multiply(core_of(a, p), x, transposed)
    np.testing.assert_allclose(got, wanted, rtol=0, atol=accuracy * scale)


@pytest.mark.parametrize("transposed", [False, True], ids=["MVM", "VMM"])
@pytest.mark.parametrize("ohms", [(0.0, 0.0), (40.0, 90.0, 300.0, 500.0)], ids=["ideal", "wired"])
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("model", MODELS)
def test_every_style_obeys_kirchhoff(model, style, ohms, transposed):
    """On tiles of 4 and 3 rows, 3 and 2 columns."""
    p = hardware(model, style, ohms)
    p.core.rows_max, p.core.cols_max = 3, 4
    weights = p.core.mapping.weights
    weights.row_partition_strategy = weights.col_partition_strategy = "MAX"
    a = matrix((7, 5))
    core = core_of(a, p)
    assert core.chip.rows.sizes == (4, 3)
    assert core.chip.cols.sizes == (3, 2)
    check(a, inputs(a.shape, transposed), p, transposed)


@st.composite
def any_hardware(draw):
    """Any style, tiles, digits of the inputs and converters."""
    ohm = st.floats(1.0, 200.0)
    ends = st.one_of(st.just(0.0), ohm)
    ohms = draw(st.one_of(st.just((0.0, 0.0)), st.tuples(ohm, ohm, ends, ends)))
    p = hardware(draw(st.sampled_from(MODELS)), "one_sided", ohms, draw(st.floats(0.05, 0.9)))
    draw(styles(p))
    p.core.rows_max, p.core.cols_max = draw(st.integers(2, 6)), draw(st.integers(2, 6))
    if draw(st.booleans()):
        p.xbar.dac.mvm.model, p.xbar.dac.mvm.bits = "SignMagnitudeDAC", 3
        p.xbar.dac.mvm.input_bitslicing = True
        p.xbar.dac.mvm.slice_size = draw(st.integers(1, 2))
    return p


@given(any_hardware(), st.integers(1, 5), st.integers(1, 5), st.booleans(), st.integers(0, 99))
@settings(max_examples=40)
def test_whole_cores_obey_kirchhoff(p, m, n, transposed, seed):
    # Outputs of interleaved pairs may cancel, which the solver does not master: see the end.
    assume(not (p.xbar.array.parasitics.enable and p.core.balanced.interleaved_posneg))
    a = matrix((m, n), seed)
    check(a, inputs(a.shape, transposed, seed=seed + 1), p, transposed)


@pytest.mark.parametrize("style", ["one_sided", "digital", "interleaved", "offset", "unit"])
@pytest.mark.parametrize("model", [None, *MODELS])
def test_separate_sources_obey_kirchhoff(model, style):
    p = hardware(model, style, (40.0, 90.0, 300.0, 500.0))
    p.xbar.array.parasitics.current_from_input = False
    p.xbar.dac.mvm.model, p.xbar.dac.mvm.bits = "SignMagnitudeDAC", 3
    p.xbar.dac.mvm.input_bitslicing = True
    a = matrix((4, 5))
    x = inputs(a.shape, False)
    x[0] = 0.0
    check(a, x, p, False)


# -- laws -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("transposed", [False, True], ids=["MVM", "VMM"])
@pytest.mark.parametrize("ohms", [(0.0, 0.0), (40.0, 90.0)], ids=["ideal", "wired"])
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("model", MODELS)
def test_small_read_voltages_give_linear_cells(model, style, ohms, transposed):
    """The even term shrinks as V, the odd one as V^2: at 1e-9 V neither is above the tolerance."""
    a = matrix((6, 5))
    x = inputs(a.shape, transposed)
    small = multiply(core_of(a, hardware(model, style, ohms, 1e-9)), x, transposed)
    linear = multiply(core_of(a, hardware(None, style, ohms)), x, transposed)
    scale = WiredCore(a, hardware(None, style)).multiply_with_scale(x, transposed)[1]
    np.testing.assert_allclose(small, linear, rtol=0, atol=ACCURACY * scale)


@pytest.mark.parametrize("style", ["one_sided", "digital", "interleaved", "offset", "unit"])
@pytest.mark.parametrize("model", MODELS)
def test_small_resistances_give_ideal_wires(model, style):
    """Drops are at most 12 cells times 1e-7 ohm over 10 kiloohms, 1.2e-10 of the voltages."""
    a = matrix((6, 6))
    x = inputs(a.shape, False)
    ideal = core_of(a, hardware(model, style)) @ x
    faint = core_of(a, hardware(model, style, (1e-7, 1e-7))) @ x
    scale = WiredCore(a, hardware(model, style)).multiply_with_scale(x)[1]
    np.testing.assert_allclose(faint, ideal, rtol=0, atol=ACCURACY * scale)


@pytest.mark.parametrize("ohms", [(0.0, 0.0), (1e-7, 1e-7)], ids=["ideal", "wired"])
@pytest.mark.parametrize("style", ["one_sided", "digital", "interleaved"])
def test_even_terms_of_pairs(style, ohms):
    """Interleaved f(G+, V) + f(G-, -V); arrays of their own f(G+, V) - f(G-, V)."""
    p, volts = hardware("EvenDevice", style, ohms), 0.8
    a = matrix((4, 5))
    core = core_of(a, p)
    x = inputs(a.shape, False)
    positive, negative = conductances(core).values()

    def f(g, x):
        return g @ (x + EVEN * volts * x**2)

    if style == "interleaved":
        net = f(positive, x) + f(negative, -x)
    else:
        net = f(positive, x) - f(negative, x)
    wanted = net * np.abs(a).max() / 0.9
    np.testing.assert_allclose(core @ x, wanted, rtol=0, atol=ACCURACY * np.abs(wanted).max())
    assert np.abs(wanted - a @ x).max() > 1e-2


@pytest.mark.parametrize("ohms", [(0.0, 0.0), (40.0, 90.0)], ids=["ideal", "wired"])
def test_a_batch_is_its_vectors_however_it_is_cut(ohms):
    a, x = matrix((6, 5)), inputs((6, 5), False, 7)
    p = hardware("CubicDevice", "two_sided", ohms)
    whole = core_of(a, p) @ x
    p.simulation.memory_limit = 1
    in_pieces = core_of(a, p) @ x
    one_by_one = np.stack([core_of(a, p) @ v for v in x.T], axis=1)
    for got in (in_pieces, one_by_one):
        np.testing.assert_allclose(got, whole, rtol=0, atol=ACCURACY * np.abs(whole).max())


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("transposed", [False, True], ids=["MVM", "VMM"])
def test_no_input_is_no_output(style, transposed):
    for ohms in ((0.0, 0.0), (40.0, 90.0)):
        core = core_of(matrix((4, 5)), hardware("CubicDevice", style, ohms))
        assert not multiply(core, 0 * inputs((4, 5), transposed), transposed).any()
        assert multiply(core, inputs((4, 5), transposed, 0), transposed).size == 0


def test_a_read_voltage_that_the_model_does_not_describe():
    with pytest.raises(ModelError, match=r"Vread.*2 V"):
        core_of(matrix((2, 2)), hardware("CubicDevice", volts=2.5))


def test_the_plain_solver_needs_one_that_knows_the_cells():
    p = hardware("EvenDevice", ohms=(40.0, 90.0))
    p.simulation.parasitics_solver = "nodal"
    with pytest.raises(ModelError, match="nodal.*ohmic"):
        core_of(matrix((2, 2)), p) @ np.ones(2)


# -- found wanting --------------------------------------------------------------------------------


@pytest.mark.parametrize("volts", [1.3, 1.6, 1.9])
def test_cubic_cells_beyond_their_largest_current(volts):
    """Such cells have a solution, which plain Newton on the nodes finds."""
    p = hardware("CubicDevice", "digital", (40.0, 90.0), volts)
    a = np.abs(matrix((4, 5)))
    check(a, np.ones((5, 1)), p, False)


@dataclass(frozen=True)
class LimitedDevice(Device):
    """Cells whose current stays at that of 0.2 V above it."""

    def current(self, siemens, volts, cell):
        return siemens * np.clip(volts, -0.2, 0.2)

    def slope(self, siemens, volts, cell):
        return siemens * (np.abs(volts) < 0.2)


def test_cells_with_a_current_limit_that_wires_bring_below_it():
    """One cell of 10 kiloohms behind 10 kiloohms at 0.3 V sees half of it, below the limit."""
    p = hardware("LimitedDevice", "offset", (5e3, 5e3), 0.3)
    p.core.mapping.weights.percentile = None
    p.core.mapping.weights.min, p.core.mapping.weights.max = -1.0, 1.0
    drop = core_of(np.ones((1, 1)), p).ir_drop(np.ones(1))
    np.testing.assert_allclose(drop.amps, 0.3 / 2e4, rtol=1e-9)


@pytest.mark.parametrize("tolerance", [1e-3, 1e-11])
def test_interleaved_pairs_of_equal_cells_draw_nothing(tolerance):
    """A tile of zero weights, as the most significant slice of small weights often is."""
    p = hardware("CubicDevice", "interleaved", (40.0, 90.0))
    p.simulation.Verr_th_mvm = tolerance
    p.core.rows_max = 4
    p.core.mapping.weights.col_partition_strategy = "MAX"
    a = matrix((4, 8))
    a[:, :4] = 0.0
    x = inputs(a.shape, False)
    half = hardware("CubicDevice", "interleaved", (40.0, 90.0))
    wanted = core_of(a[:, 4:], half) @ x[4:]
    got = core_of(a, p) @ x
    np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-5 * np.abs(wanted).max())


@pytest.mark.parametrize("transposed", [False, True], ids=["MVM", "VMM"])
def test_inputs_that_cancel_on_equal_cells_draw_nothing(transposed):
    """Wires of the driven lines alone keep what is odd odd: +V and -V on equal cells."""
    p = hardware("CubicDevice", "two_sided", (0.0, 40.0) if transposed else (40.0, 0.0))
    p.simulation.Verr_th_mvm = 1e-3
    x = np.array([1.0, -1.0, -1.0, 1.0])
    core = core_of(np.full((4, 4), 0.5), p)
    assert np.abs(multiply(core, x, transposed)).max() <= 1e-6


@dataclass(frozen=True)
class NumberlessDevice(Device):
    """A model that has no number for a current."""

    def current(self, siemens, volts, cell):
        return siemens * volts * np.nan

    def slope(self, siemens, volts, cell):
        return siemens + 0 * volts


@dataclass(frozen=True)
class ShapelessDevice(Device):
    """A model that adds up what it should return."""

    def current(self, siemens, volts, cell):
        return np.sum(siemens * volts)

    def slope(self, siemens, volts, cell):
        return siemens + 0 * volts


@pytest.mark.parametrize("ohms", [(0.0, 0.0), (40.0, 90.0)], ids=["ideal", "wired"])
@pytest.mark.parametrize("model", ["NumberlessDevice", "ShapelessDevice"])
def test_a_model_that_returns_no_currents_is_named(model, ohms):
    with np.errstate(all="ignore"), pytest.raises(ModelError, match=model):
        core_of(matrix((2, 2)), hardware(model, ohms=ohms)) @ np.ones(2)


def test_the_device_of_these_tests_is_the_law_of_the_plain_model():
    assert EvenDevice().current(2.0, 0.5, None) == 2 * (0.5 + EVEN * 0.25)
