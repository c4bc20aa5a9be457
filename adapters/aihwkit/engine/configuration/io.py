"""Parameters of the analog product: converters, noise, and what is done about their bounds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from adapters.aihwkit.engine.configuration.base import Parameters, setting, unsimulated
from adapters.aihwkit.engine.configuration.enums import (
    AnalogMVType,
    BoundManagementType,
    NoiseManagementType,
    WeightNoiseType,
)


@dataclass
class IOParameters(Parameters):
    """One analog product y = W x, forward or backward.

    A resolution is the width of one step as a fraction of the full range. It may also be given as
    the number of steps, if that is above 1; zero or less means no quantisation.
    Without a bound there is none either.
    """

    is_perfect: bool = setting(False, doc="The exact product; of the rest only out_scale counts.")
    mv_type: AnalogMVType = setting(
        AnalogMVType.ONE_PASS,
        simulated=(AnalogMVType.ONE_PASS, AnalogMVType.IDEAL),
        doc="How a product is divided into passes; IDEAL is the exact product.",
    )
    inp_bound: float = setting(
        1.0,
        low=0,
        low_open=True,
        high=math.inf,
        hint="inf is no bound",
        doc="Magnitude that the DAC clips at, after the division of noise management.",
    )
    inp_noise: float = unsimulated(
        0.0, low=0, doc="Standard deviation of the noise of the inputs after the DAC."
    )
    inp_res: float = setting(1 / (2**7 - 2), doc="Resolution of the DAC.")
    inp_sto_round: bool = unsimulated(False, doc="Whether the DAC rounds stochastically.")
    inp_asymmetry: float = unsimulated(0.0, doc="Relative loss of negative inputs.")
    out_bound: float = setting(
        12.0, high=math.inf, doc="Magnitude that the ADC clips at; zero or less is no bound."
    )
    out_noise: float = setting(
        0.06, low=0, doc="Standard deviation of the noise of the outputs before the ADC."
    )
    out_noise_std: float = unsimulated(
        0.0, low=0, doc="Relative spread of out_noise from output to output."
    )
    out_res: float = setting(1 / (2**9 - 2), doc="Resolution of the ADC.")
    out_sto_round: bool = unsimulated(False, doc="Whether the ADC rounds stochastically.")
    out_scale: float = setting(1.0, doc="Factor of the outputs after the ADC.")
    out_asymmetry: float = unsimulated(0.0, doc="Relative loss of negative outputs.")
    bound_management: BoundManagementType = setting(
        BoundManagementType.ITERATIVE,
        simulated=(
            BoundManagementType.NONE,
            BoundManagementType.ITERATIVE,
            BoundManagementType.ITERATIVE_WORST_CASE,
        ),
        doc="Whether a product that exceeds out_bound is repeated with smaller inputs.",
    )
    noise_management: NoiseManagementType = setting(
        NoiseManagementType.ABS_MAX,
        simulated=tuple(kind for kind in NoiseManagementType if kind.name != "AVERAGE_ABS_MAX"),
        doc="What inputs are divided by before the DAC.",
    )
    w_noise: float = setting(0.0, low=0, doc="Standard deviation of the noise of the weights.")
    w_noise_type: WeightNoiseType = setting(
        WeightNoiseType.NONE,
        simulated=(WeightNoiseType.NONE, WeightNoiseType.ADDITIVE_CONSTANT),
        doc="How the noise of the weights depends on them.",
    )
    ir_drop: float = unsimulated(0.0, doc="Strength of the voltage drop along the lines.")
    ir_drop_g_ratio: float = unsimulated(
        1 / 0.35 / 5e-6, doc="Conductance of a wire segment over that of a cell."
    )
    out_nonlinearity: float = unsimulated(0.0, doc="S-shaped nonlinearity of the outputs.")
    out_nonlinearity_std: float = unsimulated(
        0.0, low=0, doc="Relative spread of out_nonlinearity from output to output."
    )
    slope_calibration: float = unsimulated(
        0.0, doc="Output, relative to out_bound, where the slope is corrected."
    )
    v_offset_std: float = unsimulated(0.0, low=0, doc="Spread of the voltage offset of outputs.")
    v_offset_w_min: float = unsimulated(-1.0, doc="Weight of the reference for voltage offsets.")
    r_series: float = unsimulated(0.0, doc="Series resistance of the outputs.")
    w_read_asymmetry_dtod: float = unsimulated(
        0.0, low=0, doc="Spread of the weights between the two polarities of reading."
    )
    max_bm_factor: int = setting(
        1000, low=0, doc="Bound management stops at a reduction of the inputs above this."
    )
    max_bm_res: float = setting(
        0.25,
        doc="Bound management stops where the inputs have fewer DAC steps than 1 / max_bm_res.",
    )
    bm_test_negative_bound: bool = unsimulated(
        True, doc="Whether bound management regards the negative bound as well."
    )
    nm_thres: float = setting(
        0.0, doc="Cap of what inputs are divided by, or that constant; zero or less is none."
    )

    def _fields_in_use(self) -> Iterator[str]:
        yield "is_perfect"
        if not self.is_perfect:
            yield "mv_type"
        if not self.is_perfect and self.mv_type is not AnalogMVType.IDEAL:
            yield from super()._fields_in_use()

    def _contradictions(self) -> Iterator[tuple[str, str]]:
        exact = self.is_perfect or self.mv_type is AnalogMVType.IDEAL
        divided = self.noise_management is not NoiseManagementType.NONE
        if not exact and divided and self.inp_bound != 1:
            yield "inp_bound", "allowed is 1.0 unless noise_management is NoiseManagementType.NONE"


BackwardIOParameters = IOParameters
