"""Threads for compiled kernels, which hold no lock of Python while they run."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

# Parts of a loop for each thread: one that is held up leaves its share to the others.
PARTS_PER_THREAD = 4
# Parts of a loop that take less, about 0.1 ms, are not shared: waking a thread takes part of that,
# and waiting for one that the system has put aside takes many times as long.
WORTH_SHARING = 1 << 19
# Where a container says how much time of processors it has: microseconds, in how many.
QUOTA = Path("/sys/fs/cgroup/cpu.max")
MANY = 1 << 16
_teams: weakref.WeakSet[Team] = weakref.WeakSet()


class Team:
    """Up to ``size`` threads, the caller among them, that share the parts of a loop.

    Several threads may call at once. In a forked process the team starts anew.
    """

    def __init__(self, size: int | None = None) -> None:
        self.size = size or usable_processors()
        self._start()
        _teams.add(self)

    def _start(self) -> None:
        self._lock = threading.Lock()
        self._executor: ThreadPoolExecutor | None = None

    def share(self, work: Callable[[int, int], object], count: int, cost: int) -> None:
        """Call ``work(start, stop)`` for parts that make up ``range(count)``.

        ``cost`` is the number of array elements that one of ``count`` reads, or what takes as
        long. Which thread takes which part is left open, so parts must not depend on one another.
        """
        worth = max(1, count * cost // WORTH_SHARING)
        threads = min(self.size, count, worth)
        if threads < 2:
            work(0, count)
            return
        step = -(-count // min(count, worth, threads * PARTS_PER_THREAD))
        starts, lock = iter(range(0, count, step)), threading.Lock()

        def take_parts() -> None:
            while True:
                with lock:
                    start = next(starts, None)
                if start is None:
                    return
                work(start, min(start + step, count))

        helpers = self._helpers(take_parts, threads - 1)
        try:
            take_parts()
        finally:
            # One that has not begun yet has nothing left to do.
            for helper in [h for h in helpers if not h.cancel()]:
                helper.result()

    def _helpers(self, task: Callable[[], None], count: int) -> list[Future]:
        with self._lock:
            if self._executor is None:
                self._executor = ThreadPoolExecutor(self.size - 1, "ohmcore")
            try:
                return [self._executor.submit(task) for _ in range(count)]
            except RuntimeError:
                # Python is about to exit and starts no threads: the caller does the work.
                return []


def usable_processors() -> int:
    """What ``OMP_NUM_THREADS`` allows, else the processors that this process may use."""
    allowed = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if allowed.isdigit() and int(allowed) > 0:
        return int(allowed)
    if hasattr(os, "sched_getaffinity"):
        return min(len(os.sched_getaffinity(0)), _quota())
    return os.cpu_count() or 1


def _quota() -> int:
    """Processors' worth of time that the container has, which limits no set of processors."""
    try:
        allowed, period = QUOTA.read_text().split()
        return max(1, -(-int(allowed) // int(period)))
    except (OSError, ValueError):
        return MANY


@lru_cache(maxsize=1)
def common_team() -> Team:
    """The team of this process."""
    return Team()


def _after_fork() -> None:
    """The threads of a team, and whoever held its lock, stayed behind."""
    for team in list(_teams):
        team._start()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
