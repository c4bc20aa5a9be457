"""Ranges: a matrix onto [-1, 1], inputs onto the full-scale voltage."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any

from simulator.kernels.reference.cells import fractions_of
from simulator.quantities import Weights

# What an all-zero matrix or input is divided by, so that it maps to zero.
TINY = 2.220446049250313e-16


def symmetric_limit(values: Any, percentile: float, xp: ModuleType) -> float:
    """The largest magnitude X of the range [-X, X] that a percentile stands for.

    Args:
        values: of any shape.
        percentile: from 1 on a multiple of max|values|; below 1 the range covers that fraction on
            either side: the larger magnitude of the ``100 p`` and ``100 (1 - p)`` percentiles
                (linear
            interpolation).
        xp: module of the arrays.

    Returns:
        X > 0, the smallest usable range for all-zero values.
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


@dataclass(frozen=True)
class WeightScaling:
    """Weights of [low, high] in units of the largest magnitude of that range."""

    low: float
    high: float
    clipping: bool

    @property
    def limit(self) -> float:
        """The weight that one full cell stands for."""
        return max(abs(self.low), abs(self.high))

    @property
    def range(self) -> tuple[float, float, float]:
        """Lowest and highest weight that cells are programmed to, and the limit."""
        low, high = (self.low, self.high) if self.clipping else (-math.inf, math.inf)
        return float(low), float(high), float(self.limit)

    def encode(self, weights: Weights, xp: ModuleType) -> Any:
        """Weights as fractions of ``limit``.

        Args:
            weights: in units of the algorithm, of any shape; clipped to the range if ``clipping``.
            xp: module of the arrays.

        Returns:
            float64, of the same shape.
        """
        return fractions_of(weights, self.range, xp)

    def decode(self, fractions: Any) -> Any:
        """Weights from fractions of ``limit``."""
        return fractions * self.limit


@dataclass(frozen=True)
class InputScaling:
    """Inputs of [low, high] in units of the full-scale voltage."""

    low: float
    high: float
    signed: bool

    @cached_property
    def gain(self) -> float:
        """Full-scale voltages per unit of input: 2 / range if signed, else 1 / range."""
        return (2.0 if self.signed else 1.0) / (self.high - self.low)

    def encode(self, inputs: Any) -> Any:
        """Inputs as fractions of the full-scale voltage."""
        return inputs * self.gain

    def decode(self, fractions: Any) -> Any:
        """Inputs from fractions of the full-scale voltage."""
        return fractions / self.gain
