"""Named random streams: every draw is a function of seed, stream, purpose and position.

A position has four coordinates of 32 bits: ``minor`` (a column: four neighbours share one Philox
block), ``major`` (a row or a tile), ``event`` (the number of the programming or of the vector) and
``slot`` (which digit, slice and side).
"""

from __future__ import annotations

import math
import operator
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np

from simulator.backend.device import Backend
from simulator.errors import ParameterError
from simulator.kernels.reference import philox
from simulator.randomness import branches


class Purpose(IntEnum):
    """What a draw is for; each purpose has its own key."""

    FABRICATION = 1
    PROGRAMMING = 2
    READ_NOISE = 3
    ROUNDING = 4
    # Noise at the input of a converter.
    CONVERSION = 5
    # Pulse trains of an update.
    PULSES = 6
    # Cycle-to-cycle variation of an update.
    STEPS = 7


# What is fixed as chips are made and programmed: the same in all processes that share them.
OF_CHIPS = frozenset({Purpose.FABRICATION, Purpose.PROGRAMMING})


@dataclass(frozen=True)
class Stream:
    """Random numbers of one purpose of one core."""

    backend: Backend
    key: tuple[int, int]

    @classmethod
    def open(
        cls, backend: Backend, seed: int, stream: int, purpose: Purpose, branch: int = 0
    ) -> Stream:
        """The stream of ``purpose`` for a 64-bit ``seed`` and a 64-bit ``stream`` number.

        ``branch``, of 32 bits, tells processes apart that were forked.
        """
        counter = tuple(
            np.uint64(number >> shift & philox.WORD)
            for number in (seed, stream)
            for shift in (0, philox.WORD_BITS)
        )
        words = philox.philox4x32(np, counter, (int(purpose), branch))  # type: ignore[arg-type]
        return cls(backend, (int(words[0]), int(words[1])))

    def normal(self, minor: range, major: Any, event: Any, slot: Any) -> Any:
        """Standard normals of shape ``(*broadcast(major, event, slot), len(minor))``."""
        return self.backend.kernels.named("normals", self.key, minor, major, event, slot)

    def uniform(self, minor: range, major: Any, event: Any, slot: Any) -> Any:
        """Uniforms in (0, 1) of shape ``(*broadcast(major, event, slot), len(minor))``."""
        return self.backend.kernels.named("uniforms", self.key, minor, major, event, slot)

    def normal_of(self, minor: Any, major: Any, event: int, slot: int) -> Any:
        """Standard normals of single places: those of ``normal`` for arrays of one shape."""
        return self.backend.kernels.named_at("normals", self.key, minor, major, event, slot)


@dataclass
class EventsAhead:
    """Normals of one block for one event after the other, drawn for several events at a time.

    A few thousand numbers cost little more than a few. Each time twice as many events are drawn, up
    to ``limit`` numbers; what is drawn together changes no number.
    """

    limit: int = 1 << 15

    def __post_init__(self) -> None:
        self._key: tuple[int, int] | None = None
        self._first = 0
        self._normals: Any = ()

    def normal(self, stream: Stream, minor: range, major: Any, event: int, slot: Any) -> Any:
        """As ``Stream.normal``; ``minor``, ``major`` and ``slot`` are the same in every call."""
        held = len(self._normals) if stream.key == self._key else 0
        if not 0 <= event - self._first < held:
            shape = np.broadcast_shapes(major.shape, slot.shape)
            most = self.limit // (math.prod(shape) * len(minor))
            if most < 2:
                return stream.normal(minor, major, event, slot)
            count = min(2 * held, most) if held and event == self._first + held else 1
            events = stream.backend.xp.arange(event, event + count)
            events = events.reshape(count, *[1] * len(shape))
            self._normals = stream.normal(minor, major, events, slot)
            self._key, self._first = stream.key, event
        return self._normals[event - self._first].copy()


# Two threads that draw first at the same time take one seed.
SEEDING = threading.Lock()


def _global_entropy() -> int:
    # The legacy global state on purpose: it is what `np.random.seed` at the top of a script sets.
    return int.from_bytes(np.random.bytes(8), "little")  # noqa: NPY002


@dataclass
class RandomSource:
    """All random streams of one core.

    Without a ``seed``, 64 bits are taken from ``entropy`` at the first draw; by default from
    NumPy's global state: so ``np.random.seed`` repeats a script, and a core that draws nothing
    leaves that state alone.

    ``branch`` are the numbers of the forks since it was made, see `simulator.randomness.branches`.
    """

    backend: Backend
    seed: int | None
    stream: int = 0
    entropy: Callable[[], int] | None = None
    branch: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        self.stream = _checked_stream(self.stream)
        self.keys = _Keys(self)
        branches.follow(self)

    def branch_off(self, fork: int) -> None:
        """Draw numbers of its own in each call, as a process that was forked."""
        self.branch = (*self.branch, fork)
        self.keys = _Keys(self)

    @property
    def state(self) -> dict[str, Any]:
        """Seed (None before the first draw without one) and stream number."""
        return {"seed": self.seed, "stream": self.stream}

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        seed, stream = state["seed"], int(state["stream"])
        self.seed, self.stream = None if seed is None else int(seed), stream
        self.keys = _Keys(self)

    def __call__(self, purpose: Purpose) -> Stream:
        """The stream of ``purpose``."""
        return Stream(self.backend, self.keys[purpose])

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "keys"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Version 0.1 kept open streams.
        self.__dict__.update({name: v for name, v in state.items() if name != "_open"})
        self.keys = _Keys(self)
        branches.follow(self)


class _Keys(dict):
    """The key of each purpose, found when it is first asked for: the first takes the seed."""

    def __init__(self, source: RandomSource) -> None:
        super().__init__()
        self.source = source

    def __missing__(self, purpose: Purpose) -> tuple[int, int]:
        source = self.source
        with SEEDING:
            if source.seed is None:
                source.seed = (source.entropy or _global_entropy)()
        branch = 0 if purpose in OF_CHIPS else branches.branch_number(source.branch)
        key = Stream.open(source.backend, source.seed, source.stream, purpose, branch).key
        self[purpose] = key
        return key


def _checked_stream(stream: Any) -> int:
    try:
        number = -1 if isinstance(stream, bool) else operator.index(stream)
    except TypeError:
        number = -1
    if not 0 <= number < 1 << 64:
        raise ParameterError(f"stream: got {stream!r}; allowed is an integer in [0, 2**64)")
    return number
