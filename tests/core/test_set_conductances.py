"""A measured map of conductances on a core, in every style, unit and partition."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import STYLES, conductances, core_of, set_style

from simulator import AnalogCore, CrossSimParameters
from simulator.errors import ClippingWarning, InputError, OhmCoreWarning, ShapeError

FACTORS = {"S": 1.0, "mS": 1e-3, "uS": 1e-6, "nS": 1e-9, "Gmax": None}
MATRIX = np.random.default_rng(0).uniform(-1, 1, (6, 8))


def params_of(style, parts=False, error=True):
    params = CrossSimParameters()
    params.simulation.seed = 4
    set_style(params, style)
    if parts:
        params.core.rows_max, params.core.cols_max = 4, 3
    if error:
        node = params.xbar.device.programming_error
        node.enable, node.model, node.magnitude = True, "NormalProportionalDevice", 0.05
    return params


def maps_of(core):
    """Conductances of all cells as the core takes them: (slices, m, n) of each side, or (m, n)."""
    arrays = conductances(core)
    if not isinstance(next(iter(arrays)), tuple):
        return list(arrays.values())
    slices, sides = (1 + max(key[axis] for key in arrays) for axis in (0, 1))
    return [np.stack([arrays[i, side] for i in range(slices)]) for side in range(sides)]


def gmax_of(core):
    return 1.0 / core.params.xbar.device.Rmin


@pytest.mark.parametrize("unit", FACTORS)
@pytest.mark.parametrize("parts", [False, True])
@pytest.mark.parametrize("style", STYLES)
def test_a_map_carries_a_chip_to_another_core(style, parts, unit):
    first = core_of(MATRIX, params_of(style, parts))
    other = core_of(np.zeros((6, 8)) + MATRIX, params_of(style, parts, error=False))
    factor = FACTORS[unit]
    maps = [m if factor is None else m * gmax_of(first) / factor for m in maps_of(first)]
    version = other.version
    other.set_conductances(*maps, unit=unit, outside="keep")
    assert other.version > version
    for got, wanted in zip(maps_of(other), maps_of(first), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-12)
    if "unit" not in style:
        x = np.random.default_rng(1).uniform(-1, 1, (8, 3))
        np.testing.assert_allclose(other.get_matrix(), first.get_matrix(), atol=1e-12)
        np.testing.assert_allclose(other @ x, first @ x, atol=1e-9)
        np.testing.assert_allclose(x[:6].T @ other, x[:6].T @ first, atol=1e-9)


@given(values=st.lists(st.floats(0.0, 3.0), min_size=12, max_size=12))
def test_values_beyond_the_cells_are_refused_clipped_or_kept(values):
    core = core_of(np.eye(2, 3), params_of("one_sided", error=False))
    pair = np.array(values).reshape(2, 2, 3)
    low = core.params.xbar.device.Rmin / core.params.xbar.device.Rmax
    count = int(((pair > 1 + 1e-9) | (pair < low * (1 - 1e-9))).sum())
    before = core.get_matrix()
    siemens = pair * gmax_of(core)
    if count:
        with pytest.raises(InputError, match=f"{count} of 12 conductances lie beyond the cells"):
            core.set_conductances(*siemens, unit="S")
        np.testing.assert_array_equal(core.get_matrix(), before)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        core.set_conductances(*siemens, unit="S", outside="clip")
    assert [w.category for w in said] == [ClippingWarning] * bool(count)
    assert all(w.filename == __file__ for w in said)
    np.testing.assert_allclose(maps_of(core), pair.clip(low, 1))
    core.set_conductances(*siemens, unit="S", outside="keep")
    np.testing.assert_allclose(maps_of(core), pair, atol=1e-15)


def test_a_message_names_limits_counts_and_the_likely_unit():
    core = core_of(np.eye(2), params_of("offset", error=False))
    wrong = np.array([[1500.0, 50], [500, 500]])
    words = (
        r"2 of 4 .*: 1 above Gmax = 1000 uS, up to 1500 uS; 1 below Gmin = 100 uS, down to 50 uS"
        r".*xbar.device.Rmin and Rmax.*outside='clip'"
    )
    with pytest.raises(InputError, match=words):
        core.set_conductances(wrong, unit="uS")
    with pytest.raises(InputError, match="They look like uS: say unit='uS'"):
        core.set_conductances(wrong)
    with pytest.raises(InputError, match="They look like S: say unit='S'"):
        core.set_conductances(wrong * 1e-6)


@pytest.mark.parametrize(("factor", "unit"), [(1e-3, "S"), (1e3, "uS"), (1e6, "nS")])
def test_values_without_a_unit_that_look_like_siemens_are_warned_of(factor, unit):
    params = params_of("offset", error=False)
    params.xbar.device.infinite_on_off_ratio = True
    core = core_of(np.eye(2), params)
    fractions = np.array([[0.2, 0.9], [0.5, 0.0]])
    array = core.cores[0][0].core
    with pytest.warns(OhmCoreWarning, match=f"look like {unit}: say unit='{unit}'"):
        core.set_conductances(fractions * factor, outside="keep")
    with pytest.warns(OhmCoreWarning, match=f"look like {unit}: say unit='{unit}'"):
        array.set_conductances(fractions * factor)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for values in (fractions, 0 * fractions, 1.3 * fractions):
            array.set_conductances(values)
        array.set_conductances(fractions * factor, unit=unit)
        np.testing.assert_allclose(array.matrix, fractions)


def test_resistances_and_files_are_conductances_too(tmp_path):
    core = core_of(np.eye(2), params_of("offset", error=False))
    path = tmp_path / "map.csv"
    path.write_text("1.0,2.0\n4.0,5.0\n")
    core.set_conductances(path, unit="kohm")
    np.testing.assert_allclose(maps_of(core)[0], [[1, 0.5], [0.25, 0.2]])
    sliced = core_of(np.eye(2), params_of("sliced_balanced", error=False))
    sliced.set_conductances([path, path], [path, path], unit="kohm")
    assert not sliced.get_matrix().any()


@pytest.mark.parametrize(
    ("arrays", "options", "error", "words"),
    [
        (([[1, 1j]] * 2, [[1, 1]] * 2), {}, InputError, "complex"),
        (([[1, -1]] * 2, [[1, 1]] * 2), {}, InputError, "not negative.*the lowest is -1"),
        (([[1, np.nan]] * 2, [[1, 1]] * 2), {}, InputError, "nan"),
        (([[1, 1]] * 2, [[1, 0]] * 2), {"unit": "ohm"}, InputError, "a resistance is 0"),
        (([[1, 1]] * 2, [[1, 1]] * 2), {"unit": "s"}, InputError, "unit: got 's'; allowed are S"),
        (([[1, 1]] * 2, [[1, 1]] * 2), {"outside": "clop"}, InputError, "Did you mean 'clip'"),
        (([[1, 1]] * 2,), {}, InputError, "pair of cells: give positive and negative"),
        (([[1, 1]], [[1, 1]] * 2), {}, ShapeError, r"shape \(1, 2\); the core needs \(2, 2\)"),
        (([[1, 1]] * 2, [[1, 1]] * 2), {"limit": -1}, InputError, "limit: got -1"),
    ],
)
def test_what_cannot_be_put_into_cells_is_named(arrays, options, error, words):
    core = core_of(np.eye(2), params_of("one_sided", error=False))
    before = core.get_matrix()
    with pytest.raises(error, match=words):
        core.set_conductances(*arrays, **options)
    np.testing.assert_array_equal(core.get_matrix(), before)


def test_single_cells_take_one_array_and_slices_one_for_each():
    core = core_of(np.eye(2), params_of("offset", error=False))
    with pytest.raises(InputError, match="single cells, no pairs: give one array"):
        core.set_conductances(np.ones((2, 2)), np.ones((2, 2)))
    sliced = core_of(np.eye(2), params_of("sliced_offset", error=False))
    with pytest.raises(ShapeError, match=r"needs \(2, 2, 2\), the least significant slice first"):
        sliced.set_conductances(np.ones((2, 2)))


def test_a_core_that_was_never_programmed_needs_the_weight_of_a_full_cell():
    params = params_of("one_sided", error=False)
    core = AnalogCore(np.zeros((2, 2)), params, empty_matrix=True)
    full, off = np.ones((2, 2)), np.full((2, 2), 0.1)
    with pytest.raises(InputError, match=r"not programmed.*say limit="):
        core.set_conductances(full, off)
    core.set_conductances(full, off, limit=3.0)
    np.testing.assert_allclose(core.get_matrix(), 3.0)
    core.set_conductances(full, off, limit=5.0)
    np.testing.assert_allclose(core.get_matrix(), 5.0)
    limits = params.core.mapping.weights
    limits.percentile, limits.min, limits.max = None, -2, 2
    core = AnalogCore(np.zeros((2, 2)), params, empty_matrix=True)
    core.set_conductances(full, off)
    np.testing.assert_allclose(core.get_matrix(), 2.0)


def test_complex_cores_take_the_expanded_map():
    params = params_of("one_sided", error=False)
    params.core.complex_matrix = True
    matrix = np.array([[1 + 1j, 0.5], [0.25j, -1]])
    first, other = core_of(matrix, params), core_of(0.5 * matrix, params)
    other.set_conductances(*maps_of(first))
    np.testing.assert_allclose(2 * other.get_matrix(), first.get_matrix())
