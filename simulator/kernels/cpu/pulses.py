"""Pulses that meet at cells, and their steps, compiled; `reference.pulses` defines them."""

from __future__ import annotations

import numpy as np

from simulator.kernels.cpu.compiling import compiled, inlined
from simulator.kernels.cpu.random import (
    BLOCK,
    LANES,
    SHIFT,
    WORD,
    _radii,
    _rounds,
    _turns,
    rooms_for_normals,
)

# Vectors at a time.
TOGETHER = 64
# Lines whose pulses of one slot are the bits of a word.
WORD_LINES = 64
ZERO, ONE, EVENT_SHIFT = np.uint64(0), np.uint64(1), np.uint64(16)
TO_WORD = 2.0**32
# Place of the only bit of a word, by the upper bits of its product with a de Bruijn sequence.
DE_BRUIJN, PLACE_SHIFT = 0x03F79D71B4CB0A89, np.uint64(58)
PLACES = np.zeros(WORD_LINES, np.int64)
for _place in range(WORD_LINES):
    PLACES[((DE_BRUIJN << _place) & (2**WORD_LINES - 1)) >> int(PLACE_SHIFT)] = _place
SEQUENCE = np.uint64(DE_BRUIJN)


@inlined
def _philox(n, counters, key, words):
    """Four words for each of ``n`` columns of ``counters`` (4, n): out (4, n)."""
    for j in range(n):
        words[0, j], words[1, j], words[2, j], words[3, j] = _rounds(
            counters[0, j], counters[1, j], counters[2, j], counters[3, j], key[0], key[1]
        )


@inlined
def _limits(first, n, values, line, factors, out):
    """How many words let a line fire, out (4, n): those whose middle is below the probability.

    True where there are any.
    """
    found = 0.0
    for lane in range(LANES):
        limits = out[lane]
        if line + lane < len(values):
            part, scale = values[line + lane, first : first + n], factors[first : first + n]
            for j in range(n):
                # Exact: both are multiples of the last place of the product.
                limit = np.ceil(scale[j] * abs(np.float64(part[j])) * TO_WORD - 0.5)
                limits[j] = np.int64(min(max(limit, 0.0), TO_WORD))
                found = max(found, limit)
        else:
            limits[:n] = 0
    return found > 0.0


@inlined
def _fire(n, bit, words, limits, pulses):
    """Set the bits from ``bit`` on for lines whose word is below its limit."""
    for lane in range(LANES):
        drawn, below = words[lane], limits[lane]
        for j in range(n):
            pulses[j] |= np.int64(np.int64(drawn[j]) < below[j]) << (bit + lane)


@compiled
def draw_trains(start, stop, values, factors, slots, event, side, key, out):
    """Pulses on all lines for the vectors [start, stop): out (slots, vectors, words), a bit a line.

    A line of ``values`` (lines, vectors) fires in each of ``slots`` (vectors,) with the probability
    ``factors * |value|``. Draws are named as by ``Stream.uniform``: by line, side, number of the
    vector and slot.
    """
    counters, words = np.empty((2, LANES, TOGETHER), np.uint64)
    limits, pulses = np.zeros((LANES, TOGETHER), np.int64), np.zeros((len(out), TOGETHER), np.int64)
    highs = np.empty(TOGETHER, np.uint64)
    counters[1] = side
    for first in range(start, stop, TOGETHER):
        n, most = min(TOGETHER, stop - first), 0
        for j in range(n):
            number = event + np.uint64(first + j)
            counters[2, j], highs[j] = number & WORD, (number >> SHIFT) << EVENT_SHIFT
            most = max(most, slots[first + j])
        for word in range(out.shape[2]):
            pulses[:most] = 0
            end = min((word + 1) * WORD_LINES, len(values))
            for line in range(word * WORD_LINES, end, LANES):
                if not _limits(first, n, values, line, factors, limits):
                    continue
                counters[0] = np.uint64(line // LANES)
                for slot in range(most):
                    for j in range(n):
                        counters[3, j] = np.uint64(slot) | highs[j]
                    _philox(n, counters, key, words)
                    _fire(n, line % WORD_LINES, words, limits, pulses[slot])
            for slot in range(most):
                for j in range(n):
                    fires = slot < slots[first + j]
                    out[slot, first + j, word] = np.uint64(pulses[slot, j]) if fires else ZERO


@inlined
def _normals(n, columns, counters, key, rooms, out):
    """The normal of each of ``n`` pulses at ``columns``, as ``Stream.normal`` names them."""
    words, parts = rooms
    _philox(n, counters, key, words)
    first, second = words[0], words[1]
    for j in range(n):
        late = columns[j] % LANES > 1
        first[j] = words[2, j] if late else first[j]
        second[j] = words[3, j] if late else second[j]
    radius, cosine, sine = parts[0], parts[1], parts[2]
    _radii(n, first, radius)
    _turns(n, second, cosine, sine)
    for j in range(n):
        out[j] = radius[j] * (sine[j] if columns[j] & 1 else cosine[j])


@compiled
def _move(n, pulses, counters, key, rooms, normals, weights, cells, noise):
    """Move cells by one pulse each, one after the other, within their bounds."""
    rows, columns, ups = pulses[0], pulses[1], pulses[2]
    spread, relative = noise
    if spread > 0.0:
        _normals(n, columns, counters, key, rooms, normals)
    for j in range(n):
        i, line, up = rows[j], columns[j], ups[j] != 0
        cell, weight = cells[i, line], np.float64(weights[i, line])
        size, slope, base = (cell[0], cell[2], cell[6]) if up else (cell[1], cell[3], cell[7])
        step = np.float64(size) + np.float64(slope) * weight
        step = step + normals[j] * (spread * (step if relative else np.float64(base)))
        weight = weight + step if up else weight - step
        high, low = np.float64(cell[4]), np.float64(cell[5])
        weight = high if weight > high else weight
        weights[i, line] = low if weight < low else weight


@inlined
def _lowest(bits):
    """Place of the lowest bit that is set."""
    return PLACES[((bits & (~bits + ONE)) * SEQUENCE) >> PLACE_SHIFT]


@inlined
def _lines_in(bits, first, lines, count):
    """Append the lines of the bits of a word, which begins with line ``first``; how many it are."""
    while bits:
        lines[count] = first + _lowest(bits)
        bits &= bits - ONE
        count += 1
    return count


@compiled
def steps(start, stop, weights, cells, values, trains, slots, sign, noise, event, key):
    """Apply the pulses of all vectors, slot after slot, to the rows [start, stop).

    ``cells`` (rows, columns, 8): steps up and down at weight 0, how they change with the weight,
    the bounds, and what a spread that is not relative to the step is relative to. ``values`` x
    (columns, vectors) and d (rows, vectors) give the direction, ``sign`` is that of the learning
    rate; ``noise`` the spread of a step and whether it is relative to it.
    """
    (x, d), (on_columns, on_rows) = values, trains
    counters, rooms = np.empty((LANES, BLOCK + 1), np.uint64), rooms_for_normals()
    normals, pulses = np.zeros(BLOCK + 1), np.empty((3, BLOCK + 1), np.int64)
    rows, columns = np.empty(len(d), np.int64), np.empty(len(x), np.int64)
    waiting = 0
    for v in range(d.shape[1]):
        number = event + np.uint64(v)
        low, high = number & WORD, (number >> SHIFT) << EVENT_SHIFT
        for slot in range(slots[v]):
            row_count = column_count = 0
            for word in range(on_rows.shape[2]):
                bits = on_rows[slot, v, word]
                row_count = _lines_in(bits, word * WORD_LINES, rows, row_count)
            if row_count == 0:
                continue
            for word in range(on_columns.shape[2]):
                bits = on_columns[slot, v, word]
                column_count = _lines_in(bits, word * WORD_LINES, columns, column_count)
            for r in range(row_count):
                i = rows[r]
                if i < start or i >= stop:
                    continue
                falling = sign * d[i, v] > 0
                for c in range(column_count):
                    line = columns[c]
                    pulses[0, waiting], pulses[1, waiting] = i, line
                    pulses[2, waiting] = (x[line, v] > 0) != falling
                    counters[0, waiting] = np.uint64(line // LANES)
                    counters[1, waiting], counters[2, waiting] = np.uint64(i), low
                    counters[3, waiting] = np.uint64(slot) | high
                    waiting += 1
                    if waiting == BLOCK:
                        _move(waiting, pulses, counters, key, rooms, normals, weights, cells, noise)
                        waiting = 0
    _move(waiting, pulses, counters, key, rooms, normals, weights, cells, noise)
