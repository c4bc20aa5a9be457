"""YAML as it is read here: safely, every key once, 1e-6 a number, and each value with its line."""

from __future__ import annotations

import importlib
import re
from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

Keys = tuple[Hashable, ...]
# YAML 1.1 asks for a point and a sign.
NUMBER = re.compile(r"^[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+$")


class YamlProblem(ValueError):
    """Why a text cannot be read: ``problem``, and ``line`` and ``column`` where they are known."""

    def __init__(self, problem: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(problem)
        self.problem, self.line, self.column = problem, line, column


@dataclass(frozen=True)
class YamlText:
    """The content of a text, and the line on which the value of each path of keys stands."""

    data: Any
    lines: dict[Keys, int] = field(default_factory=dict)


def parse_yaml(text: str, aliases: bool = True) -> YamlText:
    """The content of a YAML text of one document.

    Args:
        text: the document; an empty one holds None.
        aliases: whether ``*name`` may stand for a value that was given before.

    Returns:
        Data made of dictionaries, lists, strings and numbers, with the lines of all values.

    Raises:
        YamlProblem: a text that is no YAML, more than one document, a key given twice, or an alias
            where there may be none.
    """
    yaml = importlib.import_module("yaml")
    try:
        loader = _loader()(text)
        node = loader.get_single_node()
        if node is None:
            return YamlText(None)
        lines: dict[Keys, int] = {}
        _note_lines(node, (), lines, set(), aliases)
        return YamlText(loader.construct_document(node), lines)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = (mark.line + 1, mark.column + 1) if mark else ()
        raise YamlProblem(error.problem or str(error), *place) from None
    except YamlProblem:
        raise
    except (yaml.YAMLError, ValueError) as error:
        raise YamlProblem(" ".join(str(error).split())) from None
    except RecursionError:
        raise YamlProblem("nested too deeply") from None


def dotted(keys: Keys) -> str:
    """A path of keys in words, such as ``sweeps[0].values``."""
    words = ""
    for key in keys:
        words += f"[{key}]" if isinstance(key, int) else f"{'.' if words else ''}{key}"
    return words


@cache
def _loader() -> Any:
    """PyYAML's safe loader that reads 1e-6 as a number.

    PyYAML is imported when first needed; it would double the time of importing the package.
    """
    yaml = importlib.import_module("yaml")

    class Loader(yaml.SafeLoader):  # type: ignore[name-defined]
        pass

    Loader.add_implicit_resolver("tag:yaml.org,2002:float", NUMBER, list("-+.0123456789"))
    return Loader


def _note_lines(
    node: Any, keys: Keys, lines: dict[Keys, int], seen: set[int], aliases: bool
) -> None:
    """Note the line of every value below a node; ``seen`` are the nodes so far."""
    line, column = node.start_mark.line + 1, node.start_mark.column + 1
    lines.setdefault(keys, line)
    if id(node) in seen:
        if not aliases:
            raise YamlProblem(f"{dotted(keys)}: aliases (*name) are not supported", line, column)
        return
    seen.add(id(node))
    if node.id == "sequence":
        for index, child in enumerate(node.value):
            _note_lines(child, (*keys, index), lines, seen, aliases)
    elif node.id == "mapping":
        here: set[Keys] = set()
        for key_node, child in node.value:
            below = (*keys, key_node.value if isinstance(key_node.value, str) else "?")
            mark = key_node.start_mark
            if below in here and key_node.tag != "tag:yaml.org,2002:merge":
                raise YamlProblem(
                    f"{dotted(below)}: given twice, first on line {lines[below]}",
                    mark.line + 1, mark.column + 1,
                )  # fmt: skip
            here.add(below)
            lines.setdefault(below, mark.line + 1)
            _note_lines(child, below, lines, seen, aliases)
