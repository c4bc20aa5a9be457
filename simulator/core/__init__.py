"""The face that NumPy sees: a matrix on crossbar arrays that multiplies like an array.

- ``core``: `AnalogCore`.
- ``arraylike``: what makes a core and its views behave like a matrix of NumPy; ``views``: transpose
  and parts.
- ``numpy_functions``: what each function of NumPy does with a core; ``contraction``: sums over its
  rows and columns among other operands; ``read_back``: numbers about the matrix that it holds.
- ``checks``, ``dtypes``, ``complex_matrices``: what may be programmed, in which numbers.
- ``partition_names``, ``physical_arrays``: parts and arrays under the names that scripts know.
- ``conductance_maps``: measured conductances for the cells.
- ``ir_drop``: a look inside an array; ``converter_ranges``: levels and limits of its converters.
"""

from simulator.core.core import AnalogCore
from simulator.core.views import MaskedCore, TransposedCore

__all__ = ["AnalogCore", "MaskedCore", "TransposedCore"]
