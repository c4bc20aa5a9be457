"""A YAML file that remembers on which line each key stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simulator.parameters.yaml_text import Keys, YamlProblem, dotted, parse_yaml

from .errors import StudyError

__all__ = ["Document", "Keys", "dotted", "parse_document", "read_document"]


@dataclass(frozen=True)
class Document:
    """The content of a YAML file, and the line on which the value of each key path stands."""

    name: str
    data: Any
    lines: dict[Keys, int] = field(default_factory=dict)

    def error(self, keys: Keys, message: str) -> StudyError:
        """Return an error that starts with file, line and key path."""
        known = keys
        while known and known not in self.lines:
            known = known[:-1]
        line = f":{self.lines[known]}" if known in self.lines else ""
        return StudyError(f"{self.name}{line}: {dotted(keys)}{': ' if keys else ''}{message}")


def read_document(path: Path) -> Document:
    """Read a YAML file of one document.

    Raises :class:`StudyError` with file and line where the file cannot be read, is not YAML, uses
    a key twice or uses aliases.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(f"{path}: cannot be read: {_reason(error)}") from None
    return parse_document(text, str(path))


def parse_document(text: str, name: str) -> Document:
    """Return `text` as a document; `name` is what error messages call it."""
    try:
        found = parse_yaml(text, aliases=False)
    except YamlProblem as error:
        line = f":{error.line}" if error.line else ""
        raise StudyError(f"{name}{line}: not valid YAML: {error.problem}") from None
    if found.data is None:
        raise StudyError(f"{name}: the file is empty")
    return Document(name, found.data, found.lines)


def _reason(error: OSError | UnicodeDecodeError) -> str:
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return "not UTF-8 text"
