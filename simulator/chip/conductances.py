"""What follows from programmed cells in one direction: the matrices that products are taken with.

Everything is found when it is first asked for, and kept as long as the cells are as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from simulator.backend import Backend
from simulator.chip.cells import Cells
from simulator.chip.tile_circuit import TileCircuit
from simulator.circuits import LineNoise
from simulator.hardware.plan import Plan
from simulator.hardware.values import Kept
from simulator.mapping import WeightCode
from simulator.quantities import Array, Weights

if TYPE_CHECKING:
    from simulator.chip.programmed import Programmed


@dataclass(frozen=True)
class Operand:
    """Conductances of a stack of tiles as the multiply needs them, in units of Gmax.

    ``mean`` and ``variance`` (None without read noise) have the shape (output parts, input parts,
    slices, sides, outputs, inputs) of a tile.
    """

    mean: Array
    variance: Array | None = None

    @cached_property
    def lines(self) -> tuple[int, int, int]:
        """Slices, sides and outputs of one tile."""
        return self.mean.shape[2:5]

    @cached_property
    def flat(self) -> Kept:
        """By dtype: mean and variance with slices, sides and outputs on one axis."""
        shape = (*self.mean.shape[:2], -1, self.mean.shape[-1])
        return Kept(
            lambda dtype: tuple(
                None if part is None else part.reshape(shape).astype(dtype)
                for part in (self.mean, self.variance)
            )
        )

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

    def from_other_side(self, has_unit: bool) -> Operand:
        """The operand of a VMM, which drives the outputs and reads the inputs.

        A unit column is an output line; driven from the other side its cells are not part of the
        product.
        """

        def turn(part: Any) -> Any:
            if part is None:
                return None
            driven = part[..., 1:, :] if has_unit else part
            return driven.swapaxes(0, 1).swapaxes(-1, -2)

        return Operand(turn(self.mean), turn(self.variance))


@dataclass(frozen=True)
class WiredOperand:
    """Lines whose wires let cells disturb one another, with their read noise.

    The axes of ``noise`` are (output parts, input parts, slices, sides, outputs, inputs or zones).
    """

    noise: LineNoise
    backend: Backend

    def apart(self, dtype: Any) -> LineNoise:
        """As the multiply needs it, each side a slice of its own."""
        return self._apart[dtype]

    def paired(self, dtype: Any) -> LineNoise:
        """As the multiply needs it where the sides of a pair are merged, so that noise adds up."""
        return self._paired[dtype]

    @cached_property
    def _apart(self) -> Kept:
        def cast(dtype: Any) -> LineNoise:
            return self._cast(self.noise, dtype, lambda part: part.reshape(
                *part.shape[:2], -1, 1, *part.shape[4:]
            ))  # fmt: skip

        return Kept(cast)

    @cached_property
    def _paired(self) -> Kept:
        return Kept(lambda dtype: self._cast(self.noise, dtype, lambda part: part))

    def _cast(self, noise: LineNoise, dtype: Any, seen: Callable[[Array], Array]) -> LineNoise:
        """Gains (output parts, input parts, zones, all lines, inputs of a zone), and squares.

        These are (output parts, input parts, slices and outputs, inputs), both sides added up.
        """
        gains, squares, shift, form = (seen(part).astype(dtype) for part in noise.arrays)
        squares = squares.sum(axis=3).reshape(*squares.shape[:2], -1, squares.shape[-1])
        lines = gains.reshape(*gains.shape[:2], -1, gains.shape[-1])
        by_zones = self.backend.xp.ascontiguousarray(self.by_zones(lines, -1).swapaxes(-2, -3))
        return LineNoise(by_zones, squares, shift, form)

    def by_zones(self, values: Array, axis: int) -> Array:
        """Values with their inputs, on an axis from the end, cut into (zones, inputs of a zone)."""
        zones, count = self.noise.shift.shape[-1], values.shape[axis]
        width = max(1, -(-count // zones))
        if zones * width != count:
            wide = [(0, 0)] * values.ndim
            wide[axis] = (0, zones * width - count)
            values = self.backend.xp.pad(values, wide)
        shape = values.shape
        return values.reshape(*shape[:axis], zones, width, *shape[values.ndim + axis + 1 :])

    def column_bound(self, backend: Backend, sides_share_line: bool) -> float:
        """Largest current of any line at full-scale input, in units of one full cell."""
        return float(backend.xp.max(backend.xp.abs(self.noise.gains).sum(axis=-1)))

    def noise_bound(self, backend: Backend) -> float:
        """What no standard deviation of a line's current exceeds at full-scale input."""
        xp, (gains, squares, shift, form) = backend.xp, self.noise.arrays
        parts = self.by_zones(gains, -1)
        apart = xp.abs(parts - shift[..., None]).sum(axis=-1)
        alike = xp.full_like(apart, float(parts.shape[-1]))
        largest = xp.concatenate([alike, apart], axis=-1)
        coupled = (xp.abs(form) * largest[..., None] * largest[..., None, :]).sum(axis=(-1, -2))
        variance = xp.maximum(squares, 0.0).sum(axis=-1) + coupled
        return float(xp.sqrt(xp.max(variance.sum(axis=3))))


@dataclass
class Solved:
    """Vectors that were solved one by one since the cells were programmed, in one direction.

    ``bought``: effective conductances are at hand, so no more will be. Copies of a core remember
    it and find the conductances again.
    """

    vectors: int = 0
    bought: bool = False


@dataclass(frozen=True)
class Conductances:
    """Programmed cells as one direction meets them."""

    chip: Programmed
    plan: Plan

    # -- wires -------------------------------------------------------------------------------

    @cached_property
    def circuit(self) -> TileCircuit:
        """The circuit of the tiles, driven in this direction."""
        hardware = self.chip.hardware
        return TileCircuit(
            hardware.circuit, self.chip.backend, self.chip.grid, hardware.code.unit_column,
            self.plan.direction.is_vmm, hardware.wired_slices,
        )  # fmt: skip

    @cached_property
    def effective(self) -> Array:
        """Tiles of effective conductances, wires included."""
        if self.circuit.is_ideal:
            return self.chip.tiles_of(self.chip.cells)
        tiles = self.circuit.effective(self.tiles)
        self._solved.bought = True
        return tiles

    @property
    def tiles(self) -> Array:
        """Tiles of the cells themselves."""
        return self.chip.tiles_of(self.chip.cells)

    @cached_property
    def read_tiles(self) -> tuple[Array, Array]:
        """Tiles of the mean and of the variance of every cell in one read."""
        mean, variance = map(self.chip.tiles_of, self.chip.read_moments())
        return mean, variance

    @property
    def _solved(self) -> Solved:
        return self.chip.solved[self.plan.direction.name]

    @property
    def is_waiting(self) -> bool:
        """True where vectors are solved one by one so far, for want of effective conductances."""
        return not (self.circuit.is_ideal or self._solved.bought)

    def waits(self, vectors: int) -> bool:
        """Whether so many vectors more are solved one by one, as all before them were.

        The conductances are bought when the vectors so far would have cost as much.
        """
        if not self.is_waiting:
            return False
        self._solved.vectors += vectors
        return self.circuit.prefers_currents(self.tiles, self._solved.vectors)

    # -- line by line ------------------------------------------------------------------------

    @cached_property
    def wired(self) -> WiredOperand:
        """Every line behind its wires, with its read noise to first order."""
        mean, variance = self.read_tiles
        # Most cells read as they are on average.
        alike = bool((mean == self.tiles).all())
        gains = self.effective if alike else self.circuit.effective(mean)
        return WiredOperand(self.circuit.line_noise(mean, variance, gains), self.chip.backend)

    @cached_property
    def lines(self) -> Operand | WiredOperand:
        """Every cell of every line, with its read noise where that is drawn per output."""
        if self.plan.wired_noise:
            return self.wired
        if self.plan.noise != "per_output":
            operand = Operand(self.effective)
        else:
            operand = Operand(*map(self.chip.tiles_of, self.chip.read_moments()))
        if not self.plan.direction.is_vmm:
            return operand
        return operand.from_other_side(self.chip.hardware.code.unit_column)

    @cached_property
    def folded(self) -> Operand:
        """What the lines add up to before the converters: pairs merged where arrays merge them."""
        lines = self.lines
        assert isinstance(lines, Operand)  # noise behind wires is not folded
        return lines.merge_pairs() if self.chip.hardware.pair_in_array else lines

    @cached_property
    def simple_bound(self) -> float:
        """A current that no line exceeds at full-scale input, known without looking at lines.

        In units of one full cell, without read noise.
        """
        return self.plan.direction.inputs.length * self.chip.cells.largest

    @cached_property
    def line_bound(self) -> float:
        """A current that no line exceeds at full-scale input, without read noise."""
        return self.lines.column_bound(self.chip.backend, self.chip.hardware.shared_line)

    @cached_property
    def noise_bound(self) -> float:
        """Largest standard deviation of the current of any line at full-scale input."""
        return self.lines.noise_bound(self.chip.backend)

    # -- one matrix --------------------------------------------------------------------------

    @cached_property
    def matrix(self) -> Kept:
        """By dtype: the whole path as one matrix of weights, and their variances or None.

        In the order (outputs, inputs) of this direction. Variances are those of normalised
        weights: the square of a weight may not be a number.
        """

        def cast(dtype: Any) -> tuple[Any, Any]:
            weights, variance = self._merged
            spread = None if variance is None else variance.astype(dtype, copy=False)
            return weights.astype(dtype, copy=False), spread

        return Kept(cast)

    @property
    def _merged(self) -> tuple[Weights, Array | None]:
        is_vmm, chip = self.plan.direction.is_vmm, self.chip
        if self.plan.noise != "per_output" or not chip.hardware.ideal_wires:
            weights, variance = merged(chip, is_vmm, self._cells_met)
        elif chip.cells.unit is None:
            # Both directions read the same cells, whose noise may take long to find.
            weights, variance = chip.noisy_matrix
        else:
            weights, variance = merged(chip, is_vmm, *chip.read_moments())
        if is_vmm:
            weights, variance = weights.T, None if variance is None else variance.T
        return weights, variance

    @property
    def _cells_met(self) -> Cells:
        """The cells as small voltages meet them, wires included."""
        chip, circuit = self.chip, self.chip.hardware.circuit
        if chip.hardware.ideal_wires:
            return chip.cells
        if circuit.is_linear:
            tiles = self.effective
        else:
            linear = replace(self.circuit, circuit=circuit.small_signals)
            tiles = linear.effective(circuit.slopes(self.tiles))
        has_unit = chip.hardware.code.unit_column
        return Cells(*chip.grid.gather(tiles, has_unit, chip.backend))


def merged(
    chip: Programmed, is_vmm: bool, mean: Cells, variance: Cells | None = None
) -> tuple[Weights, Array | None]:
    """Weights (rows, columns) that cells stand for in a product, and their variances or None."""
    code, xp = chip.hardware.code, chip.backend.xp
    spread = None
    if variance is not None:
        spread = merge_noise(code, variance.matrix, chip.backend) * code.product_gain**2
    # From the other side unit columns are not read, so the offset is taken off digitally.
    unit = None if is_vmm else chip.unit_of_rows(mean)
    weights = chip.scaling.decode(code.product_matrix(mean.matrix, unit, xp))
    if chip.gain != 1.0:
        weights *= chip.gain
    if chip.tile_gains is not None:
        gains = chip.weight_gains
        weights *= gains
        spread = None if spread is None else spread * gains**2
    return weights, spread


def merge_noise(code: WeightCode, variance: Array, backend: Backend) -> Array:
    """Variance matrix of the weights from cell variances (slices, sides, rows, columns)."""
    return backend.xp.tensordot(backend.asarray(code.merge**2), variance, axes=2)
