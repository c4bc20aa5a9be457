"""Devices of a crosspoint: how they differ from one another, and what one pulse does.

A spread over devices ("dtod") is drawn once for each device, the noise of an event ("std") at
every event. Steps and bounds are in units of the weight. What `simulator.update` simulates is
declared there (default, interval, meaning), and named here in the order in which it is printed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from adapters.aihwkit.engine.configuration.base import (
    DeclaredBy,
    Parameters,
    node,
    numbers,
    setting,
    unsimulated,
)
from adapters.aihwkit.engine.configuration.inference import DriftParameter, SimpleDriftParameter
from simulator import update

STEP, LINEAR = DeclaredBy(update.StepDevice), DeclaredBy(update.LinearStep)
REFERENCE = DeclaredBy(update.SoftBoundsReference)
EXPONENTIAL, POWER = DeclaredBy(update.ExpStep), DeclaredBy(update.PowStep)


@dataclass
class PulsedDevice(Parameters):
    """What all devices share that are written by pulses."""

    construction_seed: int = setting(
        0, low=0, doc="Seed of what is drawn once for each device; 0 takes that of the tile."
    )
    corrupt_devices_prob: float = STEP.corrupt_devices_prob
    corrupt_devices_range: float = STEP.corrupt_devices_range
    diffusion: float = STEP.diffusion
    diffusion_dtod: float = STEP.diffusion_dtod
    drift: DriftParameter = node(DriftParameter, always_show=False, doc="Drift of the conductance.")
    dw_min: float = STEP.dw_min
    dw_min_dtod: float = STEP.dw_min_dtod
    dw_min_dtod_log_normal: bool = STEP.dw_min_dtod_log_normal
    dw_min_std: float = STEP.dw_min_std
    enforce_consistency: bool = STEP.enforce_consistency
    lifetime: float = setting(
        0.0, doc="Optimizer steps in which the weight decays to 1 / e; zero or less is no decay."
    )
    lifetime_dtod: float = STEP.lifetime_dtod
    perfect_bias: bool = STEP.perfect_bias
    reset: float = STEP.reset
    reset_dtod: float = STEP.reset_dtod
    reset_std: float = STEP.reset_std
    up_down: float = STEP.up_down
    up_down_dtod: float = STEP.up_down_dtod
    w_max: float = STEP.w_max
    w_max_dtod: float = STEP.w_max_dtod
    w_min: float = STEP.w_min
    w_min_dtod: float = STEP.w_min_dtod
    count_pulses: bool = unsimulated(False, doc="Whether pulses are counted.")


@dataclass
class ConstantStepDevice(PulsedDevice):
    """A pulse changes the weight by the same amount everywhere within the bounds."""


@dataclass
class _WriteNoise(Parameters):
    """Noise of the weight that is seen, about the one that is held."""

    write_noise_std: float = unsimulated(
        0.0, low=0, doc="Noise of the visible weight relative to dw_min."
    )
    apply_write_noise_on_set: bool = setting(
        True, doc="Whether write noise is drawn when weights are set, too."
    )


@dataclass
class _Linear(_WriteNoise):
    """What devices share whose steps shrink linearly with the weight."""

    mult_noise: bool = LINEAR.mult_noise
    reverse_up: bool = LINEAR.reverse_up
    reverse_down: bool = LINEAR.reverse_down
    reverse_offset: float = setting(0.01, doc="Shift of the bound that reversed steps grow from.")

    def _contradictions(self) -> Iterator[tuple[str, str]]:
        if not self.mult_noise and (self.reverse_up or self.reverse_down):
            yield "mult_noise", "allowed is True with reverse_up or reverse_down"


@dataclass
class LinearStepDevice(_Linear, PulsedDevice):
    """A pulse changes the weight by an amount that is linear in the weight."""

    gamma_up: float = LINEAR.gamma_up
    gamma_down: float = LINEAR.gamma_down
    gamma_up_dtod: float = LINEAR.gamma_up_dtod
    gamma_down_dtod: float = LINEAR.gamma_down_dtod
    allow_increasing: bool = LINEAR.allow_increasing
    mean_bound_reference: bool = LINEAR.mean_bound_reference


@dataclass
class SoftBoundsDevice(_Linear, PulsedDevice):
    """Steps shrink linearly and vanish at the bounds of each device."""


@dataclass
class SoftBoundsReferenceDevice(_WriteNoise, PulsedDevice):
    """Soft bounds of a device whose weight is read against that of a reference device."""

    mult_noise: bool = REFERENCE.mult_noise
    slope_up_dtod: float = REFERENCE.slope_up_dtod
    slope_down_dtod: float = REFERENCE.slope_down_dtod
    reference_mean: float = REFERENCE.reference_mean
    reference_std: float = REFERENCE.reference_std
    subtract_symmetry_point: bool = REFERENCE.subtract_symmetry_point


@dataclass
class ExpStepDevice(_WriteNoise, PulsedDevice):
    """Steps shrink exponentially with the weight: dw_min max(1 - A exp(gamma z), 0)."""

    A_up: float = EXPONENTIAL.A_up
    A_down: float = EXPONENTIAL.A_down
    gamma_up: float = EXPONENTIAL.gamma_up
    gamma_down: float = EXPONENTIAL.gamma_down
    a: float = EXPONENTIAL.a
    b: float = EXPONENTIAL.b
    dw_min_std_add: float = EXPONENTIAL.dw_min_std_add
    dw_min_std_slope: float = EXPONENTIAL.dw_min_std_slope


@dataclass
class PowStepDevice(_WriteNoise, PulsedDevice):
    """Steps are a power of the distance to the bound that they lead to."""

    pow_gamma: float = setting(1.0, doc="Mean exponent.")
    pow_gamma_dtod: float = POWER.pow_gamma_dtod
    pow_up_down: float = POWER.pow_up_down
    pow_up_down_dtod: float = POWER.pow_up_down_dtod


@dataclass
class PiecewiseStepDevice(_WriteNoise, PulsedDevice):
    """Steps are interpolated between nodes that are spread evenly from w_min to w_max."""

    piecewise_up: list[float] = numbers(1.0, doc="Up steps at the nodes, relative to dw_min.")
    piecewise_down: list[float] = numbers(
        1.0, doc="Down steps at the nodes, relative to dw_min; as many."
    )

    def _contradictions(self) -> Iterator[tuple[str, str]]:
        if len(self.piecewise_up) != len(self.piecewise_down):
            yield "piecewise_down", f"allowed is a list of {len(self.piecewise_up)} numbers"


@dataclass
class IdealDevice(Parameters):
    """A device that holds any weight; the update is the exact outer product."""

    construction_seed: int = setting(0, low=0, doc="Seed; nothing is drawn for this device.")
    diffusion: float = unsimulated(
        0.0, low=0, doc="Standard deviation of the random change at each optimizer step."
    )
    lifetime: float = unsimulated(0.0, doc="Optimizer steps in which the weight decays to 1 / e.")
    reset_std: float = setting(0.01, low=0, doc="Noise of a reset.")


@dataclass
class FloatingPointDevice(Parameters):
    """A number in digital memory."""

    diffusion: float = unsimulated(
        0.0, low=0, doc="Standard deviation of the random change at each optimizer step."
    )
    lifetime: float = unsimulated(0.0, doc="Optimizer steps in which the weight decays to 1 / e.")
    drift: SimpleDriftParameter = node(
        SimpleDriftParameter, always_show=False, doc="Drift of the number."
    )
