"""Which stages of a setting are linear, and the merged conductances that follow.

Between two nonlinear stages (rounding, clipping, noise) everything is a linear map of the
voltages, so it is merged before the multiply. Merging changes the work, never the result.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from simulator.backend import Backend
from simulator.hardware import Hardware, Line
from simulator.mapping import WeightCode
from simulator.partition import Axis, Grid

MIN_DRIVEN_CELLS = 16
# Temporary bytes for each random number.
DRAW_BYTES = 32
# Arrays of cell voltages or currents that solving a network needs.
SOLVER_COPIES = 10


@dataclass(frozen=True)
class Direction:
    """Geometry of one direction: what is driven, what is read, and names for random draws."""

    inputs: Axis
    outputs: Axis
    has_unit: bool

    @classmethod
    def of(cls, grid: Grid, has_unit: bool, transposed: bool) -> Direction:
        """MVM drives columns and reads rows of the matrix; VMM the reverse."""
        if transposed:
            return cls(grid.rows, grid.cols, False)
        return cls(grid.cols, grid.rows, has_unit)

    @property
    def lines(self) -> np.ndarray:
        """Output of every line of every part, (parts, lines); a unit column goes by the first."""
        axis, shift = self.outputs, int(self.has_unit)
        lines = np.zeros((len(axis.sizes), axis.widest + shift), dtype=np.int64)
        lines[axis.part, axis.place + shift] = np.arange(axis.length)
        if self.has_unit:
            lines[:, 0] = [first for first, _ in axis.bounds]
        return lines

    @property
    def real_lines(self) -> np.ndarray:
        """Which lines of every part are there, (parts, lines); the others only pad the stack."""
        axis, shift = self.outputs, int(self.has_unit)
        real = np.zeros((len(axis.sizes), axis.widest + shift), dtype=bool)
        real[axis.part, axis.place + shift] = True
        real[:, :shift] = True
        return real

    @property
    def input_names(self) -> np.ndarray:
        """Number of the first input of every part in the whole matrix, (parts,)."""
        return np.asarray([self.inputs.start + first for first, _ in self.inputs.bounds])

    @property
    def output_names(self) -> range:
        """Numbers of the outputs in the whole matrix."""
        return range(self.outputs.start, self.outputs.start + self.outputs.length)


@dataclass(frozen=True)
class Plan:
    """What is merged where, in one direction of a core.

    ``linear``: nothing between the DAC and the result rounds, so the core is one matrix.
    ``phases``: the array is driven digit by digit because each digit is converted.
    ``unrolled``: every vector is solved on its own, because it meets cells of its own or because
    currents of several inputs do not add up.
    ``noise``: None, "per_output" or "per_device".
    ``noise_point``: where read noise of an output is drawn when its array is merged: at the first
    nonlinear stage, "converter" or "output".
    """

    linear: bool
    phases: bool
    unrolled: bool
    noise: str | None
    noise_point: Literal["converter", "output"]


def make_plan(hardware: Hardware, line: Line, direction: Direction) -> Plan:
    """The plan of one direction; it depends on the hardware alone, never on the inputs."""
    # Recording, and noise of a converter, need the currents there, also where it is ideal.
    ideal_adc = line.adc.is_transparent and not hardware.record
    noise = _noise_sampling(hardware, direction.inputs)
    unit_noise = noise is not None and direction.has_unit
    unrolled = noise == "per_device" or hardware.solves_each_input
    return Plan(
        linear=ideal_adc and not unit_noise and not unrolled and line.digits_exact,
        phases=line.digits is not None and line.adc_per_digit and not ideal_adc,
        unrolled=unrolled,
        noise=noise,
        # A unit column's noise is common to all outputs, so it must be drawn before it is
        # subtracted from them.
        noise_point="output" if ideal_adc and not unit_noise else "converter",
    )


def _noise_sampling(hardware: Hardware, inputs: Axis) -> str | None:
    """How read noise is drawn: cell by cell, or from the exact moments of each output."""
    if hardware.noise is None:
        return None
    if not hardware.read.has_moments("read") or not hardware.ideal_wires:
        return "per_device"
    if hardware.noise != "auto":
        return hardware.noise
    gaussian = hardware.read.distribution == "normal"
    return "per_output" if gaussian or min(inputs.sizes) >= MIN_DRIVEN_CELLS else "per_device"


@dataclass(frozen=True)
class Operand:
    """Conductances of a stack of tiles as the multiply needs them, in units of Gmax.

    ``mean`` and ``variance`` (None without read noise) have the shape (output parts, input parts,
    slices, sides, outputs, inputs) of a tile.
    """

    mean: Any
    variance: Any = None
    _flat: dict = field(default_factory=dict, compare=False, repr=False)

    @property
    def lines(self) -> tuple[int, int, int]:
        """Slices, sides and outputs of one tile."""
        return self.mean.shape[2:5]

    def flat(self, dtype: Any) -> tuple[Any, Any]:
        """Mean and variance with slices, sides and outputs on one axis, in ``dtype``; kept."""
        if dtype not in self._flat:
            shape = (*self.mean.shape[:2], -1, self.mean.shape[-1])
            self._flat[dtype] = tuple(
                None if part is None else part.reshape(shape).astype(dtype)
                for part in (self.mean, self.variance)
            )
        return self._flat[dtype]

    def merge_pairs(self) -> Operand:
        """Positive minus negative cell; independent spreads add up."""
        difference = self.mean[:, :, :, :1] - self.mean[:, :, :, 1:]
        total = None if self.variance is None else self.variance.sum(axis=3, keepdims=True)
        return Operand(difference, total)

    def column_bound(self, backend: Backend, sides_share_line: bool) -> float:
        """Largest current of any line at full-scale input, in units of one full cell."""
        mean = self.merge_pairs().mean if sides_share_line else self.mean
        return float(backend.xp.max(backend.xp.abs(mean).sum(axis=-1)))

    def noise_bound(self, backend: Backend) -> float:
        """Largest standard deviation of any line's current at full-scale input."""
        if self.variance is None:
            return 0.0
        return float(backend.xp.sqrt(backend.xp.max(self.variance.sum(axis=-1)) * self.lines[1]))


def output_side(operand: Operand, has_unit: bool, transposed: bool) -> Operand:
    """The operand seen from one direction: VMM drives the outputs and reads the inputs.

    The unit column is an output line; driven from the other side its cells are not part of the
    product.
    """
    if not transposed:
        return operand

    def turn(part: Any) -> Any:
        if part is None:
            return None
        driven = part[..., 1:, :] if has_unit else part
        return driven.swapaxes(0, 1).swapaxes(-1, -2)

    return Operand(turn(operand.mean), turn(operand.variance))


def merge_noise(code: WeightCode, variance: Any, backend: Backend) -> Any:
    """Variance matrix of the weights from cell variances (slices, sides, rows, columns)."""
    return backend.xp.tensordot(backend.asarray(code.merge**2), variance, axes=2)


def bytes_per_vector(
    plan: Plan,
    hardware: Hardware,
    direction: Direction,
    phases: int,
    itemsize: int,
    waiting: bool,
    draws: bool,
) -> int:
    """Memory that one vector needs on its way.

    ``waiting`` where it is solved on its own for want of effective conductances; ``draws`` where
    random numbers are drawn for it.
    """
    if plan.linear and hardware.folding:
        lines, copies = direction.outputs.length, 4
    else:
        cells_per_output = len(direction.inputs.sizes) * hardware.code.merge.size
        lines, copies = direction.lines.size * cells_per_output * phases, 6
    size = copies * itemsize * (lines + direction.inputs.length * phases)
    if plan.unrolled or waiting:
        cells = direction.lines.size * direction.inputs.length * hardware.code.merge.size
        size += SOLVER_COPIES * 8 * cells * phases
    # Numbers are drawn in float64, with the words they are made of.
    return size + DRAW_BYTES * lines if draws else size
