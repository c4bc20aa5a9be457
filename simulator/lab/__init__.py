"""Lab data: tables and matrices as instruments and spreadsheets write them.

A file is read in steps, each with a file of its own::

    bytes -> text -> rows of fields -> header, units, data -> columns by role -> numbers in SI

- ``encodings``: bytes become text; ``separators``: where a line is cut into fields.
- ``spreadsheets``: rows of an Excel file.
- ``layout``: which rows are preamble, header, units and data.
- ``numbers``: fields become numbers; decimal marks, gaps and overflow.
- ``units``: names with units, and their factors to SI.
- ``tables``: a table of columns, from a file or from memory.
- ``columns``: which column plays which role.
- ``matrices``: a whole file as one matrix.
- ``problems``: everything that is wrong with a file, said at once.
"""

from simulator.lab.columns import Chosen, Role, choose_columns
from simulator.lab.matrices import read_matrix
from simulator.lab.numbers import GAPS, OVERFLOWS, numbers_of
from simulator.lab.tables import Column, Table, TextFormat, read_table
from simulator.lab.units import Unit, unit_of

__all__ = [
    "GAPS",
    "OVERFLOWS",
    "Chosen",
    "Column",
    "Role",
    "Table",
    "TextFormat",
    "Unit",
    "choose_columns",
    "numbers_of",
    "read_matrix",
    "read_table",
    "unit_of",
]
