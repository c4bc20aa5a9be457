"""Laws of circuits of linear cells."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.circuits import Circuit
from simulator.testing.conformance import instance, require, require_shape

TOLERANCE = 1e-9


def check_circuit(model: Any, **parameters: Any) -> None:
    """Check a circuit model given as an instance, a class or a name; ``parameters`` of the class.

    The laws: a frozen dataclass with declared fields; shape and dtype are kept; cells are not
    changed; no conductance, no current; wires never add to the total current of equal inputs.
    Raises ConformanceError.
    """
    circuit = instance("circuit", Circuit, model, parameters)
    cells = np.random.default_rng(7).uniform(0.1, 1.0, size=(2, 1, 1, 2, 5, 7))
    before = cells.copy()
    effective = circuit.effective(cells)
    require_shape(np.asarray(effective), cells, circuit, "effective")
    require(np.array_equal(cells, before), circuit, "changes the cells")
    nothing = circuit.effective(np.zeros_like(cells))
    require(not np.any(nothing), circuit, "draws current through cells without conductance")
    total, ideal = effective.sum(axis=(-2, -1)), cells.sum(axis=(-2, -1))
    require(np.all(total <= ideal * (1 + TOLERANCE)), circuit, "wires add to the total current")
