"""Later times: the same chip, older, and gains that make up for what its weights have lost."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from simulator.chip.cells import Cells
from simulator.chip.programmed import Programmed
from simulator.devices import CellLaw
from simulator.errors import ParameterError
from simulator.hardware import Hardware


def at_time(hardware: Hardware, time: float) -> Hardware:
    """The same hardware at another time since programming.

    Raises ParameterError for a time that is not a number >= 0, ModelError where a model has
    nothing to say about it.
    """
    try:
        number = math.nan if isinstance(time, (bool, str, bytes)) else float(time)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not 0 <= number < math.inf:
        raise ParameterError(f"time: got {time!r}; allowed is a finite number >= 0")
    cell, circuit = dataclasses.replace(hardware.cell, time=number), hardware.circuit
    for model in (hardware.programming, hardware.drift, hardware.read):
        model.check_cell(cell)
    law = getattr(circuit, "law", None)
    if isinstance(law, CellLaw):
        law.model.check_cell(cell)
        circuit = dataclasses.replace(circuit, law=dataclasses.replace(law, cell=cell))  # type: ignore[call-arg]
    return dataclasses.replace(hardware, cell=cell, circuit=circuit)


def compensated(mode: str, chips: Sequence[Programmed]) -> tuple[Programmed, ...]:
    """The parts of a chip with gains that make up for drift.

    ``mode`` is ``simulation.drift_compensation``: with "global" one gain for all weights, the sum
    of |weight| at programming over that now; with "per_tile" one for each tile; with "none" the
    parts as they are.
    """
    if mode == "none":
        return tuple(chips)
    readouts = [magnitudes(chip) for chip in chips]
    if mode == "global":
        then, now = (sum(float(r[i].sum()) for r in readouts) for i in range(2))
        gain = then / now if now > 0 else 1.0
        return tuple(chip.with_gains(gain, None) for chip in chips)
    gained = []
    for chip, (then, now) in zip(chips, readouts, strict=True):
        xp, there = chip.backend.xp, now > 0
        gains = xp.where(there, then / xp.where(there, now, 1.0), 1.0)
        gained.append(chip.with_gains(1.0, gains))
    return tuple(gained)


def magnitudes(chip: Programmed) -> tuple[Any, Any]:
    """Sum of |weight| of each tile (row parts, column parts), at programming and now.

    What a readout of each column by itself would add up to.
    """
    if chip.cells.history is None:
        now = _tile_sums(chip, chip.cells)
        return now, now
    cells, unit = chip.cells.history
    began = Cells(cells.start, None if unit is None else unit.start)
    return _tile_sums(chip, began), _tile_sums(chip, chip.cells)


def _tile_sums(chip: Programmed, cells: Cells) -> Any:
    xp, unit = chip.backend.xp, chip.unit_of_rows(cells)
    weights = xp.abs(chip.hardware.code.decode(cells.matrix, unit, xp))
    rows, cols = (
        chip.backend.asarray(np.equal.outer(np.arange(len(axis.sizes)), axis.part) * 1.0)
        for axis in (chip.grid.rows, chip.grid.cols)
    )
    return rows @ weights @ cols.T
