"""A look inside an array while it multiplies one vector: node voltages and cell currents."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator.chip.chip import Chip
from simulator.chip.programmed import Programmed
from simulator.errors import InputError
from simulator.multiply.path import Path


@dataclass(frozen=True)
class IRDrop:
    """Voltages and currents of the arrays of one tile and one weight slice.

    All of shape (sides, outputs, inputs); the sides are the positive and the negative cells of
    pairs, on arrays of their own or side by side on one. Output 0 is the unit column, where there
    is one. Volts are against the virtual ground of the lines that are read.
    """

    input_volts: np.ndarray  # where a cell meets its input line (its supply line), in volts
    output_volts: np.ndarray  # where it meets its output line, in volts
    amps: np.ndarray  # through the cell, from the driven line to the other, in amperes
    ideal_amps: np.ndarray  # the same on wires without resistance, in amperes
    transposed: bool = False

    @property
    def cell_volts(self) -> np.ndarray:
        """Voltage across every cell, positive at its driven line, in volts."""
        across = self.input_volts - self.output_volts
        return -across if self.transposed else across

    @property
    def line_amps(self) -> np.ndarray:
        """Current of every line that is read, (sides, lines), in amperes."""
        return self.amps.sum(axis=self._driven)

    @property
    def ideal_line_amps(self) -> np.ndarray:
        """The same on wires without resistance."""
        return self.ideal_amps.sum(axis=self._driven)

    @property
    def _driven(self) -> int:
        return -2 if self.transposed else -1


def ir_drop(
    paths: Sequence[Path], chip: Chip, chips: Sequence[Programmed], x: Any, part: tuple[int, int],
    weight_slice: int, phase: int,
) -> IRDrop:  # fmt: skip
    """What ``AnalogCore.ir_drop`` returns; ``paths`` are those of its direction."""
    try:
        r, c = (operator.index(number) for number in part)
        weight_slice, phase = operator.index(weight_slice), operator.index(phase)
    except (TypeError, ValueError):
        raise InputError(
            f"part {part!r}, weight_slice {weight_slice!r}, phase {phase!r}; needed are two "
            "integers, an integer, and an integer"
        ) from None
    if not (0 <= r < len(chip.rows.sizes) and 0 <= c < len(chip.cols.sizes)):
        counts = len(chip.rows.sizes), len(chip.cols.sizes)
        raise InputError(f"part {part}; the matrix has {counts} row and column parts")
    index, _, _ = chip.place(r, c)
    path, held = paths[index], chips[index]
    slices = len(held.hardware.wired_slices)
    if not 0 <= weight_slice < slices:
        raise InputError(f"weight_slice {weight_slice}; weights have {slices} slice(s)")
    lines = x[path.plan.direction.inputs.slice, None]
    place = (0, 0) if len(paths) > 1 else (r, c)
    state, ideal = path.tile_state(held, lines, x, place, weight_slice, phase)
    cell = held.hardware.cell
    volt, amp = cell.Vread, cell.Vread * cell.Gmax

    def on_host(values: Any) -> np.ndarray:
        # One tile and one vector.
        return np.array(chip.backend.to_host(values)).reshape(values.shape[-4:-1])

    return IRDrop(
        volt * on_host(state.input_volts),
        volt * on_host(state.output_volts),
        amp * on_host(state.amps),
        amp * on_host(ideal.amps),
        path.plan.direction.is_vmm,
    )
