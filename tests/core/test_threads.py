"""Products while another thread programs: each is that of one programming, the old or the new."""

import itertools
import threading

import numpy as np
import pytest
from strategies import core_of

from simulator import CrossSimParameters

ERROR = {
    "xbar.device.programming_error.enable": True,
    "xbar.device.programming_error.model": "NormalProportionalDevice",
    "xbar.device.programming_error.magnitude": 0.05,
}
CONVERTERS = {
    "xbar.adc.mvm.model": "QuantizerADC",
    "xbar.adc.mvm.bits": 8,
    "xbar.adc.mvm.adc_range_option": "MAX",
}
WIRES = {"xbar.array.parasitics.enable": True, "xbar.array.parasitics.Rp_row": 1.0}
FADING = {
    "xbar.device.drift_error.enable": True, "xbar.device.drift_error.model": "PCM",
    "xbar.device.Rmin": 4e4, "xbar.device.Rmax": 4e6, "xbar.device.time": 1e3,
    "simulation.drift_compensation": "global",
}  # fmt: skip
SETTINGS = {
    "one matrix": {},
    "converters": {**ERROR, **CONVERTERS},
    "tiles": {**ERROR, **CONVERTERS, "core.rows_max": 10, "core.cols_max": 7},
    "wires": {**ERROR, **WIRES},
    "drift": {**ERROR, **CONVERTERS, **FADING},
}
PRODUCTS = 60


def several(params, changes):
    """Parameters for every array, the last of them different: each is a stack of its own."""
    trees = [params.copy() for _ in range(6)]
    trees[-1].update(changes)
    return trees


def products_meanwhile(core, x, change):
    """Products while another thread calls ``change`` with 0, 1, 2, ... without a pause."""
    stop, failures = threading.Event(), []

    def work():
        try:
            for number in itertools.count():
                change(number)
                if stop.is_set():
                    return
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    products = [core @ x for _ in range(PRODUCTS)]
    stop.set()
    thread.join()
    assert failures == []
    return products


@pytest.mark.parametrize("name", [*SETTINGS, "arrays of their own"])
def test_a_product_meets_one_programming(name):
    params = CrossSimParameters()
    params.update({"simulation.seed": 4, **SETTINGS.get(name, SETTINGS["tiles"])})
    rng = np.random.default_rng(0)
    # Of ranges that differ: cells of one programming with the scale of the other would be seen.
    matrices = [rng.normal(size=(20, 20)), 100.0 * rng.normal(size=(20, 20))]
    x = rng.normal(size=(20, 3))
    if name == "arrays of their own":
        params = several(params, {"xbar.adc.mvm.bits": 7})
    core = core_of(matrices[0], params)

    def program(number):
        core.set_matrix(matrices[number % 2], draw=number % 2)

    wanted = []
    for number in range(2):
        program(number)
        wanted.append(core @ x)
    # Wires may be solved vector by vector or as one matrix, which agree to the solver's tolerance.
    close = 1e-5 if name == "wires" else 0.0
    for y in products_meanwhile(core, x, program):
        assert min(np.abs(y - w).max() / np.abs(w).max() for w in wanted) <= close


@pytest.mark.parametrize("change", ["state", "time"])
def test_a_product_meets_one_state_and_one_time(change):
    params = CrossSimParameters()
    params.update({"simulation.seed": 4, **SETTINGS["drift"]})
    rng = np.random.default_rng(1)
    matrix, x = rng.normal(size=(20, 20)), rng.normal(size=(20, 3))
    core, states = core_of(matrix, params), []
    for part in (matrix, 50.0 * matrix.T):
        core.set_matrix(part)
        states.append(core.get_state())

    def at(number):
        if change == "time":
            core.time = (1e3, 1e6)[number % 2]
        else:
            core.set_state(states[number % 2])

    wanted = []
    for number in range(2):
        at(number)
        wanted.append(core @ x)
    products = products_meanwhile(core, x, at)
    assert all(any(np.array_equal(y, w) for w in wanted) for y in products)
