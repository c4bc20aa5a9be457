"""Philox4x32-10, a counter-based random generator (Salmon et al., SC 2011, table 2).

A draw is a pure function of a 128-bit counter and a 64-bit key, so a value never depends on what
was drawn before it: the same cell or the same output gets the same number however the work is cut.
"""

from __future__ import annotations

import math
from functools import lru_cache
from types import ModuleType
from typing import Any

import numpy as np

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)
ROUNDS = 10
WORD = 0xFFFFFFFF
# Neighbouring minors share a counter, whose last word has a slot of so many bits.
LANES, WORD_BITS, SLOT_BITS = 4, 32, 16
UPPER = np.uint64(32)


def slot_word(slot: Any, event: Any) -> Any:
    """The last word of a counter: events are numbered beyond 32 bits, their high part above."""
    return slot | (event >> WORD_BITS) << SLOT_BITS


def philox4x32(xp: ModuleType, counter: tuple[Any, Any, Any, Any], key: tuple[int, int]) -> Any:
    """32-bit words (held in uint64) of shape (4, *broadcast) for broadcastable counter words."""
    # The even words (0, 2) are multiplied, the odd ones (1, 3) are mixed in: two rows at a time,
    # in place. Odd words and keys are kept in the upper half of their 64 bits, where the upper half
    # of a product needs them.
    words = xp.empty((2, 2, *np.broadcast_shapes(*map(np.shape, counter))), dtype=xp.uint64)
    for place, word in enumerate(counter):
        words[place % 2, place // 2] = word
    words &= xp.uint64(WORD)
    even, odd = words
    odd <<= UPPER
    column = (2, *[1] * (words.ndim - 2))
    multipliers = xp.asarray(MULTIPLIERS[::-1], dtype=xp.uint64).reshape(column)
    keys = xp.asarray(_round_keys(*key)).reshape(ROUNDS, *column)
    product, swapped = xp.empty_like(even), even[::-1]
    for number in range(ROUNDS):
        # Word 2 mixes into word 0, and word 0 into word 2.
        xp.multiply(swapped, multipliers, out=product)
        xp.bitwise_xor(odd, keys[number], out=odd)
        xp.bitwise_xor(odd, product, out=odd)
        xp.right_shift(odd, UPPER, out=even)
        xp.left_shift(product, UPPER, out=odd)
    odd >>= UPPER
    return words.swapaxes(0, 1).reshape(4, *words.shape[2:])


@lru_cache(maxsize=256)
def _round_keys(first: int, second: int) -> np.ndarray:
    """Keys of every round in the upper halves, (rounds, 2)."""
    pairs = zip((first, second), WEYL, strict=True)
    keys = [[((k + number * weyl) & WORD) << 32 for number in range(ROUNDS)] for k, weyl in pairs]
    return np.array(keys, dtype=np.uint64).T


def unit_interval(xp: ModuleType, word: Any) -> Any:
    """Map a 32-bit word to the middle of its bin in (0, 1)."""
    place = word.astype(xp.float64)
    place += 0.5
    place *= 2.0**-32
    return place


def box_muller(xp: ModuleType, first: Any, second: Any) -> tuple[Any, Any]:
    """Two independent standard normals from two words (Box and Muller 1958); at most 6.7 sigma."""
    # In place: for a few thousand numbers new memory costs as much as the arithmetic.
    radius, half = unit_interval(xp, first), unit_interval(xp, second)
    xp.log(radius, out=radius)
    radius *= -2.0
    xp.sqrt(radius, out=radius)
    # With t the tangent of half an angle, its cosine is 2 / (1 + t^2) - 1 and its sine
    # 2 t / (1 + t^2): one function of NumPy, several times as fast as two.
    half *= math.pi
    sine = xp.tan(half, out=half)
    share = sine * sine
    share += 1.0
    xp.divide(2.0, share, out=share)
    sine *= share
    sine *= radius
    share -= 1.0
    share *= radius
    return share, sine
