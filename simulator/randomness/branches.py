"""Forked processes: each draws numbers of its own for whatever happens anew in every call.

A forked process inherits all cores with their counts, so without more it would repeat what its
siblings draw. The forks of a process are counted, and the number of a fork becomes part of the keys
of all sources that were inherited. Chips stay the same ones: what was fabricated and programmed
keeps its keys. A core that is built in a worker draws as it would anywhere.
"""

from __future__ import annotations

import os
import weakref
import zlib
from typing import Any

# Sources of this process that another one may inherit, by identity.
_sources: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
# Forks of this process so far.
_forks = {"count": 0}

# A fork of a fork is named by a checksum, apart from the numbers of first forks.
NESTED = 1 << 31


def follow(source: Any) -> None:
    """Tell ``source`` of forks from now on, by its method ``branch_off(number)``."""
    _sources[id(source)] = source


def branch_number(branch: tuple[int, ...]) -> int:
    """One number of 32 bits for the forks that lead to a process; 0 for none."""
    if len(branch) <= 1:
        return branch[0] % NESTED if branch else 0
    return NESTED | zlib.crc32(repr(branch).encode()) % NESTED


def _before_fork() -> None:
    _forks["count"] += 1


def _after_fork() -> None:
    number, _forks["count"] = _forks["count"], 0
    for source in list(_sources.values()):
        source.branch_off(number)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_child=_after_fork)
