"""One table, written in many dialects, reads back as the same numbers."""

import importlib.util
import warnings
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.devices import from_measurements
from simulator.devices.measurements import ROLES
from simulator.errors import OhmCoreWarning
from simulator.lab import Table, TextFormat, choose_columns, read_matrix

SNIFFS = importlib.util.find_spec("clevercsv") is not None
PREAMBLES = (
    [],
    ["Keithley Instruments{s}Model 2636B", "Date{s}2026-03-01", ""],
    ["Setup title{s}pulse and read", "Test Parameter{s}Vread{s}100m", "Analysis"],
    ["[Header]", "operator: x", "cells on wafer 7"],
)
MARKERS = ("", "--", "OVERFLOW", "OVRFLW", "9.9E37", "9.91E37", "#N/A", "nan", "skipped")


@dataclass(frozen=True)
class Dialect:
    separator: str
    decimal: str
    unit: str
    unit_row: bool
    preamble: int
    comment: str
    newline: str
    encoding: str
    trailing: bool
    repeated: bool
    commented_header: bool
    quoted: bool
    style: str


def dialects():
    return st.builds(
        Dialect,
        separator=st.sampled_from([",", ";", "\t", "|", " "]),
        decimal=st.sampled_from([".", ","]),
        unit=st.sampled_from(["S", "mS", "uS", "nS", "\u00b5S"]),
        unit_row=st.booleans(),
        preamble=st.sampled_from(range(len(PREAMBLES))),
        comment=st.sampled_from(["", "#", "%", "!", "//"]),
        newline=st.sampled_from(["\n", "\r\n", "\r"]),
        encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1"]),
        trailing=st.booleans(),
        repeated=st.booleans(),
        commented_header=st.booleans(),
        quoted=st.booleans(),
        style=st.sampled_from(["{:.6e}", "{:.9f}", "{:.8G}"]),
    ).filter(lambda d: possible(d))


def possible(d):
    """A comma is a separator or a decimal mark, not both; blanks hold no empty fields."""
    if d.separator == "," and d.decimal == "," and not d.quoted:
        return False
    blanks = d.separator == " "
    return not (blanks and (d.trailing or d.quoted or d.preamble))


FACTORS = {"S": 1.0, "mS": 1e-3, "uS": 1e-6, "nS": 1e-9, "\u00b5S": 1e-6}


def written(d, target, measured, time, broken=()):
    """The text of a table in a dialect; ``broken`` puts markers into rows of their own."""
    sep, factor = d.separator, FACTORS[d.unit]
    blanks = sep == " "
    sep = "   " if blanks else sep

    def number(value, style=d.style):
        text = style.format(value).replace(".", d.decimal)
        return f'"{text}"' if d.quoted else text

    name = (lambda text, unit: text + unit) if blanks else (lambda text, unit: f"{text} {unit}")
    where = (
        ["target", "measured", "time"]
        if d.unit_row
        else [name("target", f"({d.unit})"), name("measured", f"[{d.unit}]"), "time_s"]
    )
    head = [sep.join(where)]
    if d.unit_row:
        head.append(sep.join([f"({d.unit})", f"({d.unit})", "(s)"]))
    rows = [
        sep.join([number(g / factor), number(m / factor), number(t, "{:g}")])
        for g, m, t in zip(target, measured, time)
    ]
    for at, marker in broken:
        rows.insert(at, sep.join([number(1e-6 / factor), marker or '""', number(0, "{:g}")]))
    if d.repeated:
        rows[len(rows) // 2 : len(rows) // 2] = head
    end = sep if d.trailing else ""
    lines = [line.format(s=sep) for line in PREAMBLES[d.preamble]]
    if d.comment:
        lines.append(f"{d.comment} measured at night; with care, 2.5 times")
    if d.commented_header and d.comment and not d.unit_row and not d.repeated:
        head = [f"{d.comment} {head[0]}"]
        end = ""
    lines += [line + end for line in [*head, *rows]]
    return d.newline.join(lines) + d.newline


def form_of(d):
    return TextFormat() if SNIFFS else TextFormat(separator=d.separator)


def read(path, d, **options):
    table = Table.of(path, form_of(d))
    return choose_columns(table, ROLES, **options).values


VALUES = st.lists(st.floats(1e-7, 1e-3), min_size=6, max_size=20)


@given(dialect=dialects(), values=VALUES, data=st.data())
def test_a_known_table_reads_back_in_every_dialect(tmp_path_factory, dialect, values, data):
    measured = np.array(values)
    target, time = measured * 1.25, np.arange(len(values)) * 10.0
    where = st.lists(
        st.tuples(st.integers(1, len(values) - 1), st.sampled_from(MARKERS)), max_size=2
    )
    broken = data.draw(where)
    if dialect.separator == " ":
        broken = [(at, marker) for at, marker in broken if marker]
    path = tmp_path_factory.mktemp("lab") / "export.csv"
    text = written(dialect, target, measured, time, broken)
    path.write_bytes(text.encode(dialect.encoding))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        got = read(path, dialect, missing="skipped")
    step = {"{:.6e}": 1e-6 * measured.max(), "{:.8G}": 1e-7 * measured.max()}
    off = 1.25 * step.get(dialect.style, 1e-9 * FACTORS[dialect.unit])
    np.testing.assert_allclose(got["measured"], measured, rtol=0, atol=off)
    np.testing.assert_allclose(got["target"], target, rtol=0, atol=off)
    np.testing.assert_array_equal(got["time"], time)
    about = [str(w.message) for w in said if issubclass(w.category, OhmCoreWarning)]
    assert len(about) == bool(broken)
    if broken:
        assert f"{len(broken)} of {len(values) + len(broken)} rows are left out" in about[0]


MATRICES = st.lists(
    st.lists(st.floats(-1e4, 1e4).map(lambda v: round(v, 4)), min_size=3, max_size=3),
    min_size=2, max_size=6,
)  # fmt: skip


@given(dialect=dialects(), rows=MATRICES)
def test_a_known_matrix_reads_back_in_every_dialect(tmp_path_factory, dialect, rows):
    sep = dialect.separator
    lines = [line.format(s=sep) for line in PREAMBLES[dialect.preamble]]
    for row in rows:
        texts = [f"{value:.5f}".replace(".", dialect.decimal) for value in row]
        lines.append(sep.join(f'"{t}"' if dialect.quoted else t for t in texts))
    path = tmp_path_factory.mktemp("lab") / "matrix.csv"
    path.write_bytes(dialect.newline.join(lines).encode(dialect.encoding))
    np.testing.assert_allclose(read_matrix(path, form_of(dialect)), rows, rtol=0, atol=1e-9)


@pytest.mark.skipif(not SNIFFS, reason="needs the extra lab")
def test_a_german_spreadsheet_is_fitted_like_plain_numbers(tmp_path):
    rng = np.random.default_rng(1)
    target = np.repeat([5e-6, 10e-6], 20)
    measured = target * (1 + 0.05 * rng.standard_normal(40))
    rows = [f"{t * 1e6:.1f};{m * 1e6:.6f}".replace(".", ",") for t, m in zip(target, measured)]
    path = tmp_path / "zellen.csv"
    path.write_text("Soll (\u00b5S);Ist (\u00b5S)\n" + "\n".join(rows), encoding="cp1252")
    device, _ = from_measurements(path, columns={"target": "Soll", "measured": "Ist"})
    plain, _ = from_measurements({"target_S": target, "measured_S": measured})
    np.testing.assert_allclose(device.spread, plain.spread, rtol=1e-5)
