"""The results folder: shown where it is finished, refused where it is another's."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from applications.common.plain_files import read_csv, to_csv
from applications.common.results_folder import ResultsFolder
from applications.mvm_study.statistics import Estimate, mean_over_chips, share
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


class Folder(ResultsFolder[Settings]):
    """The folder of one comparison: settings first, numbers with `results.csv` last, a page."""

    HOLDS = "comparison"
    PARAMETERS = "parameters.yaml"

    def write(self, comparison: Comparison, setup: Setup, parameters: CrossSimParameters) -> None:
        """Write all numbers; the results come last, and say that the folder is finished."""
        parameters.to_yaml(self.path / "parameters.yaml")
        tables = {
            "losses.csv": to_csv([_CURVE_HEADER, *_curve_rows(comparison)]),
            "results.csv": to_csv([_HEADER, *_rows(comparison)]),
        }
        self.write_numbers(dataclasses.asdict(setup), tables)

    def read(self) -> tuple[Comparison, Setup]:
        """Return what :meth:`write` wrote.

        Raises :class:`StudyError`, naming ``--out``, where a file was changed or is missing.
        """
        written = self.read_setup()
        with self.undamaged():
            setup = Setup(**written)
            comparison = self._comparison(setup)
        return comparison, setup

    def difference(self, found: Any, wanted: dict[str, Any]) -> str:
        """Return in words where two comparisons first differ, or an empty string."""
        if not isinstance(found, dict) or found.keys() != wanted.keys():
            return "its settings are of another kind"
        for name, value in wanted.items():
            if found[name] != value:
                if name == "fingerprint":
                    return "the data files have changed"
                return f"{name} is {found[name]!r} there and {value!r} here"
        return ""

    def _comparison(self, setup: Setup) -> Comparison:
        rows = read_csv(self.path / "results.csv", _HEADER)
        correct = {n: [int(r["correct"]) for r in rows if r["line"] == n] for n in LINES}
        counts = {line: len(values) for line, values in correct.items()}
        chips = self.settings.chips
        if counts != {CLEAN: 1, ANALOG: chips, AWARE: chips}:
            raise ValueError(f"rows per line: {counts}")
        losses = read_csv(self.path / "losses.csv", _CURVE_HEADER)
        curves = {}
        for line in (CLEAN, AWARE):
            own = [row for row in losses if row["training"] == line]
            curves[line] = Curve(
                tuple(float(row["train_loss"]) for row in own),
                tuple(float(row["validation_loss"]) for row in own),
            )
        return Comparison(correct, int(rows[0]["images"]), curves, setup.training_seconds)


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
