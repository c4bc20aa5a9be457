"""The results folder: shown where it is finished, refused where it is another's."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from applications.mvm_study.errors import StudyError
from applications.mvm_study.statistics import Estimate, mean_over_chips, share
from applications.mvm_study.store import write_whole
from simulator import CrossSimParameters

CLEAN, ANALOG, AWARE = "clean", "analog", "device-aware"
LINES = (CLEAN, ANALOG, AWARE)

# The same in every training; here, where they are read without PyTorch.
LEARNING_RATE = 1e-3
VALIDATION_SHARE = 0.2

_HEADER = ["line", "chip", "correct", "images", "accuracy"]
_CURVE_HEADER = ["training", "epoch", "train_loss", "validation_loss"]


@dataclass(frozen=True)
class Settings:
    """Everything that decides the numbers; `fingerprint` identifies data files."""

    data: str
    fingerprint: str
    epochs: int
    chips: int
    error: float
    batch_size: int
    seed: int
    threads: int


@dataclass(frozen=True)
class Setup:
    """How the numbers came about: the command, when, which versions, what pictures, how long."""

    command: str
    started: str
    versions: dict[str, str]
    data: str
    training_seconds: dict[str, float]


@dataclass(frozen=True)
class Curve:
    """Mean loss per epoch, on the pictures trained with and on those held back."""

    train: tuple[float, ...]
    validation: tuple[float, ...]


@dataclass(frozen=True)
class Comparison:
    """What came out: how many of `images` test pictures were right, by line and chip.

    The clean line has one entry. `curves` and `seconds` are those of the two trainings, by the
    line that they were for.
    """

    correct: Mapping[str, Sequence[int]]
    images: int
    curves: Mapping[str, Curve]
    seconds: Mapping[str, float]

    def accuracies(self, line: str) -> list[float]:
        """Return the share of test pictures that each chip got right, from 0 to 1."""
        return [count / self.images for count in self.correct[line]]

    def estimate(self, line: str) -> Estimate:
        """Return the accuracy with its 95 % interval.

        Of the clean line Wilson's, over test pictures; of the others Student's t, over chips.
        """
        if line == CLEAN:
            return share(self.correct[line][0], self.images)
        return mean_over_chips(self.accuracies(line))

    def differences(self, line: str, other: str) -> list[float]:
        """Return by how much `line` is ahead of `other` on each chip, in shares of the pictures.

        The clean line is the same beside every chip.
        """
        counts = np.subtract(self.correct[line], self.correct[other])
        return [int(count) / self.images for count in counts]


class Folder:
    """The folder of one comparison: settings first, numbers with `results.csv` last, a page."""

    def __init__(self, path: Path, settings: Settings):
        self.path = path
        self.settings = settings

    @property
    def page(self) -> Path:
        """The page that shows the numbers."""
        return self.path / "index.html"

    def finished(self) -> bool:
        """Return whether the folder holds the results of these settings.

        Raises :class:`StudyError`, naming ``--out``, where it holds something else.
        """
        if not self.path.exists():
            return False
        begun = self.path / "study.yaml"
        if not begun.exists():
            if self.path.is_dir() and not any(self.path.iterdir()):
                return False
            raise self._refused("holds something else")
        try:
            found = yaml.safe_load(begun.read_text(encoding="utf-8"))
        except (OSError, yaml.YAMLError, UnicodeDecodeError):
            raise self._refused("holds a damaged study.yaml") from None
        if difference := _difference(found, dataclasses.asdict(self.settings)):
            raise self._refused(f"holds another comparison ({difference})")
        return (self.path / "results.csv").exists()

    def begin(self) -> None:
        """Write what identifies the comparison."""
        self.path.mkdir(parents=True, exist_ok=True)
        write_whole(self.path / "study.yaml", _to_yaml(dataclasses.asdict(self.settings)))

    def write(self, comparison: Comparison, setup: Setup, parameters: CrossSimParameters) -> None:
        """Write all numbers; the results come last, and say that the folder is finished."""
        write_whole(self.path / "setup.yaml", _to_yaml(dataclasses.asdict(setup)))
        parameters.to_yaml(self.path / "parameters.yaml")
        write_whole(self.path / "losses.csv", _csv(_CURVE_HEADER, _curve_rows(comparison)))
        write_whole(self.path / "results.csv", _csv(_HEADER, _rows(comparison)))

    def read(self) -> tuple[Comparison, Setup]:
        """Return what :meth:`write` wrote.

        Raises :class:`StudyError`, naming ``--out``, where a file was changed or is missing.
        """
        try:
            setup = Setup(**yaml.safe_load((self.path / "setup.yaml").read_text("utf-8")))
            comparison = self._comparison(setup)
        except (OSError, yaml.YAMLError, ValueError, KeyError, TypeError, IndexError):
            raise self._refused("holds a damaged comparison") from None
        return comparison, setup

    def configuration(self) -> str:
        """Return the settings and the parameter tree of the arrays, as they are written.

        Raises :class:`StudyError`, naming ``--out``, where a file is missing.
        """
        names = ("study.yaml", "parameters.yaml")
        try:
            texts = [(self.path / name).read_text("utf-8") for name in names]
        except (OSError, UnicodeDecodeError):
            raise self._refused("holds a damaged comparison") from None
        return "\n".join(f"# {name}\n{text}" for name, text in zip(names, texts))

    def _comparison(self, setup: Setup) -> Comparison:
        rows = _read_csv(self.path / "results.csv", _HEADER)
        correct = {n: [int(r["correct"]) for r in rows if r["line"] == n] for n in LINES}
        counts = {line: len(values) for line, values in correct.items()}
        chips = self.settings.chips
        if counts != {CLEAN: 1, ANALOG: chips, AWARE: chips}:
            raise ValueError(f"rows per line: {counts}")
        losses = _read_csv(self.path / "losses.csv", _CURVE_HEADER)
        curves = {}
        for line in (CLEAN, AWARE):
            own = [row for row in losses if row["training"] == line]
            curves[line] = Curve(
                tuple(float(row["train_loss"]) for row in own),
                tuple(float(row["validation_loss"]) for row in own),
            )
        return Comparison(correct, int(rows[0]["images"]), curves, setup.training_seconds)

    def _refused(self, why: str) -> StudyError:
        return StudyError(f"{self.path} {why}; choose another folder with --out")


def _rows(comparison: Comparison) -> list[list[Any]]:
    """Chips are numbered from 1; the clean line has none."""
    total = comparison.images
    return [
        [line, "" if line == CLEAN else chip, correct, total, repr(correct / total)]
        for line in LINES
        for chip, correct in enumerate(comparison.correct[line], start=1)
    ]


def _curve_rows(comparison: Comparison) -> list[list[Any]]:
    return [
        [line, epoch, repr(train), repr(validation)]
        for line, curve in comparison.curves.items()
        for epoch, (train, validation) in enumerate(zip(curve.train, curve.validation), start=1)
    ]


def _csv(header: list[str], rows: list[list[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue().encode()


def _read_csv(path: Path, header: list[str]) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != header:
            raise ValueError(f"{path}: the header was changed")
        return list(reader)


def _to_yaml(content: dict[str, Any]) -> bytes:
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100).encode()


def _difference(found: Any, wanted: dict[str, Any]) -> str:
    """Return in words where two comparisons first differ, or an empty string."""
    if not isinstance(found, dict) or found.keys() != wanted.keys():
        return "its settings are of another kind"
    for name, value in wanted.items():
        if found[name] != value:
            if name == "fingerprint":
                return "the data files have changed"
            return f"{name} is {found[name]!r} there and {value!r} here"
    return ""
