"""Measured values: settings and results of CrossSim 3.2, without random effects.

A case is a list of parameters, assigned in their order to a default tree whose explicit weight
range is cleared, a matrix A, an operation and its input x. ``y`` is the result and ``W`` the
matrix read back; ``W`` is kept in single precision.
"""

import json
from functools import cache

import numpy as np
import pytest
from places import GOLDEN
from plain_model import PlainCore
from strategies import quietly

from simulator import AnalogCore, CrossSimParameters

FOLDER = GOLDEN
CASES = json.loads((FOLDER / "cases.json").read_text())
# Solved to 1e-11 there.
WIRES = json.loads((FOLDER / "wires.json").read_text())
# Circuits of converters, without mismatch.
CONVERTERS = json.loads((FOLDER / "converters.json").read_text())
# There, cells of balanced pairs are rounded to single precision: 6e-8 of the largest weight.
TOLERANCE = 1e-6


@cache
def arrays():
    found = {}
    for name in ("arrays.npz", "wires.npz", "converters.npz"):
        with np.load(FOLDER / name) as archive:
            found.update(archive)
    return found


def values(case):
    return tuple(arrays()[f"{name}{case['id']}"] for name in "AxyW")


def parameters(case):
    params = CrossSimParameters()
    params.core.mapping.weights.min = params.core.mapping.weights.max = None
    for path, value in case["params"].items():
        params.update({path: value})
    return params


def transposed(case):
    return case["op"] in ("vecmat", "rmatmat")


def assert_agrees(got, wanted):
    assert got.shape == wanted.shape
    assert np.abs(got - wanted).max() <= TOLERANCE * np.abs(wanted).max()


def check(case, params):
    a, x, y, w = values(case)
    with quietly():
        core = AnalogCore(a, params)
    assert_agrees(core.get_matrix(), w)
    assert_agrees(x @ core if transposed(case) else core @ x, y)


def case_id(case):
    return f"{case['kind']}-{case['id']}"


def test_every_kind_of_case_is_there():
    kinds = {case["kind"] for case in CASES}
    assert kinds == {"plain", "tiled", "complex"}
    assert len(CASES) == 244
    assert len(WIRES) == 62
    assert len(CONVERTERS) == 94
    models = {case["params"]["xbar.adc.mvm.model"] for case in CONVERTERS}
    assert models == {"RampADC", "SarADC", "PipelineADC", "CyclicADC"}


@pytest.mark.parametrize("unfolded", [False, True], ids=["folded", "unfolded"])
@pytest.mark.parametrize("case", CASES + CONVERTERS, ids=case_id)
def test_engine_agrees(case, unfolded):
    params = parameters(case)
    params.simulation.disable_fast_balanced = unfolded
    check(case, params)


@pytest.mark.parametrize("solver", ["auto", "effective", "iterative", "nodal"])
@pytest.mark.parametrize("case", WIRES, ids=case_id)
def test_wires_agree(case, solver):
    params = parameters(case)
    params.simulation.parasitics_solver = solver
    check(case, params)


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_plain_model_agrees(case):
    """The model that the engine is compared with elsewhere stands on the same values."""
    a, x, y, w = values(case)
    model = PlainCore(a, parameters(case))
    assert_agrees(model.readback(), w)
    assert_agrees(model.multiply(x, transposed(case)), y)
