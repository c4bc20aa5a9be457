"""Cores that version 0.1 pickled, before hardware, chip and multiply had folders of their own.

A pickle names the classes that it was made of. Those that are gone stand here as plain holders of
what was saved; the arrays of a core then become a chip.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from simulator.chip.cells import Cells, History
from simulator.chip.chip import BOUGHT, Chip
from simulator.chip.programmed import Programmed
from simulator.chip.tiles import Tiles
from simulator.hardware import Hardware, Periphery
from simulator.multiply.multiplier import Multiplier, VectorNumbers

DIRECTIONS = {False: "mvm", True: "vmm"}


class Saved:
    """What was saved of an object whose class is gone, attribute by attribute."""


class Arrays(Saved):
    """All arrays of a core: ``stacks``, ``trees``, ``rows``, ``cols``, counters."""

    backend: Any
    trees: Any
    rows: Any
    cols: Any
    stacks: list[Any]
    programmings: int
    vectors: int
    numbering: Any

    def renewed(self, core: dict[str, Any]) -> dict[str, Any]:
        """The attributes that a core has now, from those that were saved with these arrays."""
        chip, numbers = self._chip(core.pop("_dtype")), VectorNumbers(self.numbering)
        numbers.count = self.vectors
        multipliers = {}
        for transposed, name in DIRECTIONS.items():
            multiplier = multipliers[f"_{name}"] = Multiplier(chip, name, numbers)
            recorders = [stack.recorders.get(transposed) for stack in self.stacks]
            multiplier.paths = tuple(
                dataclasses.replace(path, recorder=recorder)
                for path, recorder in zip(multiplier.paths, recorders, strict=True)
            )
        return {**core, "chip": chip, "_numbers": numbers, **multipliers}

    def _chip(self, dtype: Any) -> Chip:
        chip = object.__new__(Chip)
        chip.backend, chip.trees, chip.rows, chip.cols = (
            self.backend, self.trees, self.rows, self.cols,
        )  # fmt: skip
        chip.hardware = tuple(_hardware(stack.hardware) for stack in self.stacks)
        chip.tiles = tuple(
            Tiles(self.backend, hardware, stack.grid, stack.streams)
            for stack, hardware in zip(self.stacks, chip.hardware, strict=True)
        )
        chip.programmings, chip.programmed = self.programmings, None
        if dtype is not None:
            parts = zip(self.stacks, chip.tiles, strict=True)
            chip.programmed = tuple(_programmed(stack, tiles, dtype) for stack, tiles in parts)
        return chip


class TileStack(Saved):
    """Tiles that share their parameters, with their cells."""


class State(Saved):
    """``cells`` and ``unit``, and how cells that drift were ``born``."""


class Born(Saved):
    """A block of cells as it was programmed: ``start`` and ``normal``."""


class Direction(Saved):
    """What one direction drives and reads; found anew."""


class Plan(Saved):
    """What is merged where; found anew."""


class ConverterBank(Saved):
    """What was fixed when converters were made; it follows from the seed."""


# What fields were called in the time of these files.
BEFORE = {"given": "calibrated"}


def _hardware(saved: Any) -> Hardware:
    """Hardware as it was read from the parameters, without what followed from it."""
    values = {field.name: getattr(saved, field.name) for field in dataclasses.fields(Hardware)}
    for name in DIRECTIONS.values():
        fields = dataclasses.fields(Periphery)
        names = (BEFORE.get(field.name, field.name) for field in fields)
        values[name] = Periphery(*(getattr(values[name], before) for before in names))
    return Hardware(**values)


def _programmed(stack: Any, tiles: Tiles, dtype: Any) -> Programmed:
    state, history = stack.state, None
    if state.born is not None:
        matrix, unit = (
            None if born is None else History(born.start, born.normal) for born in state.born
        )
        history = matrix, unit
    cells = Cells(state.cells, state.unit, history)  # type: ignore[arg-type]
    chip = Programmed(
        tiles, tiles.hardware, cells, stack.scaling, dtype, stack.gain, stack.tile_gains
    )
    for transposed, served in stack.served.items():
        solved = chip.solved[DIRECTIONS[transposed]]
        solved.bought = served >= BOUGHT
        solved.vectors = 0 if solved.bought else served
    return chip
