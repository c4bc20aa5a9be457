"""The product that torch takes for a core is the core's own, to rounding."""

import numpy as np
import pytest
from hypothesis import given, settings
from strategies import core_of, multiply, noisy_settings

torch = pytest.importorskip("torch")

from adapters.torch.layers.columns import ColumnProduct  # noqa: E402
from simulator import AnalogCore, CrossSimParameters, InputError  # noqa: E402


def by_torch(core, setting):
    x = setting.x.T if setting.transposed else setting.x
    single = x.ndim == 1
    out = core.multiply(
        x[:, None] if single else x, ColumnProduct(backend=core.backend), setting.transposed
    )
    out = out[:, 0] if single else out
    return out.T if setting.transposed else out


@settings(deadline=None, max_examples=60)
@given(noisy_settings())
def test_same_stages_and_same_draws(setting):
    tree = setting.params
    # Codes may differ where sums round in another order; what comes to converters may not.
    tree.xbar.adc.mvm.bits = tree.xbar.adc.vmm.bits = 0
    tree.simulation.seed = 3
    cores = [core_of(setting.matrix, tree) for _ in range(2)]
    if setting.matrix.dtype.kind == "c":
        with pytest.raises(InputError, match="real"):
            by_torch(cores[0], setting)
        return
    expected, got = multiply(cores[0], setting), by_torch(cores[1], setting)
    assert got.shape == expected.shape
    terms = max(setting.matrix.shape) + 4
    scale = cores[0].chip.scaling.limit * np.abs(setting.x).max(initial=0) * terms
    # A cell is no more than a few limits of the weights, and noise no more than its conductance.
    bound = 64 * terms * np.finfo(expected.dtype).eps * scale
    np.testing.assert_allclose(got, expected, rtol=0, atol=bound)


@pytest.mark.parametrize("transposed", [False, True])
def test_arrays_with_parameters_of_their_own(transposed):
    tree = CrossSimParameters()
    tree.core.rows_max = tree.core.cols_max = 8
    trees = [tree.copy() for _ in range(6)]
    for number, own in enumerate(trees):
        own.xbar.device.Rmin += number
    rng = np.random.default_rng(0)
    matrix = rng.uniform(-1, 1, (13, 20))
    core = AnalogCore(matrix, trees)
    x = rng.uniform(-1, 1, (13 if transposed else 20, 5))
    expected = (x.T @ core).T if transposed else core @ x
    got = core.multiply(x, ColumnProduct(backend=core.backend), transposed)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12)


def test_no_vectors():
    core = AnalogCore(np.ones((3, 4)), CrossSimParameters())
    assert core.multiply(np.ones((4, 0)), ColumnProduct(backend=core.backend)).shape == (3, 0)


def test_currents_are_not_rounded_where_a_script_lets_torch_round(monkeypatch):
    core = AnalogCore(np.ones((3, 4), np.float32), CrossSimParameters())
    taken = []
    matmul = torch.matmul
    monkeypatch.setattr(torch, "matmul", lambda *a: taken.append(a) or matmul(*a))
    for precision, count in (("highest", 1), ("high", 1), ("medium", 1), ("highest", 2)):
        torch.set_float32_matmul_precision(precision)
        try:
            y = core.multiply(np.ones((4, 2), np.float32), ColumnProduct(backend=core.backend))
        finally:
            torch.set_float32_matmul_precision("highest")
        np.testing.assert_array_equal(y, 4)
        assert len(taken) == count
