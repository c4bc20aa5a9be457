"""Which parameters and bias rows go to which layer of a model; no framework is needed."""

from __future__ import annotations

import operator
from fnmatch import fnmatchcase
from typing import Any

from simulator import CrossSimParameters, ParameterError

# The hardware of one layer: one tree, or one for each of its arrays.
LayerParams = CrossSimParameters | list[CrossSimParameters]
# That of a model: the same for all layers, one entry for each, or one for each name pattern.
ModelParams = LayerParams | list[LayerParams | None] | dict[str, LayerParams | None]


def copied(params: LayerParams) -> LayerParams:
    """A copy of the parameters of a layer: one tree, or a list with one for each array.

    Raises ParameterError for anything else.
    """
    several = isinstance(params, (list, tuple))
    for tree in params if several else [params]:
        if not isinstance(tree, CrossSimParameters):
            raise ParameterError(
                f"params: got {type(tree).__name__}; allowed is CrossSimParameters or a list of it"
            )
    return [tree.copy() for tree in params] if several else params.copy()


def checked_rows(rows: Any) -> int:
    """A number of bias rows. Raises ParameterError for anything but an integer >= 0."""
    try:
        number = -1 if isinstance(rows, bool) else operator.index(rows)
    except TypeError:
        number = -1
    if number < 0:
        raise ParameterError(f"bias_rows: got {rows!r}; allowed is an integer >= 0")
    return number


def params_by_layer(params: ModelParams, names: list[str]) -> list[LayerParams | None]:
    """The parameters of each of the named layers; None for one that stays digital.

    ``params`` is one tree for all; a list with an entry for each; or a dictionary from name
    patterns such as ``"features.*"`` to parameters, of which the first that fits counts. Raises
    ParameterError for a list of the wrong length and for a pattern that fits no layer.
    """
    if isinstance(params, dict):
        return _params_by_pattern(params, names)
    if isinstance(params, CrossSimParameters):
        return [params] * len(names)
    if not isinstance(params, (list, tuple)):
        raise ParameterError(
            f"params: got {type(params).__name__}; allowed is CrossSimParameters, a list with one "
            "entry per layer, or a dictionary from name patterns"
        )
    if len(params) != len(names):
        raise ParameterError(
            f"params: {len(params)} entries for {len(names)} convertible layers: "
            + ", ".join(names)
        )
    return list(params)


def _params_by_pattern(patterns: dict[str, Any], names: list[str]) -> list[Any]:
    if not patterns:
        raise ParameterError("params: the dictionary is empty; no layer would be converted")
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise ParameterError(
                f"params: the pattern {pattern!r} fits none of the layers " + ", ".join(names)
            )
    return [
        next((tree for pattern, tree in patterns.items() if fnmatchcase(name, pattern)), None)
        for name in names
    ]


def values_by_layer(what: str, values: Any, count: int, layers: str) -> list[Any]:
    """One value for all of ``count`` layers, or a list with one for each.

    Raises ParameterError, naming ``what`` and the kind of ``layers``, for a list of the wrong
    length.
    """
    if not isinstance(values, (list, tuple)):
        return [values] * count
    if len(values) != count:
        raise ParameterError(f"{what}: {len(values)} entries for {count} {layers} layers")
    return list(values)
