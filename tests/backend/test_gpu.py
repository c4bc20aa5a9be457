"""On a CUDA device: the same seed makes the same chip, and products agree with those of the CPU."""

import threading

import numpy as np
import pytest
from test_fake_device import SETTINGS, run

from simulator import AnalogCore, CrossSimParameters

pytestmark = pytest.mark.gpu


@pytest.fixture(scope="module")
def cupy():
    module = pytest.importorskip("cupy", reason="CuPy, the extra gpu12 or gpu13, is not installed")
    if module.cuda.runtime.getDeviceCount() < 1:
        pytest.skip("no CUDA device on this machine")
    return module


def on(device, **changes):
    params = CrossSimParameters()
    params.update({"simulation.seed": 5, "simulation.useGPU": device == "gpu", **changes})
    return params


@pytest.mark.parametrize("complex_valued", [False, True], ids=["real", "complex"])
@pytest.mark.parametrize("name", SETTINGS)
def test_device_and_host_agree(cupy, name, complex_valued):
    matrix = np.random.default_rng(1).normal(size=(7, 9))
    if complex_valued:
        matrix = matrix + 1j * matrix[::-1]
    changes = {"core.complex_matrix": complex_valued, **SETTINGS[name]}
    host = AnalogCore(matrix, on("cpu", **changes))
    device = AnalogCore(matrix, on("gpu", **changes))
    expected = run(host, None, matrix, complex_valued)
    got = run(device, device.backend, matrix, complex_valued)
    for one, other in zip(expected, got, strict=True):
        # Sums of at most 18 terms in another order; normals that differ by rounding.
        bound = 64 * np.finfo(np.float64).eps * 18 * max(1.0, np.abs(one).max())
        np.testing.assert_allclose(one, other, rtol=0, atol=bound)


@pytest.mark.parametrize("size", [512, 2048])
def test_codes_of_a_large_core_differ_by_one_at_most(cupy, size):
    """Where a current lies within rounding of a threshold, and nowhere else."""
    rng = np.random.default_rng(2)
    matrix = rng.uniform(-1, 1, (size, size)).astype(np.float32)
    x = rng.uniform(-1, 1, (size, 64)).astype(np.float32)
    limit = 4 * float(np.std(matrix @ x))
    changes = {
        "xbar.device.cell_bits": 7, "xbar.dac.mvm.model": "SignMagnitudeDAC",
        "xbar.dac.mvm.bits": 8, "xbar.adc.mvm.model": "SignMagnitudeADC", "xbar.adc.mvm.bits": 8,
        "xbar.adc.mvm.calibrated_range": [-limit, limit],
    }  # fmt: skip
    host = AnalogCore(matrix, on("cpu", **changes)) @ x
    device = cupy.asnumpy(AnalogCore(matrix, on("gpu", **changes)) @ cupy.asarray(x))
    step = limit / 127
    codes = np.rint((device - host) / step)
    assert np.abs(codes).max() <= 1
    assert np.mean(codes != 0) < 1e-3


def test_cores_of_both_kinds_live_side_by_side(cupy):
    cores = [AnalogCore(np.eye(4), on(device)) for device in ("cpu", "gpu")]
    results = {}

    def work(k):
        results[k] = [cores[k] @ np.arange(4.0) for _ in range(20)]

    threads = [threading.Thread(target=work, args=(k,)) for k in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for values in results.values():
        assert all(np.array_equal(np.asarray(value), np.arange(4.0)) for value in values)


def test_every_device_computes_on_itself(cupy):
    for number in range(cupy.cuda.runtime.getDeviceCount()):
        core = AnalogCore(np.eye(3), on("gpu", **{"simulation.gpu_id": number}))
        x = core.backend.asarray(np.arange(3.0))
        assert (core @ x).device.id == number


@pytest.mark.parametrize("kind", ["linear", "conv"])
def test_layers_take_tensors_of_the_device(cupy, kind):
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("this torch has no CUDA")
    from adapters.torch import from_torch

    torch.manual_seed(0)
    layer = torch.nn.Linear(16, 8) if kind == "linear" else torch.nn.Conv2d(3, 4, 3, padding=1)
    x = torch.randn(5, 16) if kind == "linear" else torch.randn(2, 3, 8, 8)
    changes = {
        "xbar.device.programming_error.enable": True,
        "xbar.device.programming_error.model": "NormalProportionalDevice",
        "xbar.device.programming_error.magnitude": 0.1,
    }
    host = from_torch(layer, on("cpu", **changes))
    y = host(x.requires_grad_())
    y.sum().backward()
    there = x.detach().cuda().requires_grad_()
    device = from_torch(layer.cuda(), on("gpu", **changes))
    with torch.cuda.stream(torch.cuda.Stream()):
        result = device(there)
        result.sum().backward()
    torch.cuda.synchronize()
    torch.testing.assert_close(result.cpu(), y, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(there.grad.cpu(), x.grad, rtol=1e-4, atol=1e-5)


def test_a_multiply_is_queued_without_waiting(cupy):
    """It returns while the device is still busy with what was queued before."""
    changes = {
        "xbar.dac.mvm.model": "SignMagnitudeDAC", "xbar.dac.mvm.bits": 8,
        "xbar.adc.mvm.model": "QuantizerADC", "xbar.adc.mvm.bits": 8,
        "xbar.adc.mvm.adc_range_option": "MAX", "xbar.dac.mvm.input_bitslicing": True,
        "xbar.adc.mvm.adc_per_ibit": True,
    }  # fmt: skip
    core, x = AnalogCore(np.eye(64), on("gpu", **changes)), cupy.ones((64, 8))
    core @ x  # compiled, and the cells looked at
    busy = cupy.ones((8192, 8192), cupy.float64)
    cupy.cuda.Device().synchronize()
    for _ in range(20):
        busy @ busy
    queued = cupy.cuda.Event()
    queued.record()
    core @ x
    assert not queued.done
    cupy.cuda.Device().synchronize()


def test_no_number_goes_through(cupy):
    x = cupy.array([1.0, cupy.nan, 2.0])
    assert bool(cupy.isnan(AnalogCore(np.ones((2, 3)), on("gpu")) @ x).all())
