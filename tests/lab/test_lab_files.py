"""Each trouble of a real export, by name."""

import builtins
import importlib.util
import re
import warnings
from pathlib import Path

import numpy as np
import pytest

from simulator.devices import from_measurements
from simulator.devices.measurements import ROLES
from simulator.errors import FileFormatError, InputError, OhmCoreWarning
from simulator.lab import Table, TextFormat, choose_columns, read_matrix, read_table, unit_of
from simulator.lab.numbers import decimal_mark, is_complex, to_number

LAB = pytest.mark.skipif(
    importlib.util.find_spec("clevercsv") is None, reason="needs the extra lab"
)


def file(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "export.csv"
    path.write_bytes(text.encode(encoding))
    return path


def values(path, **options):
    form = options.pop("form", None)
    return choose_columns(Table.of(path, form), ROLES, **options).values


def test_every_problem_of_a_file_is_said_at_once(tmp_path):
    path = file(
        tmp_path,
        "G_set (uS),G_got,t (V),note\n1,x,0,a\n2,2+1j,0,b\n3,y,0,c\n4,5,6,7,8\n",
    )
    columns = {"target": "G_sett", "measured": "G_got", "time": "t", "chip": "note"}
    with pytest.raises(FileFormatError) as caught:
        values(path, columns=columns)
    said = str(caught.value)
    assert "export.csv: 8 problems:" in said
    for words in (
        "line 5 has 5 fields; the table has 4 columns",
        "columns: no role 'chip'; roles are target, measured, time, device.",
        "no column 'G_sett'; columns are 'G_set (uS)', 'G_got', 't (V)', 'note'. Did you mean",
        "line 2, column 'G_got': 'x' is no number",
        "line 3, column 'G_got': '2+1j' is complex",
        "line 4, column 'G_got': 'y' is no number",
        "column 'G_got' has no unit; say unit='S' or 'uS'",
        "column 't (V)' is in V; the time is needed in s, ms, us",
    ):
        assert words in said


def test_many_problems_are_counted(tmp_path):
    rows = "".join(f"1e-6,x{k}\n" for k in range(100))
    with pytest.raises(FileFormatError, match="100 problems:(.|\n)*and 80 more$"):
        values(file(tmp_path, f"target_S,measured_S\n{rows}"))


@pytest.mark.parametrize("given", ["uS", "\u00b5S", {"target": "uS", "measured": "uS"}])
def test_a_usable_column_in_another_unit_is_converted(tmp_path, given):
    wanted = {"target": [1e-6, 2e-6], "measured": [1.5e-6, 2.5e-6]}
    bare = file(tmp_path, "target,measured\n1,1.5\n2,2.5\n")
    for name, value in values(bare, unit=given).items():
        np.testing.assert_allclose(value, wanted[name])
    named = file(tmp_path, "target_uS,G_read [nS]\n1,1500\n2,2500\n")
    for name, value in values(named).items():
        np.testing.assert_allclose(value, wanted[name])
    ohms = file(tmp_path, "target (Mohm),G (k\u03a9)\n1,100\n0.5,50\n")
    np.testing.assert_allclose(values(ohms)["measured"], [1e-5, 2e-5])


def test_units_that_contradict_or_do_not_fit_are_named(tmp_path):
    path = file(tmp_path, "target (uS),measured (A)\n1,1\n2,2\n")
    with pytest.raises(FileFormatError) as caught:
        values(path, unit={"target": "nS"})
    assert caught.match(r"'target \(uS\)' is in uS, and unit= says nS")
    assert caught.match(r"'measured \(A\)' is in A; the measured is needed in S, mS, uS")
    with pytest.raises(FileFormatError, match=r"unit\['target'\]: got 'uF'; allowed are S, mS"):
        values(path, unit={"target": "uF"})
    zero = file(tmp_path, "target (ohm),measured (ohm)\n1000,0\n2000,2000\n")
    with pytest.raises(FileFormatError, match=r"line 2, column 'measured \(ohm\)': a resistance"):
        values(zero)


def test_columns_are_named_or_numbered(tmp_path):
    path = file(tmp_path, "1e-6,5,2e-6\n3e-6,6,4e-6\n")
    got = values(path, columns={"target": 0, "measured": 2, "time": 1}, unit="S")
    np.testing.assert_array_equal(got["measured"], [2e-6, 4e-6])
    np.testing.assert_array_equal(got["time"], [5, 6])
    with pytest.raises(FileFormatError, match=r"columns\['target'\]: got 3; .* from 0 to 2"):
        values(path, columns={"target": 3, "measured": 2}, unit="S")
    twice = file(tmp_path, "G (S),G (S),target_S\n1e-6,1e-6,1e-6\n")
    with pytest.raises(FileFormatError, match="can each be the measured"):
        values(twice)
    with pytest.raises(FileFormatError, match="2 columns are called 'G'"):
        values(twice, columns={"measured": "G"})


def test_rows_with_gaps_and_overflow_are_counted_once(tmp_path):
    path = file(
        tmp_path,
        "target_uS,measured_uS\n1,\n1,1.5\n1,OVERFLOW\n1,9.9E37\n1,9.91E37\n1,--\n1,off\n1,2\n",
    )
    with pytest.warns(OhmCoreWarning) as said:
        got = values(path, missing=["off"])
    np.testing.assert_allclose(got["measured"], [1.5e-6, 2e-6])
    assert len(said) == 1
    assert said[0].filename == __file__
    assert (
        "6 of 8 rows are left out: 4 with a gap (the first in line 2, column 'measured_uS') and 2 "
        "with overflow (the first in line 4, column 'measured_uS')"
    ) in str(said[0].message)


def test_no_time_is_programming_and_a_misspelt_one_is_mentioned():
    cells = {"target_S": [1e-6] * 12, "measured_S": 1e-6 * (1 + 0.01 * np.arange(12))}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        device, _ = from_measurements(cells)
    assert not device.models("drift")
    with pytest.warns(OhmCoreWarning, match="no column is recognised as the time. Did you mean"):
        from_measurements({**cells, "tiime_s": [1.0] * 12})


def test_preambles_headers_and_footers(tmp_path):
    path = file(tmp_path, "Vread,0.1\nstarted,noon\n\nG,t\n(uS),(min)\n1.0,2\n2.0,3\nG,t\n3.0,4\n")
    table = read_table(path)
    assert [(c.text, c.unit.symbol) for c in table.columns] == [("G", "uS"), ("t", "min")]
    assert table.lines.tolist() == [6, 7, 9]
    analyser = file(
        tmp_path,
        "SetupTitle, I/V Sweep\nDimension1, 2, 2\nDataName, Vg, Id\nDataValue, 0, 1e-12\n"
        "DataValue, 0.1, 2e-12\n",
    )
    assert [c.fields for c in read_table(analyser).columns] == [("0", "0.1"), ("1e-12", "2e-12")]
    commented = file(tmp_path, "# run 3\n# V, I\n0,1\n1,2\n")
    assert [c.text for c in read_table(commented).columns] == ["V", "I"]
    with pytest.raises(FileFormatError, match="line 4 holds no number: 'the end'"):
        read_table(file(tmp_path, "V,I\n0,1\n1,2\nthe end\n"))
    with pytest.raises(FileFormatError, match="line 2 stands above the table and looks like data"):
        read_table(file(tmp_path, "a,b\n1,2\nc,d\n1,2\n3,4\n"))
    with pytest.raises(FileFormatError, match="line 3 holds no number: 'the end'"):
        read_table(file(tmp_path, "0,1\n1,2\nthe,end\n"))
    # Words among the data are no header, whatever stands above them.
    with pytest.raises(FileFormatError) as caught:
        read_table(file(tmp_path, "chip,G\nA1,1.5\nA2,2.5\nA3,broken\nA4,3\nA5,4\nA6,5\n"))
    assert caught.match("(?s)2 problems:.*line 2 stands above the table and looks like.*line 3")
    own = TextFormat(comment=";")
    assert len(read_table(file(tmp_path, "; note\nV,I\n0,1\n1,2\n"), own).lines) == 2


@LAB
@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("target (\u00b5S);G (\u00b5S)\r\n1,5;2,5\r\n3,5;4,5\r\n", "cp1252"),
        ("target (\u00b5S)\tG (\u00b5S)\t\n1.5\t2.5\t\n3.5\t4.5\t\n", "utf-16"),
        ("target_uS   G_uS\n 1.5   2.5\n 3.5   4.5\n", "utf-8-sig"),
        ("target_nS;G_nS\n1.500,0;2.500,0\n3.500,0;4.500,0\n", "utf-8"),
        ("\u76ee\u6807 target_uS;\u7535\u5bfc G_uS\n1,5;2,5\n3,5;4,5\n", "gb18030"),
    ],
)
def test_separators_and_encodings_are_found(tmp_path, text, encoding):
    path = file(tmp_path, text, encoding)
    columns = {"target": 0, "measured": 1}
    np.testing.assert_allclose(values(path, columns=columns)["measured"], [2.5e-6, 4.5e-6])


@pytest.mark.parametrize(
    ("text", "encoding", "words"),
    [
        ("target_uS;G_uS\n1,5;2,5\n", "utf-8", r"say separator=';'.*pip install ohmcore\[lab\]"),
        ("\u76ee\u6807,G\n1,5\n", "gb18030", r"say encoding='...'.*pip install ohmcore\[lab\]"),
    ],
)
def test_what_needs_the_extra_names_it(tmp_path, monkeypatch, text, encoding, words):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.split(".")[0] in ("clevercsv", "charset_normalizer"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    path = file(tmp_path, text, encoding)
    with pytest.raises(FileFormatError, match=words):
        values(path)
    form = TextFormat(separator=";" if ";" in text else ",", encoding=encoding)
    assert len(read_table(path, form).columns) == 2


def test_excel_files_are_tables(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    rows = [["wafer 7"], ["target (uS)", "measured (uS)"], [1.5, 2.5], [3, None], [3, 4.5]]
    for row in rows:
        book.active.append(row)
    path = tmp_path / "cells.xlsx"
    book.save(path)
    with pytest.warns(OhmCoreWarning, match="1 with a gap .the first in line 4"):
        np.testing.assert_allclose(values(path)["measured"], [2.5e-6, 4.5e-6])
    path.write_text("no book")
    with pytest.raises(FileFormatError, match="not an Excel file"):
        read_table(path)


@pytest.mark.parametrize("suffix", [".xls", ".xlsx"])
def test_excel_files_that_cannot_be_read_say_what_to_do(tmp_path, suffix, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    path = tmp_path / f"cells{suffix}"
    path.write_bytes(b"")
    with pytest.raises(FileFormatError, match=r"save it as|pip install ohmcore\[lab\]"):
        read_table(path)


def test_a_matrix_needs_every_number(tmp_path):
    path = file(tmp_path, "1.5,2.5,3.5\n4.5,--,1+2j\nOVERFLOW,x,2\n")
    with pytest.raises(FileFormatError) as caught:
        read_matrix(path)
    for words in (
        r"line 2, column 2: a gap \('--'\)",
        "line 2, column 3: '1.2j' is complex",
        r"line 3, column 1: an overflow \('OVERFLOW'\)",
        "line 3, column 2: 'x' is no number",
    ):
        assert caught.match(f"(?s).*{words}; a matrix needs a real number")


def test_numbers_that_can_be_read_in_two_ways_are_asked_about(tmp_path):
    path = file(tmp_path, '"1,234","2,345"\n"3,456","4,567"\n')
    with pytest.raises(FileFormatError, match="1,234 can be read in two ways; say decimal=','"):
        read_matrix(path)
    for mark, wanted in ((",", 1.234), (".", 1234.0)):
        assert read_matrix(path, TextFormat(decimal=mark))[0, 0] == wanted


@pytest.mark.parametrize(
    ("text", "mark", "number"),
    [
        ("1,234.5", ".", 1234.5), ("1.234.567,8e-3", ",", 1234.5678), ("1'234.5", ".", 1234.5),
        ("1\u00a0234,5", ",", 1234.5), ("\u22121.5", ".", -1.5), ("1.5D-3", ".", 1.5e-3),
        (".5", ".", 0.5), ("1_000", ".", None), ("12,34", ".", None), ("1e5", ",", 1e5),
    ],
)  # fmt: skip
def test_numbers_as_they_are_written(text, mark, number):
    assert to_number(text, mark) == number


def test_marks_units_and_complex_numbers():
    assert decimal_mark(["1,5", "2.500,0"]) == ","
    assert decimal_mark(["1,234", "0.5"]) == "."
    assert decimal_mark(["1", "2"]) == "."
    assert decimal_mark(["1,234"]) is None
    assert all(map(is_complex, ["1+2j", "(0.5-3i)", "2j", "1e-3-2e-4j"]))
    assert not any(map(is_complex, ["1.5", "pi", "Li", "uni", ""]))
    assert unit_of("[\u03bcS]") == unit_of("uS")
    assert unit_of("furlong") is None
    for wrong in ({"decimal": ";"}, {"separator": "ab"}):
        with pytest.raises(InputError, match="allowed"):
            TextFormat(**wrong)


def test_no_table_is_an_error(tmp_path):
    with pytest.raises(FileFormatError, match="no lines but comments"):
        read_table(file(tmp_path, "# nothing\n\n"))
    with pytest.raises(FileFormatError, match="no rows with numbers"):
        read_table(file(tmp_path, "a,b\nc,d\n"))
    with pytest.raises(InputError, match="needed is a file"):
        Table.of(3)


FILES = Path(__file__).parent / "files"


@LAB
@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        (
            "source_meter.csv",
            {"columns": {"target": "Soll", "measured": "Ist", "time": "Zeit"}},
            "2 of 72 rows are left out: 1 with a gap .* 1 with overflow",
        ),
        ("parameter_analyser.csv", {"unit": "S"}, "1 of 72 rows are left out: 1 with overflow"),
        ("plot_table.txt", {}, None),
    ],
)
def test_exports_of_three_instruments_give_one_device(name, options, told):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        device, fit = from_measurements(FILES / name, **options)
    assert [w.category for w in said] == [OhmCoreWarning] * (told is not None)
    assert all(re.search(told, str(w.message)) for w in said)
    np.testing.assert_allclose(device.levels, [5e-6, 10e-6, 20e-6])
    for group in fit.groups:
        assert [sample.time for sample in group.samples] == [0.0, 3600.0]
        assert abs(group.spread - 0.4e-6) < 5 * group.samples[0].sigma_se
