"""Images of the evaluation of networks: every kind of file, what is drawn from it, mistakes."""

import gzip
import struct

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the evaluation needs the extra 'study'")
pytest.importorskip("pandas", reason="the evaluation needs the extra 'study'")

from pathlib import Path

from PIL import Image

from applications.dnn.data import load
from applications.dnn.readers import TRAIN, read
from applications.dnn.settings import DataOptions
from applications.mvm_study.errors import StudyError

BYTES = np.random.default_rng(3).integers(0, 256, (6, 5, 4, 3)).astype(np.uint8)
LABELS = np.array([0, 1, 2, 2, 1, 0])


def options(path, **others):
    return DataOptions(path=str(path), **others)


def everything(path, part="test", **others):
    """All images of a file, and their classes."""
    source = read(Path(path), options(path, **others), part)
    return source.take(np.arange(len(source.labels))), source.labels


def refused(path, **others):
    """What reading all images of a file complains about; it names the file."""
    with pytest.raises(StudyError) as error:
        everything(path, **others)
    assert str(path) in str(error.value)
    return str(error.value)


# -- folders -------------------------------------------------------------------------------------


def image_folder(path, mode="RGB", sizes=((4, 5),)):
    """Two classes of two images, named so that order of names is not order of making."""
    made = {}
    for number, name in enumerate(("zebra", "ant")):
        (path / name).mkdir(parents=True)
        for index in range(2):
            pixels = BYTES[2 * number + index]
            image = Image.fromarray(pixels if mode == "RGB" else pixels[..., 0])
            size = sizes[(2 * number + index) % len(sizes)]
            if image.size != size:
                image = image.resize(size)
            image.save(path / name / f"{index}.png")
            made[name, index] = pixels
    return made


def test_classes_of_a_folder_are_numbered_by_name(tmp_path):
    made = image_folder(tmp_path)
    source = read(tmp_path, options(tmp_path))
    assert source.classes == ("ant", "zebra")
    np.testing.assert_array_equal(source.labels, [0, 0, 1, 1])
    found = source.take(np.array([3, 0]))
    expected = [made["zebra", 1], made["ant", 0]]
    np.testing.assert_array_equal(found.transpose(0, 2, 3, 1), expected)


def test_grey_images_have_one_channel_unless_three_are_asked_for(tmp_path):
    image_folder(tmp_path, "L")
    assert everything(tmp_path)[0].shape == (4, 1, 5, 4)
    colour = everything(tmp_path, channels=3)[0]
    assert colour.shape == (4, 3, 5, 4)
    np.testing.assert_array_equal(colour[:, 0], colour[:, 2])


def test_images_of_several_sizes_need_one(tmp_path):
    image_folder(tmp_path, sizes=((4, 5), (7, 3)))
    with pytest.raises(StudyError, match=r"3 x 7 pixels.*5 x 4; .*--resize"):
        everything(tmp_path)
    assert everything(tmp_path, resize=(6, 9))[0].shape == (4, 3, 6, 9)


def test_a_folder_without_classes_or_images_is_named(tmp_path):
    assert "no sub-folders" in refused(tmp_path)
    (tmp_path / "ant").mkdir()
    assert "no image" in refused(tmp_path)
    (tmp_path / "ant" / "0.png").write_bytes(b"\x89PNG and no more")
    assert "0.png: not a readable image" in refused(tmp_path)


# -- idx -----------------------------------------------------------------------------------------


def idx(array):
    header = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
    return gzip.compress(header + array.astype(np.uint8).tobytes())


def idx_folder(path, test=6, train=5):
    for name, count in (("t10k", test), ("train", train)):
        pixels = np.full((count, 5, 4), count)
        (path / f"{name}-images-idx3-ubyte.gz").write_bytes(idx(pixels))
        (path / f"{name}-labels-idx1-ubyte.gz").write_bytes(idx(np.arange(count)))


def test_a_folder_of_idx_files_has_two_parts(tmp_path):
    idx_folder(tmp_path)
    for part, count in (("test", 6), (TRAIN, 5)):
        pixels, labels = everything(tmp_path, part)
        assert (pixels == count).all()
        assert pixels.shape == (count, 1, 5, 4)
        np.testing.assert_array_equal(labels, np.arange(count))
    data = load(options(tmp_path, calibration_images=3), 1)
    assert (data.calibration == np.float32(5) / np.float32(255)).all()
    assert len(data.calibration) == 3
    assert len(data.test) == 6


def test_one_idx_file_finds_its_labels(tmp_path):
    idx_folder(tmp_path)
    assert len(everything(tmp_path / "train-images-idx3-ubyte.gz")[1]) == 5
    (tmp_path / "train-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(StudyError, match="train-labels-idx1-ubyte.gz: no such file"):
        everything(tmp_path / "train-images-idx3-ubyte.gz")


def test_a_broken_idx_file_is_named(tmp_path):
    idx_folder(tmp_path)
    path = tmp_path / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-9])
    assert "broken gzip file" in refused(path)
    path.write_bytes(idx(np.zeros((7, 5, 4))))
    assert "7 images, but 6 labels" in refused(path)


# -- npz -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arrays", "keys"),
    [
        ({"x": BYTES, "y": LABELS}, None),
        ({"images": BYTES.transpose(0, 3, 1, 2), "labels": LABELS}, None),
        ({"x_test": BYTES, "y_test": LABELS, "x_train": 0, "y_train": 0}, None),
        ({"a": BYTES, "b": LABELS, "x": 0, "y": 0}, ("a", "b")),
    ],
)
def test_arrays_are_found_and_channels_come_first(tmp_path, arrays, keys):
    np.savez(tmp_path / "set.npz", **arrays)
    pixels, labels = everything(tmp_path / "set.npz", keys=keys)
    np.testing.assert_array_equal(pixels, BYTES.transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(labels, LABELS)
    assert labels.dtype == np.int64


def test_rows_become_images_of_a_shape(tmp_path):
    np.savez(tmp_path / "set.npz", x=BYTES.reshape(6, -1), y=LABELS)
    assert everything(tmp_path / "set.npz")[0].shape == (6, 60)
    assert everything(tmp_path / "set.npz", shape=(3, 4, 5))[0].shape == (6, 3, 4, 5)


NPZ_MISTAKES = {
    "no images": ({"z": BYTES, "y": LABELS}, {}, "no array of images called x, images"),
    "no classes": ({"x": BYTES}, {}, "no array of classes called y, labels"),
    "wrong key": ({"x": BYTES, "y": LABELS}, {"keys": ("q", "y")}, "no array 'q' (--keys)"),
    "counts": ({"x": BYTES, "y": LABELS[:4]}, {}, "y has shape (4,); allowed is (6,)"),
    "one-hot": ({"x": BYTES, "y": np.eye(6)}, {}, "y has shape (6, 6)"),
    "halves": ({"x": BYTES, "y": LABELS + 0.5}, {}, "allowed are whole numbers"),
    "words": ({"x": BYTES, "y": np.array(list("abcabc"))}, {}, "allowed are whole numbers"),
    "negative": ({"x": BYTES, "y": LABELS - 1}, {}, "the class -1 at 0"),
    "text": ({"x": np.array([["a"]] * 6), "y": LABELS}, {}, "x holds <U1"),
    "infinity": ({"x": np.full((6, 2), np.inf), "y": LABELS}, {}, "x holds NaN or infinity"),
    "no channels": ({"x": np.zeros((6, 7, 8, 9)), "y": LABELS}, {}, "--shape CHANNELS"),
    "shape": ({"x": BYTES, "y": LABELS}, {"shape": (1, 5, 5)}, "asks for 25 (1 x 5 x 5)"),
    "objects": ({"x": np.array([None] * 6), "y": LABELS}, {}, "not a readable .npz file"),
}


@pytest.mark.parametrize("name", NPZ_MISTAKES)
def test_arrays_that_cannot_be_meant_are_named(tmp_path, name):
    arrays, others, problem = NPZ_MISTAKES[name]
    np.savez(tmp_path / "set.npz", **arrays)
    assert problem in refused(tmp_path / "set.npz", **others)


def test_what_is_no_npz_file_is_named(tmp_path):
    path = tmp_path / "set.npz"
    path.write_bytes(b"nothing of the kind")
    assert "not a readable .npz file" in refused(path)
    assert "no such file" in refused(tmp_path / "nowhere.npz")
    path.rename(tmp_path / "set.mat")
    assert "unknown kind of file; allowed is a folder" in refused(tmp_path / "set.mat")


# -- csv -----------------------------------------------------------------------------------------


def test_columns_become_features_and_a_class(tmp_path):
    path = tmp_path / "set.csv"
    path.write_text("a,b,kind\n1.5,2,0\n3,4,1\n")
    pixels, labels = everything(path)
    np.testing.assert_array_equal(pixels, np.float32([[1.5, 2], [3, 4]]))
    np.testing.assert_array_equal(labels, [0, 1])
    pixels, labels = everything(path, label="b")
    np.testing.assert_array_equal(labels, [2, 4])
    np.testing.assert_array_equal(pixels, np.float32([[1.5, 0], [3, 1]]))


def test_without_names_the_first_line_is_data(tmp_path):
    path = tmp_path / "set.csv.gz"
    path.write_bytes(gzip.compress(b"7,0,0,255\n5,0,0,17\n"))
    pixels, labels = everything(path, label="0", shape=(1, 1, 3))
    np.testing.assert_array_equal(pixels, np.uint8([0, 0, 255, 0, 0, 17]).reshape(2, 1, 1, 3))
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(labels, [7, 5])


def test_classes_of_words_are_numbered_in_their_order(tmp_path):
    path = tmp_path / "set.csv"
    path.write_text("a,kind\n1,pear\n2,apple\n3,pear\n")
    source = read(path, options(path))
    assert source.classes == ("apple", "pear")
    np.testing.assert_array_equal(source.labels, [1, 0, 1])


CSV_MISTAKES = {
    "empty": ("", {}, "no lines but comments"),
    "no rows": ("a,b\n", {}, "no rows"),
    "ragged": ("a,b\n1,2\n1,2,3,4\n1,2\n", {}, "line 3 has 4 fields; the table has 2 columns"),
    "two widths": ("a,b\n1,2\n1,2,3,4\n", {}, "line 2 stands above the table and looks like data"),
    "no such column": ("a,b\n1,2\n", {"label": "c"}, "no column 'c' (--label); it has a, b"),
    "text": ("a,b\nx,2\n", {}, "line 2, column 'a': 'x' is no number"),
    "complex": ("a,b\n1+2j,2\n", {}, "line 2, column 'a': '1+2j' is no number"),
    "hole": ("a,b\n1,2\n,2\n", {}, "column 'a' is empty in row 2"),
    "no class": ("a,b\n1,2\n1,\n", {}, "no class in row 2"),
    "half a class": ("a,b\n1,2.5\n", {}, "allowed are whole numbers"),
    "one column": ("b\n1\n2\n", {}, "one column"),
}


@pytest.mark.parametrize("name", CSV_MISTAKES)
def test_tables_that_cannot_be_meant_are_named(tmp_path, name):
    text, others, problem = CSV_MISTAKES[name]
    path = tmp_path / "set.csv"
    path.write_text(text)
    assert problem in refused(path, **others)


def test_a_table_of_a_spreadsheet_is_read(tmp_path):
    pytest.importorskip("clevercsv")
    path = tmp_path / "set.csv"
    path.write_text("a;b;kind\n1,5;2;pear\n3;4,25;apple\n", encoding="utf-16")
    source = read(path, options(path))
    assert source.classes == ("apple", "pear")
    np.testing.assert_array_equal(source.take(np.arange(2)), np.float32([[1.5, 2], [3, 4.25]]))


# -- what is drawn -------------------------------------------------------------------------------


def numbered(path, count, first=0):
    """A file of images that hold their own numbers."""
    images = np.arange(first, first + count, dtype=np.float32).reshape(-1, 1)
    np.savez(path, x=images, y=np.arange(count) % 3)
    return path


def test_images_to_calibrate_with_are_never_tested_with(tmp_path):
    data = load(options(numbered(tmp_path / "set.npz", 50), calibration_images=8), 1)
    assert len(data.calibration) == 8
    together = np.concatenate([data.test, data.calibration]).ravel()
    np.testing.assert_array_equal(np.sort(together), np.arange(50))
    np.testing.assert_array_equal(data.labels, data.test.ravel().astype(int) % 3)


def test_at_most_half_is_held_back(tmp_path):
    data = load(options(numbered(tmp_path / "set.npz", 7)), 1)
    assert (len(data.calibration), len(data.test)) == (3, 4)
    with pytest.raises(StudyError, match="one image"):
        load(options(numbered(tmp_path / "one.npz", 1)), 1)


def test_another_file_to_calibrate_with_leaves_all_to_test_with(tmp_path):
    own = numbered(tmp_path / "set.npz", 20)
    other = numbered(tmp_path / "other.npz", 9, first=100)
    data = load(options(own, calibration=str(other)), 1)
    np.testing.assert_array_equal(data.test.ravel(), np.arange(20))
    np.testing.assert_array_equal(data.calibration.ravel(), np.arange(100, 109))
    np.savez(other, x=np.zeros((4, 2)), y=np.zeros(4))
    with pytest.raises(StudyError, match=r"other.npz: images of shape \(2,\), and .*\(1,\)"):
        load(options(own, calibration=str(other)), 1)


def test_the_seed_draws_which_images(tmp_path):
    path = numbered(tmp_path / "set.npz", 50)
    one, again, other = (load(options(path, limit=10), seed) for seed in (1, 1, 2))
    assert len(one.test) == 10
    np.testing.assert_array_equal(one.test, again.test)
    assert one.digest == again.digest
    assert not np.array_equal(one.test, other.test)
    assert one.digest != other.digest


def test_bytes_are_scaled_and_normalised(tmp_path):
    path = tmp_path / "set.npz"
    np.savez(path, x=BYTES, y=LABELS)
    mean, std = (0.5, 0.25, 0.125), (0.5, 2.0, 4.0)
    data = load(options(path, calibration=str(path), mean=mean, std=std), 1)
    exact = (BYTES.transpose(0, 3, 1, 2) / 255 - np.reshape(mean, (3, 1, 1))) / np.reshape(
        std, (3, 1, 1)
    )
    # Four roundings of float32 at magnitudes of at most 2.
    np.testing.assert_allclose(data.test, exact, rtol=0, atol=8 * np.finfo(np.float32).eps)
    assert data.test.dtype == np.float32
    halved = load(options(path, calibration=str(path), scale=2.0), 1)
    np.testing.assert_array_equal(halved.test, np.float32(BYTES.transpose(0, 3, 1, 2)) / 2)
    with pytest.raises(StudyError, match="--mean: 2 numbers .* 3 channels"):
        load(options(path, mean=(0.0, 1.0)), 1)


def test_classes_must_fit_the_network(tmp_path):
    path = tmp_path / "set.npz"
    np.savez(path, x=BYTES, y=LABELS)
    data = load(options(path, calibration=str(path)), 1)
    data.check_classes(3)
    with pytest.raises(StudyError, match=r"class 2 of image 2; .* allowed is 0 to 1"):
        data.check_classes(2)


def test_names_of_classes_must_be_as_many_as_outputs(tmp_path):
    image_folder(tmp_path)
    data = load(options(tmp_path), 1)
    data.check_classes(2)
    with pytest.raises(StudyError, match=r"2 classes \(ant, zebra\), and the network has 10"):
        data.check_classes(10)


def test_the_digits_take_no_options_of_files():
    data = load(DataOptions(limit=40, calibration_images=30), 1)
    assert data.test.shape == (40, 1, 8, 8)
    assert data.calibration.shape == (30, 1, 8, 8)
    assert len(data.train) == 1347
    with pytest.raises(StudyError, match="--label goes with --data"):
        load(DataOptions(label="kind"), 1)
