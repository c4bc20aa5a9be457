"""A YAML file that remembers on which line each key stands."""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from .errors import StudyError

Keys = tuple[Hashable, ...]


class _Loader(yaml.SafeLoader):
    """The safe loader, with ``1e-6`` a number as in YAML 1.2."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:\d+\.?\d*|\.\d+)[eE][-+]?\d+$"),
    list("-+0123456789."),
)


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


def dotted(keys: Keys) -> str:
    """Return a key path in words, such as ``sweeps[0].values``."""
    words = ""
    for key in keys:
        words += f"[{key}]" if isinstance(key, int) else f"{'.' if words else ''}{key}"
    return words


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
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            raise StudyError(f"{name}: the file is empty")
        lines: dict[Keys, int] = {}
        _walk(node, (), name, lines, set())
        return Document(name, loader.construct_document(node), lines)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise StudyError(f"{name}{line}: not valid YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError) as error:
        problem = " ".join(str(error).split())
        raise StudyError(f"{name}: not valid YAML: {problem}") from None
    except RecursionError:
        raise StudyError(f"{name}: not valid YAML: nested too deeply") from None


def _walk(node: yaml.Node, keys: Keys, name: str, lines: dict[Keys, int], seen: set[int]) -> None:
    """Note the line of every value below `node`."""
    line = node.start_mark.line + 1
    if id(node) in seen:
        raise StudyError(f"{name}:{line}: {dotted(keys)}: aliases (*name) are not supported")
    seen.add(id(node))
    lines.setdefault(keys, line)
    if isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            _walk(child, (*keys, index), name, lines, seen)
    elif isinstance(node, yaml.MappingNode):
        for key_node, child in node.value:
            below = (*keys, key_node.value if isinstance(key_node.value, str) else "?")
            if below in lines:
                at = key_node.start_mark.line + 1
                raise StudyError(
                    f"{name}:{at}: {dotted(below)}: given twice, first on line {lines[below]}"
                )
            lines[below] = key_node.start_mark.line + 1
            _walk(child, below, name, lines, seen)


def _reason(error: OSError | UnicodeDecodeError) -> str:
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return "not UTF-8 text"
