"""Which numbers the vectors of a call get, and with them their noise.

Every process counts in a range of its own, so that the parts of one batch do not share their
noise. A forward that activation checkpointing runs once more gets the numbers of the first.
"""

from __future__ import annotations

import inspect
import threading
import warnings
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from adapters.torch.runtime.processes import process_rank
from simulator import OhmCoreWarning

# Engine and Philox leave 48 bits for the number of a vector.
VECTOR_BITS, RANK_BITS = 38, 10
# Calls of one layer between a forward and its repetition; beyond, the oldest are forgotten.
MEMORY = 1 << 12
BITS = {4: torch.int32, 8: torch.int64}

_THREAD = threading.local()
_LOCK = threading.Lock()


@dataclass(slots=True)
class Remembered:
    """A call that may be repeated: when it was, under which checkpoint, and its numbers."""

    index: int
    sequence: int
    segment: Any
    numbers: list[int]
    thread: Any = field(default_factory=lambda: _this_thread())


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint without reentry, by what torch keeps of it as long as it may be repeated.

    ``repeats`` while torch runs its forward once more, ``named`` where torch says which one that
    is; ``told`` where it speaks of checkpoints at all.
    """

    segment: Any = None
    repeats: bool = False
    named: bool = False
    told: bool = True

    @classmethod
    def present(cls) -> Checkpoint:
        """The innermost checkpoint that this thread is in."""
        top = getattr(torch._C._autograd, "_top_saved_tensors_default_hooks", None)
        if top is None:
            return cls(told=False)
        hooks = top(True)
        if hooks is None:
            return cls()
        for held in _closure(inspect.unwrap(hooks[0])):
            frame = held() if isinstance(held, weakref.ref) else held
            if type(frame).__name__ == "_CheckpointFrame":
                return cls(weakref.ref(frame), repeats=frame is not held, named=True)
        try:
            return cls(weakref.ref(hooks[0]))
        except TypeError:
            return cls(object())


@dataclass(frozen=True)
class Repetition:
    """A step of a backward pass that runs a forward.

    ``node`` is the number of the autograd node that asked for it. That of a reentrant checkpoint
    is made before the first forward; any other is one of the nodes made there.
    """

    task: int
    node: int
    checkpoint: Checkpoint
    reentrant: bool

    @property
    def place(self) -> Any:
        """What is the same for all calls of the part that is repeated."""
        inside = self.checkpoint.repeats and not self.reentrant
        return self.checkpoint.segment if inside else self.node

    def first(self, calls: list[Remembered], after: int) -> Remembered:
        """Which of several calls with one input the part begins with.

        ``after`` is the index of the call that this step repeated last; -1 for none.
        """
        if self.reentrant:
            # Nodes are counted in every thread; on a GPU, backward runs in another than forward.
            here = _this_thread()
            own = [call for call in calls if call.thread is here] or calls
            found = [call for call in own if call.sequence > self.node]
        elif self.checkpoint.repeats:
            found = [call for call in calls if call.segment is self.checkpoint.segment]
        elif self.checkpoint.named:
            # In a checkpoint inside the one that is repeated.
            found = [call for call in calls if -1 < after < call.index]
        else:
            found = []
        if found:
            return found[0]
        before = [call for call in calls if call.sequence <= self.node] or calls
        last = max(before, key=lambda call: call.sequence)
        if last.segment is None:
            return last
        return next(call for call in before if call.segment is last.segment)


class Journal:
    """The calls of one layer that may be repeated, by a sum over their inputs.

    Inputs of a repetition have the same bits. Where a layer met one input several times, the place
    in the backward pass tells which call is meant, and the order of the calls from there on.
    """

    def __init__(self) -> None:
        self._calls: dict[int, list[Remembered]] = {}
        self._order: deque[int] = deque()
        self._count = 0
        self._task, self._last = -1, -1
        self.forgot = False
        self._reached: dict[Any, int] = {}

    def add(self, key: int, sequence: int, segment: Any, numbers: list[int]) -> None:
        """Remember a call; ``numbers`` may be filled in later."""
        call = Remembered(self._count, sequence, segment, numbers)
        self._calls.setdefault(key, []).append(call)
        self._order.append(key)
        self._count += 1
        if len(self._order) > MEMORY:
            self.forgot, oldest = True, self._order.popleft()
            self._calls[oldest].pop(0)
            if not self._calls[oldest]:
                del self._calls[oldest]

    def numbers(self, key: int, now: Repetition) -> list[int]:
        """The numbers of the call that is repeated; none for one that is not known."""
        calls = self._calls.get(key)
        if not calls:
            return []
        if now.task != self._task:
            self._task, self._last, self._reached = now.task, -1, {}
        found = self._next(calls, now) or now.first(calls, self._last)
        self._last = self._reached[now.place] = found.index
        return found.numbers

    def _next(self, calls: list[Remembered], now: Repetition) -> Remembered | None:
        """The call after the one that this part of the backward pass repeated last."""
        reached = self._reached.get(now.place)
        if reached is None:
            return None
        own = calls
        if now.checkpoint.repeats and not now.reentrant:
            own = [call for call in calls if call.segment is now.checkpoint.segment]
        return next((call for call in own if call.index > reached), None)


_JOURNALS: weakref.WeakKeyDictionary[Any, Journal] = weakref.WeakKeyDictionary()


class CallNumbers:
    """The numbers of one call of a layer, asked for by its arrays one after the other.

    Arrays that draw nothing do not ask, and pay nothing. Use as a context around the call.
    """

    def __init__(self, layer: Any, x: torch.Tensor) -> None:
        # Before the call makes a node of its own.
        self._layer, self._x = layer, x
        self._sequence = torch._C._autograd._get_sequence_nr()
        self._keeps_graph = torch.is_grad_enabled()
        self._repeated: list[int] | None = None
        self._taken: list[int] = []

    def __enter__(self) -> CallNumbers:
        self._outer = getattr(_THREAD, "call", None)
        _THREAD.call = self
        return self

    def __exit__(self, *error: Any) -> None:
        _THREAD.call = self._outer

    def next(self, count_on: Callable[[], int]) -> int:
        """The first number of the vectors of the next arrays of the layer."""
        if self._repeated is None:
            self._repeated = self._look_up()
        place = len(self._taken)
        known = place < len(self._repeated)
        number = self._repeated[place] if known else _own_range() + count_on()
        self._taken.append(number)
        return number

    def _look_up(self) -> list[int]:
        """The numbers of the first forward, where this is a repetition; notes what may become one.

        A first forward keeps no graph, or hands to the checkpoint what it saves.
        """
        checkpoint, task = Checkpoint.present(), torch._C._current_graph_task_id()
        outside = self._keeps_graph and checkpoint.told and checkpoint.segment is None
        remembers = not (outside or torch.is_inference_mode_enabled())
        if task == -1 and not remembers:
            return []
        key, repeated = _key(self._x), []
        with _LOCK:
            journal = _JOURNALS.setdefault(self._layer, Journal())
            if task != -1:
                repeated = list(journal.numbers(key, _repetition(task, checkpoint)))
                if not repeated and journal.forgot:
                    warnings.warn(
                        f"layer {self._layer.path!r}: more than {MEMORY} calls between a forward "
                        "and its repetition by a checkpoint; the first of them get other noise",
                        OhmCoreWarning,
                        stacklevel=2,
                    )
            if remembers:
                journal.add(key, self._sequence, checkpoint.segment, self._taken)
        return repeated


def numbering(count_on: Callable[[], int]) -> int:
    """The first number of the vectors of a call, for cores: see ``AnalogCore``."""
    call = getattr(_THREAD, "call", None)
    return _own_range() + count_on() if call is None else call.next(count_on)


def _this_thread() -> object:
    """What stands for this thread; numbers of threads are given out again."""
    if not hasattr(_THREAD, "token"):
        _THREAD.token = object()
    return _THREAD.token


def _own_range() -> int:
    return (process_rank() % (1 << RANK_BITS)) << VECTOR_BITS


def _repetition(task: int, checkpoint: Checkpoint) -> Repetition:
    node = torch._C._current_autograd_node()
    name, number = ("", -1) if node is None else (node.name(), node._sequence_nr())
    return Repetition(task, number, checkpoint, "CheckpointFunction" in name)


def _closure(function: Any) -> list[Any]:
    """What an inner function knows of the outer one."""
    try:
        return [cell.cell_contents for cell in getattr(function, "__closure__", None) or ()]
    except ValueError:
        return []


def _key(x: torch.Tensor) -> int:
    bits = x.detach().resolve_neg().view(BITS[x.element_size()])
    return hash((tuple(x.shape), int(bits.sum())))
