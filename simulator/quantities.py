"""Names for what an array holds: its unit, and what it means.

All of them are arrays of NumPy or of CuPy; the names are for the reader of a signature. Models
compute in SI units; the path of a multiply in units of full scale, as each name says.
"""

from __future__ import annotations

from typing import Any, TypeAlias

#: An array of NumPy or CuPy, of whatever shape and dtype the docstring says.
Array: TypeAlias = Any
#: Weights of a matrix in units of the algorithm.
Weights: TypeAlias = Any
#: Inputs of a product in units of the algorithm.
Inputs: TypeAlias = Any
#: Results of a product in units of the algorithm.
Results: TypeAlias = Any
#: Conductances in siemens.
Siemens: TypeAlias = Any
#: Conductances in units of Gmax, so that a full cell is 1.
Conductances: TypeAlias = Any
#: Voltages on lines: in volts in the models of circuits and devices, in units of the full-scale
#: read voltage in a multiply.
Volts: TypeAlias = Any
#: Currents of lines or cells: in amperes in the models, in units of one full cell at full-scale
#: input in a multiply.
Amps: TypeAlias = Any
#: Resistances of wires: in ohms, or times the conductance that counts as 1.
Ohms: TypeAlias = Any
#: What ADCs make of currents, as numbers in the unit of the currents.
Codes: TypeAlias = Any
#: Numbers of the vectors of a call in the life of a core; they name what is drawn for each.
VectorNumbers: TypeAlias = Any
#: Random numbers: standard normals (mean 0, variance 1).
Normals: TypeAlias = Any
#: Random numbers: uniforms in (0, 1).
Uniforms: TypeAlias = Any
