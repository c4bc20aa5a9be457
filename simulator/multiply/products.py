"""The linear product is an argument of the multiply: how inputs drive the lines of an array.

A core multiplies columns of a dense array. A convolution layer multiplies windows of an image by
the same conductances; it passes its own product, and every other stage stays the same. The
unrolled matrix of inputs, one column for each vector, defines what a product means.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import numpy as np

from simulator.backend import Backend
from simulator.hardware import Axis
from simulator.quantities import Amps, Array, Conductances, Inputs, Results, Volts, Weights


class Product(ABC):
    """Inputs of any shape, seen as vectors that drive the lines of an array.

    ``rest`` is the shape of the vectors: results have the shape (outputs, *rest), and its first
    dimension is the batch that work is cut along.
    """

    @abstractmethod
    def bound(self, axis: Axis) -> Product:
        """The same product for an array that holds only the lines of ``axis``."""

    def cut(self, inputs: Inputs) -> Inputs:
        """What of the inputs the lines of a bound product need; all, where it picks later."""
        return inputs

    @abstractmethod
    def rest(self, inputs: Inputs) -> tuple[int, ...]:
        """Shape of the vectors that ``inputs`` stands for."""

    @abstractmethod
    def take(self, inputs: Inputs, batch: slice | Array) -> Inputs:
        """The inputs of some entries of the batch (a slice or a mask)."""

    def peak(self, inputs: Inputs) -> float:
        """Largest magnitude on any line."""
        return max(float(inputs.max()), -float(inputs.min()))

    @abstractmethod
    def peaks(self, inputs: Inputs) -> Array:
        """Largest magnitude on any line, for every entry of the batch."""

    @abstractmethod
    def totals(self, inputs: Volts) -> Volts:
        """Sum over the lines, shape ``rest``."""

    @abstractmethod
    def unrolled(self, inputs: Inputs) -> Inputs:
        """The matrix of all vectors, (lines, vectors)."""

    @abstractmethod
    def currents(self, conductances: Conductances, phases: Volts) -> Amps:
        """Currents of every tile.

        Args:
            conductances: (output parts, input parts, lines, inputs of a tile), in units of Gmax.
            phases: a stack of inputs on a new first axis, in units of the full-scale voltage.

        Returns:
            (phases, output parts, input parts, lines, *rest).
        """

    @abstractmethod
    def merged(self, weights: Weights, inputs: Inputs) -> Results:
        """Products with one matrix.

        Args:
            weights: (outputs, lines).
            inputs: what the product takes.

        Returns:
            (outputs, *rest).
        """


@dataclass(frozen=True)
class MatrixProduct(Product):
    """The plain product: inputs (lines, batch), one vector for each column.

    Args:
        axis: the lines that the arrays hold; None before the product is bound to some.
        backend: where the arrays are; None before that.
    """

    axis: Axis | None = None
    backend: Backend | None = None

    def bound(self, axis: Axis) -> MatrixProduct:
        """The product with some of the lines."""
        return replace(self, axis=axis)

    def cut(self, inputs: Inputs) -> Inputs:
        """The lines of the axis."""
        axis = self.axis
        return inputs if axis is None or len(inputs) == axis.length else inputs[axis.slice]

    def rest(self, inputs: Inputs) -> tuple[int, ...]:
        """One vector for each column."""
        return (inputs.shape[1],)

    def take(self, inputs: Inputs, batch: slice | Array) -> Inputs:
        """Some columns."""
        return inputs[:, batch]

    def peaks(self, inputs: Inputs) -> Array:
        """Largest magnitude of each column."""
        return abs(inputs).max(axis=0)

    def totals(self, inputs: Volts) -> Volts:
        """Sum of each column."""
        return inputs.sum(axis=0)

    def unrolled(self, inputs: Inputs) -> Inputs:
        """The inputs themselves."""
        return inputs

    def currents(self, conductances: Conductances, phases: Volts) -> Amps:
        """One batched product over all phases and tiles."""
        axis, backend = self.axis, self.backend
        assert axis is not None  # bound to an array
        assert backend is not None
        return self.times(conductances, axis.split(phases, backend)[:, None])

    def merged(self, weights: Weights, inputs: Inputs) -> Results:
        """One product, in the memory order of the inputs."""
        if inputs.flags.c_contiguous:
            return self.times(weights, inputs)
        return self.times(inputs.T, weights.T).T

    def times(self, first: Array, second: Array) -> Array:
        """``first @ second``, without a warning."""
        # Inputs were looked at, and results that are no numbers are seen. BLAS computes with
        # whatever lies in memory behind a short vector, and warns of that.
        with np.errstate(all="ignore"):
            return first @ second
