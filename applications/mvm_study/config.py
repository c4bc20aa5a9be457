"""A study: base setting, mappings, sweeps and grid, read from YAML and checked."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from simulator import CrossSimParameters
from simulator.errors import OhmCoreError, ParameterError, UnknownParameterError, nearest
from simulator.schema import Spec

from .axes import SHORT_NAMES, axis, canonical, parameter_updates
from .yaml_document import Document, Keys, dotted, parse_document, read_document

Values = dict[str, Any]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
_QUICK_CHIPS = 3
_QUICK_VALUES = 3

# Set by the study itself, from the seed and the data.
_TAKEN = ("simulation.seed", "simulation.analytics")


@dataclass(frozen=True)
class Sweep:
    """One axis with its values, each simulated for every mapping; `parameters` hold throughout."""

    name: str
    axis: str
    values: tuple[Any, ...]
    title: str = ""
    text: str = ""
    parameters: Values = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class StudyConfig:
    """Everything that decides the numbers of a study, as `default.yaml` explains it."""

    name: str
    seed: int
    chips: int
    hidden: tuple[int, ...]
    test_share: float
    calibration_percentile: float
    matrix: Path | None
    inputs: Path | None
    base: Values
    mappings: dict[str, Values]
    sweeps: tuple[Sweep, ...]
    grid: dict[str, tuple[Any, ...]]

    def as_dict(self) -> dict[str, Any]:
        """Return the study as plain values in the layout of the YAML file."""
        config: dict[str, Any] = {"name": self.name, "seed": self.seed, "chips": self.chips}
        if self.matrix and self.inputs:
            config["data"] = {"matrix": str(self.matrix), "inputs": str(self.inputs)}
        else:
            config["classifier"] = {"hidden": list(self.hidden), "test_share": self.test_share}
        config["calibration_percentile"] = self.calibration_percentile
        config["base"] = dict(self.base)
        config["mappings"] = {name: dict(values) for name, values in self.mappings.items()}
        config["sweeps"] = [
            dataclasses.asdict(sweep) | {"values": list(sweep.values)} for sweep in self.sweeps
        ]
        config["grid"] = {key: list(values) for key, values in self.grid.items()}
        return config


def load_config(path: Path | None = None) -> StudyConfig:
    """Return the study in `path`, completed from the default study; None is the default study.

    A study without a name is called like its file.

    Raises :class:`~applications.mvm_study.errors.StudyError` with file, line and key.
    """
    text = resources.files(__package__).joinpath("default.yaml").read_text(encoding="utf-8")
    default = parse_document(text, "default.yaml")
    if path is None:
        return _Reader(default, Path()).study(default.data)
    document = read_document(path)
    if not isinstance(document.data, dict):
        raise document.error((), f"got {_kind(document.data)}; allowed is keys and values")
    content = default.data | {"name": plain_name(path)}
    if "sweeps" in document.data or "grid" in document.data:
        del content["sweeps"]
    return _Reader(document, path.parent).study(content | document.data)


def plain_name(path: Path) -> str:
    """Return the stem of a file name, kept to plain characters: a name for results."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", path.stem)[:60].lstrip("._-")
    return name or "study"


def quick(config: StudyConfig) -> StudyConfig:
    """Return a study of the same kind that takes seconds: few chips, first, middle, last value."""
    sweeps = [dataclasses.replace(s, values=_thin(s.values)) for s in config.sweeps]
    return dataclasses.replace(
        config,
        name=f"{config.name}-quick",
        chips=min(config.chips, _QUICK_CHIPS),
        sweeps=tuple(sweeps),
        grid={key: _thin(values) for key, values in config.grid.items()},
    )


def _thin(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(values) <= _QUICK_VALUES:
        return values
    return values[0], values[len(values) // 2], values[-1]


class _Reader:
    """Checks one document; every complaint names file, line, key, what is allowed."""

    def __init__(self, document: Document, folder: Path):
        self.document = document
        self.folder = folder

    def study(self, content: dict[str, Any]) -> StudyConfig:
        known = ("name", "seed", "chips", "classifier", "calibration_percentile", "data", "base")
        self.keys(content, (), (*known, "mappings", "sweeps", "grid"))
        classifier = self.mapping(content["classifier"], ("classifier",))
        self.keys(classifier, ("classifier",), ("hidden", "test_share"))
        share = Spec(float, low=0, high=1, low_open=True, high_open=True)
        percentile = Spec(float, low=50, high=100, low_open=True, unit="%")
        matrix, inputs = self.data(content.get("data"))
        base = self.values(content["base"], ("base",))
        mappings = self.mappings(content["mappings"])
        sweeps = self.sweeps(content.get("sweeps"))
        grid = self.grid(content.get("grid"))
        if not sweeps and not grid:
            raise self.document.error((), "nothing to vary; give sweeps or a grid")
        return StudyConfig(
            name=self.name(content["name"], ("name",)),
            seed=self.check(Spec(int, low=0, high=2**32 - 1), content["seed"], ("seed",)),
            chips=self.check(Spec(int, low=1, high=100_000), content["chips"], ("chips",)),
            hidden=self.hidden(classifier.get("hidden", [64])),
            test_share=self.check(
                share, classifier.get("test_share", 0.5), ("classifier", "test_share")
            ),
            calibration_percentile=self.check(
                percentile, content["calibration_percentile"], ("calibration_percentile",)
            ),
            matrix=matrix,
            inputs=inputs,
            base=base,
            mappings=mappings,
            sweeps=sweeps,
            grid=grid,
        )

    def check(self, spec: Spec, value: Any, keys: Keys) -> Any:
        try:
            return spec.check(dotted(keys), value)
        except ParameterError as error:
            raise self.document.error(keys, _without(dotted(keys), str(error))) from None

    def keys(self, value: dict[str, Any], keys: Keys, known: tuple[str, ...]) -> None:
        for key in value:
            if key not in known:
                raise self.document.error(
                    (*keys, str(key)),
                    f"no such key; allowed are {', '.join(known)}.{nearest(str(key), known)}",
                )

    def mapping(self, value: Any, keys: Keys) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.document.error(keys, f"got {_kind(value)}; allowed is keys and values")
        for key in value:
            if not isinstance(key, str):
                raise self.document.error(
                    (*keys, str(key)), f"got a key that is {_kind(key)}; allowed is text"
                )
        return value

    def list(self, value: Any, keys: Keys) -> list[Any]:
        if not isinstance(value, list) or not value:
            got = "an empty list" if value == [] else _kind(value)
            raise self.document.error(keys, f"got {got}; allowed is a list with entries")
        return value

    def name(self, value: Any, keys: Keys) -> str:
        if not isinstance(value, str) or not _NAME.fullmatch(value):
            raise self.document.error(
                keys,
                f"got {value!r}; allowed are up to 60 letters, digits, '.', '_' and '-',"
                " beginning with a letter or digit (quote a number)",
            )
        return value

    def text(self, value: Any, keys: Keys) -> str:
        if not isinstance(value, str):
            raise self.document.error(keys, f"got {_kind(value)}; allowed is text")
        return value

    def hidden(self, value: Any) -> tuple[int, ...]:
        keys = ("classifier", "hidden")
        unit = Spec(int, low=1, high=4096)
        units = self.list(value, keys)
        return tuple(self.check(unit, size, (*keys, i)) for i, size in enumerate(units))

    def data(self, value: Any) -> tuple[Path | None, Path | None]:
        if value is None:
            return None, None
        files = self.mapping(value, ("data",))
        self.keys(files, ("data",), ("matrix", "inputs"))
        for key in ("matrix", "inputs"):
            if key not in files:
                raise self.document.error(("data",), f"{key} is missing")
            self.text(files[key], ("data", key))
        return self.folder / files["matrix"], self.folder / files["inputs"]

    def mappings(self, value: Any) -> dict[str, Values]:
        mappings = {}
        for name, values in self.mapping(value, ("mappings",)).items():
            self.name(name, ("mappings", name))
            mappings[name] = self.values(values, ("mappings", name))
        if not mappings:
            raise self.document.error(("mappings",), "got none; allowed is one or more")
        return mappings

    def sweeps(self, value: Any) -> tuple[Sweep, ...]:
        if value is None or value == []:
            return ()
        entries = self.list(value, ("sweeps",))
        sweeps = [self.sweep(entry, ("sweeps", i)) for i, entry in enumerate(entries)]
        for i, sweep in enumerate(sweeps):
            if sweep.name in {"base", "grid"} | {other.name for other in sweeps[:i]}:
                raise self.document.error(
                    ("sweeps", i, "name"), f"the name {sweep.name!r} is taken; choose another"
                )
        return tuple(sweeps)

    def sweep(self, value: Any, keys: Keys) -> Sweep:
        entry = self.mapping(value, keys)
        self.keys(entry, keys, ("name", "title", "text", "axis", "values", "parameters"))
        for key in ("axis", "values"):
            if key not in entry:
                raise self.document.error(keys, f"{key} is missing")
        key = self.parameter_name(entry["axis"], (*keys, "axis"))
        name = self.name(entry.get("name", key), (*keys, "name"))
        return Sweep(
            name=name,
            axis=key,
            values=self.axis_values(key, entry["values"], (*keys, "values")),
            title=self.text(entry.get("title", ""), (*keys, "title")) or _title(key),
            text=self.text(entry.get("text", ""), (*keys, "text")),
            parameters=self.values(entry.get("parameters", {}), (*keys, "parameters")),
        )

    def grid(self, value: Any) -> dict[str, tuple[Any, ...]]:
        if value is None:
            return {}
        grid = {}
        for given, values in self.mapping(value, ("grid",)).items():
            key = self.parameter_name(given, ("grid", given))
            grid[key] = self.axis_values(key, values, ("grid", given))
        return grid

    def axis_values(self, key: str, value: Any, keys: Keys) -> tuple[Any, ...]:
        values = []
        for i, entry in enumerate(self.list(value, keys)):
            checked = self.parameter(key, entry, (*keys, i))
            if checked in values:
                raise self.document.error((*keys, i), f"got {entry!r} twice")
            values.append(checked)
        return tuple(values)

    def values(self, value: Any, keys: Keys) -> Values:
        checked: Values = {}
        for given, entry in self.mapping(value, keys).items():
            key = self.parameter_name(given, (*keys, given))
            if key in checked:
                raise self.document.error((*keys, given), f"the same as {key}, given before")
            checked[key] = self.parameter(key, entry, (*keys, given))
        return checked

    def parameter_name(self, given: Any, keys: Keys) -> str:
        """Return the short name or path that `given` means; the tree checks it with its value."""
        key = canonical(self.text(given, keys))
        if key.startswith(_TAKEN):
            raise self.document.error(keys, "the study sets this itself")
        return key

    def parameter(self, key: str, value: Any, keys: Keys) -> Any:
        """Return `value` if the parameter `key` exists and may have it."""
        spec = axis(key).spec
        checked = value if spec is None else self.check(spec, value, keys)
        try:
            CrossSimParameters().update(parameter_updates({key: checked}))
        except UnknownParameterError:
            names = [*SHORT_NAMES, *parameter_paths()]
            raise self.document.error(
                keys,
                f"no parameter is called {key!r}; allowed are {', '.join(SHORT_NAMES)}"
                f" and the paths of CrossSimParameters.{nearest(key, names)}",
            ) from None
        except OhmCoreError as error:
            raise self.document.error(keys, _without(dotted(keys), str(error))) from None
        return checked


def parameter_paths() -> list[str]:
    """Return the dotted path of every leaf of the parameter tree."""
    paths: list[str] = []
    _collect(CrossSimParameters().as_dict(), "", paths)
    return paths


def _collect(node: dict[str, Any], prefix: str, paths: list[str]) -> None:
    for key, value in node.items():
        if isinstance(value, dict):
            _collect(value, f"{prefix}{key}.", paths)
        else:
            paths.append(prefix + key)


def _title(key: str) -> str:
    label = axis(key).label
    return label[0].upper() + label[1:]


def _without(prefix: str, message: str) -> str:
    """Return `message` without the path that the complaint already starts with."""
    return message.removeprefix(f"{prefix}: ")


def _kind(value: Any) -> str:
    names = {
        dict: "keys and values", list: "a list", str: "text", bool: "true or false",
        int: "a number", float: "a number", type(None): "nothing",
    }  # fmt: skip
    return names.get(type(value), type(value).__name__)
