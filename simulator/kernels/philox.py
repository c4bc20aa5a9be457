"""Philox4x32-10, a counter-based random generator (Salmon et al., SC 2011, table 2).

A draw is a pure function of a 128-bit counter and a 64-bit key, so a value never depends on what
was drawn before it: the same cell or the same output gets the same number however the work is cut.
"""

from __future__ import annotations

from functools import lru_cache
from types import ModuleType
from typing import Any

import numpy as np

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)
ROUNDS = 10
WORD = 0xFFFFFFFF
TWO_PI = 6.283185307179586


def philox4x32(xp: ModuleType, counter: tuple[Any, Any, Any, Any], key: tuple[int, int]) -> Any:
    """32-bit words (held in uint64) of shape (4, *broadcast) for broadcastable counter words."""
    # The even words (0, 2) are multiplied, the odd ones (1, 3) are mixed in: two rows at a time,
    # in place.
    words = xp.empty((4, *np.broadcast_shapes(*map(np.shape, counter))), dtype=xp.uint64)
    for place, word in enumerate(counter):
        words[place] = word
    words &= xp.uint64(WORD)
    even, odd = words[0::2], words[1::2]
    column = (2, *[1] * (words.ndim - 1))
    multipliers = xp.asarray(MULTIPLIERS, dtype=xp.uint64).reshape(column)
    keys = xp.asarray(_round_keys(*key)).reshape(ROUNDS, *column)
    product, mixed = xp.empty_like(even), xp.empty_like(even)
    for number in range(ROUNDS):
        # Products stand in swapped order: word 2 mixes into word 0, and word 0 into word 2.
        xp.multiply(even[::-1], multipliers[::-1], out=product)
        xp.right_shift(product, xp.uint64(32), out=mixed)
        xp.bitwise_xor(mixed, odd, out=mixed)
        xp.bitwise_xor(mixed, keys[number], out=even)
        xp.bitwise_and(product, xp.uint64(WORD), out=odd)
    return words


@lru_cache(maxsize=256)
def _round_keys(first: int, second: int) -> np.ndarray:
    """Keys of every round, (rounds, 2)."""
    pairs = zip((first, second), WEYL, strict=True)
    keys = [[(k + number * weyl) & WORD for number in range(ROUNDS)] for k, weyl in pairs]
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
    radius, angle = unit_interval(xp, first), unit_interval(xp, second)
    xp.log(radius, out=radius)
    radius *= -2.0
    xp.sqrt(radius, out=radius)
    angle *= TWO_PI
    cosine = xp.cos(angle)
    xp.sin(angle, out=angle)
    cosine *= radius
    angle *= radius
    return cosine, angle
