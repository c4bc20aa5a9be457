"""What stands in an array: names for signatures, which say the unit and the meaning.

Each name is an array of NumPy or of CuPy, whichever module the core computes with, or a number that
broadcasts against one. Type checkers see ``Any``, because CuPy has no types to check against; the
names are for the reader::

    def current(self, siemens: Siemens, volts: Volts, cell: Cell) -> Amps

Device models compute in SI units. From the DAC to the ADC the engine computes in relative ones,
which turn the conductance of a full cell, the full-scale read voltage and their product into 1.
Each name below says which of the two it means where.
"""

from __future__ import annotations

from typing import Any, TypeAlias

# Numbers of any kind; the docstring says which.
Array: TypeAlias = Any

# Conductances in siemens: what cells are asked for and what they have, in a device model.
Siemens: TypeAlias = Any
# Conductances in units of Gmax, from Gmin / Gmax to 1: what is programmed and multiplied.
Conductances: TypeAlias = Any
# Voltages: in volts in a device model, elsewhere in units of the full-scale read voltage.
Volts: TypeAlias = Any
# Currents: in amps in a device model, elsewhere in units of one cell at Gmax driven at full scale.
Amps: TypeAlias = Any
# Resistances in ohms; of the wires of a circuit, times the conductance that counts as 1.
Ohms: TypeAlias = Any

# Whole numbers that a converter gives, from 0 to 2**bits - 1.
Codes: TypeAlias = Any
# Entries of the matrix: as the user wrote them, or as fractions of the largest one in [-1, 1].
Weights: TypeAlias = Any
# Vectors that a matrix is multiplied by, and results of that, in the user's own unit.
Inputs: TypeAlias = Any
Outputs: TypeAlias = Any

# Random numbers: standard normals (mean 0, variance 1), and uniforms in (0, 1).
Normals: TypeAlias = Any
Uniforms: TypeAlias = Any

__all__ = [
    "Amps",
    "Array",
    "Codes",
    "Conductances",
    "Inputs",
    "Normals",
    "Ohms",
    "Outputs",
    "Siemens",
    "Uniforms",
    "Volts",
    "Weights",
]
