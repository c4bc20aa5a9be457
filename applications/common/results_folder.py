"""The folder of results that is computed once: shown where finished, refused where another's."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar

import yaml

from applications.common.plain_files import read_yaml, to_yaml, write_whole
from applications.mvm_study.errors import StudyError

Settings = TypeVar("Settings")


class ResultsFolder(ABC, Generic[Settings]):
    """A folder in which `settings`, a dataclass, come first and `results.csv` last; then a page.

    A subclass gives it a name for complaints and says how settings differ; it writes the numbers.
    """

    HOLDS: str
    """What the folder is of, in a word, such as ``comparison``."""

    PARAMETERS: str
    """The name of its file of hardware parameters."""

    def __init__(self, path: Path, settings: Settings):
        self.path = path
        self.settings = settings

    @abstractmethod
    def difference(self, found: Any, wanted: dict[str, Any]) -> str:
        """Return in words where settings first differ, or an empty string.

        `found` is what another ``study.yaml`` holds, whatever that is; `wanted` are the own
        settings as they would be read back.
        """

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
            found = read_yaml(begun)
        except (OSError, yaml.YAMLError, UnicodeDecodeError):
            raise self._refused("holds a damaged study.yaml") from None
        if difference := self.difference(found, yaml.safe_load(self._identity())):
            raise self._refused(f"holds another {self.HOLDS} ({difference})")
        return (self.path / "results.csv").exists()

    def begin(self) -> None:
        """Write what identifies the results."""
        self.path.mkdir(parents=True, exist_ok=True)
        write_whole(self.path / "study.yaml", self._identity())

    def configuration(self) -> str:
        """Return the settings and the parameters of the arrays, as they are written.

        Raises :class:`StudyError`, naming ``--out``, where a file is missing.
        """
        names = ("study.yaml", self.PARAMETERS)
        with self.undamaged():
            texts = [(self.path / name).read_text("utf-8") for name in names]
        return "\n".join(f"# {name}\n{text}" for name, text in zip(names, texts))

    def write_numbers(self, setup: dict[str, Any], tables: dict[str, bytes]) -> None:
        """Write ``setup.yaml`` and, after it, the tables in their order, ``results.csv`` last.

        The setup says how many lines each table has, so that one that lost some is not shown.
        """
        lines = {name: content.count(b"\n") for name, content in tables.items()}
        write_whole(self.path / "setup.yaml", to_yaml({**setup, "lines": lines}))
        for name, content in tables.items():
            write_whole(self.path / name, content)

    def read_setup(self) -> dict[str, Any]:
        """Return the setup that :meth:`write_numbers` was given.

        Raises :class:`StudyError`, naming ``--out``, where a table has not the lines that were
        written. Folders of older versions do not say how many these were.
        """
        with self.undamaged():
            setup: dict[str, Any] = read_yaml(self.path / "setup.yaml")
            written = setup.pop("lines", {})
            found = {name: (self.path / name).read_bytes().count(b"\n") for name in written}
        for name, count in written.items():
            if found[name] != count:
                raise self._refused(
                    f"holds a damaged {self.HOLDS}: {name} has {found[name]} lines, {count} were"
                    " written"
                )
        return setup

    @contextmanager
    def undamaged(self) -> Iterator[None]:
        """Raise :class:`StudyError`, naming ``--out``, for files that cannot be read inside."""
        try:
            yield
        except (OSError, yaml.YAMLError, ValueError, KeyError, TypeError, IndexError):
            raise self._refused(f"holds a damaged {self.HOLDS}") from None

    def _identity(self) -> bytes:
        return to_yaml(dataclasses.asdict(self.settings))  # type: ignore[call-overload]

    def _refused(self, why: str) -> StudyError:
        return StudyError(f"{self.path} {why}; choose another folder with --out")
