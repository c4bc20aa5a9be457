"""Parameter trees as plain values, which JSON can hold, and trees from them."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any

import numpy as np

from simulator import registry
from simulator.errors import InputError, ModelError, ParameterError, nearest
from simulator.parameters import CrossSimParameters
from simulator.parameters.base_parameters import BaseParameters
from simulator.parameters.model_parameters import ModelParameters
from simulator.states.measured import (
    DIRECTIONS,
    RANGES,
    as_written,
    measured_ranges,
    with_ranges,
)


def plain_parameters(trees: Sequence[CrossSimParameters]) -> dict[str, Any]:
    """What the state of a core says of its parameters.

    Args:
        trees: one tree, or one for each array.

    Returns:
        ``params``, the trees as the user wrote them, and ``ranges``, those that were measured, by
        the path of their node; a list of each.
    """
    return {
        "params": [plain_tree(as_written(tree)) for tree in trees],
        "ranges": [measured_ranges(tree) for tree in trees],
    }


def parameters_from(
    state: dict[str, Any],
) -> tuple[list[CrossSimParameters], list[dict[str, np.ndarray]]]:
    """The parameters in a state: trees as they were written, and measured ranges of each.

    Args:
        state: with what ``plain_parameters`` returned.

    Raises:
        ModelError: a model in use that is not defined in this process.
        InputError: parameters that no tree can have.
    """
    trees, ranges = state["params"], state.get("ranges")
    if not isinstance(trees, list | tuple) or not trees:
        raise InputError("not a saved state: its parameters are no list of trees")
    try:
        written = [tree_from(tree) for tree in trees]
    except ModelError:
        raise
    except (ParameterError, TypeError) as error:
        raise InputError(f"the parameters of the state: {error}") from None
    found = list(ranges) if ranges else [{}] * len(written)
    if len(found) != len(written) or any(not _are_ranges(each) for each in found):
        raise InputError("not a saved state: its ranges do not belong to its parameters")
    return written, found


def trees_of(state: dict[str, Any]) -> CrossSimParameters | list[CrossSimParameters]:
    """The parameters in force in a state: one tree, or a list with one for each array.

    Args:
        state: with what ``plain_parameters`` returned.

    Raises:
        ModelError, InputError: as ``parameters_from``.
    """
    trees = [with_ranges(*pair) for pair in zip(*parameters_from(state), strict=True)]
    return trees if len(trees) > 1 else trees[0]


def _are_ranges(found: Any) -> bool:
    return isinstance(found, dict) and all(
        path.rpartition(".")[0] in RANGES
        and path.rpartition(".")[2] in DIRECTIONS
        and np.ndim(pairs) == 2
        and np.shape(pairs)[1] == 2
        for path, pairs in found.items()
    )


def plain_tree(tree: CrossSimParameters) -> dict[str, Any]:
    """A tree as nested dictionaries of numbers, strings and lists.

    Args:
        tree: the parameters; models go by their names.

    Returns:
        What ``tree_from`` makes an equal tree of. Choices are numbers, as in a file of ``to_json``.
    """
    return _plain(tree.as_dict())


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return value.value if isinstance(value, enum.Enum) else value


def tree_from(values: Any) -> CrossSimParameters:
    """The tree that ``plain_tree`` was given.

    Args:
        values: nested dictionaries; what is missing has its default.

    Raises:
        ModelError: a model in use that is not defined in this process; the message names all of
            them.
        ParameterError: names or values that no tree can have.
    """
    if not isinstance(values, dict):
        raise ParameterError(f"parameters of a state: got {type(values).__name__}, not a tree")
    missing: list[str] = []
    known = _with_known_models(CrossSimParameters, values, "", missing)
    if missing:
        raise ModelError("; ".join(missing) + ". Define or import the class first.")
    return CrossSimParameters(**known)


def _with_known_models(
    cls: type[BaseParameters], values: dict[str, Any], path: str, missing: list[str]
) -> dict[str, Any]:
    """``values`` without what models that are unknown and not in use would need."""
    if issubclass(cls, ModelParameters):
        return _known_model(cls, values, path, missing)
    return {
        name: _with_known_models(
            cls._children[name].node_class, value, f"{path}{name}.", missing
        )
        if name in cls._children and isinstance(value, dict)
        else value
        for name, value in values.items()
    }  # fmt: skip


def _known_model(
    cls: type[ModelParameters], values: dict[str, Any], path: str, missing: list[str]
) -> dict[str, Any]:
    model, known = values.get("model"), registry.names(cls.kind)
    if model is None or model in known:
        return values
    if values.get("enable", True):
        missing.append(
            f"{path}model is {model!r}, and no {cls.kind} model of this name is defined here"
            + nearest(str(model), known)
        )
    fields = {*cls._specs, *registry.fields(cls.kind)}
    return {name: value for name, value in values.items() if name in fields}
