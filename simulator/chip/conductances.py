"""Conductances as a multiply needs them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from simulator.backend import Backend
from simulator.mapping import WeightCode


@dataclass(frozen=True)
class Operand:
    """Conductances of a stack of tiles as the multiply needs them, in units of Gmax.

    ``mean`` and ``variance`` (None without read noise) have the shape (output parts, input parts,
    slices, sides, outputs, inputs) of a tile.
    """

    mean: Any
    variance: Any = None
    _flat: dict = field(default_factory=dict, compare=False, repr=False)

    @property
    def lines(self) -> tuple[int, int, int]:
        """Slices, sides and outputs of one tile."""
        return self.mean.shape[2:5]

    def flat(self, dtype: Any) -> tuple[Any, Any]:
        """Mean and variance with slices, sides and outputs on one axis, in ``dtype``; kept."""
        if dtype not in self._flat:
            shape = (*self.mean.shape[:2], -1, self.mean.shape[-1])
            self._flat[dtype] = tuple(
                None if part is None else part.reshape(shape).astype(dtype)
                for part in (self.mean, self.variance)
            )
        return self._flat[dtype]

    def merge_pairs(self) -> Operand:
        """Positive minus negative cell; independent spreads add up."""
        difference = self.mean[:, :, :, :1] - self.mean[:, :, :, 1:]
        total = None if self.variance is None else self.variance.sum(axis=3, keepdims=True)
        return Operand(difference, total)

    def column_bound(self, backend: Backend, sides_share_line: bool) -> float:
        """Largest current of any line at full-scale input, in units of one full cell."""
        mean = self.merge_pairs().mean if sides_share_line else self.mean
        return float(backend.xp.max(backend.xp.abs(mean).sum(axis=-1)))

    def noise_bound(self, backend: Backend) -> float:
        """Largest standard deviation of any line's current at full-scale input."""
        if self.variance is None:
            return 0.0
        return float(backend.xp.sqrt(backend.xp.max(self.variance.sum(axis=-1)) * self.lines[1]))


def output_side(operand: Operand, has_unit: bool, transposed: bool) -> Operand:
    """The operand seen from one direction: VMM drives the outputs and reads the inputs.

    The unit column is an output line; driven from the other side its cells are not part of the
    product.
    """
    if not transposed:
        return operand

    def turn(part: Any) -> Any:
        if part is None:
            return None
        driven = part[..., 1:, :] if has_unit else part
        return driven.swapaxes(0, 1).swapaxes(-1, -2)

    return Operand(turn(operand.mean), turn(operand.variance))


def merge_noise(code: WeightCode, variance: Any, backend: Backend) -> Any:
    """Variance matrix of the weights from cell variances (slices, sides, rows, columns)."""
    return backend.xp.tensordot(backend.asarray(code.merge**2), variance, axes=2)
