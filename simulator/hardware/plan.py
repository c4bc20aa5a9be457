"""Which stages of a setting are linear, and the route that a multiply takes because of that.

Between two nonlinear stages (rounding, clipping, noise) everything is a linear map of the
voltages, so it is merged before the multiply. Merging changes the work, never the result.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Literal

import numpy as np

from simulator.errors import warn_user
from simulator.hardware.hardware import Hardware, Periphery
from simulator.hardware.layout import Direction
from simulator.hardware.values import Value

MIN_DRIVEN_CELLS = 16
# Of the mean behind wires, in standard deviations, where noise may be drawn to first order; and at
# how many conductances of a cell its noise is looked at.
LARGEST_SHIFT, LEVELS = 0.05, 65
# Temporary bytes for each random number.
DRAW_BYTES = 32
# Arrays of cell voltages or currents that solving a network needs.
SOLVER_COPIES = 10


class Route(Enum):
    """How voltages become results; `simulator.multiply.routes` has a class for each."""

    MERGED = "merged"  # the whole path is one matrix of weights
    FOLDED = "folded"  # what is linear before the converters is merged into the conductances
    STAGED = "staged"  # the current of every phase, slice and side on its own
    SOLVED = "solved"  # every vector on its own, cell by cell


@dataclass(frozen=True)
class Plan(Value):
    """What is merged where, in one direction of a stack of tiles.

    ``route``: of vectors whose currents stay below the column limit; others go stage by stage.
    ``linear``: nothing between the DAC and the result rounds, so the path is one matrix.
    ``phases``: the array is driven digit by digit because each digit is converted.
    ``noise``: how read noise is drawn: "per_output", "per_device", None for none.
    ``noise_point``: where read noise of an output is drawn when its array is merged: at the first
    nonlinear stage, "converter" or "output".
    ``wired_noise``: each output is drawn from its moments, which wires make a form of its inputs.
    """

    direction: Direction
    periphery: Periphery
    route: Route
    linear: bool
    phases: bool
    noise: str | None
    noise_point: Literal["converter", "output"]
    wired_noise: bool = False

    @cached_property
    def is_scale_free(self) -> bool:
        """True where no stage rounds at all, so that the scaling of inputs cancels."""
        return self.route is Route.MERGED and self.periphery.dac.is_ideal

    @cached_property
    def draws(self) -> bool:
        """True where a multiply draws random numbers, so that vectors must be numbered."""
        return self.noise is not None or self.periphery.adc.draws

    @cached_property
    def pulses(self) -> int:
        """Input digits that one vector is cut into; 1 for whole inputs."""
        return len(self.periphery.digit_weights)


def make_plan(hardware: Hardware, periphery: Periphery, direction: Direction) -> Plan:
    """The plan of one direction; it depends on the hardware alone, never on the inputs."""
    # Recording, and noise of a converter, need the currents there, also where it is ideal.
    ideal_adc = periphery.adc.is_transparent and not hardware.record
    noise = _noise_sampling(hardware, direction)
    unit_noise = noise is not None and direction.has_unit
    unrolled = noise == "per_device" or hardware.solves_each_input
    wired_noise = noise == "per_output" and not hardware.ideal_wires and not unrolled
    plain = not (unit_noise or unrolled or wired_noise)
    linear = ideal_adc and plain and periphery.digits_exact
    if unrolled:
        route = Route.SOLVED
    elif wired_noise or not hardware.folding:
        route = Route.STAGED
    else:
        route = Route.MERGED if linear else Route.FOLDED
    return Plan(
        direction=direction,
        periphery=periphery,
        route=route,
        linear=linear,
        phases=periphery.digits is not None and periphery.adc_per_digit and not ideal_adc,
        noise=noise,
        # A unit column's noise is common to all outputs, so it must be drawn before it is
        # subtracted from them.
        noise_point="output" if ideal_adc and not unit_noise else "converter",
        wired_noise=wired_noise,
    )


def _noise_sampling(hardware: Hardware, direction: Direction) -> str | None:
    """How read noise is drawn: cell by cell, or from the exact moments of each output."""
    if hardware.noise is None:
        return None
    if not hardware.read.has_moments("read"):
        return "per_device"
    wired = not hardware.ideal_wires
    if wired and not hardware.circuit.has_moments:
        return "per_device"
    # A spread that is no number is small for nobody.
    enough = not wired or _second_order(hardware, direction) <= LARGEST_SHIFT
    if hardware.noise == "per_output" and not enough and not hardware.circuit.solves_each_input:
        warn_user(
            "simulation.read_noise_sampling is 'per_output', which is right to first order in the "
            "spread of the cells; behind these wires more is left out than a twentieth of the "
            "noise. 'auto' and 'per_device' draw cells"
        )
    if hardware.noise != "auto":
        return hardware.noise
    if not enough:
        return "per_device"
    gaussian = hardware.read.distribution == "normal"
    many = min(direction.inputs.sizes) >= MIN_DRIVEN_CELLS
    return "per_output" if gaussian or many else "per_device"


def _second_order(hardware: Hardware, direction: Direction) -> float:
    """What the first order leaves out behind wires, as `Circuit.second_order` has it.

    For the noisiest cell that the device allows, in arrays as large as the largest.
    """
    levels = np.linspace(hardware.cell.Gmin, hardware.cell.Gmax, LEVELS)
    spread = float(np.max(hardware.read.read_sigma(levels, hardware.cell))) / hardware.cell.Gmax
    read, driven = direction.outputs.widest + direction.has_unit, direction.inputs.widest
    outputs, inputs = (driven, read) if direction.is_vmm else (read, driven)
    return hardware.circuit.second_order(spread, outputs, inputs, direction.is_vmm)


def bytes_per_vector(plan: Plan, hardware: Hardware, itemsize: int, waiting: bool) -> int:
    """Memory that one vector needs on its way, with numbers of ``itemsize`` bytes.

    ``waiting`` where it is solved on its own for want of effective conductances.
    """
    direction, phases = plan.direction, plan.pulses
    if plan.route is Route.MERGED:
        lines, copies = direction.outputs.length, 4
    else:
        cells_per_output = len(direction.inputs.sizes) * hardware.code.merge.size
        lines, copies = direction.lines.size * cells_per_output * phases, 6
    size = copies * itemsize * (lines + direction.inputs.length * phases)
    if plan.route is Route.SOLVED or waiting:
        cells = direction.lines.size * direction.inputs.length * hardware.code.merge.size
        size += SOLVER_COPIES * 8 * cells * phases
    # Numbers are drawn in float64, with the words they are made of.
    return size + DRAW_BYTES * lines if plan.draws else size
