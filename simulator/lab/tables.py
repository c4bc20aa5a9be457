"""A table of columns, from a file or from memory."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from simulator.errors import FileFormatError, InputError
from simulator.lab.encodings import read_text
from simulator.lab.layout import Head, Record, lay_out
from simulator.lab.numbers import decimal_mark
from simulator.lab.problems import Problems
from simulator.lab.separators import BLANKS, fields_of, find_separator
from simulator.lab.spreadsheets import is_spreadsheet, read_records
from simulator.lab.units import Unit, split_header

COMMENTS = ("#", "%", "!", "//")
# Rows that the decimal mark is found from.
LOOKED_AT = 5000


@dataclass(frozen=True)
class TextFormat:
    """How a text file is written; what is None is found.

    Args:
        separator: The character between fields; ``" "`` for columns of blanks.
        decimal: The decimal mark, ``"."`` or ``","``.
        comment: What lines begin with that are no data, one text or several; None for
            ``#``, ``%``, ``!`` and ``//``.
        encoding: The encoding of the text, such as ``"utf-8"``.

    Raises:
        InputError: A decimal mark or a separator that is none.
    """

    separator: str | None = None
    decimal: str | None = None
    comment: str | Sequence[str] | None = None
    encoding: str | None = None

    def __post_init__(self) -> None:
        if self.decimal not in (None, ".", ","):
            raise InputError(f"decimal: got {self.decimal!r}; allowed are '.' and ','")
        if self.separator is not None and len(self.separator) != 1:
            raise InputError(f"separator: got {self.separator!r}; allowed is one character")

    @property
    def comments(self) -> tuple[str, ...]:
        """What comments begin with."""
        if self.comment is None:
            return COMMENTS
        given = (self.comment,) if isinstance(self.comment, str) else tuple(self.comment)
        return tuple(mark for mark in given if mark)


@dataclass(frozen=True)
class Column:
    """A column: its header as it stands, the name and the unit in it, and its fields."""

    text: str
    name: str
    unit: Unit | None
    fields: Any


@dataclass(frozen=True)
class Table:
    """Columns of equal length.

    Args:
        where: The file, for messages; empty for data from memory.
        columns: The columns.
        lines: The line of each row in the file, or its number, counted from 1.
        decimal: The decimal mark of its texts.
        problems: What is wrong with lines of the file, for one message with all that follows.
    """

    where: str
    columns: tuple[Column, ...]
    lines: np.ndarray
    decimal: str = "."
    problems: tuple[str, ...] = ()

    @property
    def error(self) -> type[FileFormatError] | type[InputError]:
        """What is raised for a table that is wrong."""
        return FileFormatError if self.where else InputError

    def place(self, row: int) -> str:
        """A row in words: ``line 12`` of a file, ``row 12`` of data from memory."""
        return f"{'line' if self.where else 'row'} {self.lines[row]}"

    @classmethod
    def of(cls, source: Any, form: TextFormat | None = None) -> Table:
        """The table in a file, a DataFrame or a mapping of columns; ``problems`` are left in it.

        Args:
            source: Path of a file, or columns by name.
            form: How a text file is written; None finds everything.

        Raises:
            FileFormatError: A file that holds no table.
            InputError: Columns of different lengths, or none.
        """
        if isinstance(source, str | os.PathLike):
            return _from_file(Path(source), form or TextFormat())
        return _from_memory(source)


def _from_memory(source: Any) -> Table:
    try:
        given = {str(name): np.asarray(source[name]).ravel() for name in source}
    except (TypeError, ValueError, KeyError, IndexError) as error:
        raise InputError(
            f"got {type(source).__name__}; needed is a file, a DataFrame or a mapping of columns "
            f"({error})"
        ) from None
    lengths = {name: len(values) for name, values in given.items()}
    if len(set(lengths.values())) != 1 or not all(lengths.values()):
        raise InputError(f"columns have {lengths} rows; needed is the same number, at least one")
    columns = tuple(Column(text, *split_header(text), fields) for text, fields in given.items())
    rows = len(columns[0].fields)
    texts = [f for c in columns if c.fields.dtype.kind in "OU" for f in map(str, c.fields)]
    return Table("", columns, np.arange(1, rows + 1), decimal_mark(texts) or ".")


def read_table(path: str | os.PathLike[str], form: TextFormat | None = None) -> Table:
    """Read the table of a text file or an Excel file.

    Args:
        path: The file; lines above the table, comments, a row of units and repeated headers are
            recognised.
        form: How a text file is written; None finds everything.

    Returns:
        The table, its fields as texts.

    Raises:
        FileFormatError: No table is found, lines do not fit it, or the decimal mark is in doubt;
            one message says all that is wrong. Also where finding the format needs the extra
            ``lab``.
        FileNotFoundError: There is no such file.
    """
    table = Table.of(path, form)
    Problems(table.where, list(table.problems)).raise_any(FileFormatError)
    return table


def _from_file(path: Path, form: TextFormat) -> Table:
    records = read_records(path) if is_spreadsheet(path) else _text_records(path, form)
    problems = Problems(str(path))
    layout = lay_out(records, problems)
    if not layout.rows:
        problems.add("no rows with numbers")
        problems.raise_any(FileFormatError)
    decimal = "." if is_spreadsheet(path) else form.decimal
    if decimal is None:
        decimal = decimal_mark(field for row in islice(layout.rows, LOOKED_AT) for field in row)
    if decimal is None:
        problems.add(
            "numbers such as 1,234 can be read in two ways; say decimal=',' or decimal='.'"
        )
    heads: tuple[Head, ...] = layout.heads
    columns = zip(heads, zip(*layout.rows), strict=True)
    return Table(
        str(path),
        tuple(Column(head.text, head.name, head.unit, fields) for head, fields in columns),
        np.array(layout.lines),
        decimal or ".",
        tuple(problems.found),
    )


def _text_records(path: Path, form: TextFormat) -> list[Record]:
    text = read_text(path, form.encoding)
    numbered = [
        (number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()
    ]
    marks = form.comments
    is_comment = [line.lstrip().startswith(marks) if marks else False for _, line in numbered]
    data = [line for (_, line), comment in zip(numbered, is_comment, strict=True) if not comment]
    if not data:
        raise FileFormatError(f"{path}: no lines but comments")
    separator = find_separator(data, path) if form.separator is None else form.separator
    bare = [
        _uncommented(line, marks) if comment else line
        for (_, line), comment in zip(numbered, is_comment, strict=True)
    ]
    if separator == BLANKS:
        bare = [line.replace("\t", " ") for line in bare]
    rows = fields_of(bare, separator)
    return [
        Record(number, fields, comment)
        for (number, _), fields, comment in zip(numbered, rows, is_comment, strict=True)
    ]


def _uncommented(line: str, marks: tuple[str, ...]) -> str:
    line = line.strip()
    mark = max((mark for mark in marks if line.startswith(mark)), key=len)
    return line[len(mark) :].strip()
