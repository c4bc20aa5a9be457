"""What cells do: miss their target, drift, and read differently each time.

A cell has one history. What it draws at its programming it keeps for life: its conductance at a
later time follows from where it began and from that draw, so a core that is looked at later is the
same chip, older.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator.backend import Backend
from simulator.chip.cells import History
from simulator.devices import Device, Draw
from simulator.errors import ModelError, require_shape
from simulator.hardware import Hardware
from simulator.kernels.programming import Spread
from simulator.mapping import WeightScaling
from simulator.quantities import Array, Conductances, Siemens, Weights
from simulator.randomness import EventsAhead, Purpose, RandomSource
from simulator.randomness.addresses import (
    CELL_SLOTS,
    CHIP_SLOT,
    DEVICE_CELLS,
    DRIFT_SEED_SLOT,
    DRIFT_USE,
    ERROR_USE,
    UNIFORM_CELLS,
    UNIT_ROW_BIT,
)


@dataclass(frozen=True)
class Place:
    """Names of a block of cells for random draws: matrix rows and columns.

    ``ahead`` keeps the normals of programmings to come, by slot; None for a passing block.
    """

    rows: Any
    cols: range
    ahead: dict[int, EventsAhead] | None = None


@dataclass(frozen=True)
class CellModels:
    """The device models of a core at work on blocks of cells, in units of Gmax."""

    backend: Backend
    hardware: Hardware
    random: RandomSource

    def fresh(self, weights: Weights, scaling: WeightScaling, place: Place, event: int) -> History:
        """Cells after programming ``weights``: in one pass where their error is known by numbers.

        Raises ModelError for conductances that are no finite numbers.
        """
        programming = self.hardware.in_one_pass
        if programming is None:
            return self.programmed(self.targets(weights, scaling), place, event)
        draws = programming.spread != Spread.NONE
        key = self.random(Purpose.PROGRAMMING).key if draws else None
        names = place.cols.start, place.rows, event, key
        shape = (*programming.shape, *weights.shape)
        cells, are_numbers = self.backend.kernels.program(
            weights, scaling.range, programming, names,
            # Drawn for several programmings at a time; a compiled kernel draws its own.
            lambda: self._draw(Purpose.PROGRAMMING, shape, place, event, ERROR_USE).normal(),
        )  # fmt: skip
        if not are_numbers:
            raise _no_numbers(self.hardware.programming, cells)
        return History(cells)

    def targets(self, weights: Weights, scaling: WeightScaling) -> Conductances:
        """Conductances that stand for ``weights``, (slices, sides, rows, columns)."""
        code = self.hardware.code.as_numbers
        return self.backend.kernels.cells(weights, scaling.range, code)

    def programmed(self, target: Conductances, place: Place, event: int) -> History:
        """Cells after programming to ``target``."""
        drift = self.hardware.drift
        if drift.is_ideal:
            return History(self._with_error(target, place, event))
        # A spread about the target, drawn once, contains the programming error at any time.
        contained = drift.drift_includes_programming
        start = target if contained else self._with_error(target, place, event)
        start = self.backend.xp.ascontiguousarray(start)
        if drift.drift_draws_for_itself:
            unit = int(place.rows[0]) >> UNIT_ROW_BIT
            seed = self.random(Purpose.FABRICATION).normal(range(1), unit, 0, DRIFT_SEED_SLOT)
            return History(start, self.backend.xp.full(target.shape, float(seed[0])))
        use = ERROR_USE if contained else DRIFT_USE
        draw = self._draw(Purpose.PROGRAMMING, target.shape, place, event, use)
        return History(start, draw.normal())

    def aged(self, history: History) -> Conductances:
        """Conductances now, at the time of the hardware."""
        drift, cell = self.hardware.drift, self.hardware.cell
        if history.normal is None:
            return history.start
        xp = self.backend.xp
        stays = xp.isnan(history.normal)
        normal = xp.where(stays, 0.0, history.normal)
        siemens = drift.drifted(history.start * cell.Gmax, normal, cell)
        return xp.where(stays, history.start, self._limited(drift, siemens, history.start.shape))

    def as_verified(self, history: History) -> Conductances:
        """Conductances that a look at freshly programmed cells finds."""
        contained = self.hardware.drift.drift_includes_programming
        return self.aged(history) if contained else history.start

    def _with_error(self, target: Conductances, place: Place, event: int) -> Conductances:
        model, cell = self.hardware.programming, self.hardware.cell
        if model.is_ideal:
            return self.backend.xp.ascontiguousarray(target)
        draw = self._draw(Purpose.PROGRAMMING, target.shape, place, event, ERROR_USE)
        return self._limited(model, model.programmed(target * cell.Gmax, cell, draw), target.shape)

    def noisy(
        self, conductances: Conductances, place: Place, vector: int, phase: int
    ) -> Conductances:
        """Cells as one vector reads them in one phase."""
        model, cell = self.hardware.read, self.hardware.cell
        draw = self._draw(Purpose.READ_NOISE, conductances.shape, place, vector, phase)
        siemens = model.read(conductances * cell.Gmax, cell, draw)
        return self._limited(model, siemens, conductances.shape)

    def read_moments(self, conductances: Conductances) -> tuple[Conductances, Array]:
        """Mean and variance of every cell in one read, after the limits of the cell."""
        model, cell, kernels = self.hardware.read, self.hardware.cell, self.backend.kernels
        siemens = conductances * cell.Gmax
        clipped = (
            kernels.clipped_normal if model.distribution == "normal" else kernels.clipped_uniform
        )
        mean, sigma = model.read_mean(siemens, cell), model.read_sigma(siemens, cell)
        for values in (mean, sigma):
            self._require_real(model, require_shape(model, values, siemens.shape))
        if (sigma < 0).any():
            raise ModelError(f"{type(model).__name__}.read_sigma is negative")
        mean, variance = clipped(mean, sigma, cell.low, cell.high)
        return mean / cell.Gmax, variance / cell.Gmax**2

    def _limited(self, model: Device, siemens: Siemens, shape: tuple[int, ...]) -> Conductances:
        """Conductances a model gave, within the limits of the cell and in units of Gmax."""
        cell, xp = self.hardware.cell, self.backend.xp
        self._require_real(model, require_shape(model, siemens, shape))
        limited = xp.maximum(xp.asarray(siemens, dtype=xp.float64), cell.low)
        if cell.high is not None:
            xp.minimum(limited, cell.high, out=limited)
        with np.errstate(over="ignore"):
            limited /= cell.Gmax
        if cell.high is None:
            # A number of siemens may be none of Gmax.
            self._require_real(model, limited)
        return limited

    def _require_real(self, model: Device, values: Array) -> None:
        if values.dtype.kind not in "fiu" or not self.backend.xp.isfinite(values).all():
            raise _no_numbers(model, values)

    def _draw(
        self, purpose: Purpose, shape: tuple[int, ...], place: Place, event: int, use: int
    ) -> Draw:
        """Random numbers for cells (slices, sides, rows, columns), named by their place."""
        slices, sides = shape[:2]
        number = self.backend.xp.arange(slices * sides).reshape(slices, sides, 1)
        slot = number + use * CELL_SLOTS
        where = (place.cols, place.rows, event)

        def normals() -> Any:
            if place.ahead is None:
                return self.random(purpose).normal(*where, slot)
            ahead = place.ahead.setdefault(use, EventsAhead())
            return ahead.normal(self.random(purpose), *where, slot)

        def seed() -> Any:
            corner = (place.cols[:1], place.rows[:1], event)
            return self.random(purpose).normal(*corner, slot[:1, :1])

        made, programs = self.random, purpose is Purpose.PROGRAMMING

        def device_normals() -> Any:
            stream = made(Purpose.FABRICATION)
            return stream.normal(place.cols, place.rows, 0, number + DEVICE_CELLS)

        def chip_normals() -> Any:
            return made(Purpose.FABRICATION).normal(range(1), 0, 0, CHIP_SLOT)

        # Places of their own: a law may take one number of each kind for every cell.
        return Draw(
            normals,
            lambda: self.random(purpose).uniform(*where, slot + UNIFORM_CELLS),
            seed,
            device_normals if programs else None,
            chip_normals if programs else None,
        )


def _no_numbers(model: Device, values: Array) -> ModelError:
    return ModelError(
        f"{type(model).__name__} returned values of dtype {values.dtype} that are not all finite "
        "real numbers"
    )
