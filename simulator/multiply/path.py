"""One direction of a stack of tiles: drive the lines, take the route, read out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from simulator.chip.converters import ConverterBank
from simulator.chip.programmed import Programmed
from simulator.chip.tiles import Tiles
from simulator.circuits import CellState
from simulator.errors import InputError
from simulator.hardware import Plan, Route
from simulator.hardware.plan import bytes_per_vector
from simulator.hardware.values import Kept, Value
from simulator.mapping import InputScaling
from simulator.multiply import routes
from simulator.multiply.currents import Call
from simulator.multiply.drive import Drive
from simulator.multiply.limit import ColumnLimit
from simulator.multiply.lookout import Lookout, Watch
from simulator.multiply.products import MatrixProduct, Product
from simulator.multiply.readout import Readout
from simulator.multiply.recorder import Recorder
from simulator.quantities import Inputs, Results, VectorNumbers

ROUTES = {
    Route.MERGED: routes.Merged,
    Route.FOLDED: routes.Folded,
    Route.STAGED: routes.Staged,
    Route.SOLVED: routes.Solved,
}


@dataclass(frozen=True)
class Path(Value):
    """The signal path of one direction, fixed when the core is built.

    ``recorder`` keeps what the ADCs see; None where that is not asked for. ``watch`` tells of
    values that are lost to ranges; None where nobody is to be told.
    """

    tiles: Tiles
    plan: Plan
    recorder: Recorder | None = None
    watch: Watch | None = None

    def multiply(
        self, chip: Programmed, inputs: Inputs, scaling: InputScaling, vectors: VectorNumbers,
        product: Product,
    ) -> Results:  # fmt: skip
        """Products of the programmed matrix with ``inputs``, (outputs, *rest).

        ``inputs`` are what ``product`` takes, in units of the algorithm; ``vectors``, of shape
        rest, the number of every vector in the life of the core. Work is cut along the batch so
        that intermediates stay within the memory limit.
        """
        conductances = chip.vmm if self.plan.direction.name == "vmm" else chip.mvm
        call = Call(conductances, vectors, product, scaling)
        if self._lookout is not None:
            self._lookout.call(inputs, scaling)
        # Asked for all vectors at once: how work is cut must not change a result.
        waiting = self._can_wait and conductances.is_waiting
        solved = waiting and conductances.waits(vectors.size * self.plan.pulses)
        step = self._batch_step(inputs.dtype.itemsize, waiting, vectors)
        if 0 < len(vectors) <= step and vectors.size:
            return self._results(inputs, call, solved)
        shape = self.plan.direction.outputs.length, *vectors.shape
        out = self.tiles.backend.xp.empty(shape, inputs.dtype)
        for start in range(0, len(vectors) if vectors.size else 0, step):
            part = slice(start, start + step)
            out[:, part] = self._results(*call.part(inputs, part), solved)
        return out

    def _results(self, inputs: Inputs, call: Call, solved: bool) -> Results:
        """``multiply`` for as many vectors as fit into memory."""
        if solved or self.plan.route is Route.SOLVED:
            return self._solved.results(self.drive.volts(inputs, call.scaling), call)
        if self.plan.is_scale_free:
            if self._limit is None:
                return self._route.results(inputs, call)
            gain = call.scaling.gain
            return self._limit.apart(inputs, call, gain, self._route.results, self._driven)
        volts = self.drive.volts(inputs, call.scaling)
        if self._limit is None:
            return self._route.results(volts, call)
        return self._limit.apart(volts, call, 1.0, self._route.results, self._limited.results)

    def _driven(self, inputs: Inputs, call: Call) -> Results:
        """Inputs of a path without scale that can reach the limit, which is in volts."""
        return self._limited.results(self.drive.volts(inputs, call.scaling), call)

    def _batch_step(self, itemsize: int, waiting: bool, vectors: VectorNumbers) -> int:
        """Entries of the batch whose intermediates stay within the memory limit; at least one."""
        per_entry = self._bytes[itemsize, waiting] * max(1, math.prod(vectors.shape[1:]))
        return max(1, self.tiles.hardware.memory_limit // per_entry)

    # -- what a call goes through --------------------------------------------------------------

    @cached_property
    def drive(self) -> Drive:
        """The input side."""
        return Drive(self.tiles.backend, self.plan.periphery)

    @cached_property
    def readout(self) -> Readout:
        """The output side."""
        tiles, direction = self.tiles, self.plan.direction
        draws = direction.draws(tiles.backend, tiles.random)
        adc = self.plan.periphery.adc
        made = ConverterBank(tiles.backend, adc, direction, tiles.random)
        return Readout(
            tiles.backend, tiles.hardware, self.plan, draws, made, self.recorder, self._lookout
        )

    @cached_property
    def product(self) -> MatrixProduct:
        """The product that columns of a dense array drive."""
        return MatrixProduct(self.plan.direction.inputs, self.tiles.backend)

    @cached_property
    def _limit(self) -> ColumnLimit | None:
        hardware = self.tiles.hardware
        if hardware.column_limit <= 0:
            return None
        return ColumnLimit(self.tiles.backend, hardware, self.plan)

    @cached_property
    def _lookout(self) -> Lookout | None:
        """None where there is no range that could lose anything."""
        periphery, hardware = self.plan.periphery, self.tiles.hardware
        ideal = periphery.dac.is_ideal and periphery.adc.is_ideal and self._limit is None
        if ideal or self.watch is None:
            return None
        return Lookout(self.watch, self.tiles.backend, hardware, self.plan)

    @cached_property
    def _route(self) -> Any:
        return self._made(ROUTES[self.plan.route])

    @cached_property
    def _limited(self) -> routes.Limited:
        return self._made(routes.Limited)

    @cached_property
    def _solved(self) -> routes.Solved:
        return self._made(routes.Solved)

    def _made(self, route: Any) -> Any:
        tiles = self.tiles
        return route(
            tiles.backend, tiles.hardware, self.plan, self.drive, self.readout, self._limit
        )

    @cached_property
    def _can_wait(self) -> bool:
        plan = self.plan
        has_matrix = plan.wired_noise or plan.route is Route.SOLVED
        return not self.tiles.hardware.ideal_wires and not has_matrix

    @cached_property
    def _bytes(self) -> Kept:
        """By size of a number, and whether vectors are solved one by one: memory of a vector."""
        return Kept(lambda kind: bytes_per_vector(self.plan, self.tiles.hardware, *kind))

    # -- what a core asks ----------------------------------------------------------------------

    @cached_property
    def is_plain(self) -> bool:
        """True where nothing but a product is left, for any input, and nothing is drawn."""
        return self.plan.is_scale_free and self._limit is None and not self.plan.draws

    @cached_property
    def scales_each_vector(self) -> bool:
        """True where each vector has a full scale of its own, and results depend on it."""
        free = self.plan.is_scale_free and self._limit is None
        return self.plan.periphery.each_vector and not free

    def is_one_matrix(self, chip: Programmed) -> bool:
        """True where that product is at hand as one matrix."""
        return self.is_plain and not (self._can_wait and chip.mvm.is_waiting)

    def linear_reach(self, chip: Programmed) -> float:
        """Inputs of smaller magnitude meet nothing but a product; zero where there are none."""
        if not self.plan.is_scale_free or self.plan.draws:
            return 0.0
        return math.inf if self._limit is None else self._limit.linear_reach(chip.mvm)

    def tile_state(
        self,
        chip: Programmed,
        inputs: Inputs,
        values: Inputs,
        part: tuple[int, int],
        at: int,
        phase: int,
    ) -> tuple[CellState, CellState]:
        """Slice ``at`` of one tile while digit ``phase`` is applied, with wires and without.

        ``inputs`` (lines, 1); ``values``, of the whole matrix, are what a percentile is of.
        """
        conductances = chip.vmm if self.plan.direction.is_vmm else chip.mvm
        scaling = self.drive.scaling(lambda: values)
        if self.plan.periphery.each_vector:
            inputs = inputs / self.drive.limits(values.reshape(-1, 1))
        phases = self.drive.phases(self.drive.volts(inputs, scaling))
        if not 0 <= phase < len(phases):
            raise InputError(f"phase {phase}; the inputs are applied in {len(phases)} phase(s)")
        pulse = phases[phase : phase + 1]
        return conductances.circuit.tile_state(conductances.tiles, pulse, part, at)
