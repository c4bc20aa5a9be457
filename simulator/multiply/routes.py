"""Four routes from voltages to results. Each gives the same results, where it can be taken.

The plan names the route of a core (`simulator.hardware.plan`). `Staged` is the reference: every
current of the array on its own. The others merge what is linear before the product.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from simulator.backend import Backend
from simulator.chip.conductances import Operand, WiredOperand
from simulator.chip.programmed import Programmed
from simulator.chip.tile_circuit import TileCircuit
from simulator.circuits import LineNoise
from simulator.hardware import Hardware, Plan
from simulator.multiply.currents import PHASE, REST, SLICE, Call, Currents
from simulator.multiply.drive import Drive
from simulator.multiply.limit import ColumnLimit
from simulator.multiply.products import MatrixProduct, Product
from simulator.multiply.readout import Readout
from simulator.multiply.variances import VarianceOf, scaled, variance_in_range
from simulator.quantities import Amps, Array, Conductances, Results, Volts

# Currents of zones behind wires that fit a cache, and vectors that are worth a product.
CURRENTS_AT_A_TIME, LEAST_VECTORS = 1 << 17, 16


@dataclass(frozen=True)
class _Route:
    """The stages that a route goes through."""

    backend: Backend
    hardware: Hardware
    plan: Plan
    drive: Drive
    readout: Readout
    limit: ColumnLimit | None

    def results(self, volts: Volts, call: Call) -> Results:
        """Results (outputs, *rest) of voltages."""
        raise NotImplementedError

    def _clipped(self, currents: Currents) -> Currents:
        """Currents within the column limit."""
        assert self.limit is not None  # the plan has one
        lookout = self.readout.lookout
        if lookout is not None and lookout.is_due:
            lookout.limited(currents.mean, self.limit.amps)
        return self.limit.clipped(currents)

    def _variance(self, variance_of: VarianceOf, volts: Volts, call: Call) -> tuple[Array, Any]:
        """Variances of currents, in units that keep their squares in the range of floats."""
        if self.plan.periphery.digits is not None:
            # A digit is at full scale or zero.
            return variance_of(volts, call), None
        return variance_in_range(variance_of, volts, call, self.backend)

    def _merge_analog(self, currents: Currents) -> Currents:
        """What the array and its integrators add up before the converter: pairs and phases."""
        if self.hardware.pair_in_array:
            currents = currents.merge_pairs()
        if self.plan.phases or self.plan.periphery.digits is None:
            return currents
        return currents.merge(PHASE, self.backend.asarray(self.drive.weights))


class Merged(_Route):
    """The whole path as one matrix of weights: one product."""

    def results(self, volts: Volts, call: Call) -> Results:
        """The product, and the noise of every result; per unit of input."""
        out = self.products(volts, call)
        return out if self.plan.is_scale_free else out / call.scaling.gain

    def products(self, volts: Volts, call: Call) -> Results:
        """The product with the matrix, and the noise of every result."""
        weights, variance = call.conductances.matrix[volts.dtype]
        out = call.product.merged(weights, volts)
        if variance is not None:

            def variance_of(volts: Volts, call: Call) -> Array:
                return call.product.merged(variance, self.drive.squares(volts))

            found, exponents = self._variance(variance_of, volts, call)
            spread = self.backend.xp.sqrt(found)
            spread *= call.conductances.chip.weight_limit
            noise = spread * self.readout.draws.for_outputs(call.vectors, out.dtype)
            out += scaled(noise, exponents)
        return out


class Folded(_Route):
    """Currents at the converters at once: pairs, and digits where they are not converted apart."""

    def results(self, volts: Volts, call: Call) -> Results:
        """One product with the folded conductances, then the read-out."""
        operand, product = call.conductances.folded, call.product
        mean, variance = operand.flat[volts.dtype]
        apart = self.plan.phases
        drive = self.drive
        phases = drive.phases(volts) if apart else drive.merged_phases(volts)[None]
        currents = Currents(line_currents(mean, phases, operand, product))
        if variance is not None:

            def variance_of(volts: Volts, call: Call) -> Array:
                squares = drive.phases(volts) ** 2 if apart else drive.squares(volts)[None]
                return line_currents(variance, squares, operand, call.product)

            currents = Currents(currents.mean, *self._variance(variance_of, volts, call))
        return self.readout.results(currents, volts, call)


class Staged(_Route):
    """Every stage on its own: the current of every phase, slice and side."""

    def results(self, volts: Volts, call: Call) -> Results:
        """All currents, merged where the array merges them, then the read-out."""
        currents = self._merge_analog(self._all_currents(volts, call))
        return self.readout.results(currents, volts, call)

    def _all_currents(self, volts: Volts, call: Call) -> Currents:
        operand = call.conductances.lines
        if isinstance(operand, WiredOperand):
            return self._behind_wires(operand, volts, call)
        mean, variance = operand.flat[volts.dtype]
        phases = self.drive.phases(volts)
        currents = Currents(line_currents(mean, phases, operand, call.product))
        if variance is not None:

            def variance_of(volts: Volts, call: Call) -> Array:
                return line_currents(variance, self.drive.phases(volts) ** 2, operand, call.product)

            currents = Currents(currents.mean, *self._variance(variance_of, volts, call))
        return currents.merge_pairs() if self.hardware.shared_line else currents

    def _behind_wires(self, operand: WiredOperand, volts: Volts, call: Call) -> Currents:
        """Currents whose cells disturb one another."""
        means = []

        def variance_of(volts: Volts, call: Call) -> Array:
            mean, variance = self._wired_moments(operand, volts, call)
            means.append(mean)
            return variance

        variance = self._variance(variance_of, volts, call)
        return Currents(means[0], *variance)

    def _wired_moments(self, operand: WiredOperand, volts: Volts, call: Call) -> tuple[Any, Any]:
        """Means and variances, with all axes of currents; pairs merged where the array does so."""
        xp, pairs = self.backend.xp, self._merges_pairs
        phases = self.drive.phases(call.product.unrolled(volts))
        tiles = self.plan.direction.inputs.split(phases, self.backend)[:, None]
        noise = operand.paired(volts.dtype) if pairs else operand.apart(volts.dtype)
        # Some vectors at a time: the currents of all zones then stay in the cache.
        lines = noise.gains.shape[0] * math.prod(noise.gains.shape[1:4]) * len(phases)
        step = max(LEAST_VECTORS, CURRENTS_AT_A_TIME // max(1, lines))
        parts = [
            self._moments(operand, noise, xp.ascontiguousarray(tiles[..., start : start + step]))
            for start in range(0, tiles.shape[-1], step)
        ]
        left = 1 if pairs else operand.noise.shift.shape[3]
        moments = (
            part[0] if len(parts) == 1 else xp.concatenate(part, axis=-1)
            for part in zip(*parts, strict=True)
        )
        mean, variance = (
            part.reshape(*part.shape[:SLICE], -1, left, part.shape[-2], *call.vectors.shape)
            for part in moments
        )
        return mean, variance

    def _moments(self, operand: WiredOperand, noise: LineNoise, tiles: Volts) -> tuple[Any, Any]:
        """Means and variances (phases, output parts, input parts, slices, outputs, vectors)."""
        zones = operand.by_zones(tiles, -2)
        squares = noise.squares @ (tiles * tiles)
        by_zones = noise.gains @ zones
        slices, sides, outputs = noise.shift.shape[2:5]
        mean, variance = self.backend.kernels.line_moments(
            by_zones.reshape(*by_zones.shape[:4], slices, sides, outputs, -1),
            squares.reshape(*squares.shape[:3], slices, outputs, -1),
            zones[:, 0].sum(axis=-2), noise.shift, noise.form,
        )  # fmt: skip
        return mean, variance

    @property
    def _merges_pairs(self) -> bool:
        """Whether pairs are merged before anything else happens to their currents."""
        return self.hardware.pair_in_array


class Limited(Staged):
    """As `Staged`, for vectors that can reach the column limit: noise is drawn before it clips."""

    _merges_pairs = False

    def results(self, volts: Volts, call: Call) -> Results:
        """All currents with their noise, within the limit, then as `Staged`."""
        currents = self.readout.draw_noise(self._all_currents(volts, call), call.vectors)
        currents = self._merge_analog(self._clipped(currents))
        return self.readout.results(currents, volts, call)


class Solved(_Route):
    """Every vector on its own: it meets cells of its own, or switches them, or wires must do."""

    def results(self, volts: Volts, call: Call) -> Results:
        """Currents that the circuit gives for every vector, then as `Staged`."""
        dense = call.product.unrolled(volts)
        product = MatrixProduct(self.plan.direction.inputs, self.backend)
        flat = Call(call.conductances, call.vectors.reshape(-1), product, call.scaling)
        currents = self._currents(dense, flat)
        if self.limit is not None:
            currents = self._clipped(self.readout.draw_noise(currents, flat.vectors))
        out = self.readout.results(self._merge_analog(currents), dense, flat)
        return out.reshape(-1, *call.vectors.shape)

    def _currents(self, volts: Volts, call: Call) -> Currents:
        phases, circuit = self.drive.phases(volts), call.conductances.circuit
        if self.plan.noise == "per_device":
            chip = call.conductances.chip
            columns = [
                self._with_own_cells(chip, circuit, int(vector), phase_volts)
                for vector, phase_volts in zip(call.vectors, phases.transpose(2, 0, 1), strict=True)
            ]
            currents = Currents(self.backend.xp.concatenate(columns, axis=REST))
        elif self.plan.noise == "per_output":
            currents = Currents(*circuit.moments(*call.conductances.read_tiles, phases))
        else:
            currents = Currents(circuit.currents(call.conductances.tiles, phases))
        return currents.merge_pairs() if self.hardware.shared_line else currents

    def _with_own_cells(
        self, chip: Programmed, circuit: TileCircuit, vector: int, phase_volts: Volts
    ) -> Amps:
        """Currents of one vector, whose cells are drawn anew in every phase."""
        return self.backend.xp.concatenate(
            [
                circuit.currents(chip.read(vector, phase), volts[None, :, None])
                for phase, volts in enumerate(phase_volts)
            ]
        )


def line_currents(
    conductances: Conductances, phases: Volts, operand: Operand, product: Product
) -> Amps:
    """Currents in the order of all axes, from conductances with all lines on one axis."""
    flat = product.currents(conductances, phases)
    return flat.reshape(*flat.shape[:SLICE], *operand.lines, *flat.shape[SLICE + 1 :])
