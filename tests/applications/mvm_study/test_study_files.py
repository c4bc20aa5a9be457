"""Own matrices and inputs: what is read, and the one line that each mistake gives."""

import importlib.util
import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the study needs the extra 'study'")

from applications.mvm_study.errors import StudyError
from applications.mvm_study.files import fingerprint, read_inputs, read_matrix

MATRIX = np.array([[1.0, -2.0, 0.5], [3.0, 0.0, 1e-3]])


@pytest.mark.parametrize("ending", ["npy", "npz", "csv"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.int8])
def test_what_is_written_is_read(tmp_path, ending, dtype):
    path = tmp_path / f"W.{ending}"
    matrix = MATRIX.astype(dtype)
    if ending == "npy":
        np.save(path, matrix)
    elif ending == "npz":
        np.savez(path, matrix=matrix, other=np.zeros(2))
    else:
        np.savetxt(path, matrix, delimiter=",", fmt="%.18g")
    read = read_matrix(path)
    assert read.dtype == np.float64
    np.testing.assert_array_equal(read, matrix)


def test_csv_may_have_header_comments_blank_lines_and_a_byte_order_mark(tmp_path):
    path = tmp_path / "W.csv"
    path.write_text("\ufeffa,b\n# units: 1\n\n1, 2\n 3e0,4.\n", encoding="utf-8")
    np.testing.assert_array_equal(read_matrix(path), [[1, 2], [3, 4]])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("1,2\n3\n", ["line 2", "column 2", "a gap"]),
        ("1,2\n3,4,5\n1,2\n", ["line 2 has 3 fields", "2 columns"]),
        ("1,2\n3,x\n", ["line 2", "column 2", "'x'"]),
        ("1,2\n3,nan\n", ["line 2", "column 2", "'nan'"]),
        ("1,2\n\n3,inf\n", ["line 3", "'inf'"]),
        ("1,2\n3,\n", ["line 2", "column 2", "''"]),
        ("1,1_0\n", ["line 1", "column 2", "'1_0'"]),
        ("1,2\n3,1+2j\n", ["line 2", "column 2", "'1+2j' is complex"]),
        ("a,b\n", ["no rows with numbers"]),
        ("", ["the file is empty"]),
        ("0,0\n", ["every weight is zero"]),
    ],
)
def test_a_broken_csv_file_gives_one_line(tmp_path, content, words):
    path = tmp_path / "W.csv"
    path.write_text(content)
    fails(path, words)


def test_csv_that_is_no_text(tmp_path):
    path = tmp_path / "W.csv"
    path.write_bytes(b"\xff\xfe1,2")
    fails(path, ["not text in the encoding utf-16"])


def test_other_separators_are_found_or_name_the_extra(tmp_path):
    path = tmp_path / "W.txt"
    path.write_text("1,5;2\n3;4\n")
    if importlib.util.find_spec("clevercsv"):
        np.testing.assert_array_equal(read_matrix(path), [[1.5, 2], [3, 4]])
    else:
        fails(path, ["ohmcore[lab]"])


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.array([[1, np.nan]]), ["got nan at [0, 1]"]),
        (np.array([[1], [-np.inf]]), ["got -inf at [1, 0]"]),
        (np.array([[1j]]), ["complex128", "real numbers"]),
        (np.array([["a"]]), ["real numbers"]),
        (np.array([{}], dtype=object), ["pickled objects"]),
        (np.zeros((0, 3)), ["shape (0, 3)", "no numbers"]),
        (np.zeros(3), ["shape (3,)", "a matrix"]),
        (np.ones((2, 2, 2)), ["shape (2, 2, 2)"]),
        (np.zeros((2, 2)), ["every weight is zero"]),
    ],
)
@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_unfit_arrays_give_one_line(tmp_path, array, words, ending):
    path = tmp_path / f"W.{ending}"
    if ending == "npy":
        np.save(path, array, allow_pickle=True)
    else:
        np.savez(path, array)
    fails(path, words)


def test_pickles_are_not_read(tmp_path):
    path = tmp_path / "W.npy"
    path.write_bytes(pickle.dumps(MATRIX))
    fails(path, ["not a .npy file"])


@pytest.mark.parametrize("keep", [1, 20, 100, 140])
@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_cut_off_files_give_one_line(tmp_path, ending, keep):
    path = tmp_path / f"W.{ending}"
    (np.save if ending == "npy" else np.savez)(path, MATRIX)
    path.write_bytes(path.read_bytes()[:keep])
    fails(path, [])


def test_which_array_of_several_is_meant(tmp_path):
    path = tmp_path / "W.npz"
    np.savez(path, a=MATRIX, b=MATRIX)
    fails(path, ["a, b", "called 'matrix'"])


@pytest.mark.parametrize("name", ["W.mat", "W", "W.pkl"])
def test_other_endings_are_not_read(tmp_path, name):
    (tmp_path / name).write_text("1,2\n")
    fails(tmp_path / name, [".npy, .npz, .csv"])


def test_missing_files_and_folders(tmp_path):
    fails(tmp_path / "W.npy", ["No such file"])
    (tmp_path / "D.csv").mkdir()
    fails(tmp_path / "D.csv", ["cannot be read"])


def test_inputs_must_fit_the_matrix(tmp_path):
    inputs = tmp_path / "X.npy"
    matrix = tmp_path / "W.npy"
    np.save(inputs, np.ones(3))
    assert read_inputs(inputs, MATRIX, matrix).shape == (3, 1)
    np.save(inputs, np.ones((5, 3)))
    with pytest.raises(StudyError, match=r"X.npy: got .*\(5, 3\).*\(3, vectors\).*transpose it"):
        read_inputs(inputs, MATRIX, matrix)
    np.save(inputs, np.ones((4, 6)))
    with pytest.raises(StudyError, match=r"X.npy: got .*W.npy has shape \(2, 3\)\.$"):
        read_inputs(inputs, MATRIX, matrix)
    np.save(inputs, np.zeros((3, 6)))
    with pytest.raises(StudyError, match="nothing to compare"):
        read_inputs(inputs, MATRIX, matrix)


def test_the_fingerprint_changes_with_the_content(tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_bytes(b"12")
    b.write_bytes(b"3")
    first = fingerprint(a, b)
    a.write_bytes(b"1")
    b.write_bytes(b"23")
    assert fingerprint(a, b) != first


def fails(path, words):
    with pytest.raises(StudyError) as caught:
        read_matrix(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    for word in words:
        assert word in message
