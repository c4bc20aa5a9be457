"""Array circuits: what currents flow for given voltages and conductances.

- ``ideal``: the base of all models, and arrays without wire resistance.
- ``sources``: the four networks with wires; ``wires``: their resistances.
- ``line_noise``: read noise of lines behind wires; ``chains``: many lines alone, by sweeps.
- ``effective``, ``iterative``, ``ladder``: solvers; ``nodal``: the slow one that they are held to.
"""

from simulator.circuits.ideal import (
    CellState,
    Circuit,
    CurrentLaw,
    IdealCircuit,
    UncoupledNonlinearCircuit,
)
from simulator.circuits.line_noise import LineNoise
from simulator.circuits.sources import (
    InterleavedInputSourceCircuit,
    InterleavedSeparateSourceCircuit,
    NoninterleavedInputSourceCircuit,
    NoninterleavedSeparateSourceCircuit,
)
from simulator.circuits.wires import Wires

__all__ = [
    "CellState",
    "Circuit",
    "CurrentLaw",
    "IdealCircuit",
    "InterleavedInputSourceCircuit",
    "InterleavedSeparateSourceCircuit",
    "LineNoise",
    "NoninterleavedInputSourceCircuit",
    "NoninterleavedSeparateSourceCircuit",
    "UncoupledNonlinearCircuit",
    "Wires",
]
