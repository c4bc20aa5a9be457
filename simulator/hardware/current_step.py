"""The smallest difference of column currents, which a converter must tell apart to lose nothing.

A cell is at ``lowest + k * level``, an input line at ``j * unit``, with whole k and j. A column
current is then ``unit * (lowest * sum(j) + level * sum(j k))``: whole steps of ``unit * level`` on
top of what all cells conduct alike. What becomes of that pedestal decides on the step. Everything
is a fraction, so that a step is exact and no rounding of floats makes up another one.
"""

from __future__ import annotations

from fractions import Fraction

from simulator.converters import DAC
from simulator.mapping import InputDigits, SlicedWeight, WeightCode
from simulator.parameters.xbar_parameters import DeviceParameters


def current_step(
    code: WeightCode, lowest: Fraction, unit: Fraction | None, *, in_array: bool, has_unit: bool
) -> Fraction | None:
    """The largest step that loses nothing, in currents of one full cell at full input.

    Args:
        code: How weights become cells.
        lowest: Conductance of a fully off cell, relative to a fully on cell.
        unit: Step of the voltages, from ``volt_step``; None where they are continuous.
        in_array: Whether currents of pairs are subtracted before they are converted.
        has_unit: Whether the code of a unit column is subtracted from the others.

    Returns:
        The step; None where cells or voltages have no levels.
    """
    steps = _level_steps(code)
    if unit is None or steps is None:
        return None
    level = (1 - lowest) / steps
    step, pedestal = unit * level, (lowest / level).denominator
    paired = len(code.cells.merge) == 2
    if paired and in_array:
        # Both cells of a pair stand on the same pedestal.
        return step
    if paired or has_unit:
        # Two codes are subtracted that the same pedestal has shifted. It cancels unless it puts
        # currents halfway between two codes, where ties are rounded either way.
        return step / (pedestal & -pedestal)
    return step / pedestal


def volt_step(dac: DAC, limits: tuple[float, float], digits: InputDigits | None) -> Fraction | None:
    """The step of the voltages that lines are driven with, in units of the full-scale voltage.

    Args:
        dac: The converter of the inputs.
        limits: Lowest and highest voltage that it is used for.
        digits: Of inputs that are applied, and converted, digit by digit; None for whole inputs.

    Returns:
        The step, of which every voltage is a whole multiple; None where there is none.
    """
    if digits is not None:
        return Fraction(1, 2**digits.digit_bits - 1)
    levels = None if dac.is_ideal else dac.levels(*limits)
    if levels is None or levels[:2] not in ((-1.0, 1.0), (0.0, 1.0)):
        return None
    low, high, steps = levels
    # Levels from -1 to 1 meet zero only where their number of steps is even.
    return Fraction(2 if low and steps % 2 == 0 else 1, steps)


def _level_steps(code: WeightCode) -> int | None:
    """Steps between the conductances of a fully off and a fully on cell; None without levels."""
    if code.levels.steps:
        return code.levels.steps
    digits = code.digits
    return 2**digits.slice_bits - 1 if isinstance(digits, SlicedWeight) else None


def off_conductance(device: DeviceParameters) -> Fraction:
    """Gmin / Gmax, as exact as the decimal numbers of the device parameters."""
    if device.infinite_on_off_ratio or device.Rmax == float("inf"):
        return Fraction(0)
    return Fraction(repr(float(device.Rmin))) / Fraction(repr(float(device.Rmax)))
