"""Array circuits: what currents flow for given voltages and conductances."""

from simulator.circuits.ideal import (
    CellLaw,
    CellState,
    Circuit,
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
    "CellLaw",
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
