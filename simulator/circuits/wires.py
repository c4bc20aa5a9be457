"""Resistances of the wires of one array, in the unit in which the largest conductance is 1."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np

from simulator.errors import ModelError

# 1 / (4 sin^2(pi / (4 n + 2))), the largest eigenvalue of a line of n unit segments, over n^2.
LINE_EIGENVALUE = 4 / math.pi**2


@dataclass(frozen=True)
class Wires:
    """Segment and terminal resistances, dimensionless: resistance times the unit of conductance.

    An input line passes outputs 0 to m-1; its driver sits before output 0, behind the terminal and
    one segment. An output line passes inputs 0 to n-1; its virtual ground sits after input n-1,
    behind one segment and the terminal.

    Args:
        input_segment, output_segment: between neighbouring cells of a line; may be zero.
        input_terminal, output_terminal: between a line and its driver or ground; may be zero.
    """

    input_segment: float = 0.0
    output_segment: float = 0.0
    input_terminal: float = 0.0
    output_terminal: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0 <= value < math.inf:
                raise ModelError(
                    f"the wire resistance {field.name} is {value}; allowed are 0 and finite "
                    "positive values"
                )

    @property
    def is_zero(self) -> bool:
        """Whether no wire has resistance."""
        return not any(getattr(self, field.name) for field in fields(self))

    def input_profile(self, m: int) -> np.ndarray:
        """Segments of an input line, shape (m,): the one at o lies before output o."""
        profile = np.full(m, float(self.input_segment))
        profile[0] += self.input_terminal
        return profile

    def output_profile(self, n: int) -> np.ndarray:
        """Segments of an output line, shape (n,): the one at j lies after input j."""
        profile = np.full(n, float(self.output_segment))
        profile[-1] += self.output_terminal
        return profile

    def strength(self, m: int, n: int, mean_g: float, cells: int = 1) -> float:
        """Estimate of the largest eigenvalue of wires times conductances; small means ideal.

        ``cells`` cells of mean conductance ``mean_g`` stand at each place on one output line.
        """
        inputs = LINE_EIGENVALUE * self.input_segment * m**2 + self.input_terminal * m
        outputs = LINE_EIGENVALUE * self.output_segment * n**2 + self.output_terminal * n
        return (inputs + cells * outputs) * mean_g
