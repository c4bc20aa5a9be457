"""Rows of an Excel file."""

from __future__ import annotations

import zlib
from pathlib import Path
from zipfile import BadZipFile

from simulator.errors import FileFormatError
from simulator.lab.encodings import EXTRA
from simulator.lab.layout import Record

SUFFIXES = (".xlsx", ".xlsm")
OLD_SUFFIXES = (".xls", ".ods")


def is_spreadsheet(path: Path) -> bool:
    """True for a file of a spreadsheet program, by the ending of its name."""
    return path.suffix.lower() in SUFFIXES + OLD_SUFFIXES


def read_records(path: Path) -> list[Record]:
    """Rows of the sheet that was open last, as fields with a decimal point.

    Args:
        path: An ``.xlsx`` file.

    Returns:
        One record for each row that is not empty.

    Raises:
        FileFormatError: The file is broken or of another kind, or the extra ``lab`` is missing.
    """
    if path.suffix.lower() in OLD_SUFFIXES:
        raise FileFormatError(f"{path}: save it as .xlsx or .csv")
    try:
        from openpyxl import load_workbook
    except ImportError:
        raise FileFormatError(f"{path}: Excel files need an extra: {EXTRA}") from None
    try:
        sheet = load_workbook(path, read_only=True, data_only=True).active
        rows = [["" if cell is None else str(cell).strip() for cell in row]
                for row in sheet.iter_rows(values_only=True)]  # fmt: skip
    except (
        ValueError,
        KeyError,
        AttributeError,
        TypeError,
        EOFError,
        BadZipFile,
        zlib.error,
    ) as error:
        raise FileFormatError(f"{path}: not an Excel file: {error}") from None
    return [Record(number, row) for number, row in enumerate(rows, start=1) if any(row)]
