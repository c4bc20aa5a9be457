"""Kernels for CuPy arrays: one fused pass on the GPU each. Only the GPU backend imports this file.

What a thread does is written in ``cuda_functions.h``; here is which thread does what.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import cupy

from simulator.kernels.layout import CurrentLayout
from simulator.kernels.programming import Programming
from simulator.kernels.reading import Reading
from simulator.kernels.reference.kernels import ReferenceKernels
from simulator.quantities import Amps, Weights

SOURCE = Path(__file__).with_name("cuda_functions.h")
# A fused multiply-add would round once where the reference rounds twice.
OPTIONS = ("--fmad=false",)
LAYOUT, NUMBERS = 18, 6
CELL_LAYOUT, CELL_NUMBERS = 12, 13
# Numbers of one counter.
LANES = 4
COUNTER = "uint64 c0, uint64 c1, uint64 c2, uint64 c3, uint32 k0, uint32 k1"
DRAW = """
ohm_word word[4] = {(ohm_word)c0, (ohm_word)c1, (ohm_word)c2, (ohm_word)c3};
double numbers[4];
ohm_%s(word, k0, k1, numbers);
for (int lane = 0; lane < 4; ++lane) out[4 * i + lane] = numbers[lane];
"""
READ = """
const long long layout[] = {%s};
const T numbers[] = {%s};
const R offsets[] = {f0, f1};
ohm_read_codes(i, &amps[0], layout, &low[0], &high[0], &per_step[0], &weights[0], &gains[0],
               &slices[0], numbers, offsets, has_totals ? &totals[0] : (const R *)0, &out[0]);
"""
PROGRAM = """
const long long layout[] = {%s};
const double numbers[] = {%s};
ohm_program(i, &weights[0], (const ohm_wide *)&row_names[0], layout, numbers, event, k0, k1,
            &out[0], &failed[0]);
"""


class CupyKernels(ReferenceKernels):
    """Compiled kernels; what has none runs as the reference does, in CuPy's array code."""

    def _to_levels(self, values: Any, low: Any, high: Any, per_step: Any, dither: Any) -> Any:
        kind = values.dtype.type
        limits = [limit if hasattr(limit, "dtype") else kind(limit) for limit in (low, high)]
        per_step = per_step if hasattr(per_step, "dtype") else kind(per_step)
        if dither is None:
            return _quantize()(values, *limits, per_step)
        return _quantize_dithered()(values, *limits, per_step, dither)

    def digits(self, values: Any, magnitude_bits: int, digit_bits: int) -> Any:
        """As the reference, in one pass."""
        values = cupy.ascontiguousarray(values)
        count, kind = -(-magnitude_bits // digit_bits), values.dtype.type
        out = cupy.empty((count, *values.shape), values.dtype)
        _digits()(values, kind(2**magnitude_bits - 1), kind(2**digit_bits), count, values.size, out)
        return out

    def add_noise(self, mean: Any, variance: Any, normals: Any) -> Any:
        """As the reference, in one pass."""
        return _add_noise()(mean, variance, normals)

    def program(
        self,
        weights: Weights,
        scale: tuple[float, float, float],
        programming: Programming,
        names: Any,
        normals: Callable[[], Any] | None = None,
    ) -> Any:
        """As the reference, in one pass."""
        first_col, row_names, event, key = names
        weights = cupy.ascontiguousarray(weights, dtype=cupy.float64)
        rows, columns = weights.shape
        cells, skip = programming.shape, first_col % LANES
        counters = -(-(skip + columns) // LANES)
        out, failed = cupy.empty((*cells, rows, columns)), cupy.zeros(1, cupy.bool_)
        layout = (rows, columns, counters, first_col // LANES, skip, *cells, *programming.choices)
        first_key, second_key = map(cupy.uint32, key or (0, 0))
        _program()(
            weights, cupy.asarray(row_names).astype(cupy.uint64), *layout, *scale,
            *programming.numbers, cupy.uint32(event), first_key, second_key, failed, out,
            size=rows * counters,
        )  # fmt: skip
        return out, not bool(failed[0])

    def normals(self, counter: tuple[Any, Any, Any, Any], key: tuple[int, int]) -> Any:
        """As the reference, equal to rounding."""
        return _drawn("normals", counter, key)

    def uniforms(self, counter: tuple[Any, Any, Any, Any], key: tuple[int, int]) -> Any:
        """As the reference."""
        return _drawn("uniforms", counter, key)

    def read_codes(self, amps: Amps, reading: Reading, totals: Any, dtype: Any) -> Any:
        """As the reference, in one pass over the currents."""
        lines = CurrentLayout.of(amps, reading.has_unit, totals, cupy)
        out, memory, places = lines.results(dtype)
        layout = lines.layout(amps, reading.has_unit, places)
        kind, of_totals = reading.low.dtype.type, out.dtype.type
        gains = reading.gains
        if gains is None:
            gains = cupy.ones(amps.shape[1:3], kind)
        slices, has_totals = reading.slices, totals is not None
        numbers = (
            reading.phase_unit, slices.width, slices.full, slices.span, slices.back, reading.scale,
        )  # fmt: skip
        _read()(
            lines.memory, reading.low, reading.high, reading.per_step, reading.weights, gains,
            slices.weights, lines.totals(totals, dtype).reshape(-1), has_totals, *layout,
            *map(kind, numbers), of_totals(slices.lowest), of_totals(slices.zero), memory,
            size=out.size,
        )  # fmt: skip
        return out


def _kernel(inputs: str, outputs: str, operation: str, name: str) -> Any:
    return cupy.ElementwiseKernel(
        inputs, outputs, operation, name, preamble=SOURCE.read_text("utf-8"), options=OPTIONS
    )


@cache
def _quantize() -> Any:
    operation = "out = ohm_quantize(value, low, high, per_step)"
    return _kernel("T value, T low, T high, T per_step", "T out", operation, "ohm_levels")


@cache
def _quantize_dithered() -> Any:
    inputs = "T value, T low, T high, T per_step, T dither"
    operation = "out = ohm_quantize_dithered(value, low, high, per_step, dither)"
    return _kernel(inputs, "T out", operation, "ohm_dithered_levels")


@cache
def _digits() -> Any:
    inputs = "T value, T levels, T base, int32 count, int64 stride"
    operation = "ohm_digits(value, levels, base, count, stride, &out[i])"
    return _kernel(inputs, "raw T out", operation, "ohm_all_digits")


@cache
def _add_noise() -> Any:
    operation = "out = ohm_add_noise(mean, variance, normal)"
    return _kernel("T mean, T variance, T normal", "T out", operation, "ohm_noisy")


@cache
def _draw(law: str) -> Any:
    return _kernel(COUNTER, "raw float64 out", DRAW % law, f"ohm_draw_{law}")


def _drawn(law: str, counter: tuple[Any, Any, Any, Any], key: tuple[int, int]) -> Any:
    words = [cupy.asarray(word).astype(cupy.uint64) for word in counter]
    shape = cupy.broadcast(*words).shape
    out = cupy.empty((*shape, 4))
    _draw(law)(*words, *map(cupy.uint32, key), out)
    return out


def _unpacked(letter: str, kind: str, count: int) -> tuple[str, str]:
    """Numbers that a kernel takes one by one: their declarations, and their names for an array."""
    names = [f"{letter}{k}" for k in range(count)]
    return ", ".join(f"{kind} {name}" for name in names), ", ".join(names)


@cache
def _read() -> Any:
    (layout, layout_names), (numbers, number_names) = (
        _unpacked("l", "int64", LAYOUT), _unpacked("n", "T", NUMBERS),
    )  # fmt: skip
    inputs = (
        "raw A amps, raw T low, raw T high, raw T per_step, raw T weights, raw T gains, "
        f"raw T slices, raw R totals, bool has_totals, {layout}, {numbers}, R f0, R f1"
    )
    return _kernel(inputs, "raw R out", READ % (layout_names, number_names), "ohm_read")


@cache
def _program() -> Any:
    (layout, layout_names), (numbers, number_names) = (
        _unpacked("l", "int64", CELL_LAYOUT), _unpacked("n", "float64", CELL_NUMBERS),
    )  # fmt: skip
    inputs = (
        f"raw float64 weights, raw uint64 row_names, {layout}, {numbers}, "
        "uint32 event, uint32 k0, uint32 k1"
    )
    operation = PROGRAM % (layout_names, number_names)
    return _kernel(inputs, "raw bool failed, raw float64 out", operation, "ohm_programmed")
