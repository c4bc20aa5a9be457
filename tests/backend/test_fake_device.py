"""The engine on a device that refuses to meet host arrays: what a GPU would refuse, seen here."""

import copy

import numpy as np
import pytest

from simulator import AnalogCore, CrossSimParameters, InputError
from simulator.profile import adc_ranges
from simulator.testing import DeviceArray, fake_backend, no_waiting

SETTINGS = {
    "ideal": {},
    "tiled": {"core.rows_max": 4, "core.cols_max": 3},
    "offset": {"core.style": "OFFSET"},
    "unit column": {"core.style": "OFFSET", "core.offset.style": "UNIT_COLUMN_SUBTRACTION"},
    "sliced": {
        "core.style": "BITSLICED", "core.weight_bits": 8, "xbar.device.cell_bits": 4,
        "core.rows_max": 5,
    },
    "two-sided": {"core.balanced.style": "TWO_SIDED"},
    "percentiles": {
        "core.mapping.weights.percentile": 0.9, "core.mapping.inputs.mvm.percentile": 0.95,
    },
    "converters": {
        "xbar.dac.mvm.model": "SignMagnitudeDAC", "xbar.dac.mvm.bits": 5,
        "xbar.dac.mvm.input_bitslicing": True, "xbar.adc.mvm.adc_per_ibit": True,
        "xbar.adc.mvm.model": "QuantizerADC", "xbar.adc.mvm.bits": 6,
        "xbar.adc.mvm.adc_range_option": "MAX", "xbar.adc.mvm.stochastic_rounding": True,
        "core.rows_max": 4,
    },
    "converter noise": {
        "xbar.adc.mvm.model": "QuantizerADC", "xbar.adc.mvm.bits": 6,
        "xbar.adc.mvm.adc_range_option": "MAX", "xbar.adc.mvm.input_noise": 0.1,
        "core.rows_max": 4,
    },
    "ideal converters with noise": {
        "core.style": "OFFSET", "core.offset.style": "UNIT_COLUMN_SUBTRACTION",
        "xbar.adc.mvm.input_noise": 0.1,
    },
    "column limit": {"xbar.array.Icol_max": 0.5},
    "programming error": {
        "xbar.device.programming_error.enable": True,
        "xbar.device.programming_error.model": "UniformInverseProportionalDevice",
        "xbar.device.programming_error.magnitude": 0.05,
    },
    "mismatch": {
        "xbar.device.programming_error.enable": True,
        "xbar.device.programming_error.model": "VariabilityDevice",
        "xbar.device.programming_error.cycle_to_cycle": 0.02,
        "xbar.device.programming_error.device_to_device": 0.03,
        "xbar.device.programming_error.chip_to_chip": 0.01, "core.style": "OFFSET",
        "core.offset.style": "UNIT_COLUMN_SUBTRACTION",
    },
    "noise per output": {
        "xbar.device.read_noise.enable": True,
        "xbar.device.read_noise.model": "NormalProportionalDevice",
        "xbar.device.read_noise.magnitude": 0.1, "xbar.device.clip_conductance": True,
    },
    "noise per device": {
        "xbar.device.read_noise.enable": True,
        "xbar.device.read_noise.model": "UniformIndependentDevice",
        "xbar.device.read_noise.magnitude": 0.1, "core.style": "OFFSET",
        "core.offset.style": "UNIT_COLUMN_SUBTRACTION",
        "simulation.read_noise_sampling": "per_device",
    },
    "unfolded": {"simulation.disable_fast_balanced": True},
    "recording": {"simulation.analytics.profile_adc_inputs": True},
}  # fmt: skip


def run(core, backend, matrix, complex_valued):
    """Everything a core does, with results on the host."""
    m, n = matrix.shape
    rng = np.random.default_rng(3)
    to_device = backend.asarray if backend else np.asarray
    x, left = to_device(rng.normal(size=(n, 6))), to_device(rng.normal(size=(2, 3, m)))
    results = [core @ x, core @ x[:, 0], left @ core if not backend else core.rmatmul(left)]
    results += [core[1:5, ::2] @ x[::2], core.T.matmul(left[0].T), core[::-1].get_matrix()]
    core[2:4, ::3] = to_device(np.full((2, len(range(0, n, 3))), 0.25))
    core.T[0] = to_device(np.full(m, -0.5))
    results += [core.get_matrix(), core @ x]
    if complex_valued:
        results += [core @ (x + 1j * x[::-1])]
    return [backend.to_host(r) if backend else r for r in results]


@pytest.mark.parametrize("complex_valued", [False, True], ids=["real", "complex"])
@pytest.mark.parametrize("name", SETTINGS)
def test_device_and_host_agree(name, complex_valued):
    """Same seed, same chip, and no array of the host inside a device computation."""
    params = CrossSimParameters()
    params.update({"simulation.seed": 5, "core.complex_matrix": complex_valued, **SETTINGS[name]})
    matrix = np.random.default_rng(1).normal(size=(7, 9))
    if complex_valued:
        matrix = matrix + 1j * matrix[::-1]
    backend = fake_backend()
    on_host = AnalogCore(matrix, params)
    on_device = AnalogCore(matrix, params, backend=backend)
    expected, got = (
        run(on_host, None, matrix, complex_valued),
        run(on_device, backend, matrix, complex_valued),
    )
    for one, other in zip(expected, got, strict=True):
        # Memory order may differ, and with it the order of a sum of at most 18 terms.
        bound = 8 * np.finfo(np.float64).eps * 18 * max(1.0, np.abs(one).max())
        np.testing.assert_allclose(one, other, rtol=0, atol=bound)
    if name == "recording":
        np.testing.assert_allclose(adc_ranges(on_host), adc_ranges(on_device), rtol=1e-6)
    part = on_device.cores[0][0]
    arrays = part.core_slices[0][0] if name == "sliced" else getattr(part, "core", None)
    assert isinstance((arrays or part.core_pos).matrix, np.ndarray)


def test_host_in_gives_host_out_and_device_in_gives_device_out():
    core = AnalogCore(np.eye(3), CrossSimParameters(), backend=fake_backend())
    x = np.arange(3.0)
    for out in (core @ x, core.matmul(x[:, None]), core.vecmat(x), core.rmatmat(x[None])):
        assert type(out) is np.ndarray
    for out in (core @ fake_backend().asarray(x), core.vecmat(fake_backend().asarray(x))):
        assert type(out) is DeviceArray
    np.testing.assert_array_equal(np.asarray(core), np.eye(3))


@pytest.mark.parametrize("name", ["mismatch", "programming error", "sliced", "tiled"])
def test_cells_are_verified_and_set_on_a_device_as_on_the_host(name):
    params = CrossSimParameters()
    params.update({"simulation.seed": 5, **SETTINGS[name]})
    matrix = np.random.default_rng(1).uniform(-1, 1, (7, 9))
    cores = [AnalogCore(matrix, params, backend=b) for b in (None, fake_backend())]
    told = [core.write_verify(matrix, tolerance=0.05) for core in cores]
    np.testing.assert_array_equal(told[0].writes, told[1].writes)
    np.testing.assert_allclose(told[0].errors, told[1].errors, atol=1e-12)
    sides = told[0].writes.shape[1]
    given = [np.full((*told[0].writes.shape[:1], 7, 9), 0.2 + 0.3 * side) for side in range(sides)]
    given = given if len(given[0]) > 1 else [part[0] for part in given]
    for core in cores:
        core.set_conductances(*map(core.backend.asarray, given))
    held = [core.backend.to_host(core.get_matrix()) for core in cores]
    np.testing.assert_allclose(*held, atol=1e-12)


def test_copies_keep_their_device():
    core = AnalogCore(np.eye(3), CrossSimParameters(), backend=fake_backend())
    assert copy.deepcopy(core).backend is core.backend


def test_the_stand_in_refuses_what_a_device_refuses():
    device, host = fake_backend().asarray(np.ones(3)), np.ones(3)
    for mix in (lambda: device + host, lambda: host * device, lambda: device @ host):
        with pytest.raises(TypeError, match="host array"):
            mix()
    with pytest.raises(TypeError, match="host array"):
        np.asarray(device)
    with pytest.raises(TypeError, match="host array"):
        fake_backend().xp.concatenate([device, host])


# A percentile of the inputs is their own range, and noise of each device has cells of each vector.
LOOKS = {"percentiles", "noise per device", "recording"}


@pytest.mark.parametrize("name", [name for name in SETTINGS if name not in LOOKS])
def test_nothing_of_a_multiply_waits_for_the_device(name):
    """Work is queued to its end without a look at a value of it."""
    params = CrossSimParameters()
    params.update({"simulation.seed": 5, **SETTINGS[name]})
    matrix = np.random.default_rng(1).normal(size=(7, 9))
    backend = fake_backend()
    core, host = AnalogCore(matrix, params, backend=backend), AnalogCore(matrix, params)
    values, left = np.random.default_rng(2).normal(size=(9, 6)), np.ones((2, 7))
    x, there = backend.asarray(values), backend.asarray(left)
    for core_, *inputs in ((core, x, there), (host, values, left)):
        # The first product after programming may look at the cells.
        core_ @ inputs[0], core_ @ inputs[0][:, 0], core_.rmatmul(inputs[1])
    with no_waiting():
        results = [core @ x, core @ x[:, 0], core.rmatmul(there), core[1:5] @ x, core.T @ there.T]
    wanted = [host @ values, host @ values[:, 0], host.rmatmul(left), host[1:5] @ values]
    wanted.append(host.T @ left.T)
    for got, expected in zip(results, wanted, strict=True):
        bound = 8 * np.finfo(np.float64).eps * 18 * max(1.0, np.abs(expected).max())
        np.testing.assert_allclose(backend.to_host(got), expected, rtol=0, atol=bound)


def test_a_value_that_is_no_number_goes_through_a_device_and_is_refused_from_the_host():
    core = AnalogCore(np.ones((2, 3)), CrossSimParameters(), backend=fake_backend())
    x = np.array([1.0, np.nan, 2.0])
    assert np.isnan(fake_backend().to_host(core @ fake_backend().asarray(x))).all()
    with pytest.raises(InputError, match="nan at index"):
        core @ x


@pytest.mark.parametrize("limit", [1e-3, 3.0, 1e3])
def test_a_column_limit_holds_without_a_look_at_the_inputs(limit):
    params = CrossSimParameters()
    params.update({"xbar.array.Icol_max": limit, "core.mapping.inputs.mvm.max": 2.0,
                   "core.mapping.inputs.mvm.min": -2.0, "xbar.dac.mvm.bits": 6,
                   "xbar.dac.mvm.model": "SignMagnitudeDAC"})  # fmt: skip
    matrix, x = np.random.default_rng(1).normal(size=(7, 9)), np.linspace(-5, 5, 18).reshape(9, 2)
    backend = fake_backend()
    got = AnalogCore(matrix, params, backend=backend) @ backend.asarray(x)
    expected = AnalogCore(matrix, params) @ x
    bound = 8 * np.finfo(np.float64).eps * 18 * max(1.0, np.abs(expected).max())
    np.testing.assert_allclose(backend.to_host(got), expected, rtol=0, atol=bound)


def test_the_stand_in_sees_a_look_and_a_device_that_is_not_the_current_one():
    backend = fake_backend()
    x = backend.asarray(np.ones(3))
    looks = (lambda: bool(x.all()), lambda: float(x[0]), lambda: int(x[0]), lambda: x.tolist())
    with no_waiting():
        for look in (*looks, lambda: backend.to_host(x)):
            with pytest.raises(RuntimeError, match="waits"):
                look()
    for make in (lambda: backend.xp.zeros(3), lambda: backend.xp.asarray([1.0])):
        with pytest.raises(RuntimeError, match="not the current one"):
            make()
        with backend.active():
            make()
