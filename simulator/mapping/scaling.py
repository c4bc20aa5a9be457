"""Ranges: a matrix onto [-1, 1], inputs onto the full-scale voltage."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType

from simulator.kernels.reference.cells import fractions_of
from simulator.quantities import Array, Inputs, Volts, Weights

# What an all-zero matrix or input is divided by, so that it maps to zero.
TINY = 2.220446049250313e-16


def symmetric_limit(values: Array, percentile: float, xp: ModuleType) -> float:
    """The end X of the range [-X, X] that a percentile stands for.

    Args:
        values: The values that the range follows, of any shape.
        percentile: From 1 on a multiple of max|values|. Below 1, X is the larger magnitude of the
            ``100 p`` and ``100 (1 - p)`` percentiles (linear interpolation).
        xp: Array module of ``values``.

    Returns:
        X, above zero; a tiny number where all values are zero or there are none.
    """
    if values.size == 0:
        return TINY
    if values.dtype.kind != "f":
        # The magnitude of the lowest integer of a type does not fit that type.
        values = values.astype(xp.float64)
    if percentile >= 1:
        limit = percentile * float(xp.abs(values).max())
    else:
        ends = xp.percentile(values, xp.asarray([100 * percentile, 100 - 100 * percentile]))
        limit = float(xp.max(xp.abs(ends)))
    return limit if limit > 0 else TINY


def symmetric_limits(vectors: Array, percentile: float, xp: ModuleType) -> Array:
    """`symmetric_limit` of every vector on its own.

    Args:
        vectors: (lines, vectors), floats.
        percentile: As in `symmetric_limit`.
        xp: Array module of ``vectors``.

    Returns:
        The limits (vectors,), above zero, in the dtype of the vectors.
    """
    kind = vectors.dtype.type
    if vectors.size == 0:
        return xp.full(vectors.shape[1], kind(TINY))
    if percentile >= 1:
        limits = xp.maximum(vectors.max(axis=0), -vectors.min(axis=0)) * kind(percentile)
    else:
        limits = _larger_quantile(vectors, percentile, xp)
    return xp.where(limits > 0, limits, kind(TINY))


def _larger_quantile(vectors: Array, percentile: float, xp: ModuleType) -> Array:
    """The larger magnitude of a quantile of each vector and of its mirror image."""
    last = len(vectors) - 1
    low = min(math.floor(percentile * last), max(last - 1, 0))
    high, share = min(low + 1, last), vectors.dtype.type(percentile * last - low)
    rows = xp.array(vectors.T, order="C")
    # Four values of each vector are looked at: nothing else need be in order.
    rows.partition(sorted({low, high, last - high, last - low}), axis=1)
    first, second = rows[:, [low, last - low]], rows[:, [high, last - high]]
    return xp.abs(first + (second - first) * share).max(axis=1)


@dataclass(frozen=True)
class WeightScaling:
    """The matrix in units of the largest magnitude of its range.

    Args:
        low: Lower end of the range, in the user's unit.
        high: Upper end.
        clipping: Whether weights are clipped to the range.
    """

    low: float
    high: float
    clipping: bool

    @property
    def limit(self) -> float:
        """The weight that one full cell stands for, in the user's unit."""
        return max(abs(self.low), abs(self.high))

    @property
    def range(self) -> tuple[float, float, float]:
        """Lowest and highest weight that cells are programmed to, and the limit."""
        low, high = (self.low, self.high) if self.clipping else (-math.inf, math.inf)
        return float(low), float(high), float(self.limit)

    def encode(self, weights: Weights, xp: ModuleType) -> Weights:
        """Weights as fractions.

        Args:
            weights: Entries of the matrix in the user's unit, of any shape and real dtype.
            xp: Array module of ``weights``.

        Returns:
            Fractions of ``limit`` in float64, clipped to the range if ``clipping``.
        """
        return fractions_of(weights, self.range, xp)

    def decode(self, fractions: Weights) -> Weights:
        """Weights in the user's unit from fractions of ``limit``."""
        return fractions * self.limit


@dataclass(frozen=True)
class InputScaling:
    """Inputs in units of the full-scale read voltage.

    Args:
        low: Lower end of their range, in the user's unit.
        high: Upper end.
        signed: Whether full scale is half of the range, to both sides of zero.
    """

    low: float
    high: float
    signed: bool

    @cached_property
    def gain(self) -> float:
        """Fraction of full scale per unit of input: 2 / range if signed, else 1 / range."""
        return (2.0 if self.signed else 1.0) / (self.high - self.low)

    def encode(self, inputs: Inputs) -> Volts:
        """Inputs in the user's unit as fractions of the full-scale voltage."""
        return inputs * self.gain

    def decode(self, fractions: Volts) -> Inputs:
        """Inputs in the user's unit from fractions of the full-scale voltage."""
        return fractions / self.gain
