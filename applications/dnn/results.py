"""What an evaluation found, and the folder that holds it: shown where finished, never mixed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from applications.common.plain_files import read_csv, to_csv, write_whole
from applications.common.results_folder import ResultsFolder
from applications.mvm_study.statistics import Estimate, mean_over_chips, share

from .settings import Settings

DIGITAL = "digital"
_HEADER = ["chip", "seed", "correct", "images", "accuracy", "agree", "agreement"]


@dataclass(frozen=True)
class Chip:
    """One chip: its seed, images in the right class, and in the class the digital network says."""

    seed: int
    correct: int
    agree: int


@dataclass(frozen=True)
class Outcome:
    """How many of `images` the digital network got right, and each chip."""

    digital: int
    images: int
    chips: tuple[Chip, ...]

    @property
    def accuracies(self) -> list[float]:
        """The share of images that each chip got right."""
        return [chip.correct / self.images for chip in self.chips]

    @property
    def agreements(self) -> list[float]:
        """The share of images for which each chip says the class that the digital network says."""
        return [chip.agree / self.images for chip in self.chips]

    def digital_accuracy(self) -> Estimate:
        """Return the accuracy of the digital network, with Wilson's interval over images."""
        return share(self.digital, self.images)

    def accuracy(self) -> Estimate:
        """Return the mean accuracy of chips, with Student's t interval over chips.

        It is for these images.
        """
        return mean_over_chips(self.accuracies)

    def over_images(self) -> Estimate:
        """Return the mean accuracy of chips, with Wilson's interval over images.

        That of one chip that gets the mean number of images right; what it says of the mean over
        chips is on the safe side, because a mean of several chips varies less.
        """
        mean = sum(chip.correct for chip in self.chips) / len(self.chips)
        return dataclasses.replace(share(round(mean), self.images), mean=mean / self.images)

    def agreement(self) -> Estimate:
        """Return the mean agreement with the digital network, with Student's t interval."""
        return mean_over_chips(self.agreements)

    def loss(self) -> Estimate:
        """Return by how much chips fall short of the digital network, on the same images."""
        return mean_over_chips([(self.digital - chip.correct) / self.images for chip in self.chips])


@dataclass(frozen=True)
class Setup:
    """How the numbers came about: the command, when, which versions, which data, how long."""

    command: str
    started: str
    versions: dict[str, str]
    data: str
    model: str
    seconds: dict[str, float]


class Folder(ResultsFolder[Settings]):
    """The folder of one evaluation: settings first, numbers with `results.csv` last, a page."""

    HOLDS = "evaluation"
    PARAMETERS = "layers.yaml"

    def write(self, outcome: Outcome, setup: Setup, layers: str, table: Any) -> None:
        """Write all numbers; the results come last, and say that the folder is finished.

        `layers` are the parameters of all layers as YAML, `table` what each layer does.
        """
        write_whole(self.path / "layers.yaml", layers.encode())
        tables = {
            "layers.csv": table.to_csv(index=False).encode(),
            "results.csv": to_csv(_rows(outcome)),
        }
        self.write_numbers(dataclasses.asdict(setup), tables)

    def read(self) -> tuple[Outcome, Setup, Any]:
        """Return outcome, setup and the table of layers, as :meth:`write` wrote them.

        Raises :class:`StudyError`, naming ``--out``, where a file was changed or is missing.
        """
        import pandas as pd

        written = self.read_setup()
        with self.undamaged():
            setup = Setup(**written)
            outcome = _outcome(self.path / "results.csv")
            table = pd.read_csv(self.path / "layers.csv", dtype={"layer": str})
        return outcome, setup, table

    def difference(self, found: Any, wanted: dict[str, Any]) -> str:
        """Return in words where two evaluations first differ, or an empty string."""
        return _difference(found, wanted)


def _rows(outcome: Outcome) -> list[list[Any]]:
    total = outcome.images
    rows: list[list[Any]] = [
        _HEADER,
        [DIGITAL, "", outcome.digital, total, repr(outcome.digital / total), "", ""],
    ]
    for number, chip in enumerate(outcome.chips, start=1):
        shares = repr(chip.correct / total), chip.agree, repr(chip.agree / total)
        rows.append([number, chip.seed, chip.correct, total, *shares])
    return rows


def _outcome(path: Path) -> Outcome:
    digital, *rows = read_csv(path, _HEADER)
    chips = [Chip(int(row["seed"]), int(row["correct"]), int(row["agree"])) for row in rows]
    if digital["chip"] != DIGITAL or not chips:
        raise ValueError(f"{path}: rows are missing")
    return Outcome(int(digital["correct"]), int(digital["images"]), tuple(chips))


def _difference(found: Any, wanted: Mapping[str, Any], above: str = "") -> str:
    if not isinstance(found, dict):
        return "its settings are of another kind"
    for name in wanted | found:
        here, there = wanted.get(name), found.get(name)
        if isinstance(here, dict):
            if said := _difference(there, here, f"{name} "):
                return said
        elif here != there:
            if above.startswith("digests"):
                return f"the content of {name} has changed"
            return f"{above}{name} is {there!r} there and {here!r} here"
    return ""
