"""Configurations, and everything that they are made of, under one import path."""

from adapters.aihwkit.engine.names import missing
from adapters.aihwkit.simulator.configs import utils
from adapters.aihwkit.simulator.configs.configs import (
    FloatingPointRPUConfig,
    RPUConfig,
    SingleRPUConfig,
)
from adapters.aihwkit.simulator.configs.devices import (
    ConstantStepDevice,
    ExpStepDevice,
    FloatingPointDevice,
    IdealDevice,
    LinearStepDevice,
    PiecewiseStepDevice,
    PowStepDevice,
    PulsedDevice,
    SoftBoundsDevice,
    SoftBoundsReferenceDevice,
)
from adapters.aihwkit.simulator.configs.helpers import build_config
from adapters.aihwkit.simulator.configs.utils import *  # noqa: F403

__all__ = [
    "ConstantStepDevice",
    "ExpStepDevice",
    "FloatingPointDevice",
    "FloatingPointRPUConfig",
    "IdealDevice",
    "LinearStepDevice",
    "PiecewiseStepDevice",
    "PowStepDevice",
    "PulsedDevice",
    "RPUConfig",
    "SingleRPUConfig",
    "SoftBoundsDevice",
    "SoftBoundsReferenceDevice",
    "build_config",
    *utils.__all__,
]

__getattr__ = missing(globals())
