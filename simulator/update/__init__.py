"""Outer-product update of weights in place, by pulse trains on step devices."""

from typing import Any

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
    "SoftBounds",
    "SoftBoundsReference",
    "CellTrait",
    "StepDevice",
]


def __getattr__(name: str) -> Any:
    """Names of before; this package is not imported with the engine."""
    from simulator.legacy import table

    return table.lookup(__name__, name)
