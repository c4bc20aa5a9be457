"""Cell currents of arrays with wire resistance by conjugate gradients, many vectors at once.

The voltage across each cell is ``v = V - P(i)``: its open-circuit voltage less the drops that all
currents cause along both of its lines. P is symmetric and positive semidefinite and costs a few
sums along the lines, so that no matrix is ever built, and every vector may meet other cells.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from simulator.circuits.wires import Wires
from simulator.errors import ModelError
from simulator.quantities import Conductances, Volts

# From this many values on, adding line by line outruns the product with a triangular matrix.
LOOP_VALUES = 512
INPUT_AXIS, OUTPUT_AXIS, CELL_AXIS = -3, -2, -4
ARRAY_AXES = (CELL_AXIS, INPUT_AXIS, OUTPUT_AXIS)
LIMIT = 1000
# Newton's method: steps, error of a step against the error before it, and halvings of a step.
STEPS, STEP_ACCURACY, HALVINGS = 50, 0.01, 30
# A bound below this, in currents of a line at full voltage, may be down to rounding.
CANCELLED = 1e-9
# Rounding of an output, relative to the currents that it is the sum of.
ROUNDING = 1e-13

Cell = Callable[[Any], tuple[Any, Any]]
Profiles = tuple[np.ndarray, np.ndarray]


class Drops:
    """The drops P(i) of cell currents (..., p, m, n, B), and what flows through the sensed ends.

    MVM: drivers before output 0, grounds after input n-1. VMM (``transposed``): drivers of the
    output lines before input 0, grounds of the input lines after output m-1. With ``supply``, the
    segments (n,) of supply and output lines as `ladder.currents` takes them, every output line has
    supply lines of its own in place of the input lines.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        wires: Wires,
        transposed: bool,
        xp: ModuleType,
        supply: Profiles | None = None,
    ) -> None:
        m, n = shape[INPUT_AXIS], shape[OUTPUT_AXIS]
        self.xp, self.shape = xp, shape
        self.transposed = transposed
        # The terminals stay with their lines: a VMM grounds the far ends of the input lines.
        inputs, outputs = wires.input_profile(m), wires.output_profile(n)[::-1]
        if supply is not None:
            inputs, outputs = supply[0], supply[1][::-1]
        axis = INPUT_AXIS if supply is None else OUTPUT_AXIS
        self.inputs = _VoltageDrops(axis, inputs, not transposed, shape, xp)
        self.outputs = _VoltageDrops(OUTPUT_AXIS, outputs, transposed, shape, xp)
        # With the inputs first in memory: what is added along a line then lies in one piece.
        spare = xp.empty((n, *shape[:CELL_AXIS], 1, m, shape[-1]))
        self.spare = xp.moveaxis(spare, 0, OUTPUT_AXIS)

    def __call__(self, currents: Any, out: Any) -> Any:
        """Write the drops to ``out``; the output currents, with one value for each sensed line."""
        joint = currents
        if currents.shape[CELL_AXIS] > 1:
            joint = currents.sum(axis=CELL_AXIS, keepdims=True)
        self.inputs.drops(currents, out)
        self.outputs.drops(joint, self.spare)
        sensed = self.inputs.through if self.transposed else self.outputs.through
        out += self.spare
        return sensed

    def potentials(self, currents: Any, drive: Any) -> tuple[Any, Any]:
        """Voltages of input and output nodes, each (..., p or 1, m, n, B)."""
        xp, joint = self.xp, currents.sum(axis=CELL_AXIS, keepdims=True)
        inputs, outputs = xp.empty(currents.shape), xp.empty(joint.shape)
        self.inputs.drops(currents, inputs)
        self.outputs.drops(joint, outputs)
        if self.transposed:
            return inputs, drive - outputs
        return drive - inputs, outputs

    def lines(self, values: Any) -> Any:
        """Sums over the cells of each sensed line."""
        axes = INPUT_AXIS if self.transposed else (CELL_AXIS, OUTPUT_AXIS)
        return values.sum(axis=axes, keepdims=True)


class _VoltageDrops:
    """Parallel lines along one axis; ``segments`` are counted from their port, driver or ground."""

    def __init__(
        self,
        axis: int,
        segments: np.ndarray,
        port_first: bool,
        shape: tuple[int, ...],
        xp: ModuleType,
    ) -> None:
        self.axis, self.xp = axis, xp
        self.step = 1 if port_first else -1
        self.segments = segments.tolist()
        self.through: Any = None
        values = int(np.prod(shape)) // shape[axis]
        self.by_lines = xp is np and values >= LOOP_VALUES
        if not self.by_lines:
            # Entry (k, l): the resistance that the currents at k and l have in common.
            shared = np.cumsum(segments)
            shared = np.minimum(shared[:, None], shared)[:: self.step, :: self.step]
            self.shared = xp.asarray(np.ascontiguousarray(shared))

    def drops(self, currents: Any, out: Any) -> None:
        if not any(self.segments):
            out[...] = 0.0
            self.through = currents.sum(axis=self.axis, keepdims=True)
        elif self.by_lines:
            self._drops_by_lines(
                np.moveaxis(currents, self.axis, 0)[:: self.step],
                np.moveaxis(out, self.axis, 0)[:: self.step],
            )
        else:
            self._drops_by_product(currents, out)

    def _drops_by_lines(self, currents: Any, out: Any) -> None:
        out[-1] = currents[-1]
        for k in range(len(out) - 2, -1, -1):
            np.add(out[k + 1], currents[k], out=out[k])
        self.through = np.expand_dims(out[0].copy(), self.axis)
        out[0] *= self.segments[0]
        for k in range(1, len(out)):
            out[k] *= self.segments[k]
            out[k] += out[k - 1]

    def _drops_by_product(self, currents: Any, out: Any) -> None:
        self.through = currents.sum(axis=self.axis, keepdims=True)
        if self.axis == INPUT_AXIS:
            flat = (*currents.shape[:INPUT_AXIS], currents.shape[INPUT_AXIS], -1)
            out[...] = (self.shared @ currents.reshape(flat)).reshape(currents.shape)
        elif currents.shape[-1] == 1:
            out[..., 0] = currents[..., 0] @ self.shared
        else:
            out[...] = self.shared @ currents


def solve(
    conductances: Conductances,
    wires: Wires,
    volts: Volts,
    tolerance: float,
    xp: ModuleType = np,
    start: Any = None,
    limit: int = LIMIT,
    transposed: bool = False,
) -> Any:
    """Currents (..., p, m, n, B) of linear cells (..., p, m, n, 1 or B).

    ``volts`` are open-circuit voltages of the cells and broadcast against them: inputs
    (..., p or 1, 1, n, B) for an MVM, (..., 1, m, 1, B) for a VMM (``transposed``). ``start`` are
    currents near the solution. The error of no output current exceeds ``tolerance`` times the
    largest output current of its vector. Raises ModelError after ``limit`` iterations.

    The bound: ``A i = V`` with ``A = diag(1/G) + P``. Currents with residual r are off by
    ``e = -inv(A) r``, and an output, the sum u.i over one line, by ``u.e``, at most
    ``sqrt(u.inv(A) u) sqrt(r.inv(A) r)`` by Cauchy and Schwarz. As ``A >= diag(1/G)`` and so
    ``inv(A) <= diag(G)``, that is at most ``sqrt(sum_line G) sqrt(r.G r)``. Cells without
    conductance carry no current and drop out of all sums. Where outputs cancel, the currents of
    their cells bound what rounding leaves.
    """
    # In units of the largest voltage: squares of what is left are then numbers.
    scale = _largest(volts, xp)
    volts = volts / scale
    shape = np.broadcast_shapes(conductances.shape, volts.shape)
    drops = Drops(shape, wires, transposed, xp)
    near = None
    if start is not None:
        conducting = conductances > 0
        near = xp.where(conducting, start / xp.where(conducting, conductances, 1.0), 0.0) / scale
    currents, bound, allowed = _conjugate_gradients(
        conductances, volts, drops, tolerance, 0.0, limit, near
    )
    if not bool((bound <= allowed).all()):
        reached = tolerance * bound / xp.where(allowed > 0, allowed, 1.0)
        raise _unconverged("Conjugate gradients", limit, reached, tolerance)
    currents *= conductances
    currents *= scale
    return currents


def _largest(volts: Volts, xp: ModuleType) -> Any:
    """Largest magnitude of each vector (..., 1, 1, 1, B); one where all are zero."""
    largest = xp.abs(volts).max(axis=ARRAY_AXES, keepdims=True)
    return xp.where(largest > 0, largest, 1.0)


def _rounding(currents: Any, drops: Drops) -> Any:
    """What rounding leaves of outputs whose cell currents cancel, (..., 1, 1, 1, B)."""
    gross = drops.lines(drops.xp.abs(currents))
    lines = gross[..., 0].size // max(1, int(np.prod(gross.shape[:CELL_AXIS])))
    return ROUNDING * math.sqrt(lines) * gross.max(axis=ARRAY_AXES, keepdims=True)


def _conjugate_gradients(
    g: Any,
    volts: Volts,
    drops: Drops,
    relative: float,
    absolute: Any,
    limit: int,
    near: Any = None,
) -> tuple[Any, Any, Any]:
    """Cell voltages v with ``v + P(g v) = volts``, the bound on the output error and its goal.

    These are conjugate gradients on the currents g v, preconditioned by g. Kept as voltages, they
    never divide by a conductance. The goal is ``absolute`` plus ``relative`` times the largest
    output current so far.
    """
    xp = drops.xp
    shape = drops.shape
    residual = xp.empty(shape)
    residual[...] = volts
    v, moved, response = xp.zeros(shape), xp.empty(shape), xp.empty(shape)
    outputs = xp.zeros((1,) * len(shape))
    if near is not None:
        v += near
        xp.multiply(g, v, out=moved)
        outputs = drops(moved, response)
        residual -= v
        residual -= response
    direction = residual.copy()
    line_total = drops.lines(g).max(axis=ARRAY_AXES, keepdims=True)
    square = _dot(residual, xp.multiply(g, residual, out=moved), xp)
    for iteration in range(limit + 1):
        bound = xp.sqrt(line_total * square)
        largest = xp.abs(outputs).max(axis=ARRAY_AXES, keepdims=True)
        allowed = relative * largest + absolute
        if bool((bound <= CANCELLED * line_total).any()):
            allowed = allowed + _rounding(g * v, drops)
        if iteration == limit or bool((bound <= allowed).all()):
            break
        flow = drops(xp.multiply(g, direction, out=moved), response)
        response += direction
        curvature = _dot(moved, response, xp)
        # A vector that is solved exactly has neither residual nor direction.
        length = square / xp.where(curvature > 0, curvature, 1.0)
        outputs = outputs + length * flow
        v += xp.multiply(direction, length, out=moved)
        response *= length
        residual -= response
        before, square = square, _dot(residual, xp.multiply(g, residual, out=moved), xp)
        direction *= square / xp.where(before > 0, before, 1.0)
        direction += residual
    return v, bound, allowed


def newton(
    cell: Cell,
    wires: Wires,
    volts: Volts,
    tolerance: float,
    xp: ModuleType = np,
    start: Any = None,
    limit: int = LIMIT,
    transposed: bool = False,
    supply: Profiles | None = None,
) -> Any:
    """Currents (..., p, m, n, B) of nonlinear cells, by Newton's method on the cell voltages.

    ``cell`` gives current and differential conductance (..., p, m, n, B) for voltages that
    broadcast to that shape; both rise with the voltage, or the conductance counts as zero.
    ``volts``, ``transposed``, ``tolerance`` and ``limit`` (of the inner iterations of one step) are
    those of `solve`, ``start`` are cell voltages near the solution. ``supply`` gives every output
    line supply lines of its own (see `Drops`; ``wires`` then counts for nothing). Raises
    ModelError.

    The bound is that of `solve` with conductances that are never below the differential ones nor
    below the secants I / V: between result and solution ``<dv, di> + <di, P di> = <r, di>`` for the
    residual r. Cells whose current falls with the voltage take what the others leave them, so that
    they converge where their wires are weak.
    """
    scale = _largest(volts, xp)
    v = volts if start is None else start
    current, slope = cell(v)
    drops = Drops(current.shape, wires, transposed, xp, supply)
    fall = xp.empty(current.shape)
    outputs = drops(current, fall)
    missing = volts - v - fall
    for _ in range(STEPS):
        weight, slope = _weights(current, v, slope, scale, xp), xp.maximum(slope, 0.0)
        merit = _merit(missing, weight, scale, xp)
        bound = xp.sqrt(drops.lines(weight).max(axis=ARRAY_AXES, keepdims=True) * merit) * scale
        allowed = tolerance * xp.abs(outputs).max(axis=ARRAY_AXES, keepdims=True)
        allowed = allowed + _rounding(current, drops)
        solved = bound <= allowed
        if bool(solved.all()):
            return current
        inner = xp.maximum(0.3 * allowed, STEP_ACCURACY * bound) / scale
        change, _, _ = _conjugate_gradients(slope, missing / scale, drops, 0.0, inner, limit)
        change *= scale
        # The gradients do not see cells without a slope: these get what the drops leave.
        drops(slope * change, fall)
        change = xp.where(slope > 0, change, missing - fall)
        # Halve the step of each vector until its residual falls.
        length = xp.where(solved, 0.0, 1.0)
        for _ in range(HALVINGS):
            trial = v + length * change
            current, steepness = cell(trial)
            outputs = drops(current, fall)
            missing = volts - trial - fall
            better = solved | (_merit(missing, weight, scale, xp) < merit)
            if bool(better.all()):
                break
            length = xp.where(better, length, length / 2)
        else:
            break
        v, slope = trial, steepness
    reached = tolerance * bound / xp.where(allowed > 0, allowed, 1.0)
    raise _unconverged("Newton's method", STEPS, reached, tolerance)


def _weights(current: Any, v: Any, slope: Any, scale: Any, xp: ModuleType) -> Any:
    """Conductances that residual voltages are weighed with: differential ones or secants."""
    across = xp.abs(v)
    small = across < 1e-9 * scale
    secant = xp.where(small, 0.0, xp.abs(current) / xp.where(small, 1.0, across))
    return xp.maximum(slope, secant)


def _merit(missing: Any, weight: Any, scale: Any, xp: ModuleType) -> Any:
    """Weighted squares of the residual, in units of the largest voltage of a vector."""
    residual = missing / scale
    return _dot(residual, weight * residual, xp)


def predicted_seconds(
    p: int, m: int, n: int, vectors: int, strength: float, tolerance: float
) -> float:
    """Rough time of `solve` on one processor core, for wires of a given `Wires.strength`.

    Meant for a comparison with `effective.predicted_seconds` of the same machine.
    """
    root = math.sqrt(1 + strength)
    # Conjugate gradients for a condition of 1 + strength; many eigenvalues are near 1.
    rate = math.log((root + 1) / (root - 1)) if root > 1 else math.inf
    applications = 1 + 0.85 * math.log(2 / tolerance) / rate
    values = p * m * n * vectors
    if min(m, n) * p * vectors >= LOOP_VALUES:
        each = 3e-6 * (m + n) + 14e-9 * values
    else:
        each = 50e-6 + (12e-9 + 0.035e-9 * (m + n)) * values
    return 20e-9 * values + applications * each


def _dot(one: Any, other: Any, xp: ModuleType) -> Any:
    """Inner products of whole arrays, for each vector: (..., 1, 1, 1, B)."""
    return xp.einsum("...kijb,...kijb->...b", one, other)[..., None, None, None, :]


def _unconverged(method: str, limit: int, reached: Any, tolerance: float) -> ModelError:
    return ModelError(
        f"{method} for the wire resistances reached an error of {float(reached.max()):.1e} of the "
        f"largest output current in {limit} iterations, and {tolerance:.1e} is asked for. Raise "
        "simulation.Niters_max_parasitics or simulation.Verr_th_mvm, or choose another "
        "simulation.parasitics_solver"
    )
