"""Philox4x32-10 and normals from it, compiled; the definition stands in `philox`."""

from __future__ import annotations

import math

import numpy as np

from simulator.kernels.cpu.compiling import compiled, inlined
from simulator.kernels.reference.philox import MULTIPLIERS, ROUNDS, WEYL

# Counters at a time: what lies between two steps stays in the nearest cache.
BLOCK = 128
# Numbers of one counter.
LANES = 4
FIRST_FACTOR, SECOND_FACTOR = (np.uint64(number) for number in MULTIPLIERS)
FIRST_STEP, SECOND_STEP = (np.uint64(number) for number in WEYL)
WORD = np.uint64(0xFFFFFFFF)
SHIFT = np.uint64(32)
TO_UNIT = 2.0**-32
LOG_TWO = math.log(2.0)
MANTISSA, EXPONENT_OF_ONE = (1 << 52) - 1, 1023 << 52
# Quarter turns of an angle given as a word.
QUARTER, EIGHTH, RADIANS = 1 << 30, 1 << 29, 2 * math.pi * 2.0**-32


@inlined
def _rounds(a, b, c, d, k, m):
    """Four words of one counter and key."""
    for _ in range(ROUNDS):
        p, q = a * FIRST_FACTOR, c * SECOND_FACTOR
        a, c = (q >> SHIFT) ^ b ^ k, (p >> SHIFT) ^ d ^ m
        b, d = q & WORD, p & WORD
        k, m = (k + FIRST_STEP) & WORD, (m + SECOND_STEP) & WORD
    return a, b, c, d


@inlined
def _words(n, place, row, key, out):
    """Four words for each of ``n`` counters (place, *row) into ``out`` (4, n)."""
    b, c, d = row[0] & WORD, row[1] & WORD, row[2] & WORD
    for j in range(n):
        out[0, j], out[1, j], out[2, j], out[3, j] = _rounds(
            place[j] & WORD, b, c, d, key[0], key[1]
        )


@inlined
def _words_of_vectors(n, place, row, event, slot, key, out):
    """Four words for each of ``n`` counters (place, row, event, slot), as `_words`."""
    b = row & WORD
    for j in range(n):
        out[0, j], out[1, j], out[2, j], out[3, j] = _rounds(
            place[j] & WORD, b, event[j] & WORD, slot[j] & WORD, key[0], key[1]
        )


@inlined
def _radii(n, words, out):
    """``sqrt(-2 log u)`` for u in the middle of each word's bin of (0, 1)."""
    numbers = out.view(np.int64)
    for j in range(n):
        out[j] = np.float64(np.int64(words[j])) + 0.5
    for j in range(n):
        bits = numbers[j]
        # x = fraction * 2**power with the fraction between sqrt(1/2) and sqrt(2).
        power = (bits >> 52) - 1023
        numbers[j] = (bits & MANTISSA) | EXPONENT_OF_ONE
        fraction = out[j]
        high = fraction > 1.4142135623730951
        fraction = fraction * 0.5 if high else fraction
        power = power + 1 if high else power
        s = (fraction - 1.0) / (fraction + 1.0)
        z = s * s
        # Series of the inverse hyperbolic tangent: z is at most 0.03.
        tail = 1 / 15 + z * (1 / 17 + z * (1 / 19 + z * (1 / 21)))
        tail = 1 / 7 + z * (1 / 9 + z * (1 / 11 + z * (1 / 13 + z * tail)))
        series = 1.0 + z * (1 / 3 + z * (1 / 5 + z * tail))
        logarithm = np.float64(power - 32) * LOG_TWO + 2.0 * s * series
        out[j] = math.sqrt(-2.0 * logarithm)


@inlined
def _turns(n, words, cosine, sine):
    """Cosine and sine of the angle that each word is, as a fraction of a turn."""
    for j in range(n):
        word = np.int64(words[j])
        quarter = (word + EIGHTH) >> 30
        x = (np.float64(word - quarter * QUARTER) + 0.5) * RADIANS
        z = x * x
        tail = 1 / 362880 - z * (1 / 39916800 - z * (1 / 6227020800 - z / 1307674368000))
        s = x - x * z * (1 / 6 - z * (1 / 120 - z * (1 / 5040 - z * tail)))
        tail = 1 / 3628800 - z * (1 / 479001600 - z * (1 / 87178291200 - z / 20922789888000))
        c = 1.0 - z * (0.5 - z * (1 / 24 - z * (1 / 720 - z * (1 / 40320 - z * tail))))
        odd = (quarter & 1) == 1
        along, across = (s, c) if odd else (c, s)
        cosine[j] = -along if ((quarter + 1) & 2) == 2 else along
        sine[j] = -across if (quarter & 2) == 2 else across


@inlined
def rooms_for_normals():
    """What lies between two steps of ``fill_normals``."""
    return np.empty((LANES, BLOCK + 1), dtype=np.uint64), np.empty((3, BLOCK + 1))


@inlined
def _normals_of(n, words, parts, out):
    """Standard normals from the words of ``n`` counters: out (n, 4)."""
    radius, cosine, sine = parts[0], parts[1], parts[2]
    for pair in range(LANES // 2):
        _radii(n, words[2 * pair], radius)
        _turns(n, words[2 * pair + 1], cosine, sine)
        for j in range(n):
            out[j, 2 * pair] = radius[j] * cosine[j]
            out[j, 2 * pair + 1] = radius[j] * sine[j]


@compiled
def fill_normals(n, places, row, key, rooms, out):
    """Standard normals of ``n`` counters (place, *row), few enough for ``rooms``: out (n, 4)."""
    words, parts = rooms
    _words(n, places, row, key, words)
    _normals_of(n, words, parts, out)


@compiled
def fill_normals_of_vectors(n, counters, row, key, rooms, out):
    """As `fill_normals`, for counters (place, row, event, slot); ``counters`` without the row."""
    places, events, slots = counters
    words, parts = rooms
    _words_of_vectors(n, places, row, events, slots, key, words)
    _normals_of(n, words, parts, out)


@compiled
def normals(start, stop, places, rows, key, out):
    """Standard normals of counters (place, row) for rows [start, stop): out (rows, places, 4)."""
    rooms = rooms_for_normals()
    for r in range(start, stop):
        for first in range(0, places.size, BLOCK):
            n = min(BLOCK, places.size - first)
            fill_normals(n, places[first:], rows[r], key, rooms, out[r, first:])


@compiled
def uniforms(start, stop, places, rows, key, out):
    """Uniforms in (0, 1) of counters (place, row) for rows [start, stop), as `normals`."""
    words = np.empty((4, BLOCK), dtype=np.uint64)
    for r in range(start, stop):
        for first in range(0, places.size, BLOCK):
            some = places[first : first + BLOCK]
            _words(some.size, some, rows[r], key, words)
            for j in range(some.size):
                for lane in range(4):
                    word = np.float64(np.int64(words[lane, j]))
                    out[r, first + j, lane] = (word + 0.5) * TO_UNIT
