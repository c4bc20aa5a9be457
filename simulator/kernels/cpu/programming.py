"""From weights to programmed cells in one pass, compiled; `reference` defines it."""

from __future__ import annotations

import numpy as np

from simulator.kernels.cpu.compiling import compiled, inlined
from simulator.kernels.cpu.random import BLOCK, LANES, fill_normals, rooms_for_normals
from simulator.kernels.programming import Sides, Spread

# Members of an enumeration are no constants of machine code.
ONE_SIDED, TWO_SIDED, OFFSET = int(Sides.ONE_SIDED), int(Sides.TWO_SIDED), int(Sides.OFFSET)
NONE, CONSTANT, INVERSE = int(Spread.NONE), int(Spread.CONSTANT), int(Spread.INVERSE)


@inlined
def _normalise(n, weights, scale, out):
    """Weights within their range, as fractions of its limit."""
    low, high, limit = scale
    for j in range(n):
        weight = low if weights[j] < low else weights[j]
        weight = high if weight > high else weight
        out[j] = weight / limit


@inlined
def _whole_numbers(n, whole, gains, digits):
    """Fractions to the integers that are cut into slices, and what one unit of a slice is worth."""
    steps, base, shift, signed = digits
    for j in range(n):
        number = np.rint(whole[j] * steps)
        sign = np.sign(number) if signed else 1.0
        gains[j] = sign / (base - 1.0)
        whole[j] = abs(number) if signed else number + shift


@inlined
def _cut(n, whole, gains, base, last, values):
    """The lowest digit of integers into ``values``; what remains stays in ``whole``."""
    for j in range(n):
        rest = 0.0 if last else np.floor(whole[j] / base)
        values[j] = (whole[j] - rest * base) * gains[j]
        whole[j] = rest


@inlined
def _cells(n, values, style, side, lowest, span, out):
    """Conductances of one side in units of Gmax, before levels."""
    width = (1.0 - lowest) * span
    for j in range(n):
        value = values[j] if side == 0 else -values[j]
        if style == OFFSET:
            out[j] = width * (value / 2 + 0.5) + (1.0 - width)
        else:
            if style == TWO_SIDED:
                value = (1.0 + value) / 2
            elif style == ONE_SIDED and value < 0.0:
                value = 0.0
            out[j] = (1.0 - lowest) * value + lowest


@inlined
def _to_levels(n, cells, lowest, steps):
    """The nearest of equidistant levels, in place."""
    width = 1.0 - lowest
    per_width = steps / width
    for j in range(n):
        cells[j] = np.rint((cells[j] - lowest) * per_width) / steps * width + lowest


@inlined
def _with_error(n, cells, normals, error, out):
    """Cells with their error, within limits; True where all are numbers, before and after."""
    spread, magnitude, full, square, low, high = error
    finite = True
    for j in range(n):
        siemens = cells[j] * full
        of = full if spread == CONSTANT else siemens
        if spread == INVERSE:
            of = square / siemens if siemens > 0 else 0.0
        siemens += magnitude * of * normals[j]
        finite &= np.isfinite(siemens)
        siemens = low if siemens < low else siemens
        siemens = high if siemens > high else siemens
        out[j] = siemens / full
        finite &= np.isfinite(out[j])
    return finite


@compiled
def program(start, stop, weights, scale, choices, numbers, names, key, out, failed):
    """Cells (slices, sides, rows, columns) of the rows [start, stop) of ``weights``.

    ``scale`` low, high, limit; ``choices`` and ``numbers`` are those of ``Programming``; ``names``
    the number of the first column, those of the rows, and the event. ``failed[0]`` is set where a
    cell is no number.
    """
    style, level_steps, slices, signed, spread = choices
    lowest, span, steps, base, shift, magnitude, full, square, low, high = numbers
    digits, error = (steps, base, shift, signed), (spread, magnitude, full, square, low, high)
    first_col, row_names, event = names
    room, rooms = np.empty((3, LANES * BLOCK)), rooms_for_normals()
    whole, gains, values = room[0], room[1], room[2]
    normals = np.empty((BLOCK + 1, LANES))
    places, row = np.empty(BLOCK + 1, np.uint64), np.empty(3, np.uint64)
    skip = first_col % LANES
    drawn = normals.reshape(-1)[skip:]
    for r in range(start, stop):
        row[0], row[1] = row_names[r], event
        for at in range(0, weights.shape[1], LANES * BLOCK):
            n = min(LANES * BLOCK, weights.shape[1] - at)
            count = (skip + n + LANES - 1) // LANES
            for j in range(count):
                places[j] = (first_col + at) // LANES + j
            _normalise(n, weights[r, at:], scale, whole)
            if slices:
                _whole_numbers(n, whole, gains, digits)
            for s in range(out.shape[0]):
                if slices:
                    _cut(n, whole, gains, base, s == slices - 1, values)
                for side in range(out.shape[1]):
                    part = out[s, side, r, at:]
                    _cells(n, values if slices else whole, style, side, lowest, span, part)
                    if level_steps:
                        _to_levels(n, part, lowest, level_steps)
                    if spread != NONE:
                        row[2] = s * out.shape[1] + side
                        fill_normals(count, places, row, key, rooms, normals)
                        if not _with_error(n, part, drawn, error, part):
                            failed[0] = True
