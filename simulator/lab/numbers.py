"""Fields as numbers: decimal marks, thousands separators, gaps and overflow."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

# What instruments and spreadsheets write for a value that is not there, in lower case.
GAPS = frozenset(
    {"", "-", "--", "---", "nan", "na", "n/a", "#n/a", "null", "none", "missing", "#value!",
     "#div/0!", "?"}
)  # fmt: skip
# And for a value beyond what was measured.
OVERFLOWS = frozenset(
    {"overflow", "ovrflw", "ovflw", "ovfl", "ovf", "overflw", "overload", "ovld", "ovrld", "ovl",
     "o.l", "ol", "inf", "+inf", "-inf", "infinity"}
)  # fmt: skip
# SCPI instruments return 9.9E37 for overflow and 9.91E37 for a value that is no number.
LARGEST = 9.8e37
NO_NUMBER, NO_NUMBER_END = 9.905e37, 9.95e37

_EXPONENT = r"(?:[eEdD][+-]?\d+)?"
_BLANKS = "\u00a0\u202f\u2009 '\u2019"


def _grammar(decimal: str, thousands: str) -> re.Pattern[str]:
    grouped = rf"[1-9]\d{{0,2}}(?:[{re.escape(thousands + _BLANKS)}]\d{{3}})+"
    mark = re.escape(decimal)
    whole = rf"(?:{grouped}|\d+)"
    return re.compile(rf"[+-]?(?:{whole}(?:{mark}\d*)?|{mark}\d+){_EXPONENT}")


NUMBER = {".": _grammar(".", ","), ",": _grammar(",", ".")}
_PART = r"(?:\d+[.,]?\d*|[.,]\d+)(?:[eE][+-]?\d+)?"
COMPLEX = re.compile(rf"\(?\s*(?:[+-]?{_PART}\s*[+-]|[+-])?\s*(?:{_PART})?\s*[ijIJ]\s*\)?")


def is_number(field: str) -> bool:
    """True for a field that is a number with either decimal mark."""
    try:
        float(field)
    except ValueError:
        text = _plain(field)
        return any(grammar.fullmatch(text) for grammar in NUMBER.values())
    return field.strip().lower() not in GAPS | OVERFLOWS and "_" not in field


def is_marker(field: str, missing: frozenset[str] = frozenset()) -> bool:
    """True for a field that stands for a value which is not there."""
    return field.strip().lower() in GAPS | OVERFLOWS | missing


def decimal_mark(fields: Iterable[str]) -> str | None:
    """The decimal mark of a table: ``"."`` or ``","``; None where fields allow both.

    Args:
        fields: Fields of its data.
    """
    votes, doubtful = {".": 0, ",": 0}, False
    for field in fields:
        if "." not in field and "," not in field:
            continue
        text = _plain(field)
        fitting = [mark for mark, grammar in NUMBER.items() if grammar.fullmatch(text)]
        if len(fitting) == 1:
            votes[fitting[0]] += 1
        doubtful |= len(fitting) == 2 and "," in text
    if not any(votes.values()):
        return None if doubtful else "."
    return max(votes, key=lambda mark: votes[mark])


@dataclass(frozen=True)
class Numbers:
    """A column as numbers, in the unit it was written in.

    ``values`` has NaN where there is none: ``gaps`` and ``overflows`` say where, one bool for each
    row, and ``wrong`` holds row and text of fields that are neither numbers nor markers.
    """

    values: np.ndarray
    gaps: np.ndarray
    overflows: np.ndarray
    wrong: tuple[tuple[int, str], ...] = ()


def numbers_of(
    fields: Sequence[str] | np.ndarray, decimal: str, missing: frozenset[str]
) -> Numbers:
    """Fields of one column as numbers.

    Args:
        fields: Texts; or numbers, which stay as they are.
        decimal: The decimal mark, ``"."`` or ``","``.
        missing: More markers of a gap, in lower case.
    """
    if isinstance(fields, np.ndarray) and fields.dtype.kind in "fiub":
        return _classified(fields.astype(np.float64), np.zeros(len(fields), dtype=bool), ())
    texts = [str(field) for field in fields]
    if decimal == "." and not missing:
        values = _plainly(texts)
        if values is not None:
            return _classified(values, np.zeros(len(texts), dtype=bool), ())
    values, wrong = np.full(len(texts), np.nan), []
    overflows = np.zeros(len(texts), dtype=bool)
    for row, text in enumerate(texts):
        marker = text.strip().lower()
        if marker in missing or marker in GAPS:
            continue
        if marker in OVERFLOWS:
            overflows[row] = True
            continue
        number = to_number(text, decimal)
        if number is None:
            number = _overflow(text)
        if number is None:
            wrong.append((row, text))
        else:
            values[row] = number
    return _classified(values, overflows, tuple(wrong))


def _plainly(texts: Sequence[str]) -> np.ndarray | None:
    """Numbers that Python reads as they stand; None where one is written otherwise."""
    if any("_" in text for text in texts):
        return None
    try:
        return np.array([float(text) for text in texts])
    except ValueError:
        return None


def _classified(
    values: np.ndarray, overflows: np.ndarray, wrong: tuple[tuple[int, str], ...]
) -> Numbers:
    size = np.abs(values)
    no_number = (size > NO_NUMBER) & (size < NO_NUMBER_END)
    overflows = overflows | ((size > LARGEST) & ~no_number)
    values = np.where(overflows | no_number, np.nan, values)
    gaps = np.isnan(values) & ~overflows
    gaps[[row for row, _ in wrong]] = False
    return Numbers(values, gaps, overflows, wrong)


def to_number(field: str, decimal: str) -> float | None:
    """A field as a number, thousands separators taken out; None where it is none."""
    text = _plain(field)
    if not NUMBER[decimal].fullmatch(text):
        return None
    for mark in (",." if decimal == "." else ".,")[0] + _BLANKS:
        text = text.replace(mark, "")
    return float(text.replace(decimal, ".").replace("D", "E").replace("d", "e"))


def _overflow(field: str) -> float | None:
    """An instrument's number for overflow, whatever decimal mark the table has."""
    numbers = [to_number(field, mark) for mark in NUMBER]
    return next((n for n in numbers if n is not None and abs(n) > LARGEST), None)


def _plain(field: str) -> str:
    return field.strip().replace("\u2212", "-")


def is_complex(field: str) -> bool:
    """True for a field that is a complex number, such as ``1+2j`` or ``(0.5-3i)``."""
    return COMPLEX.fullmatch(field.strip()) is not None
