"""Folders of images: one sub-folder for each class, in the order of their names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from applications.mvm_study.errors import StudyError

ENDINGS = frozenset(
    (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
)
_MODES = {1: "L", 3: "RGB"}
_GREY = ("1", "L", "I", "I;16", "F", "LA")

Images = Callable[[np.ndarray], np.ndarray]


def read_folder(
    folder: Path, resize: tuple[int, int] | None, channels: int | None
) -> tuple[np.ndarray, Images, tuple[str, ...]]:
    """Return the class of every image, what reads some of them, and the names of the classes.

    The images are uint8 of shape (images, channels, height, width); without `channels`, grey where
    the first image is grey. `resize` is (height, width). Raises :class:`StudyError` naming the
    folder or file.
    """
    classes = sorted(d for d in folder.iterdir() if d.is_dir() and not d.name.startswith("."))
    if not classes:
        raise StudyError(
            f"{folder}: no sub-folders; allowed is one for each class, with its images"
        )
    paths: list[Path] = []
    labels: list[int] = []
    for number, place in enumerate(classes):
        found = sorted(p for p in place.iterdir() if p.suffix.lower() in ENDINGS and p.is_file())
        if not found:
            raise StudyError(
                f"{place}: no image; allowed are {', '.join(sorted(ENDINGS))}, right in the folder"
                " of their class"
            )
        paths += found
        labels += [number] * len(found)

    def take(numbers: np.ndarray) -> np.ndarray:
        return _stacked([paths[number] for number in numbers], resize, channels)

    return np.array(labels, np.int64), take, tuple(place.name for place in classes)


def _stacked(paths: list[Path], resize: tuple[int, int] | None, channels: int | None) -> np.ndarray:
    mode = _MODES[channels] if channels else None
    images: list[np.ndarray] = []
    for path in paths:
        pixels, mode = _pixels(path, resize, mode)
        if images and pixels.shape != images[0].shape:
            raise StudyError(
                f"{path}: {_size(pixels)} pixels, and {paths[0]} has {_size(images[0])}; make them"
                " equal with --resize HEIGHT,WIDTH"
            )
        images.append(pixels)
    return np.stack(images)


def _size(pixels: np.ndarray) -> str:
    return " x ".join(map(str, pixels.shape[-2:]))


def _pixels(path: Path, resize: tuple[int, int] | None, mode: str | None) -> tuple[np.ndarray, str]:
    """Return one image (channels, height, width), and whether it is grey or has colours."""
    try:
        with Image.open(path) as image:
            mode = mode or ("L" if image.mode in _GREY else "RGB")
            image = image.convert(mode)
            if resize is not None:
                image = image.resize(resize[::-1], Image.Resampling.BILINEAR)
            pixels = np.asarray(image)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise StudyError(f"{path}: not a readable image: {error}") from None
    except Image.DecompressionBombError as error:
        raise StudyError(f"{path}: {error}") from None
    return pixels.reshape(*pixels.shape[:2], -1).transpose(2, 0, 1), mode
