"""Laws of converters."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.backend import numpy_backend
from simulator.converters import ADC, DAC
from simulator.testing.conformance import ConformanceError, instance, require, require_shape
from simulator.testing.fake_device import DeviceArray, fake_backend

LIMIT = 3.0
SAMPLES = 4001


def check_adc(model: Any, monotone: bool = True, **parameters: Any) -> None:
    """Check an ADC model given as an instance, a class or a name; ``parameters`` of the class.

    The laws: a frozen dataclass with declared fields; shape, dtype and array module are kept, for
    any shape; arguments are not changed; results stay within the full-scale range and take at most
    ``2**bits`` values; a larger current never gives a smaller result (``monotone=False`` for
    models whose mismatch may break that). Raises ConformanceError.
    """
    adc = instance("adc", ADC, model, parameters)
    low = -LIMIT if adc.signed else 0.0
    _check_converter(adc, low, LIMIT, monotone)


def check_dac(model: Any, monotone: bool = True, **parameters: Any) -> None:
    """Check a DAC model; the laws of :func:`check_adc` on voltages up to full scale."""
    dac = instance("dac", DAC, model, parameters)
    _check_converter(dac, -1.0 if dac.signed else 0.0, 1.0, monotone)


def _check_converter(model: Any, low: float, high: float, monotone: bool) -> None:
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
    slack = 1e-12 * (high - low)
    inside = result.min() >= low - slack and result.max() <= high + slack
    require(inside, model, f"results leave the range [{low}, {high}]")
    codes = len(np.unique(np.round(result, 12)))
    require(codes <= 2**model.bits, model, f"{codes} different results from {model.bits} bits")
    if monotone:
        require(np.all(np.diff(result) >= -1e-12), model, "a larger input gives a smaller result")
    _check_module(model, ramp, low, high)


def _check_module(model: Any, ramp: np.ndarray, low: float, high: float) -> None:
    backend = fake_backend()
    try:
        result = model.convert(backend.asarray(ramp), low, high, backend.kernels)
    except TypeError as error:
        raise ConformanceError(f"{model!r}: convert fails on a device array ({error})") from error
    require(isinstance(result, DeviceArray), model, "convert leaves the device")
