"""The arrays of a layer as bytes, for state dictionaries and archives of any framework.

The state of a layer is a dictionary: ``arrays``, the state of every array without parameters;
``params`` and ``ranges``, those of the layer; the counters ``epoch`` and ``chip``; ``in_step``,
whether the arrays hold the present weights.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from adapters.shared.per_layer import LayerParams
from simulator import CrossSimParameters, InputError, states

KIND = "layer"
REMEDY = "strict=False takes those of the state"


def as_trees(params: LayerParams) -> list[CrossSimParameters]:
    """The parameters of a layer as a list: one tree, or one for each array."""
    return list(params) if isinstance(params, (list, tuple)) else [params]


def in_force(
    params: LayerParams, state: dict[str, Any], strict: bool, remedy: str = REMEDY
) -> LayerParams | None:
    """The parameters of a layer once a state is loaded; None where they stay.

    A state without parameters is of an earlier version, and not compared. Raises InputError that
    lists what differs, with ``strict``, and ends with the ``remedy``; ModelError for a model that
    is not defined.
    """
    if state.get("params") is None:
        return None
    own = as_trees(params)
    trees = states.settled(own, *states.parameters_from(state), strict=strict, remedy=remedy)
    if trees == own:
        return None
    return trees if isinstance(params, list) or len(trees) > 1 else trees[0]


def packed(state: dict[str, Any]) -> np.ndarray:
    """The state of a layer as bytes; names of arrays begin with the number of their core."""
    words, arrays = [], {}
    for number, core in enumerate(state["arrays"]):
        of_core, parts = states.to_arrays(core)
        words.append(of_core)
        arrays.update({f"{number}.{name}": array for name, array in parts.items()})
    counters = [state["epoch"], state["chip"], state["in_step"]]
    arrays["counters"] = np.array(counters, dtype=np.int64)
    arrays.update(states.ranges_as_arrays(state["params"], state["ranges"]))
    return states.Sealed(KIND, {"arrays": words, "params": state["params"]}, arrays).packed()


def opened(data: np.ndarray) -> states.Sealed:
    """What ``packed`` gave. Raises InputError for something else."""
    return states.Sealed.opened(KIND, data)


def unpacked(sealed: states.Sealed) -> dict[str, Any]:
    """The state of a layer. Raises InputError for words and arrays that are none."""
    try:
        words = list(sealed.words["arrays"])
        epoch, chip, in_step = (int(number) for number in sealed.arrays["counters"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"not the state of a layer: {error!r}") from None
    cores = [
        states.from_arrays(of_core, below(sealed.arrays, f"{number}."))
        for number, of_core in enumerate(words)
    ]
    counters = {"epoch": epoch, "chip": chip, "in_step": bool(in_step)}
    return {"arrays": cores, **counters, **design_of(sealed)}


def design_of(sealed: states.Sealed) -> dict[str, Any]:
    """The parameters in a state, with those measured ranges that are as they were saved."""
    params = sealed.words.get("params")
    arrays = {name: a for name, a in sealed.arrays.items() if name not in sealed.changed}
    count = len(params) if isinstance(params, list) else 0
    return {"params": params, "ranges": states.ranges_of(arrays, count)}


def below(arrays: dict[str, np.ndarray], start: str) -> dict[str, np.ndarray]:
    """The arrays whose names begin with ``start``, by the rest of their names."""
    return {n.removeprefix(start): array for n, array in arrays.items() if n.startswith(start)}
