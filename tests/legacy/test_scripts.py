"""Imports and products as scripts write them."""

import importlib

import numpy as np
import pytest

from simulator import (
    AnalogCore,
    CrossSimParameters,
)

MATRIX = np.random.default_rng(0).uniform(0.1, 1, (4, 512))


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("simulator.cores", "AnalogCore"),
        ("simulator.devices.idevice", "EmptyDevice"),
        ("simulator.circuits.adc.iadc", "IADC"),
        ("simulator.algorithms.dsp.dft", "DFT"),
    ],
)
def test_everything_is_imported_by_a_star(module, name, tmp_path, monkeypatch):
    script = f"star_of_{name}"
    (tmp_path / f"{script}.py").write_text(f"from {module} import *\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert hasattr(importlib.import_module(script), name)


def test_products_take_what_matlab_hands_over():
    w, x = MATRIX[:, :6], np.arange(6.0)
    core = AnalogCore(memoryview(w.copy()), CrossSimParameters())
    assert np.allclose(core.dot(memoryview(x)), w @ x)
    assert np.allclose(core.rdot(memoryview(x[:4])), x[:4] @ w)
    assert np.allclose(core.T.dot(memoryview(x[:4])), w.T @ x[:4])
    core.set_matrix(memoryview(np.asfortranarray(2 * w)))
    assert np.allclose(core.get_matrix(), 2 * w)
