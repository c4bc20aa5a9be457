"""Philox4x32-10, a counter-based random generator (Salmon et al., SC 2011, table 2).

A draw is a pure function of a 128-bit counter and a 64-bit key, so a value never depends on what
was drawn before it: the same cell or the same output gets the same number however the work is cut.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)
ROUNDS = 10
WORD = 0xFFFFFFFF
TWO_PI = 6.283185307179586


def philox4x32(
    xp: ModuleType, counter: tuple[Any, Any, Any, Any], key: tuple[int, int]
) -> tuple[Any, Any, Any, Any]:
    """Four arrays of 32-bit words (held in uint64) for broadcastable counter words."""
    word, shift = xp.uint64(WORD), xp.uint64(32)
    m0, m1 = (xp.uint64(m) for m in MULTIPLIERS)
    c0, c1, c2, c3 = (xp.asarray(c).astype(xp.uint64) & word for c in counter)
    k0, k1 = key
    for _ in range(ROUNDS):
        p0, p1 = m0 * c0, m1 * c2
        c0 = (p1 >> shift) ^ c1 ^ xp.uint64(k0)
        c2 = (p0 >> shift) ^ c3 ^ xp.uint64(k1)
        c1, c3 = p1 & word, p0 & word
        k0, k1 = (k0 + WEYL[0]) & WORD, (k1 + WEYL[1]) & WORD
    return tuple(xp.broadcast_arrays(c0, c1, c2, c3))


def unit_interval(xp: ModuleType, word: Any) -> Any:
    """Map a 32-bit word to the middle of its bin in (0, 1)."""
    return (word.astype(xp.float64) + 0.5) * 2.0**-32


def box_muller(xp: ModuleType, first: Any, second: Any) -> tuple[Any, Any]:
    """Two independent standard normals from two words (Box and Muller 1958); at most 6.7 sigma."""
    radius = xp.sqrt(-2.0 * xp.log(unit_interval(xp, first)))
    angle = TWO_PI * unit_interval(xp, second)
    return radius * xp.cos(angle), radius * xp.sin(angle)
