"""A core that is programmed again, or looked at later, is as a new one."""

import copy
import pickle

import numpy as np
import pytest
from fading_cells import fading
from strategies import set_style

torch = pytest.importorskip("torch")

from simulator import AnalogCore, CrossSimParameters  # noqa: E402

CODES = {
    f"xbar.{kind}.{side}.{name}": value
    for kind in ("adc", "dac")
    for side in ("mvm", "vmm")
    for name, value in (("model", f"Quantizer{kind.upper()}"), ("bits", 8))
}
CODES |= {f"xbar.adc.{side}.adc_range_option": "MAX" for side in ("mvm", "vmm")}
NOISE = {f"xbar.adc.{side}.input_noise": 0.05 for side in ("mvm", "vmm")}
FOLLOWS = {f"core.mapping.weights.{n}": v for n, v in
           (("percentile", 0.98), ("min", None), ("max", None))}  # fmt: skip
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


def both_sides(core, x):
    return core @ x, x.T[:, : core.shape[0]] @ core


@pytest.mark.parametrize("style", [None, "unit", "offset"])
@pytest.mark.parametrize(
    "changes",
    [CODES, CODES | NOISE | TILES, FOLLOWS | NOISE, CODES | FOLLOWS | TILES | ERROR | NOISE,
     {"xbar.array.Icol_max": 1.0} | FOLLOWS | NOISE],
    ids=["codes", "noisy tiles", "range follows", "all", "limited"],
)  # fmt: skip
def test_a_core_programmed_again_is_a_new_one(changes, style):
    rng, p = np.random.default_rng(0), tree(changes, style)
    x = rng.uniform(-1, 1, (20, 13))
    held = AnalogCore(rng.normal(size=(13, 20)), p)
    both_sides(held, x)
    for scale in (3, 3, 0.2):
        matrix = scale * rng.normal(size=(13, 20))
        held.set_matrix(matrix, draw=5)
        new = AnalogCore(matrix, p)
        new.set_matrix(matrix, draw=5)
        new._numbers.count = held._numbers.count
        other = AnalogCore(np.ones((13, 20)), p)
        both_sides(other, x)
        other.set_state(held.get_state())
        copies = new, other, copy.deepcopy(held), pickle.loads(pickle.dumps(held))
        wanted = both_sides(held, x)
        for found in copies:
            for got, side in zip(both_sides(found, x), wanted, strict=True):
                np.testing.assert_array_equal(got, side)


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("mode", ["none", "global", "per_tile"])
def test_gains_of_another_time_do_not_stay(mode, several):
    p = fading(simulation__drift_compensation=mode)
    p.update(CODES | NOISE | TILES)
    rng = np.random.default_rng(0)
    x, first, second = (rng.uniform(-1, 1, shape) for shape in ((20, 13), (13, 20), (13, 20)))
    if several:
        trees = [p.copy() for _ in range(AnalogCore(first, p).Ncores)]
        for number, own in enumerate(trees):
            own.xbar.adc.mvm.input_noise *= 1 + number
        p = trees
    held = AnalogCore(first, p)
    both_sides(held, x)
    held.time = 50.0
    both_sides(held, x)
    held.set_matrix(second / 2, draw=3)
    both_sides(held, x)
    held.time = 500.0
    new = AnalogCore(second / 2, p)
    new.set_matrix(second / 2, draw=3)
    new.time = 500.0
    new._numbers.count = held._numbers.count
    for got, wanted in zip(both_sides(held, x), both_sides(new, x), strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_parameters_keep_noise_and_steps_in_every_file(tmp_path):
    p = tree({"xbar.adc.mvm.model": "MidTreadADC", "xbar.adc.mvm.input_noise": 0.25})
    p.xbar.adc.mvm.resolution = 1 / 126
    p.xbar.adc.mvm.calibrated_range = [-3, 3]
    p.to_yaml(tmp_path / "p.yaml")
    p.to_json(tmp_path / "p.json")
    for back in (
        CrossSimParameters.from_yaml(tmp_path / "p.yaml"),
        CrossSimParameters.from_json(tmp_path / "p.json"),
        pickle.loads(pickle.dumps(p)),
    ):
        adc = back.xbar.adc.mvm
        assert back == p
        assert (adc.model, adc.input_noise, adc.resolution) == ("MidTreadADC", 0.25, 1 / 126)
