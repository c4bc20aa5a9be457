"""The parameter tree as text: YAML and JSON files, and the words that ``repr`` uses."""

from __future__ import annotations

import enum
import importlib
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from simulator.errors import FileFormatError, OhmCoreWarning, ParameterError, nearest
from simulator.parameters.yaml_text import YamlProblem, parse_yaml

if TYPE_CHECKING:
    from .base_parameters import BaseParameters

    Node = TypeVar("Node", bound=BaseParameters)

PathLike = str | os.PathLike[str]

OBSOLETE = frozenset(
    ("stride", "Kx", "Ky", "Noc", "Nic", "weight_reorder", "conv_matmul", "bias_row")
    + ("gate_input", "complex_inputs")
)
"""Names that files written for CrossSim before 3.2 contain and that have no meaning any more."""


def in_words(value: Any) -> str:
    """Return a leaf as it would stand in a YAML file, on one line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    plain = _plain(value, by_name=True)
    return plain if isinstance(plain, str) else repr(plain)


def write_json(node: BaseParameters, path: PathLike, open_kwargs: dict[str, Any]) -> None:
    """Write `node` as JSON with four blanks of indent; choices become their numbers."""
    text = json.dumps(_plain(node.as_dict(), by_name=False), indent=4)
    _write(path, text + "\n", open_kwargs)


def write_yaml(node: BaseParameters, path: PathLike, open_kwargs: dict[str, Any]) -> None:
    """Write `node` as YAML in the order of declaration; choices become their names."""
    yaml = _yaml()
    plain = _plain(node.as_dict(), by_name=True)
    _write(path, yaml.dump(plain, Dumper=_yaml_dumper(yaml), sort_keys=False), open_kwargs)


def read(cls: type[Node], path: PathLike, form: str, open_kwargs: dict[str, Any]) -> Node:
    """Return a `cls` from a file in `form` ("json" or "yaml"), or from a preset named `path`."""
    # People write YAML; JSON holds whole trees, and a preset what a publication says.
    published = form == "json"
    if not Path(path).is_file():
        preset = cls._preset(os.fspath(path))
        if preset is None:
            raise FileNotFoundError(_not_found(cls, os.fspath(path)))
        path, form, published = preset, "yaml", True
    open_kwargs = {"encoding": "utf-8", **open_kwargs, "mode": "r"}
    try:
        with open(path, **open_kwargs) as file:
            text = file.read()
    except UnicodeDecodeError as error:
        raise FileFormatError(f"{path}: not a text file: {error}") from None
    values = _PARSERS[form](text, path)
    if not isinstance(values, dict):
        raise FileFormatError(
            f"{path}: holds a {type(values).__name__} at the top;"
            f" expected a mapping with some of {', '.join(cls.names())}"
        )
    _drop_obsolete(cls, values, path)
    try:
        node = cls(**values)
    except ParameterError as error:
        raise type(error)(f"{path}: {error}") from None
    except TypeError as error:
        raise FileFormatError(f"{path}: {error}") from None
    if published:
        node._count_as_published()
    return node


def _not_found(cls: type[BaseParameters], name: str) -> str:
    presets = cls.presets() if hasattr(cls, "presets") else []
    among = f"; presets are {', '.join(presets)}" if presets else ""
    return f"no file {name!r} and no preset of this name{among}.{nearest(name, presets)}"


def _plain(value: Any, by_name: bool) -> Any:
    """Return `value` made of dictionaries, lists, strings and numbers only."""
    if isinstance(value, dict):
        return {key: _plain(entry, by_name) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry, by_name) for entry in value]
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, enum.Enum):
        return value.name if by_name else value.value
    return value


def _write(path: PathLike, text: str, open_kwargs: dict[str, Any]) -> None:
    open_kwargs = {"encoding": "utf-8", "mode": "w", **open_kwargs}
    with open(path, **open_kwargs) as file:
        file.write(text)


def _drop_obsolete(cls: type[BaseParameters], values: dict[str, Any], path: PathLike) -> None:
    dropped = sorted(_without_obsolete(cls, values, ""))
    if dropped:
        import warnings

        warnings.warn(
            f"{path}: ignored obsolete parameters without meaning: {', '.join(dropped)}",
            OhmCoreWarning,
            stacklevel=4,
        )


def _without_obsolete(
    cls: type[BaseParameters], values: dict[str, Any], prefix: str
) -> Iterable[str]:
    """Remove obsolete names from `values` and below, and yield their paths."""
    for name in list(values):
        if name in OBSOLETE and name not in cls.names():
            del values[name]
            yield prefix + name
        elif name in cls._children and isinstance(values[name], dict):
            yield from _without_obsolete(
                cls._children[name].node_class, values[name], f"{prefix}{name}."
            )


def _parse_json(text: str, path: PathLike) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values = dict(pairs)
        if len(values) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise FileFormatError(f"{path}: the key {twice!r} appears twice in one object")
        return values

    try:
        return json.loads(text, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise _not_json(error, text, path) from None
    except RecursionError:
        raise FileFormatError(f"{path}: not JSON: nested too deeply") from None


def _not_json(error: json.JSONDecodeError, text: str, path: PathLike) -> FileFormatError:
    """The error that names the place; at a comma before a bracket, that of the comma."""
    line, column, problem = error.lineno, error.colno, error.msg
    before = text[: error.pos + 1].rstrip("]} \t\r\n")
    if before.endswith(",") and text[len(before) :].lstrip()[:1] in ("}", "]"):
        line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1)
        problem = "a comma before the closing bracket; remove it"
    return FileFormatError(f"{path}, line {line}, column {column}: not JSON: {problem}")


def _parse_yaml(text: str, path: PathLike) -> Any:
    try:
        return parse_yaml(text).data
    except YamlProblem as error:
        where = f", line {error.line}, column {error.column}" if error.line else ""
        raise FileFormatError(f"{path}{where}: not YAML: {error.problem}") from None


_PARSERS: dict[str, Callable[[str, PathLike], Any]] = {"json": _parse_json, "yaml": _parse_yaml}


def _yaml() -> Any:
    """Import PyYAML when first needed; it would double the time of importing the package."""
    return importlib.import_module("yaml")


def _yaml_dumper(yaml: Any) -> Any:
    """Return a safe dumper that writes lists on one line and repeats what appears twice."""

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    def on_one_line(dumper: Any, data: list[Any]) -> Any:
        return dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=True)

    Dumper.add_representer(list, on_one_line)
    return Dumper
