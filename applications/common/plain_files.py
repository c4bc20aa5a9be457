"""Files that a folder of results is made of: whole ones, as YAML and CSV."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml


def write_whole(path: Path, content: bytes) -> None:
    """Write a file as a whole or not at all."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_bytes(content)
    os.replace(partial, path)


def to_yaml(content: dict[str, Any]) -> bytes:
    """Return `content` as YAML, in its order."""
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100).encode()


def read_yaml(path: Path) -> Any:
    """Return what a YAML file holds.

    Raises :class:`OSError`, :class:`UnicodeDecodeError` or :class:`yaml.YAMLError`.
    """
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def to_csv(rows: Iterable[Sequence[Any]]) -> bytes:
    """Return rows, the header among them or not, as lines of CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def read_csv(path: Path, header: Sequence[str]) -> list[dict[str, str]]:
    """Return the rows of a CSV file by the names of their columns.

    Raises :class:`OSError`, or :class:`ValueError` for another header than `header`.
    """
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != list(header):
            raise ValueError(f"{path}: the header was changed")
        return list(reader)
