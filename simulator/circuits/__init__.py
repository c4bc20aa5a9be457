"""Array circuits: what currents flow for given voltages and conductances."""

from simulator.circuits.ideal import (
    CellState,
    Circuit,
    CurrentLaw,
    IdealCircuit,
    UncoupledNonlinearCircuit,
)
from simulator.circuits.sources import (
    InterleavedInputSourceCircuit,
    InterleavedSeparateSourceCircuit,
    NoninterleavedInputSourceCircuit,
    NoninterleavedSeparateSourceCircuit,
)
from simulator.circuits.wires import Wires

__all__ = [
    "CurrentLaw",
    "CellState",
    "Circuit",
    "IdealCircuit",
    "InterleavedInputSourceCircuit",
    "InterleavedSeparateSourceCircuit",
    "NoninterleavedInputSourceCircuit",
    "NoninterleavedSeparateSourceCircuit",
    "UncoupledNonlinearCircuit",
    "Wires",
]
