"""Laws of circuits."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.circuits import Circuit
from simulator.testing.conformance import instance, require, require_shape

TOLERANCE = 1e-9


def check_circuit(model: Any, **parameters: Any) -> None:
    """Check a circuit model.

    The laws: a frozen dataclass; shape and dtype are kept; cells are not changed; no conductance,
    no current; wires never add to the total current of equal inputs; where currents of several
    inputs add up, they are those of the effective conductances.

    Args:
        model: an instance, a class or a name.
        parameters: of the class.

    Raises:
        ConformanceError: a law that the model breaks.
    """
    circuit = instance("circuit", Circuit, model, parameters, declared=False)
    cells = np.random.default_rng(7).uniform(0.1, 1.0, size=(2, 1, 1, 2, 5, 7))
    volts = np.ones((1, 7, 1))
    before = cells.copy()
    currents = circuit.currents(cells, volts)
    require_shape(np.asarray(currents), cells[..., :1], circuit, "currents")
    require(np.array_equal(cells, before), circuit, "changes the cells")
    nothing = circuit.currents(np.zeros_like(cells), volts)
    require(not np.any(nothing), circuit, "draws current through cells without conductance")
    if circuit.is_linear:
        _check_effective(circuit, cells, currents)


def _check_effective(circuit: Circuit, cells: np.ndarray, currents: np.ndarray) -> None:
    before = cells.copy()
    effective = circuit.effective(cells)
    require_shape(np.asarray(effective), cells, circuit, "effective")
    require(np.array_equal(cells, before), circuit, "changes the cells")
    nothing = circuit.effective(np.zeros_like(cells))
    require(not np.any(nothing), circuit, "draws current through cells without conductance")
    sums = effective.sum(axis=-1, keepdims=True)
    if circuit.shares_lines:
        # Of a pair on one line only the difference can be measured.
        sums, currents = (pair[..., :1, :, :] - pair[..., 1:, :, :] for pair in (sums, currents))
    near = np.abs(sums - currents) <= 1e-5 * np.abs(sums).max()
    require(np.all(near), circuit, "currents are not those of the effective conductances")
    total, ideal = effective.sum(axis=(-2, -1)), cells.sum(axis=(-2, -1))
    require(np.all(total <= ideal * (1 + TOLERANCE)), circuit, "wires add to the total current")
