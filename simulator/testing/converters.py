"""Laws of converters."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.backend import Backend, numpy_backend
from simulator.converters import ADC, DAC
from simulator.randomness import Purpose, Stream
from simulator.testing.conformance import ConformanceError, instance, require, require_shape
from simulator.testing.fake_device import DeviceArray, fake_backend

LIMIT = 3.0
SAMPLES = 4001
# Converters by output part, input part, slice, side and output, and so many inputs of each.
CONVERTERS = (2, 1, 2, 1, 5)
VECTORS = 24


def check_adc(model: Any, monotone: bool = True, **parameters: Any) -> None:
    """Check an ADC model.

    The laws: a frozen dataclass with declared fields; shape, dtype and array module are kept, for
    any shape; arguments are not changed; results stay within half a level of the full-scale range
    and take at most ``2**bits`` values; a larger current never gives a smaller result. Converters
    that are fabricated are the same when made again, obey the same laws, and convert each vector
    alike whatever it stands beside; without mismatch they draw nothing.

    Args:
        model: an instance, a class or a name.
        monotone: False for models whose mismatch may make a larger current give a smaller result.
        parameters: of the class.

    Raises:
        ConformanceError: a law that the model breaks.
    """
    adc = instance("adc", ADC, model, parameters)
    low = -LIMIT if adc.signed else 0.0
    _check_converter(adc, low, LIMIT, monotone, 0.0 if adc.is_ideal else LIMIT / 2**adc.bits)
    if not adc.is_ideal:
        for backend in (numpy_backend(), fake_backend()):
            with backend.active():
                _check_fabricated(adc, low, backend, monotone)


def check_dac(model: Any, monotone: bool = True, **parameters: Any) -> None:
    """Check a DAC model; the laws of :func:`check_adc` on voltages up to full scale.

    Args:
        model: an instance, a class or a name.
        monotone: False for models that may give a smaller voltage for a larger one.
        parameters: of the class.

    Raises:
        ConformanceError: a law that the model breaks.
    """
    dac = instance("dac", DAC, model, parameters)
    _check_converter(dac, -1.0 if dac.signed else 0.0, 1.0, monotone, 0.0)


def _check_converter(model: Any, low: float, high: float, monotone: bool, overshoot: float) -> None:
    if model.is_ideal:
        return  # An ideal converter is no stage: nothing asks it to convert.
    kernels = numpy_backend().kernels
    ramp = np.linspace(1.5 * low - 0.5, 1.5 * high, SAMPLES)
    for dtype in (np.float32, np.float64):
        for shape in ((SAMPLES,), (1, 1, 1, 1, 1, SAMPLES, 1), (3, 0)):
            values = ramp[: int(np.prod(shape))].reshape(shape).astype(dtype)
            before = values.copy()
            result = model.convert(values, dtype(low), dtype(high), kernels)
            require_shape(np.asarray(result), values, model, "convert")
            require(np.array_equal(values, before), model, "convert changes its argument")
    result = model.convert(ramp, low, high, kernels)
    slack = 1e-12 * (high - low) + overshoot
    inside = result.min() >= low - slack and result.max() <= high + slack
    require(inside, model, f"results leave the range [{low}, {high}]")
    _check_codes(model, result, monotone)
    _check_module(model, ramp, low, high)


def _check_codes(model: Any, result: np.ndarray, monotone: bool) -> None:
    """Results of a rising input, along the last axis."""
    codes = len(np.unique(np.round(result, 12)))
    require(codes <= 2**model.bits, model, f"{codes} different results from {model.bits} bits")
    if monotone:
        require(np.all(np.diff(result) >= -1e-12), model, "a larger input gives a smaller result")


def _check_fabricated(adc: Any, low: float, backend: Backend, monotone: bool) -> None:
    """The laws of converters that differ from one another."""
    kernels, drawn = backend.kernels, []

    def draw(numbers: range, group_size: int) -> Any:
        drawn.append(numbers)
        groups = -(-CONVERTERS[-1] // group_size)
        shape = (*CONVERTERS[:-1], groups)
        place = backend.asarray(np.arange(np.prod(shape)).reshape(shape))
        stream = Stream.open(backend, 1, 0, Purpose.FABRICATION)
        return stream.normal(numbers, place, 0, 0)

    made = adc.fabricate(CONVERTERS, draw, kernels)
    alike = not drawn or adc.has_mismatch
    require(alike, adc, "fabricate draws random numbers although has_mismatch is False")
    if made is None:
        return
    again = adc.fabricate(CONVERTERS, draw, kernels)
    ramp = np.linspace(1.2 * low - 0.5, 1.2 * LIMIT, VECTORS)
    amps = backend.asarray(np.broadcast_to(ramp, (3, *CONVERTERS, VECTORS)).copy())
    limits = [backend.asarray(np.full((1, 1, 1, 2, 1, 1, 1), limit)) for limit in (low, LIMIT)]

    def converted(part: Any, made: Any = made) -> np.ndarray:
        return backend.to_host(adc.convert(part, *limits, kernels, None, made))

    whole = converted(amps)
    require_shape(whole, backend.to_host(amps), adc, "convert")
    require(np.array_equal(whole, converted(amps, again)), adc, "fabricate depends on its calls")
    _check_codes(adc, whole, monotone)
    cut = np.concatenate([converted(amps[..., :7]), converted(amps[..., 7:])], axis=-1)
    require(np.array_equal(whole, cut), adc, "a result depends on the vectors beside it")
    wide = amps.reshape(3, *CONVERTERS, 4, VECTORS // 4)
    limits = [limit[..., None] for limit in limits]
    wider = converted(wide).reshape(whole.shape)
    require(np.array_equal(whole, wider), adc, "a result depends on the shape of the vectors")


def _check_module(model: Any, ramp: np.ndarray, low: float, high: float) -> None:
    backend = fake_backend()
    try:
        with backend.active():
            result = model.convert(backend.asarray(ramp), low, high, backend.kernels)
    except TypeError as error:
        raise ConformanceError(f"{model!r}: convert fails on a device array ({error})") from error
    require(isinstance(result, DeviceArray), model, "convert leaves the device")
