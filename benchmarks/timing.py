"""Medians of repeated calls, and of the ratio of two calls measured side by side."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

Call = Callable[[], object]


@dataclass(frozen=True)
class Timing:
    """A median, with the quartiles that tell how steady the machine was."""

    median: float
    low: float
    high: float
    repeats: int

    def scaled(self, factor: float) -> Timing:
        """The same timing in another unit."""
        median, low, high = (value * factor for value in (self.median, self.low, self.high))
        return Timing(median, low, high, self.repeats)


def seconds(call: Call, repeats: int, loops: int = 1) -> Timing:
    """Seconds for one of ``loops`` calls in a row, after one call to warm up."""
    call()
    return _summary([_once(call, loops) for _ in range(repeats)])


def ratio(call: Call, reference: Call, repeats: int) -> Timing:
    """How many times as long as ``reference`` the call takes.

    The two take turns, so that a machine that slows down slows both.
    """
    call(), reference()
    return _summary([_once(call) / _once(reference) for _ in range(repeats)])


def _once(call: Call, loops: int = 1) -> float:
    start = time.perf_counter()
    for _ in range(loops):
        call()
    return (time.perf_counter() - start) / loops


def _summary(values: list[float]) -> Timing:
    low, median, high = statistics.quantiles(values, n=4)
    return Timing(median, low, high, len(values))
