"""Which rows of a file are preamble, header, units and data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, islice, pairwise

from simulator.lab.numbers import is_marker, is_number
from simulator.lab.problems import Problems
from simulator.lab.units import Unit, split_header, unit_of

# Tags of parameter analysers in front of the names of the columns, and of every row.
NAMES_TAG, VALUES_TAG = "DataName", "DataValue"
# Rows whose width says that of the table.
LOOKED_AT = 5000


@dataclass(frozen=True)
class Head:
    """What a header says of a column: the text as it stands, the name in it, and the unit."""

    text: str
    name: str
    unit: Unit | None


@dataclass(frozen=True)
class Layout:
    """A file in parts: a head for each column, and the rows of data with their lines."""

    heads: tuple[Head, ...]
    rows: list[list[str]]
    lines: list[int]


@dataclass(frozen=True)
class Record:
    """One line cut into fields; ``is_comment`` for one that begins as a comment does."""

    line: int
    fields: list[str]
    is_comment: bool = False

    @property
    def is_words(self) -> bool:
        """True where no field is a number or stands for one: as in a header."""
        return any(self.fields) and not any(map(_is_value, self.fields))


def _is_value(field: str) -> bool:
    return is_number(field) or (bool(field) and is_marker(field))


def lay_out(records: Sequence[Record], problems: Problems) -> Layout:
    """Find header, units and data among the lines of a file.

    The header is the row of words that most rows of data follow; where it comes again, as in files
    that were joined, it is skipped. A row of units may stand below it. Rows that are too short have
    gaps at their end; rows that are too long are problems.

    Args:
        records: All lines that are not blank, cut into fields.
        problems: Where to note what is wrong.
    """
    comments = [record for record in records if record.is_comment]
    rows = _without_tags([record for record in records if not record.is_comment])
    width = _width(rows)
    rows = [Record(r.line, _trimmed(r.fields, width)) for r in rows]
    start, names, units = _header(rows, width)
    headed = names is not None and start < len(rows) and any(map(_is_value, rows[start].fields))
    if not headed or not all(_padded(names or [], width)):
        # Some libraries write the header as a comment.
        first = next((i for i, r in enumerate(rows) if _is_data(r, width)), len(rows))
        commented = _commented(comments, rows[first:], width)
        if commented is not None or not headed:
            start, names, units = first, commented, None
    _refuse_data(rows[:start], rows[start:], width, problems)
    heads = _heads(names, units, width)
    return _body(rows[start:], heads, [row for row in (names, units) if row], problems)


def _without_tags(rows: list[Record]) -> list[Record]:
    if not any(r.fields[0] == NAMES_TAG for r in rows):
        return rows
    tags = (NAMES_TAG, VALUES_TAG)
    return [Record(r.line, r.fields[1:]) for r in rows if r.fields[0] in tags]


def _width(rows: list[Record]) -> int:
    """The number of columns: that of most rows with a number, empty ones at the end left out."""
    numeric = (r for r in reversed(rows) if any(map(_is_value, r.fields)))
    some = list(islice(numeric, LOOKED_AT))
    if not some:
        return 0
    counts = Counter(len(r.fields) for r in some)
    width = max(counts, key=lambda columns: (counts[columns], columns))
    headed = max((_filled(r.fields) for r in rows if r.is_words and len(r.fields) <= width),
                 default=0)  # fmt: skip
    used = max(_filled(r.fields) for r in some if len(r.fields) == width)
    return max(used, headed)


def _filled(fields: list[str]) -> int:
    """How many fields there are up to the last that is not empty."""
    return next((n for n in range(len(fields), 0, -1) if fields[n - 1]), 0)


def _trimmed(fields: list[str], width: int) -> list[str]:
    """Fields without empty ones beyond the table, as a separator at the end of a line leaves."""
    return fields[: max(width, _filled(fields))]


def _is_data(record: Record, width: int) -> bool:
    return len(record.fields) == width and any(map(_is_value, record.fields))


def _header(rows: list[Record], width: int) -> tuple[int, list[str] | None, list[str] | None]:
    """Where data begin, and the rows of names and of units above them."""
    words = [i for i, r in enumerate(rows) if r.is_words and _filled(r.fields) >= width - 1]
    words = [i for i in words if len(rows[i].fields) <= width and _filled(rows[i].fields)]
    # A row that comes again belongs to the table that it heads.
    first: dict[tuple[str, ...], int] = {}
    for i in words:
        first.setdefault(tuple(rows[i].fields), i)
    new = list(first.values())
    followed = {i: end - i - 1 for i, end in pairwise([*new, len(rows)])}
    best = max(followed, key=lambda i: followed[i], default=0)
    if not followed.get(best):
        return 0, None, None
    row = rows[best].fields
    if not _are_units(row):
        after = rows[best + 1].fields
        if _are_units(after):
            return best + 2, row, after
        return best + 1, row, None
    above = rows[best - 1].fields if best - 1 in words else None
    return best + 1, above, row


def _refuse_data(above: list[Record], data: list[Record], width: int, problems: Problems) -> None:
    """Note rows above the table that look like rows of it: they would be lost."""
    some = [r.fields for r in data[:LOOKED_AT] if len(r.fields) == width]
    numeric = [
        column
        for column in range(width)
        if 2 * sum(_is_value(fields[column]) for fields in some) > len(some)
    ]
    for record in above:
        fields = record.fields
        alone = len(fields) > 1 and all(map(is_number, fields))
        alike = len(fields) == width > 1 and all(_is_value(fields[c]) for c in numeric)
        if alone or (alike and numeric):
            problems.add(f"line {record.line} stands above the table and looks like data of it")


def _are_units(row: list[str]) -> bool:
    named = [text for text in row if text]
    return bool(named) and all(unit_of(text) or _is_bracketed(text) for text in named)


def _is_bracketed(text: str) -> bool:
    return text[0] + text[-1] in ("()", "[]", "{}")


def _commented(comments: list[Record], data: list[Record], width: int) -> list[str] | None:
    """A name for every column, in the comment right above the data."""
    above = [record for record in comments if data and record.line < data[0].line]
    if not above or _filled(above[-1].fields) != width or not above[-1].is_words:
        return None
    return above[-1].fields


def _heads(names: list[str] | None, units: list[str] | None, width: int) -> tuple[Head, ...]:
    if names is None:
        names = [str(k) for k in range(width)]
    heads = []
    for text, below in zip(_padded(names, width), _padded(units or [], width), strict=True):
        name, unit = split_header(text)
        heads.append(Head(text, name, unit_of(below) or unit))
    return tuple(heads)


def _padded(row: list[str], width: int) -> list[str]:
    return row + [""] * (width - len(row))


def _body(
    rows: list[Record], heads: tuple[Head, ...], skipped: list[list[str]], problems: Problems
) -> Layout:
    width, held, lines = len(heads), [], []
    again = [_trimmed(row, width) for row in skipped]
    for record in rows:
        fields = record.fields
        if not any(fields) or fields in again:
            continue
        if len(fields) > width:
            problems.add(
                f"line {record.line} has {len(fields)} fields; the table has {width} columns"
            )
        elif not any(map(_is_value, fields)):
            problems.add(f"line {record.line} holds no number: {_shown(fields)}")
        else:
            held.append(_padded(fields, width))
            lines.append(record.line)
    return Layout(heads, held, lines)


def _shown(fields: list[str]) -> str:
    text = " ".join(chain(fields))
    return repr(text if len(text) <= 40 else text[:37] + "...")
