"""Where lines are cut into fields."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path

from simulator.errors import FileFormatError
from simulator.lab.encodings import EXTRA
from simulator.lab.numbers import is_number

BLANKS = " "
NAMES = {"\t": "tabs", ";": "semicolons", ",": "commas", "|": "bars", BLANKS: "blanks", "": "none"}
# Lines that the separator is found from.
SAMPLE = 60
# Other separators: characters, and blanks between numbers.
_OTHERS = re.compile(r"[;\t|]|[\d.] +[+-]?[\d.]")
_STARTS_AS_DATA = re.compile(r"""\s*["']?[+-]?[.,]?\d""")


def find_separator(lines: Sequence[str], path: Path) -> str:
    """The separator of a file, from its lines of data.

    Commas between plain numbers need no search; all else is found by the library CleverCSV.

    Args:
        lines: Lines that are neither blank nor comments.
        path: The file, for messages.

    Returns:
        One character; a blank where fields stand in columns of blanks, ``""`` for one column.

    Raises:
        FileFormatError: The separator cannot be found, or finding it needs the extra ``lab``.
    """
    sample = [line for line in lines if _STARTS_AS_DATA.match(line)][-SAMPLE:] or lines[-SAMPLE:]
    if _is_plain(sample):
        return "," if any("," in line for line in sample) else ""
    try:
        from clevercsv.detect import Detector
    except ImportError:
        raise FileFormatError(
            f"{path}: fields are separated by something else than commas; say "
            f"separator=';' or another, or let it be found: {EXTRA}"
        ) from None
    text = "\n".join(line.strip(BLANKS) for line in sample)
    found = Detector().detect(text, delimiters=[cut for cut in NAMES if cut], verbose=False)
    if found is None:
        raise FileFormatError(f"{path}: no separator fits its lines; say separator=';' or another")
    # Decimal commas between blanks look like separators to a library that knows no lab data.
    return max((found.delimiter or "", BLANKS), key=lambda cut: _numeric_share(sample, cut))


def _numeric_share(sample: Sequence[str], separator: str) -> float:
    fields = [field for row in fields_of(sample, separator) for field in row if field]
    return sum(map(is_number, fields)) / max(len(fields), 1)


def _is_plain(sample: Sequence[str]) -> bool:
    """True where nothing but a comma can separate fields: there is nothing to search for."""
    return not any(_OTHERS.search(line) for line in sample)


def fields_of(lines: Sequence[str], separator: str) -> list[list[str]]:
    """Lines cut into fields; quotes protect a separator.

    Args:
        lines: The lines.
        separator: What :func:`find_separator` gives.
    """
    if separator == BLANKS:
        return [line.split() for line in lines]
    if not separator:
        return [[line.strip()] for line in lines]
    # Line by line where there are quotes: one that is not closed ends with its line.
    parts = [[line] for line in lines] if any('"' in line for line in lines) else [lines]
    rows = [
        row or [""]
        for part in parts
        for row in csv.reader(part, delimiter=separator, skipinitialspace=separator != "\t")
    ]
    return [[field.strip() for field in row] for row in rows]
