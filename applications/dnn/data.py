"""The images of an evaluation: some to test with, and others to set the converters with."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from applications.device_aware.images import digits
from applications.mvm_study.errors import StudyError

from .readers import TRAIN, Source, read
from .settings import DIGITS, DataOptions


@dataclass(frozen=True)
class Data:
    """Normalised images, float32, and classes, int64.

    Images have shape (images, channels, height, width) or (images, features). `calibration` are
    images that are not tested with; `train` and `train_labels` are set where the network has to be
    trained first. `classes` are names of classes, None where files number them. `digest`
    identifies what is tested and calibrated with.
    """

    test: np.ndarray
    labels: np.ndarray
    calibration: np.ndarray
    where: str
    description: str
    classes: tuple[str, ...] | None = None
    train: np.ndarray | None = None
    train_labels: np.ndarray | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of images and classes."""
        total = hashlib.sha256()
        for array in (self.test, self.labels, self.calibration):
            total.update(repr(array.shape).encode() + np.ascontiguousarray(array).tobytes())
        return total.hexdigest()

    def check_classes(self, count: int) -> None:
        """Raise :class:`StudyError` where a network of `count` outputs has no such classes."""
        if self.classes is not None and len(self.classes) != count:
            names = ", ".join(self.classes[:5]) + (", ..." if len(self.classes) > 5 else "")
            raise StudyError(
                f"{self.where}: {len(self.classes)} classes ({names}), and the network has {count}"
                " outputs; the order of names is the number of a class, so they must be equal"
            )
        if self.labels.max() >= count:
            worst = int(self.labels.argmax())
            raise StudyError(
                f"{self.where}: class {self.labels[worst]} of image {worst}; the network has"
                f" {count} outputs, so allowed is 0 to {count - 1}"
            )


def load(options: DataOptions, seed: int) -> Data:
    """Return the images that `options` asks for.

    Where there are more than `limit`, `seed` draws which of them. Images to calibrate with come
    from `calibration`, from the training part of the data if it has one, or are held back from
    those to test with. Raises :class:`StudyError` naming the file.
    """
    if options.path == DIGITS:
        return _digits(options, seed)
    rng = np.random.default_rng(seed)
    source = read(Path(options.path), options)
    other = _other(source, options)
    order = rng.permutation(len(source.labels))
    if other is None:
        held, left = _held_back(source, order, options.calibration_images)
        other, kept = source, left
    else:
        held = _drawn(rng, len(other.labels), options.calibration_images)
        kept = order
    chosen = np.sort(kept[: options.limit])
    calibration = _normalised(other.where, other.take(held), options)
    test = _normalised(source.where, source.take(chosen), options)
    if calibration.shape[1:] != test.shape[1:]:
        raise StudyError(
            f"{other.where}: images of shape {calibration.shape[1:]}, and {source.where} has"
            f" {test.shape[1:]}"
        )
    own = "held back from them" if other is source else f"from {other.where}"
    return Data(
        test=test,
        labels=source.labels[chosen],
        calibration=calibration,
        where=source.where,
        description=f"{source.where}: {len(test)} images to test with, {len(held)} to calibrate"
        f" with, {own}",
        classes=source.classes,
    )


def _other(source: Source, options: DataOptions) -> Source | None:
    """Return where the images to calibrate with come from; None for those to test with."""
    if options.calibration is not None:
        return read(Path(options.calibration), options, TRAIN)
    return source.train() if source.train else None


def _held_back(source: Source, order: np.ndarray, wanted: int) -> tuple[np.ndarray, np.ndarray]:
    """Divide images, at most half of them to calibrate with."""
    if len(order) < 2:
        raise StudyError(
            f"{source.where}: one image; needed are one to calibrate with and one to test with, or"
            " --calibration"
        )
    count = min(wanted, len(order) // 2)
    return np.sort(order[:count]), order[count:]


def _drawn(rng: np.random.Generator, count: int, wanted: int) -> np.ndarray:
    return np.sort(rng.permutation(count)[:wanted])


def _digits(options: DataOptions, seed: int) -> Data:
    for name in ("calibration", "keys", "label", "shape", "resize", "channels", "scale"):
        if getattr(options, name) is not None:
            raise StudyError(f"--{name} goes with --data; the bundled digits need none")
    images = digits(seed)
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(len(images.test))[: options.limit])
    held = _drawn(rng, len(images.train), options.calibration_images)
    where = "scikit-learn's digits"
    train = _normalised(where, images.train, options)
    return Data(
        test=_normalised(where, images.test[chosen], options),
        labels=images.test_labels[chosen],
        calibration=train[held],
        where=where,
        description=f"scikit-learn's handwritten digits (8 x 8 pixels): {len(chosen)} images to"
        f" test with, {len(held)} of {len(train)} others to calibrate with",
        train=train,
        train_labels=images.train_labels,
    )


def _normalised(where: str, pixels: np.ndarray, options: DataOptions) -> np.ndarray:
    """Return pixels over the scale, less the mean, over the standard deviation, as float32."""
    scale = options.scale or (255.0 if pixels.dtype == np.uint8 else 1.0)
    values = pixels.astype(np.float32) / np.float32(scale)
    channels = values.shape[1] if values.ndim == 4 else 1
    moments = []
    for name in ("mean", "std"):
        numbers = np.array(getattr(options, name), np.float32)
        if numbers.size not in (1, channels):
            raise StudyError(
                f"--{name}: {numbers.size} numbers for {where}, whose images have {channels}"
                f" channel{'s' if channels > 1 else ''}; allowed is one, or one per channel"
            )
        moments.append(numbers.reshape(-1, 1, 1) if values.ndim == 4 else numbers)
    return (values - moments[0]) / moments[1]
