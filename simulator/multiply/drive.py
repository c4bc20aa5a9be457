"""From inputs to the voltages on the input lines: range, DAC, digits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simulator.backend import Backend
from simulator.errors import require_shape
from simulator.hardware import Periphery
from simulator.hardware.values import Value
from simulator.mapping import InputScaling, symmetric_limit, symmetric_limits
from simulator.quantities import Array, Inputs, Volts


@dataclass(frozen=True)
class Drive(Value):
    """The input side of one direction. Voltages are in units of the full-scale read voltage."""

    backend: Backend
    periphery: Periphery

    def scaling(self, values: Callable[[], Inputs]) -> InputScaling:
        """Scaling of one call: fixed limits, or a percentile over all ``values()`` of the input."""
        periphery = self.periphery
        if periphery.fixed_scaling is not None:
            return periphery.fixed_scaling
        assert periphery.percentile is not None
        if periphery.each_vector:
            # Vectors come in units of their own limits.
            return InputScaling(-1.0, 1.0, periphery.dac.signed)
        limit = symmetric_limit(values(), periphery.percentile, self.backend.xp)
        return InputScaling(-limit, limit, periphery.dac.signed)

    def limits(self, vectors: Inputs) -> Array:
        """Full scale of every vector (lines, vectors), in the dtype of the inputs."""
        assert self.periphery.percentile is not None
        return symmetric_limits(vectors, self.periphery.percentile, self.backend.xp)

    @cached_property
    def is_ideal(self) -> bool:
        """True where inputs are only scaled."""
        return self.periphery.dac.is_ideal

    def volts(self, inputs: Inputs, scaling: InputScaling) -> Volts:
        """What the DACs make of the inputs."""
        kernels, periphery = self.backend.kernels, self.periphery
        if self.is_ideal:
            return inputs * scaling.gain
        if periphery.dac_levels is not None:
            return kernels.quantize_scaled(inputs, scaling.gain, *periphery.dac_levels)
        volts, dac = inputs * scaling.gain, periphery.dac
        return require_shape(dac, dac.convert(volts, *periphery.dac_limits, kernels), volts.shape)

    # -- digits ------------------------------------------------------------------------------

    def phases(self, volts: Volts) -> Volts:
        """Voltages of every phase, (phases, *volts.shape); one phase without digits."""
        digits = self.periphery.digits
        if digits is None:
            return volts[None]
        return self.backend.kernels.digits(volts, digits.magnitude_bits, digits.digit_bits)

    def merged_phases(self, volts: Volts) -> Volts:
        """What all phases together apply: the voltages, on the grid of the digits."""
        if self.periphery.digits_exact:
            return volts
        return self._sum(self.weights, self.phases(volts))

    def squares(self, volts: Volts) -> Array:
        """Sum of squared voltages over the phases as their noise adds up, (inputs, batch)."""
        if self.periphery.digits is None:
            return volts * volts
        return self._sum(self.weights**2, self.phases(volts) ** 2)

    @property
    def weights(self) -> np.ndarray:
        """What each phase counts in the sum, (phases,)."""
        return self.periphery.digit_weights

    def _sum(self, weights: np.ndarray, phases: Array) -> Array:
        merge = self.backend.asarray(weights, dtype=phases.dtype)
        return self.backend.xp.tensordot(merge, phases, axes=1)
