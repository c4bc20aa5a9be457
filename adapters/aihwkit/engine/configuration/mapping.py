"""How the matrix of a layer becomes weights of tiles."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.aihwkit.engine.configuration.base import Parameters, setting, unsimulated


@dataclass
class MappingParameter(Parameters):
    """Where the bias is, what weights are scaled to, and how large a tile may be."""

    digital_bias: bool = setting(True, doc="Whether the bias is digital, or a column of the array.")
    weight_scaling_omega: float = setting(
        0.0, doc="Largest weight of a tile after scaling; zero or less scales nothing."
    )
    weight_scaling_columnwise: bool = setting(False, doc="Whether every output has its own scale.")
    weight_scaling_lr_compensation: bool = unsimulated(
        False, doc="Whether the learning rate makes up for the scale."
    )
    learn_out_scaling: bool = unsimulated(False, doc="Whether a factor of the outputs is learnt.")
    out_scaling_columnwise: bool = unsimulated(
        False, doc="Whether every output has its own learnt factor."
    )
    max_input_size: int = setting(512, low=0, doc="Most inputs of a tile; 0 is no limit.")
    max_output_size: int = setting(512, low=0, doc="Most outputs of a tile; 0 is no limit.")
