"""The results folder: continued where a run was cut off, shown where it is finished."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from applications.common.plain_files import read_yaml, to_csv, to_yaml, write_whole

from .config import StudyConfig
from .errors import StudyError
from .measure import Metrics
from .settings import Setting

_METRICS = ("relative_rms_error", "snr_db", "accuracy")


@dataclass(frozen=True)
class Setup:
    """How a study was run: what the page and a later run need to know beside the numbers.

    `fingerprint` identifies own data files, empty for the digits; `digital_correct` of
    `test_count` images are classified correctly by the exact products (None: no classifier).
    """

    command: str
    started: str
    versions: dict[str, str]
    workload: str
    fingerprint: str
    digital_correct: int | None
    test_count: int


class Store:
    """The folder of one study.

    `results.csv` grows by one whole line per chip while a study runs, and is sorted when it is
    finished. `study.yaml` and `setup.yaml` are written first and never change.
    """

    def __init__(self, folder: Path, config: StudyConfig, settings: Sequence[Setting]):
        self.folder = folder
        self.config = config
        self.settings = settings
        self.rows: dict[tuple[int, int], Metrics] = {}
        self._keys = list(dict.fromkeys(key for setting in settings for key in setting.values))
        self._header = ["setting", "sweep", "mapping", "chip", *self._keys, *_METRICS]

    @property
    def results(self) -> Path:
        """The CSV file of all chips."""
        return self.folder / "results.csv"

    @property
    def missing(self) -> list[tuple[int, int]]:
        """The tasks (setting, chip) that have no row yet, in order."""
        tasks = [(s.index, chip) for s in self.settings for chip in range(s.chips)]
        return [task for task in tasks if task not in self.rows]

    def begun(self) -> bool:
        """Return whether a study was begun in the folder.

        Raises :class:`StudyError` where the folder holds something else.
        """
        if (self.folder / "study.yaml").exists():
            return True
        if self.folder.exists() and (not self.folder.is_dir() or any(self.folder.iterdir())):
            raise StudyError(
                f"{self.folder} exists and holds no study; choose another folder with --out"
            )
        return False

    def begin(self, setup: Setup) -> None:
        """Write what identifies the study, and an empty table."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(self.folder / "setup.yaml", to_yaml(vars(setup)))
        write_whole(self.results, to_csv([self._header]))
        write_whole(self.folder / "study.yaml", to_yaml(self.config.as_dict()))

    def resume(self, fingerprint: str) -> Setup:
        """Read what there is and return its set-up.

        A line that a killed run left unfinished is removed. Raises :class:`StudyError`, naming
        ``--out``, where the folder holds another study.
        """
        setup = self._same_study(fingerprint)
        content = self.results.read_bytes() if self.results.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            write_whole(self.results, whole)
        if not whole:
            write_whole(self.results, to_csv([self._header]))
        else:
            self._read_rows(whole)
        return setup

    def append(self, setting: int, chip: int, metrics: Metrics) -> None:
        """Add the row of one chip, with a single write of the whole line."""
        self.rows[setting, chip] = metrics
        line = to_csv([self._row(setting, chip, metrics)])
        with self.results.open("ab", buffering=0) as file:
            file.write(line)

    def finish(self) -> None:
        """Rewrite the table in the order of the settings."""
        rows = [self._row(*task, metrics) for task, metrics in sorted(self.rows.items())]
        write_whole(self.results, to_csv([self._header, *rows]))

    def _same_study(self, fingerprint: str) -> Setup:
        wanted = self.config.as_dict()
        try:
            found = read_yaml(self.folder / "study.yaml")
            setup = Setup(**read_yaml(self.folder / "setup.yaml"))
        except (OSError, yaml.YAMLError, TypeError, ValueError):
            raise StudyError(
                f"{self.folder} holds a damaged study; choose another folder with --out"
            ) from None
        difference = _difference(_wherever(found), _wherever(wanted))
        if not difference and setup.fingerprint != fingerprint:
            difference = "the data files have changed"
        if difference:
            raise StudyError(
                f"{self.folder} holds another study ({difference});"
                " choose another folder with --out"
            )
        return setup

    def _read_rows(self, content: bytes) -> None:
        lines = list(csv.reader(io.StringIO(content.decode("utf-8", errors="replace"))))
        if lines[0] != self._header:
            raise StudyError(f"{self.results}:1: the header was changed; use another --out")
        known = {(s.index, chip) for s in self.settings for chip in range(s.chips)}
        for number, fields in enumerate(lines[1:], start=2):
            try:
                record = dict(zip(self._header, fields))
                task = int(record["setting"]), int(record["chip"])
                accuracy = float(record["accuracy"]) if record["accuracy"] else None
                metrics = Metrics(
                    float(record["relative_rms_error"]), float(record["snr_db"]), accuracy
                )
            except (KeyError, ValueError):
                task = -1, -1
            if task not in known or fields != self._row(*task, metrics):
                raise StudyError(
                    f"{self.results}:{number}: not a row of this study; repair it or use"
                    " another --out"
                )
            self.rows[task] = metrics

    def _row(self, index: int, chip: int, metrics: Metrics) -> list[str]:
        setting = self.settings[index]
        values = [_text(setting.values.get(key)) for key in self._keys]
        numbers = [_text(getattr(metrics, name)) for name in _METRICS]
        return [str(index), setting.sweep, setting.mapping, str(chip), *values, *numbers]


def _text(value: Any) -> str:
    return "" if value is None else repr(value) if isinstance(value, float) else str(value)


def _wherever(config: Any) -> Any:
    """Return a configuration without the places of data files: their content is what counts."""
    return config | {"data": "files"} if isinstance(config, dict) and "data" in config else config


def _difference(found: Any, wanted: dict[str, Any], prefix: str = "") -> str:
    """Return in words where two configurations first differ, or ``""``."""
    if not isinstance(found, dict):
        return f"{prefix or 'the configuration'} differs"
    for key in [*wanted, *found]:
        path, one, other = f"{prefix}{key}", found.get(key), wanted.get(key)
        if one == other:
            continue
        if key not in found or key not in wanted:
            return f"{path} is given only {'here' if key in wanted else 'there'}"
        if isinstance(one, dict) and isinstance(other, dict):
            return _difference(one, other, f"{path}.")
        if any(isinstance(value, dict | list) for value in (one, other)):
            return f"{path} differs"
        return f"{path} is {one!r} there and {other!r} here"
    return ""
