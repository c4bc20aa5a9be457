"""Images and classes from folders, idx files, .npz files and tables, as they lie there.

Every reader returns a :class:`Source`: it knows the classes of all images and reads those images
that are asked for. Its errors name the file, what is wrong with it and what is allowed.
"""

from __future__ import annotations

import dataclasses
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from applications.device_aware.idx import find_idx, read_idx
from applications.mvm_study.errors import StudyError
from simulator import FileFormatError, lab

from .folders import read_folder
from .settings import DataOptions

TEST, TRAIN = "test", "train"
FORMATS = (
    "a folder of class folders, a folder of MNIST's idx files, an idx file, .npz, or a table in"
    " .csv, .tsv, .txt or .xlsx"
)

# The first name that a file holds is taken.
_PIXELS = {TEST: ("x", "images", "data", "x_test"), TRAIN: ("x", "images", "data", "x_train")}
_LABELS = {TEST: ("y", "labels", "targets", "y_test"), TRAIN: ("y", "labels", "targets", "y_train")}
_IDX_NAMES = {TEST: "t10k", TRAIN: "train"}
_BROKEN = (ValueError, EOFError, KeyError, IndexError, TypeError, SyntaxError, OverflowError,
           MemoryError, zipfile.BadZipFile, zlib.error, NotImplementedError)  # fmt: skip


@dataclass(frozen=True)
class Source:
    """Images that can be read, and the class of each (int64).

    `take` returns the images of some numbers: uint8 or float32 of shape (images, channels, height,
    width), or (images, features). `classes` are names of classes, None where files number them.
    `train` reads the other part of files that come in two.
    """

    where: str
    labels: np.ndarray
    take: Callable[[np.ndarray], np.ndarray]
    classes: tuple[str, ...] | None = None
    train: Callable[[], Source] | None = None


def read(path: Path, options: DataOptions, part: str = TEST) -> Source:
    """Return what lies at `path`; `part` chooses among files that hold both.

    Raises :class:`StudyError` naming the file.
    """
    if path.is_dir():
        return _from_folder(path, options, part)
    if not path.exists():
        raise StudyError(f"{path}: no such file or folder; allowed is {FORMATS}")
    name = path.name.lower()
    if name.endswith(".npz"):
        return _from_npz(path, options, part)
    if name.endswith((".csv", ".csv.gz", ".tsv", ".txt", ".xlsx")):
        return _from_csv(path, options)
    if "idx" in name:
        return _from_idx(path, _labels_beside(path))
    raise StudyError(f"{path}: unknown kind of file; allowed is {FORMATS}")


def _from_folder(path: Path, options: DataOptions, part: str) -> Source:
    if not any(path.glob("*idx3-ubyte*")):
        labels, take, classes = read_folder(path, options.resize, options.channels)
        return Source(str(path), labels, take, classes)

    def half(which: str) -> Source:
        stem = _IDX_NAMES[which]
        return _from_idx(
            find_idx(path, f"{stem}-images-idx3-ubyte"), find_idx(path, f"{stem}-labels-idx1-ubyte")
        )

    found = half(part)
    if part == TRAIN or not any(path.glob("train-images*idx3-ubyte*")):
        return found
    return dataclasses.replace(found, train=lambda: half(TRAIN))


def _from_idx(image_path: Path, label_path: Path) -> Source:
    images, labels = read_idx(image_path, 3), read_idx(label_path, 1)
    if len(images) != len(labels):
        raise StudyError(
            f"{image_path}: {len(images)} images, but {len(labels)} labels in {label_path}"
        )
    return Source(str(image_path), labels.astype(np.int64), images[:, np.newaxis].__getitem__)


def _labels_beside(path: Path) -> Path:
    """Return the file of classes that belongs to a file of images, by the names MNIST uses."""
    name = path.name.replace("images", "labels").replace("idx3", "idx1")
    if name == path.name:
        raise StudyError(
            f"{path}: no 'images' and 'idx3' in the name, so its file of labels has no name;"
            " allowed are names as train-images-idx3-ubyte.gz"
        )
    for candidate in (name, name.removesuffix(".gz"), f"{name}.gz"):
        if (path.parent / candidate).is_file():
            return path.parent / candidate
    raise StudyError(f"{path.parent / name}: no such file; it holds the classes of {path.name}")


def _from_npz(path: Path, options: DataOptions, part: str) -> Source:
    try:
        with np.load(path) as content:
            names = options.keys or (_first(path, content.files, _PIXELS[part], 0),
                                     _first(path, content.files, _LABELS[part], 1))  # fmt: skip
            missing = [name for name in names if name not in content.files]
            if missing:
                raise StudyError(
                    f"{path}: no array {missing[0]!r} (--keys); it holds {_listed(content.files)}"
                )
            pixels, labels = (content[name] for name in names)
    except _BROKEN as error:
        raise StudyError(f"{path}: not a readable .npz file: {error}") from None
    images = _channels_first(path, _numeric(path, names[0], pixels), options.shape)
    return Source(str(path), _numbered(path, names[1], labels, len(images)), images.__getitem__)


def _first(path: Path, found: Sequence[str], names: Sequence[str], place: int) -> str:
    name = next((name for name in names if name in found), None)
    if name is None:
        what = ("images", "classes")[place]
        raise StudyError(
            f"{path}: no array of {what} called {_listed(names)}; it holds {_listed(found)}."
            " Name them with --keys IMAGES,CLASSES"
        )
    return name


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "nothing"


def _numeric(path: Path, name: str, values: np.ndarray) -> np.ndarray:
    """Return pixels as uint8, or as finite float32."""
    if values.dtype == np.uint8:
        return values
    if values.dtype.kind not in "fiub":
        raise StudyError(f"{path}: {name} holds {values.dtype}; allowed are numbers")
    numbers = values.astype(np.float32)
    if not np.isfinite(numbers).all():
        raise StudyError(f"{path}: {name} holds NaN or infinity")
    return numbers


def _numbered(path: Path, name: str, labels: np.ndarray, count: int) -> np.ndarray:
    """Return classes as int64, one for each of `count` images."""
    if labels.ndim != 1 or len(labels) != count:
        raise StudyError(
            f"{path}: {name} has shape {labels.shape}; allowed is ({count},), one class per image"
        )
    whole = labels.astype(np.int64) if labels.dtype.kind in "iufb" else None
    if whole is None or (whole != labels).any():
        raise StudyError(f"{path}: {name} holds {labels.dtype}; allowed are whole numbers")
    if whole.size and whole.min() < 0:
        raise StudyError(
            f"{path}: {name} holds the class {whole.min()} at {whole.argmin()}; allowed is 0 or"
            " more"
        )
    return whole


def _channels_first(
    path: Path, pixels: np.ndarray, shape: tuple[int, int, int] | None
) -> np.ndarray:
    """Return images of shape (images, channels, height, width), or rows of features as they are."""
    if pixels.ndim < 2 or not pixels.size:
        raise StudyError(
            f"{path}: images of shape {pixels.shape}; allowed are (images, height, width,"
            " channels), (images, channels, height, width), (images, height, width) and (images,"
            " features)"
        )
    if shape is not None:
        size = int(np.prod(shape))
        if int(np.prod(pixels.shape[1:])) != size:
            raise StudyError(
                f"{path}: {int(np.prod(pixels.shape[1:]))} numbers per image; --shape asks for"
                f" {size} ({' x '.join(map(str, shape))})"
            )
        return pixels.reshape(-1, *shape)
    if pixels.ndim == 2:
        return pixels
    if pixels.ndim == 3:
        return pixels[:, np.newaxis]
    if pixels.ndim == 4 and pixels.shape[-1] in (1, 3):
        return pixels.transpose(0, 3, 1, 2)
    if pixels.ndim == 4 and pixels.shape[1] in (1, 3):
        return pixels
    raise StudyError(
        f"{path}: images of shape {pixels.shape}; one axis must be 1 or 3 channels, the last or"
        " the second. Otherwise say --shape CHANNELS,HEIGHT,WIDTH"
    )


def _from_csv(path: Path, options: DataOptions) -> Source:
    table = _csv_table(path, options.label)
    name = _label_column(path, table, options.label)
    labels, classes = _csv_classes(path, table[name])
    features = table.drop(columns=name)
    for column in features:
        if features[column].dtype.kind not in "iufb":
            raise StudyError(f"{path}: column {column!r} holds text; allowed are numbers")
        if features[column].isna().any():
            row = int(features[column].isna().argmax())
            raise StudyError(f"{path}: column {column!r} is empty in row {row + 1} of the data")
    if not features.shape[1]:
        raise StudyError(f"{path}: one column; needed are numbers and a class, {name!r}")
    values = features.to_numpy()
    whole = values.dtype.kind in "iu" and values.min() >= 0 and 1 < values.max() <= 255
    pixels = _numeric(path, "table", values.astype(np.uint8) if whole else values)
    return Source(
        str(path), labels, _channels_first(path, pixels, options.shape).__getitem__, classes
    )


def _csv_table(path: Path, label: str | None) -> Any:
    """Return the table: by pandas where it is plain, else as instruments write tables."""
    import pandas as pd

    try:
        table = pd.read_csv(path)
        if _all_numbers(table.columns):
            table = pd.read_csv(path, header=None).rename(columns=str)
    except (ValueError, EOFError, OSError, zlib.error) as error:
        if path.name.lower().endswith(".gz"):
            raise StudyError(f"{path}: not a readable CSV file: {error}") from None
        return _lab_table(path, label)
    kept = table.columns[-1] if label is None else label
    if any(table[name].dtype.kind not in "iufb" for name in table if name != kept):
        return _lab_table(path, label)
    if table.empty:
        raise StudyError(f"{path}: no rows of data")
    return table


def _lab_table(path: Path, label: str | None) -> Any:
    """Return a table with other separators, decimal marks or encodings; see `simulator.lab`."""
    import pandas as pd

    try:
        table = lab.read_table(path)
    except FileFormatError as error:
        raise StudyError(str(error)) from None
    names = [column.text for column in table.columns]
    kept = names[-1] if label is None else label
    columns, wrong = {}, []
    for column in table.columns:
        numbers = lab.numbers_of(column.fields, table.decimal, frozenset())
        empty = np.flatnonzero(numbers.gaps | numbers.overflows)
        broken = [*numbers.wrong, *((row, column.fields[row]) for row in empty)]
        columns[column.text] = pd.Series(column.fields if broken else numbers.values)
        if column.text != kept:
            wrong += [
                f"{table.place(row)}, column {column.text!r}: {text!r} is no number"
                for row, text in broken
            ]
    if wrong:
        more = f"; and {len(wrong) - 10} more" if len(wrong) > 10 else ""
        raise StudyError(f"{path}: {'; '.join(wrong[:10])}{more}")
    if len(columns) < len(names):
        raise StudyError(f"{path}: two columns have one name; it has {_listed(names)}")
    return pd.DataFrame(columns)


def _all_numbers(names: Sequence[str]) -> bool:
    """Return whether a first line is data; pandas adds .1, .2 to names that it meets again."""
    try:
        return bool([float(name.rsplit(".", 1)[0]) for name in names])
    except ValueError:
        return False


def _label_column(path: Path, table: Any, label: str | None) -> str:
    names = [str(name) for name in table.columns]
    if label is None:
        return names[-1]
    if label not in names:
        shown = names if len(names) < 8 else [*names[:3], "...", *names[-3:]]
        raise StudyError(f"{path}: no column {label!r} (--label); it has {_listed(shown)}")
    return label


def _csv_classes(path: Path, column: Any) -> tuple[np.ndarray, tuple[str, ...] | None]:
    if column.isna().any():
        row = int(column.isna().argmax())
        raise StudyError(f"{path}: no class in row {row + 1} of the data")
    if column.dtype.kind in "iufb":
        return _numbered(path, f"column {column.name!r}", column.to_numpy(), len(column)), None
    classes, labels = np.unique(column.astype(str).to_numpy(), return_inverse=True)
    return labels.astype(np.int64), tuple(classes)
