"""Laws of device models."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from simulator.backend import numpy_backend
from simulator.devices import Cell, Device, Draw
from simulator.errors import ModelError, OhmCoreWarning
from simulator.quantities import Array, Siemens
from simulator.testing.conformance import (
    STANDARD_ERRORS,
    ConformanceError,
    instance,
    require,
    require_shape,
)
from simulator.testing.fake_device import DeviceArray, fake_backend

# Conductances after an effect, and a moment of them, from conductances before it.
CellEffect = Callable[[Siemens, Cell, Draw], Siemens]
Moment = Callable[[Siemens, Cell], Siemens]

DRAWS = 20_000
CONDUCTANCES = 10
SHAPES = ((), (3,), (2, 2, 3, 5))
KEY = (20, 24)


def check_device(model: Any, cell: Cell | None = None, **parameters: Any) -> None:
    """Check the laws that every device model obeys.

    It is a frozen dataclass with declared fields; shape, dtype and array module are kept; arguments
    are not changed; the same draws give the same cells; spreads are not negative; drawn mean and
    variance agree with the declared ones within five standard errors, also after drift at
    ``cell.time``, at time 0 and at time 1 where the model describes them; a cell that has not aged
    is as it began unless the model declares a spread then, or as programming leaves it where drift
    contains programming; what cells keep for life and what each programming adds have the declared
    spreads, told apart by programming twice; no voltage, no current; ``slope`` is the derivative of
    ``current``.

    Args:
        model: An instance, a class, or the name of a registered model.
        cell: The conductances to try; 1 to 10 uS without it.
        **parameters: Arguments of the class, or what to replace in the instance.

    Raises:
        ConformanceError: A law does not hold; the message says which.
        ModelError: The model does not describe such cells, or there is none of this name.
    """
    device = instance("device", Device, model, parameters)
    cell = cell or Cell(Gmin=1e-6, Gmax=1e-5)
    effects = [effect for effect in ("programming", "read") if device.models(effect)]
    conducts, drifts = device.models("current"), device.models("drift")
    require(
        effects or drifts or conducts,
        device,
        "describes neither programming, reading, drift nor a current",
    )
    if conducts:
        _check_current(device, cell)
    for effect in effects:
        law = device.programmed if effect == "programming" else device.read
        for shape in SHAPES:
            _check_law(device, law, effect, np.full(shape, cell.Gmax / 2), cell)
        _check_module(device, law, effect, cell)
        if device.has_moments(effect):
            mean, sigma = getattr(device, f"{effect}_mean"), getattr(device, f"{effect}_sigma")
            if effect == "programming" and device.has_mismatch:
                _check_mismatch(device, cell)
                sigma = _total_sigma(device)
            _check_moments(device, law, mean, sigma, effect, cell)
    if drifts:
        _check_drift(device, cell)


def _total_sigma(device: Device) -> Moment:
    """Standard deviation over cycles, devices and chips."""

    def sigma(siemens: Siemens, cell: Cell) -> Siemens:
        parts = (device.programming_sigma, device.device_sigma, device.chip_sigma)
        return sum(part(siemens, cell) ** 2 for part in parts) ** 0.5

    return sigma


def _check_mismatch(device: Device, cell: Cell) -> None:
    """Cells programmed twice: what they keep and what is new agree with the declared spreads.

    Half the variance of the difference is that from cycle to cycle; the covariance is that of
    devices and chips together.
    """
    levels = np.linspace(cell.Gmin, cell.Gmax, CONDUCTANCES)
    for sigma in (device.device_sigma(levels, cell), device.chip_sigma(levels, cell)):
        require(np.all(sigma >= 0), device, "a spread of devices or chips is negative")
    siemens = np.broadcast_to(levels, (DRAWS, CONDUCTANCES)).copy()
    off = [
        device.programmed(siemens, cell, _draw(siemens.shape, cycle))
        - device.programming_mean(siemens, cell)
        for cycle in range(2)
    ]
    fresh = device.programming_sigma(levels, cell) ** 2
    kept = _total_sigma(device)(levels, cell) ** 2 - fresh
    for what, products, wanted in (
        ("cycle to cycle", (off[0] - off[1]) ** 2 / 2, fresh),
        ("device to device", off[0] * off[1], kept),
    ):
        error = STANDARD_ERRORS * products.std(axis=0) / np.sqrt(DRAWS) + 1e-12 * cell.Gmax**2
        right = np.abs(products.mean(axis=0) - wanted) <= error
        require(np.all(right), device, f"programming: spread from {what} is not the declared one")


def _check_drift(device: Device, cell: Cell) -> None:
    for aged in _ages(device, cell):
        when = f"drift at time {aged.time:g}"
        for shape in SHAPES:
            _check_law(device, _drift_law(device), when, np.full(shape, cell.Gmax / 2), aged)
        _check_module(device, _drift_law(device), when, aged)
        declares = type(device).drifted is Device.drifted
        if declares:
            mean, sigma = device.drift_mean, device.drift_sigma
            _check_moments(device, _drift_law(device), mean, sigma, when, aged)
        if aged.time == 0:
            _check_not_aged(device, aged, declares)


def _ages(device: Device, cell: Cell) -> Iterator[Cell]:
    """The cell as it is given, just programmed, and after one unit of time."""
    yield cell
    for time in {0.0, 1.0} - {cell.time}:
        aged = replace(cell, time=time)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", OhmCoreWarning)
                device.check_cell(aged)
        except ModelError:
            continue
        yield aged


def _drift_law(device: Device) -> CellEffect:
    """Drift as a law with the arguments of the other effects."""
    return lambda siemens, cell, draw: device.drifted(siemens, draw.normal(), cell)


def _check_not_aged(device: Device, cell: Cell, declares: bool) -> None:
    """At time 0 drift leaves a cell as it began, or is the programming error that it contains."""
    levels = np.linspace(cell.Gmin, cell.Gmax, CONDUCTANCES)
    draw = _draw(levels.shape)
    if device.drift_includes_programming and device.models("programming"):
        wanted, beginning = device.programmed(levels, cell, draw), "as it was programmed"
    elif device.drift_includes_programming or declares:
        return
    else:
        wanted, beginning = levels, "as it began"
    off = np.abs(device.drifted(levels, draw.normal(), cell) - wanted)
    require(np.all(off <= 1e-9 * cell.Gmax), device, f"drift: a cell is not {beginning} at time 0")


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
    across = fake_backend().asarray(volts)
    for what in ("current", "slope"):

        def law(siemens: Siemens, what: str = what) -> Array:
            return getattr(device, what)(siemens, across[:3], cell)

        _check_kept(device, law, what, cell)


def _check_law(
    device: Device, law: CellEffect, effect: str, siemens: np.ndarray, cell: Cell
) -> None:
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


def _check_module(device: Device, law: CellEffect, effect: str, cell: Cell) -> None:
    backend = fake_backend()
    draw = Draw(
        lambda: backend.asarray(np.full((2, 3), 0.3)),
        lambda: backend.asarray(np.full((2, 3), 0.7)),
        device_normals=lambda: backend.asarray(np.full((2, 3), 0.4)),
        chip_normals=lambda: backend.asarray(np.full(1, 0.2)),
    )
    _check_kept(device, lambda siemens: law(siemens, cell, draw), effect, cell)


def _check_kept(device: Device, law: Callable[[Siemens], Array], effect: str, cell: Cell) -> None:
    """A model keeps the array module, so that it also runs on a GPU."""
    backend = fake_backend()
    siemens = backend.asarray(np.linspace(cell.Gmin, cell.Gmax, 6).reshape(2, 3))
    try:
        with backend.active():
            result = law(siemens)
    except TypeError as error:
        raise ConformanceError(
            f"{device!r}: {effect}: fails on a device array ({error}); use operators and methods "
            "of the given arrays instead of NumPy functions"
        ) from error
    require(isinstance(result, DeviceArray), device, f"{effect}: leaves the device")


def _check_moments(
    device: Device, law: CellEffect, mean_law: Moment, sigma_law: Moment, effect: str, cell: Cell
) -> None:
    levels = np.linspace(cell.Gmin, cell.Gmax, CONDUCTANCES)
    mean, sigma = mean_law(levels, cell), sigma_law(levels, cell)
    require(np.all(sigma >= 0), device, f"{effect}: its sigma is negative")
    siemens = np.broadcast_to(levels, (DRAWS, CONDUCTANCES)).copy()
    drawn = law(siemens, cell, _draw(siemens.shape))
    off = np.abs(drawn.mean(axis=0) - mean)
    tolerance = STANDARD_ERRORS * sigma / np.sqrt(DRAWS) + 1e-12 * cell.Gmax
    require(np.all(off <= tolerance), device, f"{effect}: drawn mean is not the declared one")
    square = (drawn - mean) ** 2
    error = STANDARD_ERRORS * square.std(axis=0) / np.sqrt(DRAWS) + 1e-12 * cell.Gmax**2
    off = np.abs(square.mean(axis=0) - sigma**2)
    require(np.all(off <= error), device, f"{effect}: drawn spread is not the declared one")


def _draw(shape: tuple[int, ...], cycle: int = 0) -> Draw:
    """Numbers of one programming of cells; each row of the last two axes is a chip of its own."""
    kernels, count = numpy_backend().kernels, int(np.prod(shape))

    def numbers(law: str, event: int) -> np.ndarray:
        counter = (np.arange(count // 4 + 1), event, 0, 0)
        return getattr(kernels, law)(counter, KEY).reshape(-1)[:count].reshape(shape)

    return Draw(
        lambda: numbers("normals", 2 * cycle),
        lambda: numbers("uniforms", 2 * cycle),
        device_normals=lambda: numbers("normals", 1),
        chip_normals=lambda: numbers("normals", 3)[..., :1] if shape else numbers("normals", 3),
    )
