"""Digital processing before and after a tile."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from adapters.aihwkit.engine.configuration.base import (
    Instance,
    Parameters,
    node,
    setting,
    unsimulated,
)


@dataclass
class InputRangeParameter(Parameters):
    """A range that inputs are clipped to and divided by; the rest counts only where enabled."""

    enable: bool = unsimulated(False, always_show=True, doc="Whether there is an input range.")
    learn_input_range: bool = setting(True, doc="Whether the range is learnt.")
    init_value: float = setting(3.0, low=0, low_open=True, doc="Range at first.")
    init_from_data: int = setting(100, low=0, doc="Batches that the range is first taken from.")
    init_std_alpha: float = setting(
        3.0, low=0, low_open=True, doc="Range over the standard deviation of these batches."
    )
    decay: float = setting(0.001, doc="Decay of the range where few inputs are clipped.")
    input_min_percentage: float = setting(
        0.95, low=0, high=1, doc="Share of inputs within the range above which it decays."
    )
    manage_output_clipping: bool = setting(
        False, doc="Whether the range grows where the ADC clips."
    )
    output_min_percentage: float = setting(
        0.95, low=0, high=1, doc="Share of outputs within the bound below which it grows."
    )
    gradient_scale: float = setting(1.0, doc="Factor of the gradient of the range.")
    gradient_relative: bool = setting(True, doc="Whether that gradient is relative to the range.")
    calibration_info: Any = dataclasses.field(
        default=None, metadata={"spec": Instance((object,), "What a calibration left to know.")}
    )

    def _fields_in_use(self) -> Iterator[str]:
        yield from super()._fields_in_use() if self.enable else ("enable",)


@dataclass
class PrePostProcessingParameter(Parameters):
    """Digital processing before and after a tile."""

    input_range: InputRangeParameter = node(InputRangeParameter, doc="Range of the inputs.")
