"""Pickles that were made to do harm, and those that only look like it."""

import pickle
import warnings

import numpy as np
import pytest

from simulator import (
    CrossSimParameters,
    FileFormatError,
    OhmCoreWarning,
)


def write(tmp_path, data):
    (tmp_path / "p.p").write_bytes(data)
    return tmp_path / "p.p"


def a_global(module, name):
    return b"c%b\n%b\n" % (module.encode(), name.encode())


def test_a_few_bytes_do_not_become_gigabytes(tmp_path):
    # Here 2**20 bytes from under 100: the number is free.
    data = (
        b"\x80\x04" + a_global("numpy.core.numeric", "_frombuffer") + b"(J\x00\x00\x10\x00"
        + a_global("numpy", "dtype") + b"X\x02\x00\x00\x00f8\x85R"
        + b"J\x00\x00\x02\x00\x85X\x01\x00\x00\x00CtR."
    )  # fmt: skip
    with pytest.raises(FileFormatError):
        CrossSimParameters.load_pickle(write(tmp_path, data))


def test_a_list_that_appears_twice_is_read_once(tmp_path):
    doubled = []
    for _ in range(12):
        doubled = [doubled, doubled]
    read = CrossSimParameters.load_pickle(write(tmp_path, pickle.dumps(doubled)))
    # As pickle.load gives it; with 40 levels the file has 200 bytes, and reading it never ends.
    assert read[0] is read[1]


def test_what_was_read_from_a_pickle_can_be_pickled(tmp_path):
    p = CrossSimParameters()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OhmCoreWarning)
        p.core.limits_of_a_notebook = np.arange(3.0)
    read = CrossSimParameters.load_pickle(write(tmp_path, pickle.dumps(p)))
    again = pickle.loads(pickle.dumps(read))
    assert np.array_equal(again.core.limits_of_a_notebook, np.arange(3.0))
    assert type(read.core.limits_of_a_notebook) is np.ndarray


def test_a_complex_number_is_a_number(tmp_path):
    file = write(tmp_path, pickle.dumps([1 + 2j]))
    assert CrossSimParameters.load_pickle(file) == [1 + 2j]


@pytest.mark.parametrize("kind", ["O", "U3", "M8[s]", "V3", "(3,)f8", "f8,f8"])
def test_only_plain_numbers_make_a_type_of_array(kind, tmp_path):
    code = b"X" + len(kind).to_bytes(4, "little") + kind.encode()
    data = b"\x80\x04" + a_global("numpy", "dtype") + code + b"\x85R."
    with pytest.raises(FileFormatError, match="allowed are numbers"):
        CrossSimParameters.load_pickle(write(tmp_path, data))


@pytest.mark.parametrize("data", [b"\x80\x04\x8c\x01xQ.", b"Px\n."])
def test_names_of_outside_objects_are_refused(data, tmp_path):
    with pytest.raises(FileFormatError):
        CrossSimParameters.load_pickle(write(tmp_path, data))
