"""Kernels for NumPy arrays on the CPU, compiled by numba; the extra ``fast`` installs it.

numba is loaded when the first array comes that is worth it. Small ones are left to array code that
gives the same bit for bit, so that small cores do not wait for it. Normals are the same to rounding
only, so all of them are drawn here: a cell has one number, however the work is cut.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from simulator.kernels.layout import (
    IN_PART,
    OUT_PART,
    OUTPUT,
    REST,
    SIDE,
    SLICE,
    CurrentLayout,
    first_neighbour,
    in_memory_order,
)
from simulator.kernels.naming import LineNames
from simulator.kernels.programming import Programming, Spread
from simulator.kernels.reading import Reading
from simulator.kernels.reference.kernels import ReferenceKernels
from simulator.kernels.threads import Team, common_team
from simulator.quantities import Amps, Volts, Weights

# Elements from which machine code saves more than a few microseconds.
SMALL = 1 << 12
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
# Outputs of a task; they share what is found of a unit column.
GROUP = 32
# Numbers of one Philox counter, and array elements that cost as much as drawing one.
LANES, DRAW_COST = 4, 8
# Array elements that cost as much as drawing one and adding it to a current.
NOISE_COST = 16
# Array elements that cost as much as one slot of one line.
TRAIN_COST = 16
# Array elements that cost as much as one cell of a ladder, and as its part in the variance too.
RUNG_COST, MOMENTS_COST = 32, 96
# Array elements that cost as much as the variance of one line.
FORM_COST = 16


@dataclass(frozen=True)
class NumbaKernels(ReferenceKernels):
    """Compiled kernels, shared out among the threads of a team."""

    team: Team = field(default_factory=common_team, repr=False, compare=False)

    def quantize(self, values: Any, low: Any, high: Any, steps: int, dither: Any = None) -> Any:
        """As the reference, in one pass where both limits are numbers."""
        if dither is not None or not _are_numbers(low, high) or not _is_worth_it(values):
            return super().quantize(values, low, high, steps, dither)
        return self._quantized(values, 1.0, low, high, steps / (high - low))

    def quantize_scaled(self, values: Any, gain: float, low: Any, high: Any, steps: int) -> Any:
        """As the reference, in one pass where gain and limits are numbers."""
        if not _are_numbers(gain, low, high) or not _is_worth_it(values):
            return super().quantize_scaled(values, gain, low, high, steps)
        return self._quantized(values, gain, low, high, steps / (high - low))

    def quantize_magnitude(self, values: Any, limit: Any, steps: int, dither: Any = None) -> Any:
        """As the reference, in one pass where the limit is a number."""
        if dither is not None or not _are_numbers(limit) or not _is_worth_it(values):
            return super().quantize_magnitude(values, limit, steps, dither)
        return self._quantized(values, 1.0, -limit, limit, 2 * steps / (2 * limit))

    def _quantized(self, values: Any, *numbers: float) -> Any:
        """Nearest levels of values; ``numbers`` are gain, low, high and steps for each unit."""
        from simulator.kernels.cpu import elements

        out = np.empty_like(values)
        flat, to = values.ravel(order="K"), out.ravel(order="K")
        limits = tuple(map(values.dtype.type, numbers))

        def work(start: int, stop: int) -> None:
            elements.quantize(start, stop, flat, *limits, to)

        self.team.share(work, values.size, 1)
        return out

    def digits(self, values: Any, magnitude_bits: int, digit_bits: int) -> Any:
        """As the reference, in one pass."""
        if not _is_worth_it(values):
            return super().digits(values, magnitude_bits, digit_bits)
        from simulator.kernels.cpu import elements

        flat = np.ascontiguousarray(values).reshape(-1)
        out = np.empty((-(-magnitude_bits // digit_bits), flat.size), dtype=values.dtype)
        kind = values.dtype.type
        largest, unit = kind(2**magnitude_bits - 1), kind(1) / kind(2**digit_bits - 1)

        def work(start: int, stop: int) -> None:
            elements.digits(start, stop, flat, largest, unit, digit_bits, out)

        self.team.share(work, flat.size, len(out))
        return out.reshape(-1, *values.shape)

    def read_codes(self, amps: Amps, reading: Reading, totals: Any, dtype: Any) -> Any:
        """As the reference, in one pass over the currents."""
        if amps.size < SMALL or amps.dtype not in FLOATS:
            return super().read_codes(amps, reading, totals, dtype)
        memory = in_memory_order(amps)
        if memory is not None and _is_one_to_one(amps, reading, totals, dtype):
            self._convert_in_place(memory, reading)
            return amps[0, :, 0, 0, 0]
        from simulator.kernels.cpu.reading import BLOCK, read_lines

        lines = CurrentLayout.of(amps, reading.has_unit, totals)
        out, memory, places = lines.results(dtype)
        totals = lines.totals(totals, dtype)
        slices = reading.slices
        kind, of_totals = reading.low.dtype.type, totals.dtype.type
        parts, inputs = amps.shape[OUT_PART : IN_PART + 1]
        gains = np.ones((parts, inputs), kind) if reading.gains is None else reading.gains
        # Machine code looks at no bounds.
        assert reading.low.shape == reading.high.shape == (inputs, amps.shape[SLICE])
        assert gains.shape == (parts, inputs)
        assert (len(reading.weights), len(slices.weights)) == (len(amps), amps.shape[SLICE])
        group = min(GROUP, lines.outputs)
        numbers = (slices.full, slices.span, slices.back, reading.scale)
        arguments = (
            lines.memory, lines.strides,
            (lines.batch, lines.vectors, lines.outputs, group, amps.shape[SIDE],
             int(reading.has_unit)),
            (reading.low, reading.high, reading.per_step),
            (reading.weights, kind(reading.phase_unit)), np.ascontiguousarray(gains),
            (slices.weights, kind(slices.width), tuple(map(kind, numbers)),
             of_totals(slices.lowest), of_totals(slices.zero)),
            totals, memory, places,
        )  # fmt: skip

        def work(start: int, stop: int) -> None:
            read_lines(start, stop, *arguments)

        blocks = -(-lines.vectors // BLOCK) * -(-lines.outputs // group)
        tasks = parts * lines.batch * blocks
        self.team.share(work, tasks, amps.size // tasks)
        return out

    def _convert_in_place(self, memory: Any, reading: Reading) -> None:
        """Currents of one slice and one part, each to a result in its place."""
        from simulator.kernels.cpu import elements

        kind = memory.dtype.type
        low, high, per_step = (part[0, 0] for part in (reading.low, reading.high, reading.per_step))

        def work(start: int, stop: int) -> None:
            elements.convert_in_place(start, stop, memory, low, high, per_step, kind(reading.scale))

        self.team.share(work, memory.size, 1)

    def program(
        self,
        weights: Weights,
        scale: tuple[float, float, float],
        programming: Programming,
        names: Any,
        normals: Callable[[], Any] | None = None,
    ) -> Any:
        """As the reference, in one pass but for small arrays that draw nothing."""
        draws = programming.spread != Spread.NONE
        if not draws and weights.size < SMALL:
            return super().program(weights, scale, programming, names, normals)
        from simulator.kernels.cpu.programming import program

        first_col, rows, event, key = names
        weights = np.ascontiguousarray(weights, dtype=np.float64)
        out, failed = np.empty((*programming.shape, *weights.shape)), np.zeros(1, dtype=bool)
        arguments = (
            weights, scale, programming.choices, programming.numbers,
            (first_col, np.asarray(rows).astype(np.uint64), np.uint64(event)),
            tuple(map(np.uint64, key or (0, 0))), out, failed,
        )  # fmt: skip

        def work(start: int, stop: int) -> None:
            program(start, stop, *arguments)

        cost = out.size // len(weights) * (DRAW_COST if draws else 1)
        self.team.share(work, len(weights), cost)
        return out, not failed[0]

    def add_noise(self, mean: Any, variance: Any, normals: Any) -> Any:
        """As the reference, in one pass."""
        arrays = mean, variance, normals
        alike = mean.shape == variance.shape == normals.shape
        if not alike or not all(_is_worth_it(a) and a.flags.c_contiguous for a in arrays):
            return super().add_noise(*arrays)
        from simulator.kernels.cpu import elements

        out = np.empty_like(mean)
        flat = [a.reshape(-1) for a in (*arrays, out)]

        def work(start: int, stop: int) -> None:
            elements.add_noise(start, stop, *flat)

        self.team.share(work, mean.size, 1)
        return out

    def line_moments(
        self, currents: Amps, squares: Any, inputs: Volts, shift: Any, form: Any
    ) -> tuple[Amps, Any]:
        """As the reference, in one pass."""
        arrays = currents, squares, inputs, shift, form
        if currents.dtype not in FLOATS or any(a.dtype != currents.dtype for a in arrays):
            return super().line_moments(*arrays)
        from simulator.kernels.cpu import line_moments

        phases, parts, in_parts, zones, slices, sides, lines, vectors = currents.shape
        if zones != line_moments.ZONES:
            return super().line_moments(*arrays)
        mean, variance = (np.empty(squares.shape, currents.dtype) for _ in range(2))
        both = sides * slices * lines
        shapes = (
            (-1, zones, both, vectors), (-1, slices * lines, vectors), (-1, zones, vectors),
            (-1, zones), (-1, 2 * zones, 2 * zones),
        )  # fmt: skip
        given = [np.ascontiguousarray(a).reshape(s) for a, s in zip(arrays, shapes, strict=True)]
        out = [a.reshape(shapes[1]) for a in (mean, variance)]
        sizes = parts, in_parts, slices, sides, lines

        def work(start: int, stop: int) -> None:
            line_moments.line_moments(start, stop, *given, sizes, *out)

        tasks = phases * parts * in_parts * slices * lines
        self.team.share(work, tasks, FORM_COST * sides * vectors)
        return mean, variance

    def with_normals(self, amps: Amps, spread: float, names: LineNames) -> Any:
        """As the reference, equal to rounding: in one pass, in the place of the currents."""
        if amps.dtype not in FLOATS:
            return super().with_normals(amps, spread, names)
        memory = in_memory_order(amps) if amps.flags.writeable else None
        if memory is None:
            amps = amps.copy(order="K")
            memory = in_memory_order(amps)
        from simulator.kernels.cpu import noise

        vectors, kinds = names.vectors.reshape(-1), 1 + (names.unit_slot is not None)
        strides = [stride // amps.itemsize for stride in amps.strides]
        places = np.zeros((), dtype=np.int64)
        for length, stride in zip(amps.shape[REST:], strides[REST:], strict=True):
            places = places[..., None] + np.arange(length) * stride
        blocks = -(-names.most_counters * vectors.size // noise.BLOCK)
        phases, parts, inputs, slices, sides = amps.shape[:OUTPUT]
        arguments = (
            memory, amps.dtype.type(spread),
            (phases, parts, inputs, slices, sides, kinds, blocks), tuple(strides[:REST]),
            names.numbers, names.events, (places.reshape(-1), first_neighbour(amps) == REST),
            tuple(map(np.uint64, names.key)),
        )  # fmt: skip

        def work(start: int, stop: int) -> None:
            noise.add_normals(start, stop, *arguments)

        tasks = math.prod(amps.shape[:OUTPUT]) * kinds * blocks
        self.team.share(work, tasks, NOISE_COST * amps.size // max(tasks, 1))
        return amps

    def ladders(
        self, cells: Any, supply: np.ndarray, output: np.ndarray, volts: Volts, least: float
    ) -> Any:
        """As the reference, line by line, but for small arrays."""
        leading = np.broadcast_shapes(cells.shape[:-3], volts.shape[:-3])
        shape = (*leading, cells.shape[-2], volts.shape[-1])
        work = math.prod(shape) * len(supply)
        if work < SMALL or not cells.dtype == volts.dtype == np.float64:
            return super().ladders(cells, supply, output, volts, least)
        from simulator.kernels.cpu import ladder

        cells, volts = (
            np.ascontiguousarray(np.broadcast_to(a, (*leading, *a.shape[-3:]))).reshape(
                -1, *a.shape[-3:]
            )
            for a in (cells, volts)
        )
        profiles = [np.array(profile, dtype=np.float64) for profile in (supply, output)]
        out = np.empty((len(cells), *shape[-2:]))

        def some(start: int, stop: int) -> None:
            ladder.ladders(start, stop, cells, *profiles, volts, least, out)

        lines = len(cells) * cells.shape[2]
        self.team.share(some, lines, work // lines * RUNG_COST)
        return out.reshape(shape)

    def ladder_moments(
        self, cells: Any, variances: Any, supply: np.ndarray, output: np.ndarray, volts: Volts,
        least: float,
    ) -> tuple[Any, Any]:  # fmt: skip
        """As the reference, line by line, but for small arrays."""
        leading = np.broadcast_shapes(cells.shape[:-3], volts.shape[:-3])
        shape = (*leading, cells.shape[-2], volts.shape[-1])
        work = math.prod(shape) * len(supply)
        alike = all(a.dtype == np.float64 for a in (cells, variances, volts))
        if work < SMALL or not alike:
            return super().ladder_moments(cells, variances, supply, output, volts, least)
        from simulator.kernels.cpu import ladder

        cells, variances, volts = (
            np.ascontiguousarray(np.broadcast_to(a, (*leading, *a.shape[-3:]))).reshape(
                -1, *a.shape[-3:]
            )
            for a in (cells, variances, volts)
        )
        profiles = [np.array(profile, dtype=np.float64) for profile in (supply, output)]
        mean, variance = (np.empty((len(cells), *shape[-2:])) for _ in range(2))

        def some(start: int, stop: int) -> None:
            ladder.ladder_moments(
                start, stop, cells, variances, *profiles, volts, least, mean, variance
            )

        lines = len(cells) * cells.shape[2]
        self.team.share(some, lines, work // lines * MOMENTS_COST)
        return mean.reshape(shape), variance.reshape(shape)

    def pulse(
        self, weights: Weights, cells: Any, values: Any, slots: Any, scales: Any, sign: float,
        noise: tuple[float, bool], first: int, keys: Any,
    ) -> None:  # fmt: skip
        """As the reference, for the types that are compiled for."""
        if any(part.dtype not in FLOATS for part in (weights, *values)):
            super().pulse(weights, cells, values, slots, scales, sign, noise, first, keys)
            return
        from simulator.kernels.cpu import pulses

        event, (of_trains, of_steps) = np.uint64(first), (tuple(map(np.uint64, k)) for k in keys)
        # Line by line, in which the vectors that are drawn together are neighbours.
        lines = [np.ascontiguousarray(part.T) for part in values]
        together, count = pulses.TOGETHER, len(slots)
        trains = [
            np.empty((slots.max(), count, -(-len(part) // pulses.WORD_LINES)), np.uint64)
            for part in lines
        ]

        def draw(start: int, stop: int) -> None:
            places = start * together, min(stop * together, count)
            for side, (part, scale, out) in enumerate(zip(lines, scales, trains, strict=True)):
                pulses.draw_trains(
                    *places, part, scale, slots, event, np.uint64(side), of_trains, out
                )

        def step(start: int, stop: int) -> None:
            pulses.steps(
                start, stop, weights, cells, tuple(lines), tuple(trains), slots, sign, noise, event,
                of_steps,
            )  # fmt: skip

        blocks = -(-count // together)
        self.team.share(draw, blocks, together * TRAIN_COST * sum(map(len, lines)))
        self.team.share(step, len(weights), count * DRAW_COST)

    def normals(self, counter: tuple[Any, Any, Any, Any], key: tuple[int, int]) -> Any:
        """As the reference, equal to rounding."""
        drawn = self._drawn("normals", counter, key)
        return super().normals(counter, key) if drawn is None else drawn

    def uniforms(self, counter: tuple[Any, Any, Any, Any], key: tuple[int, int]) -> Any:
        """As the reference."""
        drawn = self._drawn("uniforms", counter, key)
        return super().uniforms(counter, key) if drawn is None else drawn

    def _drawn(self, law: str, counter: tuple[Any, Any, Any, Any], key: tuple[int, int]) -> Any:
        """Draws for counters whose first word alone varies along the last axis; else None."""
        places, *others = (np.asarray(word) for word in counter)
        shape = np.broadcast_shapes(places.shape, *(word.shape for word in others))
        in_rows = places.ndim == 1 and all(word.shape[-1:] in ((), (1,)) for word in others)
        if not in_rows:
            return None
        from simulator.kernels.cpu import random

        rows = np.empty((*shape[:-1], 3), dtype=np.uint64)
        for number, word in enumerate(others):
            rows[..., number] = word[..., 0] if word.ndim else word
        rows = rows.reshape(-1, 3)
        out = np.empty((len(rows), len(places), LANES))
        kernel, keys = getattr(random, law), (np.uint64(key[0]), np.uint64(key[1]))
        places = np.ascontiguousarray(places, dtype=np.uint64)

        def work(start: int, stop: int) -> None:
            kernel(start, stop, places, rows, keys, out)

        self.team.share(work, len(rows), DRAW_COST * LANES * len(places))
        return out.reshape(*shape, LANES)


def _are_numbers(*values: Any) -> bool:
    """True for numbers of Python, which take the type of the array they meet."""
    return all(type(value) in (int, float) for value in values)


def _is_one_to_one(amps: Amps, reading: Reading, totals: Any, dtype: Any) -> bool:
    """Whether nothing is added up, so that results can take the place of the currents."""
    phases, _, inputs, count, sides = amps.shape[:5]
    fits = phases * inputs * count * sides == 1 and not reading.has_unit and totals is None
    if not fits or not amps.flags.writeable or reading.gains is not None:
        return False
    slices = reading.slices
    numbers = (slices.width, slices.full, slices.span, slices.back, reading.phase_unit)
    factors = (*numbers, slices.weights[0], reading.weights[0])
    return amps.dtype == dtype == reading.low.dtype and factors == (1.0,) * 7


def _is_worth_it(values: Any) -> bool:
    """Large enough, of a type that is compiled for, and without gaps in memory."""
    return values.size >= SMALL and values.dtype in FLOATS and values.flags.forc
