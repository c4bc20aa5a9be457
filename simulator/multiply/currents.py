"""Currents on their way to the converters, how their axes merge, and the call they belong to."""

from __future__ import annotations

from dataclasses import dataclass, replace

from simulator.chip.conductances import Conductances
from simulator.mapping import InputScaling
from simulator.multiply.products import Product
from simulator.quantities import Amps, Array, Inputs, VectorNumbers

# Axes of every array of currents; from REST on stand the vectors.
PHASE, OUT_PART, IN_PART, SLICE, SIDE, OUTPUT, REST = range(7)


@dataclass(frozen=True)
class Call:
    """What one multiply brings besides its inputs.

    The ``conductances`` of the chip as it was when the call began, the numbers of the ``vectors``,
    the ``product`` and the ``scaling`` of the inputs.
    """

    conductances: Conductances
    vectors: VectorNumbers
    product: Product
    scaling: InputScaling

    def part(self, inputs: Inputs, batch: slice | Array) -> tuple[Inputs, Call]:
        """Some entries of the batch (a slice or a mask): their inputs and their call."""
        return self.product.take(inputs, batch), replace(self, vectors=self.vectors[batch])


@dataclass(frozen=True)
class Currents:
    """Mean currents, and the variance that read noise gives them (None: no noise to draw).

    Spreads of different cells are independent, so variances add up with squared weights. They are
    in units of ``4**exponents`` (None: all of one), see `simulator.multiply.variances`.
    """

    mean: Amps
    variance: Array | None = None
    exponents: Array | None = None

    def merge(self, axis: int, weights: Array) -> Currents:
        """Weighted sum over ``axis``, which stays with length 1."""
        if self.mean.shape[axis] == 1 and weights[0] == 1.0:
            return self
        shape = [1] * self.mean.ndim
        shape[axis] = -1
        w = weights.reshape(shape).astype(self.mean.dtype)
        mean = (self.mean * w).sum(axis=axis, keepdims=True)
        if self.variance is None:
            return Currents(mean)
        variance = (self.variance * w * w).sum(axis=axis, keepdims=True)
        return replace(self, mean=mean, variance=variance)

    def merge_pairs(self) -> Currents:
        """Positive minus negative cells; currents without pairs stay as they are."""
        if self.mean.shape[SIDE] == 1:
            return self
        difference = self.mean[:, :, :, :, :1] - self.mean[:, :, :, :, 1:]
        if self.variance is None:
            return Currents(difference)
        variance = self.variance.sum(axis=SIDE, keepdims=True)
        return replace(self, mean=difference, variance=variance)
