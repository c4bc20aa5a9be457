"""Currents of any memory order as lines of neighbouring vectors, for kernels that walk memory."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np

from simulator.quantities import Amps

PHASE, OUT_PART, IN_PART, SLICE, SIDE, OUTPUT, REST = range(7)


@dataclass(frozen=True)
class CurrentLayout:
    """Currents (phase, output part, input part, slice, side, line, *rest) as they lie in memory.

    The vectors are ``batch`` entries of ``vectors`` neighbours. ``strides`` of all axes before the
    rest, and of the batch, count elements. ``shape`` and ``order`` are those of the results
    (output part, output, *rest), the order from the outermost axis in memory to the innermost.
    """

    memory: np.ndarray
    strides: tuple[int, ...]
    outputs: int
    batch: int
    vectors: int
    shape: tuple[int, ...]
    order: tuple[int, ...]
    xp: ModuleType = np

    @classmethod
    def of(cls, amps: Amps, has_unit: bool, totals: Any, xp: ModuleType = np) -> CurrentLayout:
        """The lines of ``amps``; of a copy, where its vectors do not lie side by side.

        ``totals`` is one number for every vector, or None.
        """
        order = sorted(range(amps.ndim), key=lambda axis: -amps.strides[axis])
        in_order, inner = amps.transpose(order), first_neighbour(amps)
        vectors, outer = math.prod(amps.shape[inner:]), range(REST, inner)
        apart = [axis for axis in outer if amps.shape[axis] > 1]
        if not in_order.flags.c_contiguous or len(apart) > 1 or (vectors == 1 and apart):
            return cls.of(xp.ascontiguousarray(amps), has_unit, totals, xp)
        elements = [stride // amps.itemsize for stride in amps.strides]
        outputs = amps.shape[OUTPUT] - int(has_unit)
        shape = (amps.shape[OUT_PART], outputs, *amps.shape[REST:])
        of_results = [axis for axis in order if axis == OUT_PART or axis >= OUTPUT]
        lines = cls(
            memory=in_order.reshape(-1),
            strides=(*elements[:REST], elements[apart[0]] if apart else 0),
            outputs=outputs,
            batch=amps.shape[apart[0]] if apart else 1,
            vectors=vectors,
            shape=shape,
            order=tuple(max(axis - OUTPUT + 1, 0) for axis in of_results),
            xp=xp,
        )
        alike = not has_unit and (totals is None or totals.size == 1)
        if alike and elements[OUTPUT] == vectors:
            # Nothing tells one output from another, and they lie side by side.
            return replace(lines, outputs=1, vectors=outputs * vectors)
        return lines

    def results(self, dtype: Any) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
        """Room for results in the memory order of the currents: the array, its memory, and the
        strides in elements of output part, output and batch."""
        memory = self.xp.empty([self.shape[axis] for axis in self.order], dtype=dtype)
        out = memory.transpose(*map(int, np.argsort(self.order)))
        elements = [stride // out.itemsize for stride in out.strides]
        entries = [step for step, n in zip(elements[2:], out.shape[2:]) if n > 1]
        return out, memory.reshape(-1), (*elements[:2], entries[0] if self.batch > 1 else 0)

    def totals(self, totals: Any, dtype: Any) -> np.ndarray:
        """Totals of all vectors, (batch, vectors); (batch, 0) for None."""
        if totals is None:
            return self.xp.empty((self.batch, 0), dtype=dtype)
        shape = (self.batch, self.vectors)
        totals = (
            self.xp.broadcast_to(totals.reshape(1, 1), shape)
            if totals.size == 1
            else totals.reshape(shape)
        )
        return self.xp.ascontiguousarray(totals)

    def layout(self, amps: Amps, has_unit: bool, places: tuple[int, ...]) -> tuple[int, ...]:
        """Sizes and strides of currents and results, in the order of ``ohm_read_codes``."""
        phases, _, inputs, slices, sides = amps.shape[:OUTPUT]
        sizes = (phases, inputs, slices, sides, self.outputs, self.batch, self.vectors)
        return (*sizes, int(has_unit), *self.strides, *places)


def in_memory_order(array: Any) -> Any:
    """The elements of an array as they lie in memory, without a copy; None where there are gaps."""
    ordered = array.transpose(sorted(range(array.ndim), key=lambda axis: -array.strides[axis]))
    return ordered.reshape(-1) if ordered.flags.c_contiguous else None


def first_neighbour(amps: np.ndarray) -> int:
    """The first axis, among the rest, from which on vectors lie side by side in memory."""
    step = amps.itemsize
    for axis in reversed(range(REST, amps.ndim)):
        if amps.shape[axis] > 1 and amps.strides[axis] != step:
            return axis + 1
        step *= amps.shape[axis]
    return REST
