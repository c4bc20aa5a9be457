"""Parameters of the pulsed update."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.aihwkit.engine.configuration.base import Parameters, setting
from adapters.aihwkit.engine.configuration.enums import PulseType

_AS_FRACTION = "a fraction: n states are written as 1 / n; zero or less is no quantisation"


@dataclass
class UpdateParameters(Parameters):
    """How the update W -= lr d x^T becomes pulses on the lines of x and of d."""

    desired_bl: int = setting(31, low=1, doc="Time slots of a pulse train, the most if managed.")
    fixed_bl: bool = setting(True, doc="Whether trains keep desired_bl where they are not managed.")
    pulse_type: PulseType = setting(
        PulseType.STOCHASTIC_COMPRESSED, doc="How probabilities become pulses."
    )
    res: float = setting(
        0.0, high=1, hint=_AS_FRACTION, doc="Resolution of the pulse probabilities."
    )
    x_res_implicit: float = setting(
        0.0,
        high=1,
        hint=_AS_FRACTION,
        doc="Resolution of x, of pulse type DETERMINISTIC_IMPLICIT.",
    )
    d_res_implicit: float = setting(
        0.0,
        high=1,
        hint=_AS_FRACTION,
        doc="Resolution of d, of pulse type DETERMINISTIC_IMPLICIT.",
    )
    d_sparsity: bool = setting(
        False, doc="Whether the share of zeros in d is followed; only compounds would use it."
    )
    sto_round: bool = setting(False, doc="Whether probabilities are rounded stochastically to res.")
    update_bl_management: bool = setting(
        True, doc="Whether trains are as short as the largest update of a vector permits."
    )
    update_management: bool = setting(
        True, doc="Whether x and d are scaled to the same largest probability."
    )
    um_grad_scale: float = setting(
        1.0, low=0, low_open=True, doc="Factor of the largest d that management reckons with."
    )
