"""Currents to codes and their sums in one pass, compiled; `reference` defines it."""

from __future__ import annotations

import numpy as np

from simulator.kernels.cpu.compiling import compiled

# Currents at a time: their sums stay in the nearest cache.
BLOCK = 1024


@compiled
def _add_codes(total, amps, low, high, per_step, weight):
    """Add the weighted levels nearest to ``amps`` to ``total``, of the same length."""
    for q in range(total.size):
        amp = low if amps[q] < low else amps[q]
        amp = high if amp > high else amp
        total[q] += (np.rint((amp - low) * per_step) / per_step + low) * weight


@compiled
def _one_side(total, amps, at, step, limit, weights, unit):
    """Converted sum over the phases, whose currents are ``step`` apart from ``at`` on."""
    low, high, per_step = limit
    for q in range(total.size):
        total[q] = 0
    for phase in range(weights.size):
        first = at + phase * step
        _add_codes(total, amps[first : first + total.size], low, high, per_step, weights[phase])
    if unit != 1:
        for q in range(total.size):
            total[q] *= unit


@compiled
def _both_sides(total, other, amps, at, steps, limit, phases):
    """The positive less the negative side of a line, or its only side; ``other`` is room."""
    sides, side_step, phase_step = steps
    weights, unit = phases
    _one_side(total, amps, at, phase_step, limit, weights, unit)
    if sides == 2:
        _one_side(other, amps, at + side_step, phase_step, limit, weights, unit)
        for q in range(total.size):
            total[q] -= other[q]


@compiled
def _add_slice(acc, rooms, units, amps, at, s, steps, line_steps, limits, phases, gains):
    """Sum over the input parts of slice ``s`` of one line, less its unit column, into ``acc``."""
    low, high, per_step = limits
    total, other = rooms
    for q in range(acc.size):
        acc[q] = 0
    for i in range(low.shape[0]):
        limit = low[i, s], high[i, s], per_step[i, s]
        first = at + i * steps[0] + s * steps[1]
        _both_sides(total, other, amps, first, line_steps, limit, phases)
        less, gain = units[i, s, : acc.size], gains[i]
        for q in range(acc.size):
            acc[q] += (total[q] - less[q]) * gain


@compiled
def _find_units(units, n, other, amps, at, steps, line_steps, limits, phases):
    """Converted unit columns of every input part and slice."""
    low, high, per_step = limits
    for i in range(low.shape[0]):
        for s in range(low.shape[1]):
            limit = low[i, s], high[i, s], per_step[i, s]
            first = at + i * steps[0] + s * steps[1]
            _both_sides(units[i, s, :n], other, amps, first, line_steps, limit, phases)


@compiled
def _shift(result, sums, totals, lowest, width, weight):
    """Add the digits of one slice to ``result``."""
    if totals.size:
        for q in range(result.size):
            sums[q] -= lowest * totals[q]
    for q in range(result.size):
        result[q] += sums[q] / width * weight


@compiled
def _store(line, result, totals, numbers, zero):
    """Results of one line, scaled."""
    full, span, back, scale = numbers
    if totals.size:
        for q in range(line.size):
            line[q] = (result[q] * full - zero * totals[q]) / span * back * scale
    else:
        for q in range(line.size):
            line[q] = result[q] * full / span * back * scale


@compiled
def read_lines(
    start, stop, amps, strides, sizes, limits, phases, gains, slices, totals, out, places
):
    """Results of the tasks [start, stop).

    A task is a block of neighbouring vectors of one output part and batch entry, for some outputs.
    ``amps`` is the memory of the currents, with ``strides`` (phase, output part, input part, slice,
    side, line, batch) in elements; ``sizes`` (batch, vectors, outputs, outputs of a task, sides,
    unit columns); ``limits`` low, high and steps for each unit of current, (input parts, slices)
    each; ``phases`` (weights, unit); ``gains`` (output parts, input parts); ``slices`` (weights,
    width, the numbers of ``_store``, lowest, zero); ``totals`` (batch, vectors), or (batch, 0)
    without an offset. ``out`` is the memory of the results, with the strides ``places`` (output
    part, output, batch).
    """
    phase, out_part, in_part, slice_, side, line, entry = strides
    batch, vectors, outputs, group, sides, unit = sizes
    weights, width, numbers, lowest, zero = slices
    blocks, groups = -(-vectors // BLOCK), -(-outputs // group)
    steps, line_steps = (in_part, slice_), (sides, side, phase)
    room = np.empty((4, BLOCK), weights.dtype)
    units = np.zeros((limits[0].shape[0], limits[0].shape[1], BLOCK), weights.dtype)
    for task in range(start, stop):
        rest, number = divmod(task, groups)
        rest, block = divmod(rest, blocks)
        t, b = divmod(rest, batch)
        first = block * BLOCK
        n = min(BLOCK, vectors - first)
        at = t * out_part + b * entry + first
        rooms, sums, result = (room[0, :n], room[1, :n]), room[2, :n], room[3, :n]
        off = totals[b, first : first + n]
        if unit:
            _find_units(units, n, room[0, :n], amps, at, steps, line_steps, limits, phases)
        for o in range(number * group, min(outputs, number * group + group)):
            there = t * places[0] + o * places[1] + b * places[2] + first
            result[:] = 0
            for s in range(weights.size):
                here = at + (o + unit) * line
                _add_slice(
                    sums, rooms, units, amps, here, s, steps, line_steps, limits, phases, gains[t]
                )
                _shift(result, sums, off, lowest, width, weights[s])
            _store(out[there : there + n], result, off, numbers, zero)
