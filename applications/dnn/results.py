"""What an evaluation found, and the folder that holds it: shown where finished, never mixed."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from applications.mvm_study.errors import StudyError
from applications.mvm_study.statistics import Estimate, mean_over_chips, share
from applications.mvm_study.store import write_whole

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


class Folder:
    """The folder of one evaluation: settings first, numbers with `results.csv` last, a page."""

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
        wanted = yaml.safe_load(_to_yaml(dataclasses.asdict(self.settings)))
        if difference := _difference(found, wanted):
            raise self._refused(f"holds another evaluation ({difference})")
        return (self.path / "results.csv").exists()

    def begin(self) -> None:
        """Write what identifies the evaluation."""
        self.path.mkdir(parents=True, exist_ok=True)
        write_whole(self.path / "study.yaml", _to_yaml(dataclasses.asdict(self.settings)))

    def write(self, outcome: Outcome, setup: Setup, layers: str, table: Any) -> None:
        """Write all numbers; the results come last, and say that the folder is finished.

        `layers` are the parameters of all layers as YAML, `table` what each layer does.
        """
        write_whole(self.path / "setup.yaml", _to_yaml(dataclasses.asdict(setup)))
        write_whole(self.path / "layers.yaml", layers.encode())
        write_whole(self.path / "layers.csv", table.to_csv(index=False).encode())
        write_whole(self.path / "results.csv", _csv(outcome))

    def read(self) -> tuple[Outcome, Setup, Any]:
        """Return outcome, setup and the table of layers, as :meth:`write` wrote them.

        Raises :class:`StudyError`, naming ``--out``, where a file was changed or is missing.
        """
        import pandas as pd

        try:
            setup = Setup(**yaml.safe_load((self.path / "setup.yaml").read_text("utf-8")))
            outcome = _outcome(self.path / "results.csv")
            table = pd.read_csv(self.path / "layers.csv", dtype={"layer": str})
        except (OSError, yaml.YAMLError, ValueError, KeyError, TypeError, IndexError):
            raise self._refused("holds a damaged evaluation") from None
        return outcome, setup, table

    def configuration(self) -> str:
        """Return the settings and the parameters of the layers, as they are written."""
        names = ("study.yaml", "layers.yaml")
        try:
            texts = [(self.path / name).read_text("utf-8") for name in names]
        except (OSError, UnicodeDecodeError):
            raise self._refused("holds a damaged evaluation") from None
        return "\n".join(f"# {name}\n{text}" for name, text in zip(names, texts))

    def _refused(self, why: str) -> StudyError:
        return StudyError(f"{self.path} {why}; choose another folder with --out")


def _csv(outcome: Outcome) -> bytes:
    total = outcome.images
    rows: list[list[Any]] = [
        [DIGITAL, "", outcome.digital, total, repr(outcome.digital / total), "", ""]
    ]
    for number, chip in enumerate(outcome.chips, start=1):
        shares = repr(chip.correct / total), chip.agree, repr(chip.agree / total)
        rows.append([number, chip.seed, chip.correct, total, *shares])
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([_HEADER, *rows])
    return text.getvalue().encode()


def _outcome(path: Path) -> Outcome:
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != _HEADER:
            raise ValueError(f"{path}: the header was changed")
        digital, *rows = list(reader)
    chips = [Chip(int(row["seed"]), int(row["correct"]), int(row["agree"])) for row in rows]
    if digital["chip"] != DIGITAL or not chips:
        raise ValueError(f"{path}: rows are missing")
    return Outcome(int(digital["correct"]), int(digital["images"]), tuple(chips))


def _to_yaml(content: dict[str, Any]) -> bytes:
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100).encode()


def _difference(found: Any, wanted: Mapping[str, Any], above: str = "") -> str:
    """Return in words where two evaluations first differ, or an empty string."""
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
