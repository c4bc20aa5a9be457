"""A whole file as one matrix."""

from __future__ import annotations

import os

import numpy as np

from simulator.errors import FileFormatError
from simulator.lab.numbers import is_complex, numbers_of
from simulator.lab.problems import Problems
from simulator.lab.tables import TextFormat, read_table


def read_matrix(path: str | os.PathLike[str], form: TextFormat | None = None) -> np.ndarray:
    """Read a matrix from a text file or an Excel file.

    Args:
        path: The file, one line for each row; comments, lines above the matrix and a header are
            recognised.
        form: How a text file is written; None finds everything.

    Returns:
        (rows, columns), float64, in the unit of the file.

    Raises:
        FileFormatError: The file is no table, or a field is a gap, an overflow, complex or no
            number; one message says all of them, with lines and columns.
        FileNotFoundError: There is no such file.
    """
    table = read_table(path, form)
    problems = Problems(table.where)
    columns = []
    for number, column in enumerate(table.columns, start=1):
        numbers = numbers_of(column.fields, table.decimal, frozenset())
        wrong = dict(numbers.wrong)
        for row in np.flatnonzero(np.isnan(numbers.values)):
            text = str(column.fields[row]).strip()
            what = f"{text[:40]!r} is no number"
            if row not in wrong:
                what = f"a gap ({text!r})" if numbers.gaps[row] else f"an overflow ({text!r})"
            elif is_complex(text):
                what = f"{text[:40]!r} is complex"
            problems.add(f"line {table.lines[row]}, column {number}: {what}; a matrix needs a "
                         "real number")  # fmt: skip
        columns.append(numbers.values)
    problems.raise_any(FileFormatError)
    return np.stack(columns, axis=1)
