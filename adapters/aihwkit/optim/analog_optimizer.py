"""Optimizers of torch that also apply the pulsed update of every tile among their parameters."""

from adapters.aihwkit.engine.optimizers import (
    AnalogAdam,
    AnalogOptimizer,
    AnalogOptimizerMixin,
    AnalogSGD,
)

__all__ = [
    "AnalogAdam",
    "AnalogOptimizer",
    "AnalogOptimizerMixin",
    "AnalogSGD",
]
