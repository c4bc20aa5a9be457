"""Outer-product update of weights in place, by pulse trains on step devices."""

from simulator.update.curved import ExpStep, PiecewiseStep, PowStep
from simulator.update.exact import ExactArray
from simulator.update.outer import PulsedArray
from simulator.update.pulses import PulseParameters, PulseType
from simulator.update.steps import (
    Cells,
    ConstantStep,
    Draws,
    LinearStep,
    SoftBounds,
    SoftBoundsReference,
    Spread,
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
    "Spread",
    "StepDevice",
]
