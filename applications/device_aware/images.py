"""The pictures: scikit-learn's digits, or a folder of MNIST files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from applications.mvm_study.errors import StudyError
from applications.mvm_study.files import fingerprint

from .idx import find_idx, read_idx

CLASSES = 10
_TEST_SHARE = 0.25
_PIXELS = (28, 28)


@dataclass(frozen=True)
class Images:
    """Pictures, float32 of shape (pictures, 1, height, width) from 0 to 1, and classes, int64.

    `fingerprint` identifies the files they come from; it is empty for the digits.
    """

    train: np.ndarray
    train_labels: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray
    description: str
    fingerprint: str = ""


def digits(seed: int) -> Images:
    """Return scikit-learn's 1797 digits of 8 x 8 pixels; a quarter of each class is for testing."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    pixels, labels = load_digits(return_X_y=True)
    train, test, train_labels, test_labels = train_test_split(
        pixels.reshape(-1, 1, 8, 8) / 16,
        labels,
        test_size=_TEST_SHARE,
        random_state=seed,
        stratify=labels,
    )
    return Images(
        train.astype(np.float32),
        train_labels.astype(np.int64),
        test.astype(np.float32),
        test_labels.astype(np.int64),
        f"scikit-learn's handwritten digits (8 x 8 pixels): {len(train)} images to train with,"
        f" {len(test)} others to test",
    )


def mnist(folder: Path) -> Images:
    """Return the pictures of the four MNIST files in `folder`, plain or compressed.

    Anything published in the same form will do, such as Fashion-MNIST. Raises
    :class:`~applications.mvm_study.errors.StudyError` naming the file that is missing or broken,
    and both files where pictures and labels differ in number.
    """
    train, train_labels, train_files = _pair(folder, "train")
    test, test_labels, test_files = _pair(folder, "t10k")
    return Images(
        train,
        train_labels,
        test,
        test_labels,
        f"{folder} (28 x 28 pixels): {len(train)} images to train with, {len(test)} others to test",
        fingerprint(*train_files, *test_files),
    )


def _pair(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray, list[Path]]:
    """Return pictures, classes and the two files they come from."""
    picture_path = find_idx(folder, f"{name}-images-idx3-ubyte")
    label_path = find_idx(folder, f"{name}-labels-idx1-ubyte")
    pictures, labels = read_idx(picture_path, 3), read_idx(label_path, 1)
    if pictures.shape[1:] != _PIXELS:
        height, width = pictures.shape[1:]
        raise StudyError(f"{picture_path}: pictures of {height} x {width}; allowed is 28 x 28")
    if len(pictures) != len(labels):
        raise StudyError(
            f"{picture_path}: {len(pictures)} pictures, but {len(labels)} labels in {label_path}"
        )
    if labels.max() >= CLASSES:
        where = int(np.argmax(labels >= CLASSES))
        raise StudyError(f"{label_path}: label {labels[where]} at {where}; allowed is 0 to 9")
    scaled = pictures[:, np.newaxis].astype(np.float32) / np.float32(255)
    return scaled, labels.astype(np.int64), [picture_path, label_path]
