"""Normals added to currents in one pass, compiled; `randomness.addresses` says which."""

from __future__ import annotations

import numpy as np

from simulator.kernels.cpu.compiling import compiled, inlined
from simulator.kernels.cpu.random import (
    BLOCK,
    LANES,
    fill_normals_of_vectors,
    rooms_for_normals,
)


@inlined
def _array_of(task, sizes):
    """The array of a task: block, kind of line, and its place along the first five axes."""
    phases, parts, inputs, slices, sides, kinds, blocks = sizes
    rest, block = divmod(task, blocks)
    rest, kind = divmod(rest, kinds)
    rest, side = divmod(rest, sides)
    rest, s = divmod(rest, slices)
    rest, i = divmod(rest, inputs)
    phase, part = divmod(rest, parts)
    return block, kind, (phase, part, i, s, side)


@inlined
def _counters(start, n, first_group, slot, vectors, counters):
    """``n`` counters of one array from ``start`` on: all vectors of four outputs, then the next."""
    places, events, slots = counters
    numbers, high = vectors
    group, v = divmod(start, numbers.size)
    begin = 0
    while begin < n:
        length = min(numbers.size - v, n - begin)
        for j in range(length):
            places[begin + j] = first_group + group
            events[begin + j] = numbers[v + j]
            slots[begin + j] = slot | high[v + j]
        begin, v, group = begin + length, 0, group + 1


@inlined
def _add(start, n, normals, spread, amps, at, step, lines, where):
    """Add the normals of the same counters to lines that are ``step`` apart from ``at`` on.

    ``lines``: how far the first one is into its group, and how many there are; ``where``: the place
    of every vector in a line, and whether they lie side by side.
    """
    skip, count = lines
    places, adjacent = where
    kind = amps.dtype.type
    group, v = divmod(start, places.size)
    begin = 0
    while begin < n:
        length = min(places.size - v, n - begin)
        for lane in range(LANES):
            line = group * LANES + lane - skip
            if line < 0 or line >= count:
                continue
            first = at + line * step
            if adjacent:
                part = amps[first + v : first + v + length]
                for j in range(length):
                    part[j] += kind(normals[begin + j, lane]) * spread
            else:
                for j in range(length):
                    amps[first + places[v + j]] += kind(normals[begin + j, lane]) * spread
        begin, v, group = begin + length, 0, group + 1


@compiled
def add_normals(start, stop, amps, spread, sizes, strides, names, vectors, where, key):
    """Normals times ``spread`` on top of currents, for the tasks [start, stop).

    A task is a block of counters of one array, or of its unit column. ``amps`` is the memory of the
    currents with the ``strides`` (phase, output part, input part, slice, side, line) in elements;
    ``sizes`` (phases, output parts, input parts, slices, sides, kinds of lines, blocks); ``names``
    those of ``LineNames.numbers``; ``vectors`` those of ``LineNames.events``; ``where`` as for
    `_add`.
    """
    firsts, counts, tiles, unit_slot = names
    kinds, count_of_vectors = sizes[5], vectors[0].size
    rooms, normals = rooms_for_normals(), np.empty((BLOCK + 1, LANES))
    words = np.empty((3, BLOCK + 1), np.uint64)
    counters = words[0], words[1], words[2]
    for task in range(start, stop):
        block, kind, (phase, part, i, s, side) = _array_of(task, sizes)
        is_unit = kind < kinds - 1
        first, count = firsts[part], 1 if is_unit else counts[part]
        groups = (first + count - 1) // LANES - first // LANES + 1
        begin, end = block * BLOCK, min(block * BLOCK + BLOCK, groups * count_of_vectors)
        if begin >= end:
            continue
        slot = (phase * sizes[3] + s) * sizes[4] + side + (unit_slot if is_unit else 0)
        at = phase * strides[0] + part * strides[1] + i * strides[2]
        at += s * strides[3] + side * strides[4] + kind * strides[5]
        n = end - begin
        _counters(begin, n, first // LANES, np.uint64(slot), vectors, counters)
        fill_normals_of_vectors(n, counters, tiles[i], key, rooms, normals)
        lines = first % LANES, count
        _add(begin, n, normals, spread, amps, at, strides[5], lines, where)
