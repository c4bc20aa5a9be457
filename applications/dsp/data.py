"""Signals and pictures: what comes with the libraries that a study needs anyway, or files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from applications.mvm_study.errors import StudyError

# The recording that comes with Matplotlib: four channels over ten seconds.
_EEG_CHANNELS, _EEG_SECONDS = 4, 10.0


@dataclass(frozen=True)
class Signal:
    """Real samples, `rate` of them per second, and what they are in words."""

    samples: np.ndarray
    rate: float
    description: str


def eeg(samples: int) -> Signal:
    """Return the first samples of the first channel of an electroencephalogram."""
    from matplotlib.cbook import get_sample_data

    path = Path(get_sample_data("eeg.dat", asfileobj=False))
    if not path.is_file():
        raise StudyError(f"{path} is missing from this Matplotlib; give a file with --signal")
    channel = np.fromfile(path, dtype=float).reshape(-1, _EEG_CHANNELS)[:, 0]
    rate = len(channel) / _EEG_SECONDS
    found = channel[:samples]
    return Signal(
        found,
        rate,
        f"one channel of the electroencephalogram that comes with Matplotlib: {len(found)} samples"
        f" over {len(found) / rate:g} s",
    )


def signal_file(path: Path, samples: int, rate: float) -> Signal:
    """Return the first samples of a file: ``.npy`` with one dimension, else a number per line.

    Raises :class:`StudyError` for a file of anything else.
    """
    try:
        if path.suffix == ".npy":
            values = np.asarray(np.load(path, allow_pickle=False), dtype=float)
        else:
            values = np.loadtxt(path, delimiter=",", ndmin=1)
    except (ValueError, TypeError, UnicodeDecodeError) as error:
        raise StudyError(f"{path}: cannot be read as a signal: {error}") from None
    if values.ndim != 1 or len(values) < 2:
        raise StudyError(f"{path}: is of shape {values.shape}; allowed is one line of samples")
    if not np.isfinite(values).all() or not np.ptp(values):
        raise StudyError(f"{path}: allowed are finite samples that are not all the same")
    found = values[:samples]
    return Signal(found, rate, f"{path.name}: {len(found)} samples at {rate:g} Hz")


def photograph(name: str, size: int) -> tuple[np.ndarray, str]:
    """Return a photograph that comes with scikit-learn and what it shows.

    `name` is "china" or "flower"; the picture is (size, size, 3), values in [0, 1].
    """
    from sklearn.datasets import load_sample_image

    shown = {"china": "a temple in China", "flower": "a flower"}[name]
    picture = _square(load_sample_image(f"{name}.jpg"), size)
    return picture, f"scikit-learn's photograph of {shown} at {size} x {size} pixels"


def image_file(path: Path, size: int) -> tuple[np.ndarray, str]:
    """Return the middle square of a picture file, as :func:`photograph` does. Raises StudyError."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as file:
            pixels = np.asarray(file.convert("RGB"))
    except UnidentifiedImageError:
        raise StudyError(f"{path}: is no picture in a format that Pillow reads") from None
    return _square(pixels, size), f"{path.name} at {size} x {size} pixels"


def grey(picture: np.ndarray) -> np.ndarray:
    """Return the luminance of a picture (..., 3) by Rec. 601."""
    return picture @ np.array([0.299, 0.587, 0.114])


def psnr(exact: np.ndarray, measured: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio in dB of pictures with values in [0, 1].

    What lies outside counts as black or white, as a screen would show it.
    """
    error = float(np.mean((np.clip(measured, 0, 1) - exact) ** 2))
    return float(-10 * np.log10(error)) if error else float("inf")


def _square(pixels: np.ndarray, size: int) -> np.ndarray:
    """Return the middle square of an 8-bit picture, resampled; values in [0, 1]."""
    from PIL import Image

    height, width = pixels.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = Image.fromarray(pixels[top : top + side, left : left + side])
    resized = square.resize((size, size), Image.Resampling.LANCZOS)
    return np.asarray(resized, dtype=float) / 255
