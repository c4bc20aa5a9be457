"""Array circuits: what currents flow for given voltages and conductances."""

from simulator.circuits.ideal import Circuit, IdealCircuit

__all__ = ["Circuit", "IdealCircuit"]
