"""Outer-product update of weights in place, by pulse trains on step devices.

- ``exact``: an array whose weights change by exactly what is asked for.
- ``outer``: an array whose weights are changed by pulses; ``pulses``: how products become trains.
- ``steps``, ``curved``: what one pulse does to a cell.
- ``ramps``: step devices from measured ramps; ``curves``: their figure.
"""

from typing import TYPE_CHECKING, Any

from simulator.update.curved import ExpStep, PiecewiseStep, PowStep
from simulator.update.exact import ExactArray
from simulator.update.outer import PulsedArray
from simulator.update.pulses import PulseParameters, PulseType
from simulator.update.steps import (
    Cells,
    CellTrait,
    ConstantStep,
    Draws,
    LinearStep,
    SoftBounds,
    SoftBoundsReference,
    StepDevice,
)

if TYPE_CHECKING:
    from simulator.update.ramps import RampFit, from_ramps

__all__ = [
    "Cells",
    "ConstantStep",
    "Draws",
    "ExactArray",
    "ExpStep",
    "LinearStep",
    "PiecewiseStep",
    "PowStep",
    "PulseParameters",
    "PulseType",
    "PulsedArray",
    "RampFit",
    "SoftBounds",
    "SoftBoundsReference",
    "CellTrait",
    "StepDevice",
    "from_ramps",
]


def __getattr__(name: str) -> Any:
    """Names of before; this package is not imported with the engine."""
    if name in ("RampFit", "from_ramps"):
        # No training needs them.
        from simulator.update import ramps

        return getattr(ramps, name)
    from simulator.legacy import table

    return table.lookup(__name__, name)
