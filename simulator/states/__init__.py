"""What is saved of arrays: named arrays of numbers under a header, as bytes that need no pickle.

- ``sealed``: the bytes: arrays by name, what they are, and whether they have changed since.
- ``of_core``: the state of a core as such arrays, and back; ``files``: the same as one file.
- ``trees``: parameter trees as plain values.
- ``measured``: ranges that were measured, beside those that a user wrote.
- ``comparison``: which parameters of a state differ from those at hand, and whose count.
"""

from simulator.states.comparison import Difference, require_same, settled
from simulator.states.files import read_core, write_core
from simulator.states.measured import (
    as_written,
    measured_ranges,
    set_input_range,
    set_output_range,
    with_ranges,
)
from simulator.states.of_core import from_arrays, ranges_as_arrays, ranges_of, to_arrays
from simulator.states.sealed import Sealed
from simulator.states.trees import (
    parameters_from,
    plain_parameters,
    plain_tree,
    tree_from,
    trees_of,
)

__all__ = [
    "Difference",
    "Sealed",
    "as_written",
    "from_arrays",
    "measured_ranges",
    "parameters_from",
    "plain_parameters",
    "plain_tree",
    "ranges_as_arrays",
    "ranges_of",
    "read_core",
    "require_same",
    "set_input_range",
    "set_output_range",
    "settled",
    "to_arrays",
    "tree_from",
    "trees_of",
    "with_ranges",
    "write_core",
]
