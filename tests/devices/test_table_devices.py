"""Devices given by tables: values, straight lines between them, files, the parameter tree."""

import warnings

import numpy as np
import pytest
import yaml

from simulator import CrossSimParameters
from simulator.devices import (
    Cell,
    Device,
    TableDevice,
)
from simulator.devices.tables import TableSpec
from simulator.errors import (
    FileFormatError,
    OhmCoreWarning,
    ParameterError,
)
from simulator.testing import check_device

U = 1e-6
LEVELS = [1 * U, 4 * U, 10 * U]
TABLES = {
    "levels": LEVELS,
    "error": [0.0, 0.1 * U, -0.2 * U],
    "spread": [0.1 * U, 0.3 * U, 0.2 * U],
    "read_spread": [0.01 * U, 0.02 * U, 0.05 * U],
    "times": [1.0, 100.0, 1e4],
    "shift": [[0.0, 0.0, 0.0], [0.0, -0.1 * U, -0.2 * U], [-0.1 * U, -0.3 * U, -0.8 * U]],
    "aged_spread": [[0.0, 0.0, 0.0], [0.03 * U, 0.1 * U, 0.1 * U], [0.05 * U, 0.2 * U, 0.3 * U]],
    "volts": [0.0, 0.06, 0.1],
    "amps": [[0.0, 0.0, 0.0], [0.05 * U, 0.2 * U, 0.6 * U], [0.12 * U, 0.44 * U, 1.1 * U]],
}
CELL = Cell(1 * U, 10 * U)


@pytest.fixture
def device():
    return TableDevice(**TABLES)


def at(time):
    return Cell(1 * U, 10 * U, time=time)


@pytest.mark.parametrize("time", [0.0, 0.5, 1.0, 30.0, 1e4])
def test_tables_conform(device, time):
    check_device(device, at(time))


def test_tables_hold_their_values_and_straight_lines_between(device):
    between = np.array([1.0, 2.5, 4.0, 7.0, 10.0]) * U
    np.testing.assert_allclose(
        device.programming_sigma(between, CELL), np.array([0.1, 0.2, 0.3, 0.25, 0.2]) * U
    )
    np.testing.assert_allclose(
        device.programming_mean(between, CELL) - between,
        np.array([0, 0.05, 0.1, -0.05, -0.2]) * U,
        atol=1e-20,
    )
    np.testing.assert_allclose(
        device.read_sigma(between, CELL), np.array([0.01, 0.015, 0.02, 0.035, 0.05]) * U
    )


def test_shifts_and_variances_are_linear_in_log_time(device):
    g = np.array(LEVELS)
    for row, time in enumerate(TABLES["times"]):
        np.testing.assert_allclose(device.drift_mean(g, at(time)) - g, TABLES["shift"][row])
        np.testing.assert_allclose(device.drift_sigma(g, at(time)), TABLES["aged_spread"][row])
    first, second = (np.array(TABLES["shift"][k]) for k in (1, 2))
    np.testing.assert_allclose(device.drift_mean(g, at(1000.0)) - g, (first + second) / 2)
    first, second = (np.array(TABLES["aged_spread"][k]) ** 2 for k in (1, 2))
    np.testing.assert_allclose(device.drift_sigma(g, at(1000.0)) ** 2, (first + second) / 2)


def test_before_the_first_time_retention_grows_from_none():
    late = TableDevice(levels=LEVELS, times=[10.0], shift=[[-U, -U, -U]], aged_spread=[[U, U, U]])
    g = np.array(LEVELS)
    np.testing.assert_array_equal(late.drifted(g, 0 * g + 1, at(0.0)), g)
    np.testing.assert_allclose(late.drift_mean(g, at(5.0)), g - U / 2)
    np.testing.assert_allclose(late.drift_sigma(g, at(5.0)) ** 2, U**2 / 2)


def test_beyond_a_table_its_end_values_hold_and_one_is_told(device):
    far = np.array([0.0, 20 * U])
    np.testing.assert_allclose(device.programming_sigma(far, CELL), [0.1 * U, 0.2 * U])
    np.testing.assert_allclose(
        device.drift_mean(far, at(1e9)) - far, [-0.1 * U, -0.8 * U], atol=1e-18
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        device.check_cell(at(1e4))
    for frame, words in (
        (Cell(0.0, 10 * U), "0 to 10 uS"),
        (Cell(1 * U, 20 * U), "1 to 20 uS"),
        (at(1e5), "100000 s"),
        (Cell(1 * U, 10 * U, Vread=0.2), r"Vread is 0\.2 V"),
    ):
        with pytest.warns(OhmCoreWarning, match=words):
            device.check_cell(frame)


def test_currents_between_and_beyond(device):
    g = np.array([[4 * U], [7 * U]])
    volts = np.array([0.0, 0.03, 0.06, 0.08, -0.08, 0.14])
    wanted = [[0.0, 0.1, 0.2, 0.32, -0.32, 0.68], [0.0, 0.2, 0.4, 0.585, -0.585, 1.14]]
    np.testing.assert_allclose(device.current(g, volts, CELL), np.array(wanted) * U)
    slopes = np.array([0.2 / 0.06, 0.24 / 0.04]) * U
    np.testing.assert_allclose(
        device.slope(g[:1], volts, CELL)[0],
        [slopes[0], slopes[0], slopes.mean(), slopes[1], slopes[1], slopes[1]],
    )
    # In proportion to the conductance outside the levels; none without one.
    outside = np.array([0.0, 0.5 * U, 20 * U])
    np.testing.assert_allclose(
        device.current(outside, 0.1, CELL), [0.0, 0.06 * U, 2.2 * U], atol=1e-20
    )


def test_currents_that_are_not_odd(device):
    tables = {**TABLES, "volts": [-0.1, 0.0, 0.1]}
    tables["amps"] = [[-0.02 * U] * 3, [0.0] * 3, [0.1 * U] * 3]
    diode = TableDevice(**tables)
    volts = np.array([-0.1, -0.05, 0.0, 0.05])
    np.testing.assert_allclose(
        diode.current(np.array([5 * U]), volts, CELL),
        np.array([-0.02, -0.01, 0, 0.05]) * U,
        atol=1e-20,
    )
    check_device(diode, CELL)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_precision_is_kept(device, kind):
    g, volts = np.array(LEVELS, dtype=kind), np.array([-0.1, 0.0, 0.06], dtype=kind)
    for result in (
        device.programming_sigma(g, CELL),
        device.drifted(g, 0 * g, at(30.0)),
        device.current(g, volts, CELL),
        device.slope(g, volts, CELL),
    ):
        assert result.dtype == kind


def test_a_device_describes_what_it_has_tables_for(device):
    effects = ("programming", "read", "drift", "current")
    assert all(device.models(effect) for effect in effects)
    assert all(TableDevice.models(effect) for effect in effects)
    given = {
        "programming": {"spread": [0.1 * U]},
        "read": {"read_spread": [0.1 * U]},
        "drift": {"times": [1.0], "shift": [[U]]},
        "current": {"volts": [0.0, 0.1], "amps": [[0.0], [U]]},
    }
    for effect, tables in given.items():
        one = TableDevice(levels=[5 * U], **tables)
        assert [e for e in effects if one.models(e)] == [effect]
        check_device(one, at(1.0))


WRONG = [
    ({"levels": []}, "levels is empty"),
    ({"levels": [4 * U, 1 * U, 10 * U]}, "levels.*have to rise"),
    ({"levels": [-U, 1 * U, 10 * U]}, "levels.*none below 0"),
    ({"spread": [0.1]}, r"spread: got 1 values; needed are 3"),
    ({"spread": [0.1, -0.1, 0.1]}, "spread.*none below 0"),
    ({"spread": "wide"}, "spread.*list of numbers"),
    ({"error": [0.1, float("nan"), 0.1]}, "error"),
    ({"shift": [[0.0, 0.0, 0.0]]}, "shift: got 1 x 3 values; needed are 3 x 3: one row per"),
    ({"shift": [[0.0], [0.0, 0.0]]}, "shift.*rows of equal length"),
    ({"times": [0.0, 1.0, 2.0]}, "times.*above 0"),
    ({"shift": [], "aged_spread": []}, "times without"),
    ({"volts": [0.01, 0.06, 0.1]}, "volts.*0"),
    ({"volts": [-0.1, -0.06, 0.0]}, "volts.*0"),
    ({"volts": [-0.1, 0.0, 0.1]}, "amps: a current flows at 0 V"),
    ({"amps": []}, "volts without amps"),
]


@pytest.mark.parametrize(("change", "words"), WRONG, ids=[w for _, w in WRONG])
def test_tables_that_do_not_fit_are_named(change, words):
    with pytest.raises(ParameterError, match=words):
        TableDevice(**{**TABLES, **change})


@pytest.mark.parametrize("dimensions", [1, 2])
@pytest.mark.parametrize("low", [None, 0.0])
def test_fields_of_tables_reject_their_wrong_examples(dimensions, low):
    spec = TableSpec("array", low=low, dimensions=dimensions)
    for wrong in spec.invalid_examples():
        with pytest.raises(ParameterError, match=r"a\.b: got "):
            spec.check("a.b", wrong)
    rows = [1.0, 2.0] if dimensions == 1 else [[1.0, 2.0]]
    assert spec.check("a.b", np.array(rows)) == rows
    assert spec.copy_value(rows) == rows
    assert spec.check("a.b", ()) == []


# -- files ----------------------------------------------------------------------------------------


def test_yaml_gives_a_device_back_exactly(device, tmp_path):
    path = tmp_path / "device.yaml"
    device.save(path)
    assert TableDevice.load(path) == device
    assert hash(TableDevice.load(path)) == hash(device)
    assert yaml.safe_load(path.read_text())["spread"] == TABLES["spread"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1, 2]", "expected 'model: TableDevice'"),
        ("levels: [1.0e-6]", "expected 'model: TableDevice'"),
        ("model: TableDevice\nlevel: [1.0e-6]", "'level' is no table.*'levels'"),
        ("model: TableDevice\nlevels: [a]", "levels"),
        ("model: TableDevice\nlevels: [1.0e-6", "device.yaml"),
        ("model: !!python/object/apply:os.getcwd []", "device.yaml"),
    ],
)
def test_files_that_hold_no_device_are_named(tmp_path, text, words):
    path = tmp_path / "device.yaml"
    path.write_text(text)
    with pytest.raises(FileFormatError, match=r"device\.yaml") as caught:
        TableDevice.load(path)
    assert caught.match(f"(?s){words}")


def test_numbers_written_by_hand_without_a_point_are_numbers(tmp_path):
    path = tmp_path / "device.yaml"
    path.write_text("model: TableDevice\nlevels: [1e-6, 5e-6]\nspread: [1e-7, 1e-7]\n")
    assert TableDevice.load(path).levels == (1e-6, 5e-6)


def test_tables_stand_in_the_parameter_tree_and_its_files(tmp_path):
    params = CrossSimParameters()
    node = params.xbar.device.programming_error
    node.enable, node.model = True, "TableDevice"
    node.levels, node.spread = [1e-6, 1e-5], np.array([1e-7, 2e-7])
    params.xbar.device.drift_error.update({"model": "TableDevice", "shift": [[0.0, 1e-7]]})
    assert node.error == []
    with pytest.raises(ParameterError, match=r"programming_error\.spread"):
        node.spread = [[1e-7]]
    for form in ("yaml", "json"):
        path = tmp_path / f"params.{form}"
        getattr(params, f"to_{form}")(path)
        again = getattr(CrossSimParameters, f"from_{form}")(path)
        assert again == params
        assert again.xbar.device.programming_error.spread == [1e-7, 2e-7]
        assert again.xbar.device.drift_error.shift == [[0.0, 1e-7]]


def test_tables_are_devices(device):
    assert isinstance(device, Device)
    assert not device.is_ideal
