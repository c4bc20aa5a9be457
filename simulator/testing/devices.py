"""Laws of device models."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.backend import numpy_backend
from simulator.devices import Cell, Device, Draw
from simulator.testing.conformance import (
    STANDARD_ERRORS,
    ConformanceError,
    instance,
    require,
    require_shape,
)
from simulator.testing.fake_device import DeviceArray, fake_backend

DRAWS = 20_000
CONDUCTANCES = 10
SHAPES = ((), (3,), (2, 2, 3, 5))
KEY = (20, 24)


def check_device(model: Any, cell: Cell | None = None, **parameters: Any) -> None:
    """Check a device model given as an instance, a class or a name.

    ``parameters`` are those of the class; ``cell`` the conductances to try (1 to 10 uS by
    default). The laws: a frozen dataclass with declared fields; shape, dtype and array module are
    kept; arguments are not changed; the same draws give the same cells; spreads are not negative;
    drawn mean and variance agree with the declared ones within five standard errors; no voltage, no
    current; ``slope`` is the derivative of ``current``.
    Raises ConformanceError.
    """
    device = instance("device", Device, model, parameters)
    cell = cell or Cell(Gmin=1e-6, Gmax=1e-5)
    effects = [effect for effect in ("programming", "read") if device.models(effect)]
    conducts = device.models("current")
    require(effects or conducts, device, "describes neither programming, reading nor a current")
    if conducts:
        _check_current(device, cell)
    for effect in effects:
        law = device.programmed if effect == "programming" else device.read
        for shape in SHAPES:
            _check_law(device, law, effect, np.full(shape, cell.Gmax / 2), cell)
        _check_module(device, law, effect, cell)
        if device.has_moments(effect):
            _check_moments(device, law, effect, cell)


def _check_current(device: Device, cell: Cell) -> None:
    levels = np.linspace(cell.Gmin, cell.Gmax, CONDUCTANCES)[:, None]
    volts = np.linspace(-cell.Vread, cell.Vread, 9)
    amps = device.current(levels, volts, cell)
    shape = np.zeros((CONDUCTANCES, 9))
    require_shape(np.asarray(amps), shape, device, "current")
    require_shape(np.asarray(device.slope(levels, volts, cell)), shape, device, "slope")
    nothing = device.current(levels, 0.0 * volts, cell)
    require(not np.any(nothing), device, "current: flows without a voltage")
    # Central differences: their error falls with the square of the step, rounding rises with it.
    step = 1e-5 * cell.Vread
    rise = device.current(levels, volts + step, cell) - device.current(levels, volts - step, cell)
    off = np.abs(rise / (2 * step) - device.slope(levels, volts, cell))
    require(np.all(off <= 1e-6 * cell.Gmax), device, "slope: is not the derivative of current")


def _check_law(device: Device, law: Any, effect: str, siemens: np.ndarray, cell: Cell) -> None:
    before = siemens.copy()
    first = law(siemens, cell, _draw(siemens.shape))
    require_shape(np.asarray(first), siemens, device, effect)
    require(np.array_equal(siemens, before), device, f"{effect}: changes its argument")
    again = law(siemens, cell, _draw(siemens.shape))
    require(
        np.array_equal(first, again),
        device,
        f"{effect}: two calls with the same draws differ; take random numbers from `draw` only",
    )


def _check_module(device: Device, law: Any, effect: str, cell: Cell) -> None:
    """The model must keep the array module, so that it also runs on a GPU."""
    backend = fake_backend()
    siemens = backend.asarray(np.linspace(cell.Gmin, cell.Gmax, 6).reshape(2, 3))
    draw = Draw(
        lambda: backend.asarray(np.full((2, 3), 0.3)),
        lambda: backend.asarray(np.full((2, 3), 0.7)),
    )
    try:
        result = law(siemens, cell, draw)
    except TypeError as error:
        raise ConformanceError(
            f"{device!r}: {effect}: fails on a device array ({error}); use operators and methods "
            "of the given arrays instead of NumPy functions"
        ) from error
    require(isinstance(result, DeviceArray), device, f"{effect}: leaves the device")


def _check_moments(device: Device, law: Any, effect: str, cell: Cell) -> None:
    levels = np.linspace(cell.Gmin, cell.Gmax, CONDUCTANCES)
    mean = getattr(device, f"{effect}_mean")(levels, cell)
    sigma = getattr(device, f"{effect}_sigma")(levels, cell)
    require(np.all(sigma >= 0), device, f"{effect}_sigma is negative")
    siemens = np.broadcast_to(levels, (DRAWS, CONDUCTANCES)).copy()
    drawn = law(siemens, cell, _draw(siemens.shape))
    off = np.abs(drawn.mean(axis=0) - mean)
    tolerance = STANDARD_ERRORS * sigma / np.sqrt(DRAWS) + 1e-12 * cell.Gmax
    require(np.all(off <= tolerance), device, f"{effect}: drawn mean is not {effect}_mean")
    square = (drawn - mean) ** 2
    error = STANDARD_ERRORS * square.std(axis=0) / np.sqrt(DRAWS) + 1e-12 * cell.Gmax**2
    off = np.abs(square.mean(axis=0) - sigma**2)
    require(np.all(off <= error), device, f"{effect}: drawn spread is not {effect}_sigma")


def _draw(shape: tuple[int, ...]) -> Draw:
    kernels, count = numpy_backend().kernels, int(np.prod(shape))
    counter = (np.arange(count // 4 + 1), 0, 0, 0)
    return Draw(
        lambda: kernels.normals(counter, KEY).reshape(-1)[:count].reshape(shape),
        lambda: kernels.uniforms(counter, KEY).reshape(-1)[:count].reshape(shape),
    )
