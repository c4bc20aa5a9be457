"""Devices of a crosspoint: how they differ from one another, and what one pulse does.

A spread over devices ("dtod") is drawn once for each device, the noise of an event ("std") at
every event. Steps and bounds are in units of the weight.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from adapters.aihwkit.simulator.names import missing
from adapters.aihwkit.simulator.parameters.base import (
    Parameters,
    node,
    numbers,
    setting,
    unsimulated,
)
from adapters.aihwkit.simulator.parameters.inference import DriftParameter, SimpleDriftParameter


@dataclass
class PulsedDevice(Parameters):
    """What all devices share that are written by pulses."""

    construction_seed: int = setting(
        0, low=0, doc="Seed of what is drawn once for each device; 0 takes that of the tile."
    )
    corrupt_devices_prob: float = setting(
        0.0, low=0, high=1, doc="Probability that a device is stuck."
    )
    corrupt_devices_range: float = setting(
        0.1, low=0, doc="Largest magnitude of the weight that a device is stuck at."
    )
    diffusion: float = setting(
        0.0, low=0, doc="Standard deviation of the random change at each optimizer step."
    )
    diffusion_dtod: float = setting(0.0, low=0, doc="Relative spread of diffusion.")
    drift: DriftParameter = node(DriftParameter, always_show=False, doc="Drift of the conductance.")
    dw_min: float = setting(
        0.001, low=0, low_open=True, doc="Mean change of the weight by one pulse, at weight zero."
    )
    dw_min_dtod: float = setting(0.3, low=0, doc="Relative spread of dw_min.")
    dw_min_dtod_log_normal: bool = setting(
        False, doc="Whether that spread is log-normal rather than normal."
    )
    dw_min_std: float = setting(0.3, low=0, doc="Noise of one pulse relative to its change.")
    enforce_consistency: bool = setting(
        True, doc="Whether steps and bounds of the wrong sign are turned to the right one."
    )
    lifetime: float = setting(
        0.0, doc="Optimizer steps in which the weight decays to 1 / e; zero or less is no decay."
    )
    lifetime_dtod: float = setting(0.0, low=0, doc="Relative spread of lifetime.")
    perfect_bias: bool = setting(
        False, doc="Whether the devices of the last column have no spread and no bounds."
    )
    reset: float = setting(0.0, doc="Weight that decay and reset lead to.")
    reset_dtod: float = setting(0.0, low=0, doc="Spread of reset, added to it.")
    reset_std: float = setting(0.01, low=0, doc="Noise of a reset.")
    up_down: float = setting(
        0.0, doc="Asymmetry: above zero shortens down steps by it, below zero up steps."
    )
    up_down_dtod: float = setting(0.01, low=0, doc="Spread of the asymmetry.")
    w_max: float = setting(0.6, low=0, doc="Mean upper bound of the weight.")
    w_max_dtod: float = setting(0.3, low=0, doc="Relative spread of the upper bound.")
    w_min: float = setting(-0.6, high=0, doc="Mean lower bound of the weight.")
    w_min_dtod: float = setting(0.3, low=0, doc="Relative spread of the lower bound.")
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

    mult_noise: bool = setting(
        True, doc="Whether the noise of a pulse is relative to its change, or to dw_min."
    )
    reverse_up: bool = setting(False, doc="Whether up steps grow from the lower bound instead.")
    reverse_down: bool = setting(False, doc="Whether down steps grow from the upper bound instead.")
    reverse_offset: float = setting(0.01, doc="Shift of the bound that reversed steps grow from.")

    def _contradictions(self) -> Iterator[tuple[str, str]]:
        if not self.mult_noise and (self.reverse_up or self.reverse_down):
            yield "mult_noise", "allowed is True with reverse_up or reverse_down"


@dataclass
class LinearStepDevice(_Linear, PulsedDevice):
    """A pulse changes the weight by an amount that is linear in the weight."""

    gamma_up: float = setting(0.0, doc="Loss of an up step from weight zero to w_max.")
    gamma_down: float = setting(0.0, doc="Loss of a down step from weight zero to w_min.")
    gamma_up_dtod: float = setting(0.05, low=0, doc="Spread of gamma_up.")
    gamma_down_dtod: float = setting(0.05, low=0, doc="Spread of gamma_down.")
    allow_increasing: bool = setting(
        False, doc="Whether steps of some devices may grow towards the bound."
    )
    mean_bound_reference: bool = setting(
        True, doc="Whether gamma refers to w_max and w_min, or to the bounds of each device."
    )


@dataclass
class SoftBoundsDevice(_Linear, PulsedDevice):
    """Steps shrink linearly and vanish at the bounds of each device."""


@dataclass
class SoftBoundsReferenceDevice(_WriteNoise, PulsedDevice):
    """Soft bounds of a device whose weight is read against that of a reference device."""

    mult_noise: bool = setting(
        False, doc="Whether the noise of a pulse is relative to its change, or to dw_min."
    )
    slope_up_dtod: float = setting(0.0, low=0, doc="Relative spread of the slope of up steps.")
    slope_down_dtod: float = setting(0.0, low=0, doc="Relative spread of the slope of down steps.")
    reference_mean: float = setting(0.0, doc="Mean weight of the reference.")
    reference_std: float = setting(0.0, low=0, doc="Spread of the reference.")
    subtract_symmetry_point: bool = setting(
        False, doc="Whether the reference includes the weight where up and down steps are equal."
    )


@dataclass
class ExpStepDevice(_WriteNoise, PulsedDevice):
    """Steps shrink exponentially with the weight: dw_min max(1 - A exp(gamma z), 0)."""

    A_up: float = setting(0.00081, doc="Weight of the exponential of up steps.")
    A_down: float = setting(0.36833, doc="Weight of the exponential of down steps.")
    gamma_up: float = setting(12.44625, doc="Rate of the exponential of up steps.")
    gamma_down: float = setting(12.78785, doc="Rate of the exponential of down steps.")
    a: float = setting(0.244, doc="Slope of z = 2 a w / (w_max - w_min) + b.")
    b: float = setting(0.2425, doc="Offset of z.")
    dw_min_std_add: float = setting(
        0.0, low=0, doc="Noise of one pulse, in units of dw_min_std, whatever it changes."
    )
    dw_min_std_slope: float = setting(
        0.0, low=0, doc="Growth of that noise with the magnitude of the weight."
    )


@dataclass
class PowStepDevice(_WriteNoise, PulsedDevice):
    """Steps are a power of the distance to the bound that they lead to."""

    pow_gamma: float = setting(1.0, doc="Mean exponent.")
    pow_gamma_dtod: float = setting(0.1, low=0, doc="Relative spread of the exponent.")
    pow_up_down: float = setting(0.0, doc="Asymmetry of the exponents, as up_down of the steps.")
    pow_up_down_dtod: float = setting(0.0, low=0, doc="Spread of that asymmetry.")


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


__getattr__ = missing(globals())
