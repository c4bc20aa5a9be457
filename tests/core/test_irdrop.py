"""``AnalogCore.ir_drop``: Kirchhoff's and Ohm's laws from what it returns and resistances alone.

Tolerances. The solver is asked for 1e-11 of the largest line current. A wire's current is a
difference of voltages over its resistance, so that rounding of the voltages, 1e-16, is divided by
the smallest resistance, 1e-4 of a cell's here: 1e-11 of a cell's current at full input.
"""

import numpy as np
import pytest
from kirchhoff import LAWS, Ohms, cell_amps
from plain_model import PlainCore
from strategies import core_of, set_style
from wired_cores import matrix, wired

from simulator import InputError, ShapeError
from simulator.circuits import nodal
from simulator.circuits.wires import Wires
from simulator.errors import NotSupportedError

OHMS = 40.0, 90.0, 300.0, 500.0
RMIN, VREAD = 1e4, 0.2
FULL = VREAD / RMIN
STYLES = ("one_sided", "digital", "interleaved", "offset", "unit", "sliced_balanced", "sliced_unit")


def hardware(style="one_sided", ohms=OHMS, separate=False, model=None, bits=0):
    p = wired(*ohms)
    p.xbar.device.Vread = VREAD
    set_style(p, style if style not in ("digital", "interleaved") else "one_sided")
    p.core.balanced.interleaved_posneg = style == "interleaved"
    p.core.balanced.subtract_current_in_xbar = style != "digital"
    p.xbar.array.parasitics.current_from_input = not separate
    if separate or bits:
        p.xbar.dac.mvm.model, p.xbar.dac.mvm.bits = "SignMagnitudeDAC", bits or 3
        p.xbar.dac.mvm.input_bitslicing = True
    if model:
        p.xbar.device.nonlinear_IV.enable, p.xbar.device.nonlinear_IV.model = True, model
    return p


def vector(shape, transposed, seed=9):
    return np.random.default_rng(seed).uniform(-1, 1, shape[0] if transposed else shape[1])


def balance(drop, ohms, drive, shared, separate=False):
    """Amps missing at every node of input and output lines: none, if voltages are right."""
    row, col, row_terminal, col_terminal = ohms
    sides, m, n = drop.amps.shape
    start = np.full(m, row), np.full(n, col)
    lines = np.moveaxis(drop.input_volts, 1, 0)  # along o
    profile = start[0]
    if separate:
        lines, profile = np.moveaxis(drop.input_volts, 2, 0), np.full(n, row)
    profile[-1 if drop.transposed else 0] += row_terminal
    port = 0.0 if drop.transposed or separate else drive
    through_input = segment_amps(lines, profile, port, at_end=drop.transposed)
    outputs = np.moveaxis(drop.output_volts, 2, 0)  # along j
    profile = start[1]
    profile[0 if drop.transposed else -1] += col_terminal
    port = drive[0][:, 0] if drop.transposed else 0.0
    through_output = segment_amps(outputs, profile, port, at_end=not drop.transposed)
    away = -drop.amps if drop.transposed else drop.amps  # from input node to output node
    into_input = through_input - np.moveaxis(away, 2 if separate else 1, 0)
    along_j = np.moveaxis(away, 2, 0)
    if shared:
        along_j = np.broadcast_to(along_j.sum(axis=1, keepdims=True), along_j.shape)
    return np.abs(into_input).max(), np.abs(through_output + along_j).max()


def segment_amps(nodes, profile, port, at_end):
    """Amps that wires bring to every node (positions, ...) of chains from a port."""
    ends = np.concatenate([nodes, np.broadcast_to(port, nodes[:1].shape)])
    if not at_end:
        ends = np.roll(ends, 1, axis=0)
    flow = np.diff(ends, axis=0) / profile.reshape(-1, *[1] * (nodes.ndim - 1))
    net = flow.copy() if at_end else -flow
    if at_end:
        net[1:] -= flow[:-1]
    else:
        net[:-1] += flow[1:]
    return net


def driven(x, sides, shared, transposed):
    """Volts of the drivers: (sides, inputs) for an MVM, (1, outputs, 1) for a VMM."""
    if transposed:
        return x.reshape(1, -1, 1) * VREAD
    signs = np.array([1.0, -1.0][:sides] if shared else [1.0] * sides)
    return signs[:, None] * x * VREAD


@pytest.mark.parametrize("model", [None, "CubicDevice"])
@pytest.mark.parametrize("transposed", [False, True], ids=["MVM", "VMM"])
@pytest.mark.parametrize("style", STYLES)
def test_currents_balance_at_every_node_and_cells_obey_their_law(style, transposed, model):
    p, a = hardware(style, model=model), matrix((5, 4))
    x, shared = vector(a.shape, transposed), style == "interleaved"
    core, plain = core_of(a, p), PlainCore(a, p)
    for at in range(plain.slices):
        drop = core.ir_drop(x, weight_slice=at, transposed=transposed)
        g = plain.cells(0, 0)[at]
        lines = x
        if plain.unit:
            g = np.concatenate([plain.unit_cells(4)[at], g], axis=1)
            lines = np.append(0.0, x) if transposed else x
        assert drop.amps.shape == drop.input_volts.shape == drop.output_volts.shape == g.shape
        missing = balance(drop, OHMS, driven(lines, len(g), shared, transposed), shared)
        assert max(missing) <= 1e-10 * FULL * g.shape[1]
        amps, _ = LAWS[model](g / RMIN, drop.cell_volts)
        np.testing.assert_allclose(drop.amps, amps, rtol=0, atol=1e-10 * FULL)


@pytest.mark.parametrize("wires", [True, False])
@pytest.mark.parametrize(
    ("style", "transposed"),
    [("one_sided", False), ("one_sided", True), ("offset", True), ("interleaved", True),
     ("interleaved", False)],
)  # fmt: skip
def test_ideal_currents_are_those_of_the_drivers_volts(style, transposed, wires):
    """And what is seen without wires has the sign that it has with them."""
    p, a = hardware(style), matrix((5, 4))
    p.xbar.array.parasitics.enable = wires
    x = vector(a.shape, transposed)
    drop, g = core_of(a, p).ir_drop(x, transposed=transposed), PlainCore(a, p).cells(0, 0)[0]
    across = driven(x, len(g), style == "interleaved", transposed)
    ideal = g / RMIN * (across if transposed else across[:, None])
    np.testing.assert_allclose(drop.ideal_amps, ideal, rtol=0, atol=1e-14 * FULL)


@pytest.mark.parametrize("model", ["CubicDevice"])
@pytest.mark.parametrize("style", ["one_sided", "interleaved", "offset"])
def test_ideal_currents_of_nonlinear_cells(style, model):
    p, a = hardware(style, model=model), matrix((5, 4))
    x = vector(a.shape, False)
    drop, g = core_of(a, p).ir_drop(x), PlainCore(a, p).cells(0, 0)[0]
    ideal, _ = LAWS[model](g / RMIN, driven(x, len(g), style == "interleaved", False)[:, None])
    np.testing.assert_allclose(drop.ideal_amps, ideal, rtol=0, atol=1e-14 * FULL)


@pytest.mark.parametrize("selected", ["top", "bottom"])
@pytest.mark.parametrize("style", ["one_sided", "interleaved", "offset", "unit"])
def test_supply_lines_balance_too(style, selected):
    """Two rows of the array are idle: their segments lie in series."""
    p, a = hardware(style, separate=True), matrix((5, 4))
    p.core.rows_max, p.xbar.array.parasitics.selected_rows = 6, selected
    x = np.array([1.0, -1.0, 0.0, 1.0])
    core, plain = core_of(a, p), PlainCore(a, p)
    drop, g = core.ir_drop(x, phase=1), plain.cells(0, 0)[0]
    if plain.unit:
        g = np.concatenate([plain.unit_cells(4)[0], g], axis=1)
    row, col, row_terminal, col_terminal = OHMS
    shared = style == "interleaved"
    idle = 2 * (col if selected == "top" else row)
    ohms = (row, col, row_terminal + idle * (selected == "bottom"),
            col_terminal + idle * (selected == "top"))  # fmt: skip
    drive = driven(x, len(g), shared, False)
    supply, output = drop.input_volts - drive[:, None], drop.output_volts
    amps = g / RMIN * (drive[:, None] + supply - output) * (drive[:, None] != 0)
    np.testing.assert_allclose(drop.amps, amps, rtol=0, atol=1e-10 * FULL)
    behind = type(drop)(supply, output, drop.amps, drop.ideal_amps)
    missing = balance(behind, ohms, None, shared, separate=True)
    assert max(missing) <= 1e-10 * FULL * 5


@pytest.mark.parametrize("transposed", [False, True], ids=["MVM", "VMM"])
@pytest.mark.parametrize("interleaved", [False, True])
def test_voltages_and_currents_are_those_of_nodal_analysis(interleaved, transposed):
    p, a = hardware("interleaved" if interleaved else "one_sided"), matrix((5, 4))
    x = vector(a.shape, transposed)
    drop = core_of(a, p).ir_drop(x, transposed=transposed)
    cells = PlainCore(a, p).cells(0, 0)[0]
    wires = Wires(*(ohm / RMIN for ohm in OHMS))
    for side, g in enumerate([cells] if interleaved else [cells[:1], cells[1:]]):
        volts = x[:, None] if transposed else np.stack([x, -x][: len(g)])[..., None]
        solved = nodal.solve(g, wires, volts, transposed)
        here = slice(None) if interleaved else slice(side, side + 1)
        for got, wanted, unit in (
            (drop.amps, solved.cell_currents, FULL),
            (drop.input_volts, solved.input_volts, VREAD),
            (drop.output_volts, np.broadcast_to(solved.output_volts, (*g.shape, 1)), VREAD),
        ):
            np.testing.assert_allclose(got[here], unit * wanted[..., 0], rtol=0, atol=1e-9 * unit)


@pytest.mark.parametrize("transposed", [False, True], ids=["MVM", "VMM"])
def test_tiles_slices_and_phases_are_what_they_are_called(transposed):
    """Against each array on its own, from the plain model of weights and digits."""
    p, a = hardware("sliced_balanced", bits=4), matrix((7, 5))
    p.core.rows_max, p.core.cols_max = 3, 4
    p.core.mapping.weights.row_partition_strategy = "MAX"
    p.core.mapping.weights.col_partition_strategy = "MAX"
    x = vector(a.shape, transposed)
    core, plain = core_of(a, p), PlainCore(a, p)
    lines = x[:, None]
    phases, _ = plain.digits(plain.volts(lines, transposed), transposed)
    starts = ([0, 4], [0, 3])
    for (r, c), at, phase in [((0, 0), 0, 0), ((1, 0), 1, 2), ((0, 1), 1, 1), ((1, 1), 0, 2)]:
        drop = core.ir_drop(x, part=(r, c), weight_slice=at, phase=phase, transposed=transposed)
        g = plain.cells(r, c)[at]
        first = starts[0][r] if transposed else starts[1][c]
        u = phases[phase, first : first + g.shape[1 if transposed else 2], 0] * VREAD
        for side in range(2):
            amps = cell_amps(
                g[side : side + 1] / RMIN, Ohms(*OHMS), u if transposed else u[None], LAWS[None],
                transposed,
            )  # fmt: skip
            np.testing.assert_allclose(drop.amps[side], amps[0], rtol=0, atol=1e-9 * FULL)


@pytest.mark.parametrize("transposed", [False, True], ids=["MVM", "VMM"])
def test_line_currents_add_up_to_the_product(transposed):
    p, a = hardware("digital"), matrix((7, 5))
    p.core.rows_max, p.core.cols_max = 3, 4
    x = vector(a.shape, transposed)
    core = core_of(a, p)
    sizes = core.chip.rows.sizes, core.chip.cols.sizes
    total = np.zeros(5 if transposed else 7)
    ideal = total.copy()
    for r in range(2):
        for c in range(2):
            drop = core.ir_drop(x, part=(r, c), transposed=transposed)
            at, axis = (c, 1) if transposed else (r, 0)
            first = sum(sizes[axis][:at])
            lines = slice(first, first + sizes[axis][at])
            for out, amps in ((total, drop.line_amps), (ideal, drop.ideal_line_amps)):
                out[lines] += amps[0] - amps[1]
    scale = np.abs(a).max() / 0.9 / FULL
    wanted = x @ core if transposed else core @ x
    np.testing.assert_allclose(total * scale, wanted, rtol=0, atol=1e-9 * np.abs(wanted).max())
    wanted = x @ a if transposed else a @ x
    np.testing.assert_allclose(ideal * scale, wanted, rtol=0, atol=1e-9 * np.abs(wanted).max())


def test_every_array_has_its_own_parameters():
    a = matrix((4, 6))
    trees = [hardware("one_sided", (ohm, ohm)) for ohm in (30.0, 300.0)]
    for tree in trees:
        tree.core.rows_max = 3
    core = core_of(a, trees)
    x = np.ones(6)
    drops = [core.ir_drop(x, part=(0, c)) for c in range(2)]
    for c, drop in enumerate(drops):
        tree = trees[c].copy()
        tree.core.mapping.weights.percentile = None
        tree.core.mapping.weights.min, tree.core.mapping.weights.max = core.min, core.max
        alone = core_of(a[:, 3 * c : 3 * c + 3], tree).ir_drop(np.ones(3))
        np.testing.assert_array_equal(drop.amps, alone.amps)
    assert np.abs(drops[0].output_volts).max() < np.abs(drops[1].output_volts).max()


def test_looking_inside_changes_nothing():
    a, x = matrix((5, 4)), np.ones(4)
    p = hardware()
    noise = p.xbar.device.read_noise
    noise.enable, noise.model, noise.magnitude = True, "NormalProportionalDevice", 0.1
    core, other = core_of(a, p), core_of(a, p)
    first = core.ir_drop(x)
    np.testing.assert_array_equal(core.ir_drop(x).amps, first.amps)
    np.testing.assert_array_equal(core @ x, other @ x)
    np.testing.assert_array_equal(core_of(a, hardware()).ir_drop(x).amps, first.amps)
    first.amps[:] = 0.0
    assert core.ir_drop(x).amps.any()


def test_ideal_wires_and_slices_without_resistance_drop_nothing():
    a, x = matrix((5, 4)), np.ones(4)
    p = hardware("sliced_balanced")
    p.xbar.array.parasitics.disable_slices = [True, False]
    core = core_of(a, p)
    near, far = (core.ir_drop(x, weight_slice=i) for i in range(2))
    np.testing.assert_array_equal(near.amps, near.ideal_amps)
    assert not near.output_volts.any()
    assert np.abs(far.amps - far.ideal_amps).max() > 1e-3 * FULL
    none = core_of(a, hardware(ohms=(0.0, 0.0))).ir_drop(x)
    np.testing.assert_array_equal(none.cell_volts, np.full((2, 5, 4), VREAD))


@pytest.mark.parametrize(
    ("x", "options", "error", "text"),
    [
        (np.ones(3), {}, ShapeError, "4 values"),
        (np.ones((4, 1)), {}, ShapeError, "4 values"),
        (np.ones(4), {"transposed": True}, ShapeError, "5 values"),
        (np.ones(4) * 1j, {}, ShapeError, "complex"),
        (np.full(4, np.nan), {}, InputError, "input"),
        (np.ones(4), {"part": (1, 0)}, InputError, "part"),
        (np.ones(4), {"part": (0, -1)}, InputError, "part"),
        (np.ones(4), {"weight_slice": 1}, InputError, "weight_slice"),
        (np.ones(4), {"weight_slice": -1}, InputError, "weight_slice"),
        (np.ones(4), {"phase": 1}, InputError, "phase"),
        (np.ones(4), {"phase": -1}, InputError, "phase"),
    ],
)
def test_what_is_not_there_is_named(x, options, error, text):
    with pytest.raises(error, match=text):
        core_of(matrix((5, 4)), hardware()).ir_drop(x, **options)
    with pytest.raises(InputError, match="programmed"):
        core_of(matrix((5, 4)), hardware(), empty_matrix=True).ir_drop(np.ones(4))


@pytest.mark.parametrize(
    "options", [{"part": (0,)}, {"part": (0.5, 0)}, {"part": 0}, {"weight_slice": 0.5},
                {"phase": 0.5}]
)  # fmt: skip
def test_what_is_no_number_of_a_part_is_named(options):
    with pytest.raises(InputError, match=next(iter(options))):
        core_of(matrix((5, 4)), hardware()).ir_drop(np.ones(4), **options)


@pytest.mark.parametrize("shape", [(5, 4), (4, 4)])
def test_supply_lines_have_no_other_side(shape):
    """Of a square array the answer is that of an MVM, under the name of a VMM."""
    core = core_of(matrix(shape), hardware(separate=True))
    with pytest.raises(NotSupportedError, match="current_from_input"):
        core.ir_drop(np.ones(shape[0]), transposed=True)


def test_wires_far_above_the_cells_can_be_looked_at():
    """The product of this core is exact; nodal analysis knows its currents to 1e-6."""
    a = np.abs(matrix((16, 16)))
    p = wired(1e9, 1e9)
    p.simulation.Verr_th_mvm = 1e-3
    core = core_of(a, p)
    drop = core.ir_drop(np.ones(16))
    got = np.array([1.0, -1.0]) @ drop.line_amps / (0.1 / RMIN) * a.max() / 0.9
    wanted = core @ np.ones(16)
    np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-5 * np.abs(wanted).max())
