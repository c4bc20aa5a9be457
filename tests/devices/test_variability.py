"""Spread of chips, devices and cycles: drawn apart, fitted apart."""

import copy

import numpy as np
import pytest

from simulator import AnalogCore, CrossSimParameters
from simulator.devices import (
    Cell,
    Device,
    Draw,
    TableDevice,
    VariabilityDevice,
    from_measurements,
)
from simulator.devices.variance import components
from simulator.errors import InputError, ModelError
from simulator.testing import ConformanceError, check_device

U = 1e-6
SPREADS = {"chip_to_chip": 0.02, "device_to_device": 0.05, "cycle_to_cycle": 0.03}


def params_of(seed=3, **fields):
    params = CrossSimParameters()
    params.simulation.seed = seed
    error = params.xbar.device.programming_error
    error.enable, error.model = True, "VariabilityDevice"
    for name, value in fields.items():
        setattr(error, name, value)
    return params


def cells_of(core):
    """Conductances of all positive cells, G / Gmax."""
    return np.array(core.cores[0][0].core_pos.matrix)


def programmed_twice(matrix, **options):
    core = AnalogCore(matrix, params_of(**options))
    first = cells_of(core)
    core.set_matrix(matrix)
    return first, cells_of(core)


@pytest.mark.parametrize("relative_to", ["G", "Gmax"])
@pytest.mark.parametrize("left_out", [None, *SPREADS])
def test_the_model_obeys_the_laws_of_devices(relative_to, left_out):
    fields = {name: value for name, value in SPREADS.items() if name != left_out}
    check_device(VariabilityDevice(**fields, relative_to=relative_to), Cell(1 * U, 10 * U))


def test_a_table_with_a_spread_of_devices_obeys_them():
    device = TableDevice(
        levels=[1 * U, 10 * U], spread=[0.1 * U, 0.2 * U], device_spread=[0.3 * U, 0.1 * U]
    )
    check_device(device, Cell(1 * U, 10 * U))
    alone = TableDevice(levels=[1 * U, 10 * U], device_spread=[0.3 * U, 0.1 * U])
    assert alone.models("programming")
    check_device(alone, Cell(1 * U, 10 * U))


def test_a_declared_spread_that_is_not_drawn_is_found(own_registry):
    class Overstated(VariabilityDevice):
        def device_sigma(self, siemens, cell):
            # Twice as much where it is asked for levels as where cells are drawn, (draws, levels).
            return super().device_sigma(siemens, cell) * (2 if siemens.ndim == 1 else 1)

    class Negative(VariabilityDevice):
        def device_sigma(self, siemens, cell):
            return -super().device_sigma(siemens, cell)

    for model, words in ((Overstated, "spread"), (Negative, "negative")):
        with pytest.raises(ConformanceError, match=words):
            check_device(model(device_to_device=0.05, cycle_to_cycle=0.05))


def test_what_devices_keep_and_what_cycles_add_have_their_moments():
    matrix = np.full((200, 200), 0.5)
    matrix[0, 0] = 1.0
    target = cells_of(AnalogCore(matrix, CrossSimParameters()))
    first, second = (
        (cells / target - 1).ravel()
        for cells in programmed_twice(matrix, device_to_device=0.05, cycle_to_cycle=0.03)
    )
    n = first.size
    for products, wanted in (
        (first * second, 0.05**2),
        ((first - second) ** 2 / 2, 0.03**2),
        (first**2, 0.05**2 + 0.03**2),
    ):
        assert abs(products.mean() - wanted) < 5 * products.std() / np.sqrt(n)


def test_a_chip_has_one_number_for_life():
    matrix = np.full((6, 5), 0.5)
    matrix[0, 0] = 1.0
    target, shifts = cells_of(AnalogCore(matrix, CrossSimParameters())), []
    for seed in range(400):
        first, second = programmed_twice(matrix, seed=seed, chip_to_chip=0.05)
        np.testing.assert_array_equal(first, second)
        relative = first / target - 1
        np.testing.assert_allclose(relative, relative[0, 0], rtol=1e-9)
        shifts.append(relative[0, 0])
    # The spread of 400 normals is known to 1 / sqrt(800).
    assert abs(np.std(shifts) / 0.05 - 1) < 5 / np.sqrt(800)
    assert abs(np.mean(shifts)) < 5 * 0.05 / np.sqrt(400)


def test_numbers_of_cells_do_not_depend_on_tiles_parts_or_copies():
    matrix = np.random.default_rng(0).uniform(-1, 1, (12, 10))
    params = params_of(device_to_device=0.05, chip_to_chip=0.01)
    whole = AnalogCore(matrix, params)
    params.core.rows_max, params.core.cols_max = 5, 4
    np.testing.assert_allclose(AnalogCore(matrix, params).get_matrix(), whole.get_matrix())
    before = whole.get_matrix()
    whole[2:5, 3:7] = matrix[2:5, 3:7]
    np.testing.assert_allclose(whole.get_matrix(), before)
    np.random.seed(1)
    empty = AnalogCore(matrix, params_of(seed=None, device_to_device=0.05), empty_matrix=True)
    twin = copy.deepcopy(empty)
    for core in (empty, twin):
        core.set_matrix(matrix)
    np.testing.assert_array_equal(empty.get_matrix(), twin.get_matrix())


def test_ideal_without_spreads_and_no_numbers_for_reads():
    assert VariabilityDevice().is_ideal
    assert not VariabilityDevice(chip_to_chip=0.1).is_ideal
    assert not Device().has_mismatch
    with pytest.raises(ModelError, match="for programming alone"):
        Draw(lambda: 0, lambda: 0).device_normal()


# -- from measurements ----------------------------------------------------------------------------


DEVICE, CYCLE = 0.5 * U, 0.2 * U


def measured(rng, counts, target=10 * U):
    """Devices that were programmed so often, with known spreads."""
    own = DEVICE * rng.standard_normal(len(counts))
    names = np.repeat(np.arange(len(counts)), counts)
    noise = CYCLE * rng.standard_normal(names.size)
    return {
        "target_S": np.full(names.size, target),
        "measured_S": target + own[names] + noise,
        "chip": np.array([f"chip {n}" for n in names]),
    }


UNBALANCED = np.tile([1, 2, 3, 7], 30)


@pytest.mark.parametrize("counts", [np.full(100, 4), UNBALANCED], ids=["balanced", "unbalanced"])
def test_components_and_their_errors_are_those_of_repeated_experiments(counts):
    rng = np.random.default_rng(5)
    tables = [measured(rng, counts) for _ in range(300)]
    found = [components(t["measured_S"], t["chip"]) for t in tables]
    for name, known in (("device", DEVICE), ("cycle", CYCLE)):
        estimates = np.array([getattr(c, name) for c in found])
        stated = np.array([getattr(c, f"{name}_se") for c in found])
        error = estimates.std() / np.sqrt(len(found))
        # A standard deviation is short of the root of its variance by its relative variance / 2.
        bias = estimates.std() ** 2 / (2 * known)
        assert abs(estimates.mean() - known) < 5 * error + bias
        # Standard deviations of 300 values are known to 1 / sqrt(600).
        assert abs(estimates.std() / stated.mean() - 1) < 5 / np.sqrt(600)


def test_a_column_of_devices_gives_both_spreads():
    rng = np.random.default_rng(7)
    parts = [measured(rng, UNBALANCED, target) for target in (5 * U, 10 * U)]
    table = {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
    device, fit = from_measurements(table, columns={"device": "chip"})
    for group in fit.groups:
        found = group.components
        assert abs(found.device - DEVICE) < 5 * found.device_se
        assert abs(found.cycle - CYCLE) < 5 * found.cycle_se
        assert (found.devices, found.count) == (len(UNBALANCED), UNBALANCED.sum())
    levels = np.array([5 * U, 10 * U])
    cell = Cell(5 * U, 10 * U)
    np.testing.assert_allclose(
        device.device_sigma(levels, cell), [g.components.device for g in fit.groups]
    )
    np.testing.assert_allclose(
        device.programming_sigma(levels, cell), [g.components.cycle for g in fit.groups]
    )
    assert "device to device uS   cycle to cycle uS" in str(fit)
    check_device(device, cell)
    whole, _ = from_measurements(table)
    assert not whole.has_mismatch


def test_devices_that_were_programmed_once_cannot_be_told_from_cycles():
    table = measured(np.random.default_rng(1), np.ones(30, dtype=int))
    with pytest.raises(InputError, match="every device was programmed once"):
        from_measurements(table, columns={"device": "chip"})
    table["chip"] = np.array(["one"] * 30)
    with pytest.raises(InputError, match="there is one device"):
        from_measurements(table, columns={"device": "chip"})
    assert components(np.array([1.0, 1.0, 1.0, 1.0]), np.array([0, 0, 1, 1])).device == 0
