"""Input ranges that each vector has of its own (`percentile_scope`).

Tolerances: a result in units of its own range is rounded once more than one of a range that all
have, and a sum of other order by a few more: 100 eps of the largest product.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import core_of, set_style

from simulator import AnalogCore, CrossSimParameters, NoEffectWarning
from simulator.backend import Backend
from simulator.kernels import ReferenceKernels
from simulator.mapping import symmetric_limit, symmetric_limits
from simulator.testing import fake_backend

STYLES = "one_sided", "two_sided", "offset", "unit", "sliced_unit", "sliced_balanced"


def params(style="one_sided", scope="vector", percentile=1.0, dac=5, **changes):
    p = CrossSimParameters()
    p.simulation.seed = 1
    set_style(p, style)
    limits = p.core.mapping.inputs.mvm
    limits.percentile, limits.percentile_scope = percentile, scope
    if dac:
        p.xbar.dac.mvm.model, p.xbar.dac.mvm.bits = "SignMagnitudeDAC", dac
    for path, value in changes.items():
        p.update({path.replace("__", "."): value})
    return p


def problem(lines=7, vectors=6, seed=0, dtype=float):
    """Vectors of very different size, a zero one among them."""
    rng = np.random.default_rng(seed)
    matrix = rng.uniform(-1, 1, (5, lines)).astype(dtype)
    x = rng.normal(size=(lines, vectors)) * 10.0 ** rng.integers(-4, 4, vectors)
    x[:, rng.integers(vectors)] = 0
    return matrix, x.astype(dtype)


def close(got, wanted, matrix, x):
    eps = np.finfo(got.dtype).eps
    sizes = np.abs(x).max(axis=0) * np.abs(matrix).sum(axis=1).max()
    assert got.shape == wanted.shape
    assert got.dtype == wanted.dtype
    assert (np.abs(got - wanted) <= 100 * eps * sizes).all()


# -- the limits -----------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.integers(0, 40), st.integers(0, 5),
    st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.5, 0.9, 0.999, 1.0, 1.5])),
    st.booleans(), st.sampled_from([np.float32, np.float64]),
)  # fmt: skip
def test_limits_are_those_of_each_vector_alone(seed, lines, vectors, percentile, turned, dtype):
    x = np.random.default_rng(seed).normal(size=(lines, vectors)).astype(dtype)
    x = np.asfortranarray(x) if turned else x
    got = symmetric_limits(x, percentile, np)
    assert got.dtype == dtype
    wanted = np.array([symmetric_limit(v, percentile, np) for v in x.T]).reshape(vectors)
    np.testing.assert_allclose(got, wanted, rtol=8 * np.finfo(dtype).eps, atol=1e-6)


def test_vectors_of_zeros_have_a_limit_too():
    assert (symmetric_limits(np.zeros((4, 3)), 1.0, np) > 0).all()
    assert (symmetric_limits(np.zeros((4, 3)), 0.9, np) > 0).all()


# -- the product ----------------------------------------------------------------------------------


def adc(p):
    p.xbar.adc.mvm.model, p.xbar.adc.mvm.bits = "SignMagnitudeADC", 6
    p.xbar.adc.mvm.adc_range_option = "MAX"


def bits(p):
    p.xbar.dac.mvm.input_bitslicing = True
    adc(p)


def every_bit(p):
    bits(p)
    p.xbar.adc.mvm.adc_per_ibit = True


def noisy(p):
    noise = p.xbar.device.read_noise
    noise.enable, noise.model, noise.magnitude = True, "NormalProportionalDevice", 0.1


def limited(p):
    p.xbar.array.Icol_max = 0.7


def behind_wires(p):
    wires = p.xbar.array.parasitics
    wires.enable, wires.Rp_row, wires.Rp_col = True, 5.0, 5.0
    p.simulation.parasitics_solver = "effective"


def staged(p):
    p.simulation.disable_fast_balanced = True
    adc(p)


SETTINGS = {f.__name__: f for f in (adc, bits, every_bit, noisy, limited, behind_wires, staged)}


@pytest.mark.parametrize("percentile", [1.0, 1.7, 0.8])
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("setting", [None, *SETTINGS])
def test_a_vector_is_what_it_is_alone(setting, style, percentile):
    """Also on tiles, whose ranges are those of the whole vector, and in either precision."""
    for dtype in (np.float64, np.float32):
        matrix, x = problem(dtype=dtype)
        cores = []
        for scope in ("vector", "batch"):
            p = params(style, scope, percentile, core__rows_max=4, core__cols_max=3)
            if setting:
                SETTINGS[setting](p)
            cores.append(core_of(matrix, p))
        together, alone = cores
        got = together @ x
        wanted = np.stack([alone @ v for v in x.T], axis=1)
        close(got, wanted, matrix, x)
        other = core_of(matrix, alone.params)
        assert not np.allclose(other @ x, wanted, rtol=1e-3)  # neighbours count for a batch


@pytest.mark.parametrize("scope", ["vector", "batch"])
def test_products_from_the_other_side(scope):
    matrix, x = problem()
    core, same = core_of(matrix.T, params(scope=scope)), core_of(matrix, params(scope=scope))
    close((x.T @ core).T, same @ x, matrix, x)
    close(core_of(matrix, params(scope=scope)) @ x, same @ x, matrix, x)


def test_unequal_directions():
    p = params()
    p.core.mapping.inputs.match = False
    p.core.mapping.inputs.vmm.percentile_scope = "batch"
    matrix, x = problem()
    core = core_of(matrix, p)
    close(core @ x, core_of(matrix, params()) @ x, matrix, x)
    close((x.T @ core_of(matrix.T, p)).T, core_of(matrix, params(scope="batch")) @ x, matrix, x)


def test_complex_matrices_and_inputs():
    rng = np.random.default_rng(1)
    matrix = rng.normal(size=(4, 5)) + 1j * rng.normal(size=(4, 5))
    x = (rng.normal(size=(5, 3)) + 1j * rng.normal(size=(5, 3))) * [1.0, 1e-3, 1e3]
    scopes = (params(scope=scope, core__complex_matrix=True) for scope in ("vector", "batch"))
    together, alone = (core_of(matrix, p) for p in scopes)
    wanted = np.stack([alone @ v for v in x.T], axis=1)
    np.testing.assert_allclose(together @ x, wanted, rtol=1e-12, atol=1e-12)


def test_ideal_cores_lose_nothing_by_it():
    matrix, x = problem()
    close(core_of(matrix, params(dac=0)) @ x, matrix @ x, matrix, x)
    for setting in (noisy, behind_wires):
        p, q = params(dac=0), params(dac=0, percentile=None, scope="batch")
        setting(p), setting(q)
        close(core_of(matrix, p) @ x, core_of(matrix, q) @ x, matrix, x)


def test_work_is_cut_without_a_trace():
    matrix, x = problem(vectors=40)
    whole = core_of(matrix, params()) @ x
    cut = core_of(matrix, params(simulation__memory_limit=1)) @ x
    close(cut, whole, matrix, x)
    plain = Backend("numpy", np, ReferenceKernels(np))
    close(core_of(matrix, params(), backend=plain) @ x, whole, matrix, x)


@pytest.mark.parametrize("percentile", [1.0, 0.8])
def test_a_device_gives_what_the_host_gives(percentile):
    """On a device that refuses to meet host arrays; no value is looked at."""
    (matrix, x), backend = problem(), fake_backend()
    p = params(percentile=percentile, core__rows_max=4)
    device = core_of(backend.asarray(matrix), p, backend=backend)
    got = backend.to_host(device @ backend.asarray(x))
    close(got, core_of(matrix, p) @ x, matrix, x)


def test_a_look_inside_meets_the_same_voltages():
    matrix, x = problem()
    for scope in ("vector", "batch"):
        p = params(scope=scope)
        behind_wires(p)
        drop = core_of(matrix, p).ir_drop(x[:, 0])
        if scope == "vector":
            wanted = drop
    np.testing.assert_allclose(drop.input_volts, wanted.input_volts, rtol=1e-12)


def test_a_scope_without_a_percentile_says_so():
    with pytest.warns(
        NoEffectWarning, match="percentile_scope = vector: min and max give the range"
    ):
        AnalogCore(np.eye(3), params(percentile=None))


def test_own_limits_are_told_where_inputs_are_clipped():
    matrix, x = problem()
    assert core_of(matrix, params()).own_input_limits(x) is None
    assert core_of(matrix, params(scope="batch", percentile=0.8)).own_input_limits(x) is None
    limits = core_of(matrix, params(percentile=0.8)).own_input_limits(x)
    np.testing.assert_allclose(limits, [symmetric_limit(v, 0.8, np) for v in x.T], rtol=1e-12)
