"""One multiply, from the inputs through DAC, array and ADC to the result. Start reading here.

::

    x -> range, DAC, digits -> volts -> array -> amps -> [merge] -> ADC -> codes -> [merge] -> y
    W -> range, digits, signed cells -> levels -> program -> G ---^ read noise

Axes are fixed once. Currents have the shape

    (phase, output part, input part, slice, side, output, *rest)

with phases the digits of the input, slices the digits of the weight, sides the cells of a pair,
parts the tiles of a large matrix, and rest the vectors: (batch,) for a matrix product. Merging an
axis leaves it with length 1. Voltages are in units of the full-scale read voltage, conductances of
Gmax, currents of the product of both.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from simulator.backend import Backend
from simulator.chip.conductances import Operand
from simulator.chip.tile_circuit import NetworkSolution
from simulator.circuits import CellState
from simulator.errors import InputError, require_shape
from simulator.hardware.hardware import Hardware, Line
from simulator.hardware.layout import Direction
from simulator.hardware.plan import Plan, bytes_per_vector
from simulator.mapping import InputScaling
from simulator.multiply.currents import PHASE, REST, SLICE, Currents
from simulator.multiply.draws import LineDraws
from simulator.multiply.products import Call, MatrixProduct, Product
from simulator.multiply.readout import Readout
from simulator.multiply.recorder import Recorder
from simulator.randomness import Purpose, Stream

# A limit counts as out of reach of a noisy current at this many standard deviations.
NOISE_REACH = 10.0
# Every entry of a batch, without having looked.
ALL = object()
Times = Callable[[Any, Any], Any]
FROM_CELLS = (
    "_readout", "_cells", "_folded_operand", "_simple_bound", "_full_scale_current",
    "_is_below_limit",
)  # fmt: skip


@dataclass(frozen=True)
class SignalPath:
    """One direction of a stack of programmed tiles, ready to multiply.

    ``solution`` gives the programmed tiles and tells what currents they draw; ``resample`` draws
    fresh tiles for one vector and one phase (noise per device). ``operand`` holds the effective
    conductances of every cell as seen from this direction; ``matrix`` the whole path merged into
    one matrix of weights and their variances, where the plan is linear. ``converters`` gives what
    was fixed when ADCs of a shape were made.
    """

    backend: Backend
    hardware: Hardware
    line: Line
    plan: Plan
    direction: Direction
    streams: Callable[[Purpose], Stream]
    weight_limit: Callable[[], float]
    solution: Callable[[], NetworkSolution]
    operand: Callable[[], Operand]
    matrix: Callable[[], tuple[Any, Any]]
    largest_cell: Callable[[], float]
    resample: Callable[[int, int], Any]
    converters: Callable[[tuple[int, ...]], Any]
    tile_gains: Callable[[], Any]
    recorder: Recorder | None = None
    _matrices: dict[Any, tuple[Any, Any]] = field(default_factory=dict, init=False)
    _bytes: dict[tuple[int, bool], int] = field(default_factory=dict, init=False)

    def renewed(self) -> SignalPath:
        """The path after the cells changed: without what followed from them."""
        # A new one, so that a multiply in another thread keeps nothing of the old cells here.
        kept = {name: part for name, part in self.__dict__.items() if name not in FROM_CELLS}
        path = object.__new__(SignalPath)
        path.__dict__.update(kept, _matrices={})
        readout = self.__dict__.get("_readout")
        if readout and readout.fits(self.weight_limit(), self.tile_gains()):
            path.__dict__["_readout"] = readout
        return path

    def multiply(
        self, inputs: Any, scaling: InputScaling, vectors: Any, product: Product | None = None
    ) -> Any:
        """Products of the programmed matrix with ``inputs``, (outputs, *rest).

        ``inputs`` (lines, batch), or what ``product`` takes, in units of the algorithm;
        ``vectors``, of shape rest, the number of every vector in the life of the core. Work is
        cut along the batch so that intermediates stay within the memory limit.
        """
        call = Call(vectors, product or self.matrix_product, scaling.gain)
        step = self._batch_step(inputs.dtype.itemsize, vectors)
        # Asked for all vectors at once: how work is cut must not change a result.
        solved = vectors.size * len(self._phase_weights)
        unrolled = self.plan.unrolled or self.solution().waits(solved)
        if 0 < len(vectors) <= step and vectors.size:
            return self._multiply(inputs, scaling, call, unrolled)
        out = self._empty(call, inputs.dtype)
        for start in range(0, len(vectors) if vectors.size else 0, step):
            part = slice(start, start + step)
            some, of_scaling, of_call = call.part(inputs, part, scaling)
            out[:, part] = self._multiply(some, of_scaling, of_call, unrolled)
        return out

    def _empty(self, call: Call, dtype: Any) -> Any:
        return self.backend.xp.empty((self.direction.outputs.length, *call.vectors.shape), dtype)

    @cached_property
    def _readout(self) -> Readout:
        draws = LineDraws(self.backend, self.direction, self.streams)
        digits = self.line.digits if self.plan.phases else None
        return Readout(
            self.backend, self.hardware, self.line, digits, self.plan.noise_point, self.direction,
            draws, self.weight_limit(), self.recorder, self.converters, self.tile_gains(),
        )  # fmt: skip

    @cached_property
    def matrix_product(self) -> MatrixProduct:
        """The product that columns of a dense array drive."""
        return MatrixProduct(self.direction.inputs, self.backend)

    def _multiply(self, inputs: Any, scaling: InputScaling, call: Call, unrolled: bool) -> Any:
        """``multiply`` for as many vectors as fit into memory."""
        if self._is_scale_free and not unrolled:
            limited = self._can_reach_limit(inputs, call, scaling.gain)

            def clipped(part: Any, call: Call) -> Any:
                return self._times_weights_limited(scaling.encode(part), call)

            return self._apart(limited, self._times_matrix, clipped, inputs, call)
        volts = self._volts(inputs, scaling)
        if unrolled:
            return self._times_unrolled(volts, call)
        free, clip = self._times_weights_unlimited, self._times_weights_limited
        return self._apart(self._can_reach_limit(volts, call), free, clip, volts, call)

    def _apart(self, limited: Any, free: Times, clip: Times, inputs: Any, call: Call) -> Any:
        """Vectors that can reach the column limit go through it, the others pass it by."""
        if limited is ALL or (limited is not None and limited.all()):
            return clip(inputs, call)
        if limited is None or not limited.any():
            return free(inputs, call)
        out = self._empty(call, inputs.dtype)
        for mask, times in ((limited, clip), (~limited, free)):
            out[:, mask] = times(*call.part(inputs, mask))
        return out

    def _volts(self, inputs: Any, scaling: InputScaling) -> Any:
        """What the DACs make of the inputs."""
        kernels, dac = self.backend.kernels, self.line.dac
        if dac.is_ideal:
            return scaling.encode(inputs)
        limits = self.line.dac_limits(scaling)
        levels = dac.levels(*limits)
        if levels is not None:
            return kernels.quantize_scaled(inputs, scaling.gain, *levels)
        volts = scaling.encode(inputs)
        return require_shape(dac, dac.convert(volts, *limits, kernels), volts.shape)

    def tile_state(
        self, inputs: Any, scaling: InputScaling, part: tuple[int, int], at: int, phase: int
    ) -> tuple[CellState, CellState]:
        """Slice ``at`` of one tile while digit ``phase`` is applied, with wires and without."""
        phases = self._phases(self._volts(inputs, scaling))
        if not 0 <= phase < len(phases):
            raise InputError(f"phase {phase}; the inputs are applied in {len(phases)} phase(s)")
        return self.solution().network.tile_state(
            self.solution().tiles(), phases[phase : phase + 1], part, at
        )

    @property
    def is_waiting(self) -> bool:
        """True where vectors are solved one by one so far, for want of effective conductances."""
        return self.solution().is_waiting

    def _times_unrolled(self, volts: Any, call: Call) -> Any:
        """Every vector is solved on its own: it meets its own cells, or switches them."""
        dense = call.product.unrolled(volts)
        flat = Call(call.vectors.reshape(-1), self.matrix_product, call.gain)
        currents = self._merge_analog(self._limit(self._currents_one_by_one(dense, flat.vectors)))
        out = self._readout.results(currents, dense, flat)
        return out.reshape(-1, *call.vectors.shape)

    def _times_weights_limited(self, volts: Any, call: Call) -> Any:
        currents = self._all_currents(volts, call.product)
        currents = self._limit(self._readout.draw_noise(currents, call.vectors))
        return self._readout.results(self._merge_analog(currents), volts, call)

    def _times_weights_unlimited(self, volts: Any, call: Call) -> Any:
        if not self.hardware.folding:
            currents = self._merge_analog(self._all_currents(volts, call.product))
        elif self.plan.linear:
            return self._times_matrix(volts, call) / call.gain
        else:
            currents = self._folded_currents(volts, call.product)
        return self._readout.results(currents, volts, call)

    # -- the whole path as one matrix --------------------------------------------------------

    @cached_property
    def _is_scale_free(self) -> bool:
        """True where no stage rounds, so that scaling cancels below the column limit."""
        return self.plan.linear and self.line.dac.is_ideal and self.hardware.folding

    @property
    def is_one_matrix(self) -> bool:
        """True where nothing but a product is left, for any input."""
        return self._is_scale_free and self.hardware.column_limit <= 0

    @property
    def linear_reach(self) -> float:
        """Inputs of smaller magnitude meet nothing but a product; zero where there are none."""
        if not self._is_scale_free or self.draws:
            return 0.0
        limit, scaling = self.hardware.column_limit, self.line.fixed_scaling
        if limit <= 0:
            return math.inf
        if scaling is None or self.line.digits is not None:
            return 0.0
        bound = self._simple_bound * scaling.gain
        return limit / bound if bound > 0 else math.inf

    @cached_property
    def draws(self) -> bool:
        """True where a multiply draws random numbers, so that vectors must be numbered."""
        return self.plan.noise is not None or self.line.adc.draws

    def _times_matrix(self, volts: Any, call: Call) -> Any:
        weights, variance = self.merged_matrix(volts.dtype)
        out = call.product.merged(weights, volts)
        if variance is not None:
            spread = self.backend.xp.sqrt(call.product.merged(variance, self._squares(volts)))
            spread *= self.weight_limit()
            out += spread * self._readout.draws.for_outputs(call.vectors, out.dtype)
        return out

    def merged_matrix(self, dtype: Any) -> tuple[Any, Any]:
        """``matrix`` in one dtype; kept until the cells change."""
        if dtype not in self._matrices:
            weights, variance = self.matrix()
            cast = None if variance is None else variance.astype(dtype, copy=False)
            self._matrices[dtype] = weights.astype(dtype, copy=False), cast
        return self._matrices[dtype]

    # -- voltages to currents ----------------------------------------------------------------

    def _phases(self, volts: Any) -> Any:
        """Voltages of every phase, (phases, inputs, batch)."""
        if self.line.digits is None:
            return volts[None]
        return self.line.digits.encode(volts, self.backend.kernels)

    def _merged_phases(self, volts: Any) -> Any:
        """What all phases together apply: the voltages, on the grid of the digits."""
        if self.line.digits_exact:
            return volts
        return self._add_phases(self._phase_weights, self._phases(volts))

    def _squares(self, volts: Any) -> Any:
        """Sum of squared voltages over the phases as their noise adds up, (inputs, batch)."""
        if self.line.digits is None:
            return volts * volts
        return self._add_phases(self._phase_weights**2, self._phases(volts) ** 2)

    def _add_phases(self, weights: np.ndarray, phases: Any) -> Any:
        merge = self.backend.asarray(weights, dtype=phases.dtype)
        return self.backend.xp.tensordot(merge, phases, axes=1)

    @cached_property
    def _phase_weights(self) -> np.ndarray:
        return np.asarray((1.0,) if self.line.digits is None else self.line.digits.merge)

    def _line_currents(self, conductances: Any, phases: Any, operand: Operand, p: Product) -> Any:
        """Currents in the order of all axes."""
        flat = p.currents(conductances, phases)
        return flat.reshape(*flat.shape[:SLICE], *operand.lines, *flat.shape[SLICE + 1 :])

    def _all_currents(self, volts: Any, product: Product) -> Currents:
        """Currents of every phase, slice and side: nothing merged."""
        operand = self._cells
        mean, variance = operand.flat(volts.dtype)
        phases = self._phases(volts)
        noise = None
        if variance is not None:
            noise = self._line_currents(variance, phases * phases, operand, product)
        currents = Currents(self._line_currents(mean, phases, operand, product), noise)
        return currents.merge_pairs() if self.hardware.shared_line else currents

    def _folded_currents(self, volts: Any, product: Product) -> Currents:
        """Currents at the converter: pairs and phases merged before the product where linear."""
        operand = self._folded_operand
        mean, variance = operand.flat(volts.dtype)
        phases = self._phases(volts) if self.plan.phases else self._merged_phases(volts)[None]
        noise = None
        if variance is not None:
            squares = phases * phases if self.plan.phases else self._squares(volts)[None]
            noise = self._line_currents(variance, squares, operand, product)
        return Currents(self._line_currents(mean, phases, operand, product), noise)

    @cached_property
    def _cells(self) -> Operand:
        return self.operand()

    @cached_property
    def _folded_operand(self) -> Operand:
        operand = self._cells
        return operand.merge_pairs() if self.hardware.pair_in_array else operand

    def _currents_one_by_one(self, volts: Any, vectors: Any) -> Currents:
        """Currents of every vector and phase, with cells drawn anew where their noise is."""
        phases, network = self._phases(volts), self.solution().network
        if self.plan.noise == "per_device":
            columns = []
            for vector, phase_volts in zip(vectors, phases.transpose(2, 0, 1), strict=True):
                column = [
                    network.currents(self.resample(int(vector), phase), drive[None, :, None])
                    for phase, drive in enumerate(phase_volts)
                ]
                columns.append(self.backend.xp.concatenate(column))
            currents = Currents(self.backend.xp.concatenate(columns, axis=REST))
        else:
            currents = Currents(network.currents(self.solution().tiles(), phases))
        return currents.merge_pairs() if self.hardware.shared_line else currents

    # -- the column limit --------------------------------------------------------------------

    def _can_reach_limit(self, inputs: Any, call: Call, gain: float = 1.0) -> Any:
        """Which entries of the batch could drive a line to ``Icol_max``; None for none.

        A limit out of reach is no stage. On a GPU no value is looked at, which would take longer:
        there a limit is a stage for ``ALL``, unless converters keep every voltage below it.
        """
        xp, limit = self.backend.xp, self.hardware.column_limit
        if limit <= 0 or self._is_below_limit:
            return None
        if self.backend.is_asynchronous:
            return ALL
        # A digit is at full scale, whatever the value it is of.
        peak = call.product.peak(inputs) * gain
        if (peak if self.line.digits is None else max(peak, 1.0)) * self._simple_bound <= limit:
            return None
        largest = call.product.peaks(inputs) * gain
        if self.line.digits is not None:
            largest = xp.where(largest > 0, xp.maximum(largest, 1.0), 0.0)
        return largest * self._full_scale_current > limit

    @cached_property
    def _is_below_limit(self) -> bool:
        """True where converters keep every line below ``Icol_max``, whatever the inputs."""
        largest = self.line.largest_volt
        return largest < math.inf and largest * self._simple_bound <= self.hardware.column_limit

    @cached_property
    def _simple_bound(self) -> float:
        """A current that no line exceeds at full-scale input, known without looking at lines."""
        if self.plan.noise is not None:
            return math.inf
        return self.direction.inputs.length * self.largest_cell()

    @cached_property
    def _full_scale_current(self) -> float:
        operand = self._cells
        noise = NOISE_REACH * operand.noise_bound(self.backend)
        return operand.column_bound(self.backend, self.hardware.shared_line) + noise

    def _limit(self, currents: Currents) -> Currents:
        limit = self.hardware.column_limit
        if limit <= 0:
            return currents
        return replace(currents, mean=self.backend.xp.clip(currents.mean, -limit, limit))

    def _merge_analog(self, currents: Currents) -> Currents:
        """What the array and its integrators add up before the converter: pairs and phases."""
        if self.hardware.pair_in_array:
            currents = currents.merge_pairs()
        if self.plan.phases or self.line.digits is None:
            return currents
        return currents.merge(PHASE, self.backend.asarray(self._phase_weights))

    def _batch_step(self, itemsize: int, vectors: Any) -> int:
        """Entries of the batch whose intermediates stay within the memory limit; at least one."""
        kind = itemsize, self.is_waiting
        if kind not in self._bytes:
            self._bytes[kind] = bytes_per_vector(
                self.plan, self.hardware, self.direction, len(self._phase_weights), *kind,
                self.draws,
            )  # fmt: skip
        per_vector = self._bytes[kind]
        vectors_per_entry = math.prod(vectors.shape[1:])
        return max(1, self.hardware.memory_limit // (per_vector * max(1, vectors_per_entry)))
