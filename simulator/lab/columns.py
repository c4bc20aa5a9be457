"""Which column plays which role, and its numbers in SI units."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator.errors import nearest, warn_user
from simulator.lab.numbers import Numbers, is_complex, numbers_of
from simulator.lab.problems import Problems
from simulator.lab.tables import Column, Table
from simulator.lab.units import UNITS, Unit, unit_of

# Of numbers that are taken as they are.
PLAIN = Unit("1", "", 1.0)


@dataclass(frozen=True)
class Role:
    """What a column can be.

    Args:
        key: What it is called in ``columns=`` and ``unit=``.
        names: Headers that are recognised, in lower case, letters and digits only.
        quantity: SI unit of its numbers; ``""`` for numbers of any unit, or none; None for names,
            such as those of chips.
        required: Whether a table without it is refused.
        assumed: The unit where none is written; None asks for it.
    """

    key: str
    names: tuple[str, ...]
    quantity: str | None
    required: bool = True
    assumed: str | None = None


@dataclass(frozen=True)
class Chosen:
    """Columns by role, rows with gaps and overflow left out.

    ``values`` are in SI units, by role, or texts for a role without a quantity; ``headers`` are
    those of the table, and ``rows`` the numbers of the rows that are left, from 0.
    """

    values: dict[str, np.ndarray]
    headers: dict[str, str]
    rows: np.ndarray


def choose_columns(
    table: Table,
    roles: Sequence[Role],
    columns: Mapping[str, str | int] | None = None,
    unit: str | Mapping[str, str] | None = None,
    missing: str | Sequence[str] = (),
) -> Chosen:
    """Columns of a table by role, converted to SI units.

    Rows where a column of a role has a gap or an overflow are left out, with one warning that
    counts them.

    Args:
        table: The table.
        roles: What is looked for.
        columns: Role to header, or to the number of the column from 0; others are recognised by
            their names.
        unit: Role to unit, or one unit for all conductances; needed where headers have none.
        missing: More texts that stand for a gap.

    Raises:
        FileFormatError, InputError: One message says all that is wrong, with lines and columns.
    """
    problems = Problems(table.where, list(table.problems))
    columns, unit = dict(columns or {}), _by_role(unit, roles)
    keys = [role.key for role in roles]
    for name, given in (("columns", list(columns)), ("unit", list(unit))):
        for key in given:
            if key in keys:
                continue
            problems.add(
                f"{name}: no role {key!r}; roles are {', '.join(keys)}.{nearest(key, keys)}"
            )
    found: dict[str, Column] = {}
    for role in roles:
        column = _column(table, role, columns, problems)
        if column is not None:
            found[role.key] = column
    _mention_unread(table, roles, found, columns)
    marked = (missing,) if isinstance(missing, str) else missing
    markers = frozenset(str(marker).strip().lower() for marker in marked)
    read = {
        role.key: _numbers(table, role, found[role.key], unit.get(role.key), markers, problems)
        for role in roles
        if role.key in found
    }
    problems.raise_any(table.error)
    return _complete(table, roles, found, read)


def _by_role(unit: str | Mapping[str, str] | None, roles: Sequence[Role]) -> dict[str, str]:
    if not isinstance(unit, str):
        return dict(unit or {})
    known = unit_of(unit)
    quantity = known.quantity if known else "S"
    return {role.key: unit for role in roles if role.quantity in ("", quantity)}


def _column(
    table: Table, role: Role, columns: Mapping[str, str | int], problems: Problems
) -> Column | None:
    if role.key in columns:
        return _named(table, role, columns[role.key], problems)
    taken = {name for key, name in columns.items() if key != role.key}
    fitting = [
        c for c in table.columns if _bare(c.name) in role.names and not {c.text, c.name} & taken
    ]
    if len(fitting) == 1:
        return fitting[0]
    headers = [c.text for c in table.columns]
    if fitting:
        several = ", ".join(repr(c.text) for c in fitting)
        problems.add(
            f"{several} can each be the {role.key}; say columns={{{role.key!r}: "
            f"{fitting[0].text!r}}}"
        )
    elif role.required:
        problems.add(
            f"no column is recognised as the {role.key} (as {', '.join(role.names[:4])}, ...); "
            f"columns are {_listed(headers)}. Say columns={{{role.key!r}: '...'}}."
            f"{_nearest_header(table.columns, role)}"
        )
    return None


def _named(table: Table, role: Role, wanted: str | int, problems: Problems) -> Column | None:
    if isinstance(wanted, int) and not isinstance(wanted, bool):
        if 0 <= wanted < len(table.columns):
            return table.columns[wanted]
        problems.add(
            f"columns[{role.key!r}]: got {wanted}; columns are numbered from 0 to "
            f"{len(table.columns) - 1}"
        )
        return None
    for same in (
        lambda c: wanted == c.text,
        lambda c: wanted == c.name,
        lambda c: _bare(str(wanted)) in (_bare(c.text), _bare(c.name)),
    ):
        fitting = [c for c in table.columns if same(c)]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            problems.add(f"columns[{role.key!r}]: {len(fitting)} columns are called {wanted!r}")
            return None
    headers = [c.text for c in table.columns]
    problems.add(
        f"columns[{role.key!r}]: no column {wanted!r}; columns are {_listed(headers)}."
        f"{nearest(str(wanted), headers)}"
    )
    return None


def _bare(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).lower()


def _listed(headers: Sequence[str]) -> str:
    shown = [repr(header) for header in headers[:12]]
    return ", ".join(shown) + (f" and {len(headers) - 12} more" if len(headers) > 12 else "")


def _nearest_header(columns: Iterable[Column], role: Role) -> str:
    """The header that is nearest to one of the names of a role, in the words of a hint."""
    by_name = {_bare(c.name): c.text for c in columns}
    for name in (name for name in role.names if len(name) > 3):
        hint = nearest(name, by_name)
        if hint:
            bare = hint.split("'")[1]
            return f" Did you mean {by_name[bare]!r}?"
    return ""


def _mention_unread(
    table: Table, roles: Sequence[Role], found: Mapping[str, Column], columns: Mapping[str, Any]
) -> None:
    """A column that nearly has the name of a role that was not found is not read: say so."""
    read = list(found.values())
    for role in roles:
        if role.required or role.key in found or role.key in columns:
            continue
        hint = _nearest_header(
            (c for c in table.columns if all(c is not one for one in read)), role
        )
        if hint:
            place = f"{table.where}: " if table.where else ""
            warn_user(
                f"{place}no column is recognised as the {role.key}.{hint} Say "
                f"columns={{{role.key!r}: '...'}}"
            )


def _numbers(
    table: Table,
    role: Role,
    column: Column,
    unit: str | None,
    missing: frozenset[str],
    problems: Problems,
) -> Numbers | None:
    if role.quantity is None:
        return None
    known = _unit(role, column, unit, problems)
    if getattr(column.fields, "dtype", np.dtype(object)).kind == "c":
        problems.add(f"column {column.text!r} is complex; give the part that is meant")
        return None
    numbers = numbers_of(column.fields, table.decimal, missing)
    for row, text in numbers.wrong:
        what = "complex" if is_complex(text) else "no number"
        problems.add(f"{table.place(row)}, column {column.text!r}: {text.strip()[:40]!r} is {what}")
    if known is None:
        return None
    with np.errstate(divide="ignore"):
        values = known.factor / numbers.values if known.inverse else known.factor * numbers.values
    for row in np.flatnonzero(np.isinf(values)).tolist():
        problems.add(f"{table.place(row)}, column {column.text!r}: a resistance of 0")
    return Numbers(values, numbers.gaps, numbers.overflows)


def _unit(role: Role, column: Column, unit: str | None, problems: Problems) -> Unit | None:
    """The unit of a column: that of its header or the given one."""
    allowed = [s for s, known in UNITS.items() if role.quantity in ("", known.quantity)]
    given = None if unit is None else unit_of(unit)
    if unit is not None and given is None:
        problems.add(
            f"unit[{role.key!r}]: got {unit!r}; allowed are {', '.join(allowed[:12])}."
            f"{nearest(unit, allowed)}"
        )
        return None
    written = column.unit
    if given and written and given != written:
        problems.add(
            f"column {column.text!r} is in {written.symbol}, and unit= says {given.symbol}"
        )
        return None
    chosen = given or written or (UNITS[role.assumed] if role.assumed else None)
    if chosen is None and role.quantity == "":
        return PLAIN
    if chosen is None:
        problems.add(
            f"column {column.text!r} has no unit; say unit='{role.quantity}' or 'u{role.quantity}'"
        )
    elif role.quantity not in ("", chosen.quantity):
        problems.add(
            f"column {column.text!r} is in {chosen.symbol}; the {role.key} is needed in "
            f"{', '.join(allowed[:8])}"
        )
        return None
    return chosen


def _complete(
    table: Table,
    roles: Sequence[Role],
    found: Mapping[str, Column],
    read: Mapping[str, Numbers | None],
) -> Chosen:
    """Rows that have everything; the others are counted in one warning."""
    numeric = {key: numbers for key, numbers in read.items() if numbers is not None}
    keep = np.ones(len(table.lines), dtype=bool)
    told = []
    for kind, what in (("gaps", "a gap"), ("overflows", "overflow")):
        rows = np.zeros_like(keep)
        for numbers in numeric.values():
            rows |= getattr(numbers, kind)
        rows &= keep
        if rows.any():
            row = int(rows.argmax())
            key = next(k for k, n in numeric.items() if getattr(n, kind)[row])
            told.append(
                f"{rows.sum()} with {what} (the first in {table.place(row)}, column "
                f"{found[key].text!r})"
            )
        keep &= ~rows
    place = f"{table.where}: " if table.where else ""
    if not keep.any():
        raise table.error(f"{place}no row is complete: {' and '.join(told)}")
    if told:
        left_out = int((~keep).sum())
        warn_user(f"{place}{left_out} of {keep.size} rows are left out: {' and '.join(told)}")
    values: dict[str, np.ndarray] = {}
    for role in roles:
        if role.key in numeric:
            values[role.key] = numeric[role.key].values[keep]
        elif role.key in found:
            names = np.array([str(field).strip() for field in found[role.key].fields])
            values[role.key] = names[keep]
    headers = {key: column.text for key, column in found.items()}
    return Chosen(values, headers, np.flatnonzero(keep))
