"""Which stages of a setting are linear, and the merged conductances that follow.

Between two nonlinear stages (rounding, clipping, noise) everything is a linear map of the
voltages, so it is merged before the multiply. Merging changes the work, never the result.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from simulator.hardware.hardware import Hardware, Line
from simulator.hardware.layout import Axis, Direction

MIN_DRIVEN_CELLS = 16
# Temporary bytes for each random number.
DRAW_BYTES = 32
# Arrays of cell voltages or currents that solving a network needs.
SOLVER_COPIES = 10


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
