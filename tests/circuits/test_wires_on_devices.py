"""Cores with wire resistance on a device that refuses to meet host arrays: as on the host."""

from types import SimpleNamespace

import numpy as np
import pytest
from strategies import core_of
from wired_cores import ACCURACY, SOLVERS, hardware, matrix, nonlinear

from simulator.testing import DeviceArray, fake_backend


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("cells", ["linear", "nonlinear", "noisy", "separate", "separate noisy"])
@pytest.mark.parametrize("style", ["interleaved", "one_sided", "unit"])
def test_a_device_gives_what_the_host_gives(style, cells, solver, monkeypatch):
    backend = fake_backend()
    algebra = SimpleNamespace(solve=lambda a, b: DeviceArray(np.linalg.solve(a._values, b._values)))
    monkeypatch.setattr(backend.xp, "linalg", algebra, raising=False)
    monkeypatch.setattr(DeviceArray, "get", lambda self: np.array(self._values), raising=False)
    p = hardware(style, solver=solver)
    p.core.rows_max = p.core.cols_max = 4
    if cells == "nonlinear":
        # Of what Newton's method does not master, see the end of `test_nonlinear_cells`.
        p = nonlinear(p)
        p.simulation.parasitics_solver = "auto"
    if "noisy" in cells:
        noise = p.xbar.device.read_noise
        noise.enable, noise.model, noise.magnitude = True, "NormalProportionalDevice", 0.1
    if "separate" in cells:
        p.xbar.array.parasitics.current_from_input = False
        p.xbar.dac.mvm.model, p.xbar.dac.mvm.bits = "SignMagnitudeDAC", 4
        p.xbar.dac.mvm.input_bitslicing = True
    a, x, y = matrix((7, 6)), matrix((6, 3)), matrix((2, 7))
    host, device = core_of(a, p), core_of(backend.asarray(a), p, backend=backend)
    pairs = [(host @ x, device @ backend.asarray(x))]
    if "separate" not in cells:
        pairs.append((y @ host, backend.asarray(y) @ device))
    for wanted, got in pairs:
        np.testing.assert_allclose(
            backend.to_host(got), wanted, rtol=0, atol=ACCURACY * np.abs(wanted).max()
        )
    drop = device.ir_drop(backend.asarray(x[:, 0])).input_volts
    assert type(drop) is np.ndarray
    np.testing.assert_allclose(drop, host.ir_drop(x[:, 0]).input_volts, rtol=0, atol=1e-10)
