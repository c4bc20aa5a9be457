"""From numbers to conductances and back, in steps that each own their inverse.

W is the user's matrix and x an input; w in [-1, 1] is an entry of the matrix as a fraction of the
largest that a cell can hold, u an input as a fraction of the full-scale read voltage.

======================  ===========================================  =====================
``scaling``             matrix and input ranges                      W <-> w, x <-> u
``digits``              how many digits a weight or an input has     w <-> digits
``cells``               how a signed digit becomes cells             digit <-> cell values
``levels``              the levels a cell can be programmed to       value <-> G / Gmax
``code``                the steps above chained, with their merge    w <-> G / Gmax
======================  ===========================================  =====================
"""

from simulator.mapping.cells import CellStyle, OneSidedPair, SingleCell, TwoSidedPair
from simulator.mapping.code import WeightCode
from simulator.mapping.digits import InputDigits, SlicedWeight, WholeWeight
from simulator.mapping.levels import CellLevels
from simulator.mapping.scaling import (
    InputScaling,
    WeightScaling,
    symmetric_limit,
    symmetric_limits,
)

__all__ = [
    "CellLevels",
    "CellStyle",
    "InputDigits",
    "InputScaling",
    "OneSidedPair",
    "SingleCell",
    "SlicedWeight",
    "TwoSidedPair",
    "WeightCode",
    "WeightScaling",
    "WholeWeight",
    "symmetric_limit",
    "symmetric_limits",
]
