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
    """Resistances of the wires of one array, times the conductance that counts as 1.

    An input line passes outputs 0 to m-1; its driver sits before output 0, behind the terminal and
    one segment. An output line passes inputs 0 to n-1; its virtual ground sits after input n-1,
    behind one segment and the terminal. Any of the four may be zero.

    Args:
        input_segment: Of an input line, from one output to the next.
        output_segment: Of an output line, from one input to the next.
        input_terminal: Between the driver and its input line.
        output_terminal: Between an output line and its virtual ground.

    Raises:
        ModelError: A resistance is negative or not finite.
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
        """True where no wire has resistance."""
        return not any(getattr(self, field.name) for field in fields(self))

    def input_profile(self, m: int) -> np.ndarray:
        """Resistances along an input line.

        Args:
            m: Number of outputs that it passes.

        Returns:
            Resistances (m,): entry o lies before output o, and entry 0 contains the terminal.
        """
        profile = np.full(m, float(self.input_segment))
        profile[0] += self.input_terminal
        return profile

    def output_profile(self, n: int) -> np.ndarray:
        """Resistances along an output line.

        Args:
            n: Number of inputs that it passes.

        Returns:
            Resistances (n,): entry j lies after input j, and the last one contains the terminal.
        """
        profile = np.full(n, float(self.output_segment))
        profile[-1] += self.output_terminal
        return profile

    def strength(self, m: int, n: int, mean_g: float, cells: int = 1) -> float:
        """How much wires matter: the largest eigenvalue of wires times conductances, estimated.

        Args:
            m: Number of outputs.
            n: Number of inputs.
            mean_g: Mean conductance of the cells, in the unit that counts as 1.
            cells: Cells at each place of an output line: 2 for pairs that share it.

        Returns:
            The estimate; far below 1 the wires are nearly ideal.
        """
        inputs = LINE_EIGENVALUE * self.input_segment * m**2 + self.input_terminal * m
        outputs = LINE_EIGENVALUE * self.output_segment * n**2 + self.output_terminal * n
        return (inputs + cells * outputs) * mean_g
