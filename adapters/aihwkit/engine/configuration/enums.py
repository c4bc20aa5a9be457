"""The choices that configurations offer."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


class RPUDataType(Enum):
    """Floating-point numbers that tiles compute with."""

    FLOAT = "float32"
    DOUBLE = "float64"
    HALF = "float16"

    def as_torch(self) -> torch.dtype:
        """The dtype of PyTorch."""
        import torch

        return getattr(torch, self.value)


class BoundManagementType(Enum):
    """What is done about outputs beyond the bound of the ADC."""

    NONE = "none"
    ITERATIVE = "iterative"
    ITERATIVE_WORST_CASE = "iterative worst case"
    SHIFT = "shift"


class NoiseManagementType(Enum):
    """What an input vector is divided by before the DAC."""

    NONE = "none"
    ABS_MAX = "largest magnitude"
    ABS_MAX_NP_SUM = "largest magnitude, or what keeps the sum of one sign in bounds"
    MAX = "largest value"
    CONSTANT = "constant"
    AVERAGE_ABS_MAX = "running average of the largest magnitude"


class WeightNoiseType(Enum):
    """Noise of the weights that is drawn anew for every product."""

    NONE = "none"
    ADDITIVE_CONSTANT = "additive constant"
    PCM_READ = "read noise of phase-change memory"


OutputWeightNoiseType = WeightNoiseType


class PulseType(Enum):
    """How an update becomes pulses."""

    NONE = "none"
    STOCHASTIC_COMPRESSED = "stochastic, both signs in the same slots"
    STOCHASTIC = "stochastic, one sign after the other"
    NONE_WITH_DEVICE = "none, within the bounds of the device"
    MEAN_COUNT = "mean count"
    DETERMINISTIC_IMPLICIT = "deterministic implicit"


class AnalogMVType(Enum):
    """How a product is divided into passes through the array."""

    IDEAL = "ideal"
    ONE_PASS = "one pass"
    POS_NEG_SEPARATE = "one pass for each sign, analog sum"
    POS_NEG_SEPARATE_DIGITAL_SUM = "one pass for each sign, digital sum"
    SPLIT_MODE = "split mode"
    BIT_WISE = "bit by bit"
