"""The state of a core as named arrays, and back.

What ``AnalogCore.get_state`` returns is nested and easy to read; a file, a state dictionary and an
archive want arrays with plain names. With stacks of tiles numbered from 0:

==================  =====================================================================
``cells.0``         conductances in units of Gmax (slices, sides, rows, columns), float64
``unit.0``          those of unit columns; only where there are some
``born.0.0``, ...   start and draw of cells that drift, then of their unit columns
``codes.0``         how conductances stand for weights
``served``          vectors that each direction has solved one by one, (stacks, 2)
``range``           the range of the weights, (2,)
``time``            time since programming, (1,)
``counters``        programmings, vectors, (2,)
``random``          whether there is a seed, its 64 bits, and those of the stream, (3,)
``ranges.0....``    measured ranges of converters, by the path of their node, (n, 2), or NaN
==================  =====================================================================

The words are ``dtype`` of the programmed matrix, ``shape``, ``clipping`` of weights, and
``params``: a list of parameter trees as the user wrote them, one, or one for each array.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from simulator.errors import InputError
from simulator.parameters.core_parameters import CoreStyle
from simulator.states.measured import PATHS

LISTS = ("cells", "unit", "codes")
WORDS = ("dtype", "shape", "clipping", "params")


def to_arrays(state: dict[str, Any]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Words and arrays of the state of a core.

    Args:
        state: what ``AnalogCore.get_state`` returned.

    Returns:
        A dictionary that JSON can hold, and arrays by name.
    """
    arrays = {
        f"{name}.{stack}": np.asarray(part, dtype=np.float64)
        for name in LISTS
        for stack, part in enumerate(state[name])
        if np.size(part)
    }
    for stack, parts in enumerate(state["born"]):
        arrays.update({f"born.{stack}.{i}": np.asarray(p) for i, p in enumerate(parts)})
    arrays["served"] = np.array(state["served"], dtype=np.int64)
    arrays["range"] = np.array(state["range"], dtype=np.float64)
    arrays["time"] = np.array([state["time"]], dtype=np.float64)
    arrays["counters"] = np.array([state["programmings"], state["vectors"]], dtype=np.int64)
    arrays["random"] = random_bits(state["seed"], state["stream"])
    arrays.update(ranges_as_arrays(state.get("params", []), state.get("ranges", [])))
    return {name: state[name] for name in WORDS if name in state}, arrays


def from_arrays(words: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The state that ``to_arrays`` was given.

    Args:
        words: the words.
        arrays: the arrays by name.

    Returns:
        What ``AnalogCore.set_state`` takes, with arrays of their own.

    Raises:
        InputError: words or arrays that are missing, or are those of something else.
    """
    try:
        stacks = range(len(arrays["served"]))
        programmings, vectors = (int(number) for number in arrays["counters"])
        seed, stream = random_of(arrays["random"])
        return {
            **{name: words[name] for name in WORDS if name in words},
            "cells": [np.array(arrays[f"cells.{i}"]) for i in stacks],
            "unit": [np.array(arrays.get(f"unit.{i}", ())) for i in stacks],
            "codes": [[float(number) for number in arrays[f"codes.{i}"]] for i in stacks],
            "born": [_numbered(arrays, f"born.{i}.") for i in stacks],
            "served": [[int(number) for number in pair] for pair in arrays["served"]],
            "range": [float(end) for end in arrays["range"]],
            "time": float(np.ravel(arrays["time"])[0]),
            "programmings": programmings,
            "vectors": vectors,
            "seed": seed,
            "stream": stream,
            "ranges": ranges_of(arrays, len(words.get("params", ()))),
        }
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        raise InputError(f"not the state of a core: {error!r}") from None


def ranges_as_arrays(params: Any, ranges: Any) -> dict[str, np.ndarray]:
    """Measured ranges as arrays by name, NaN for those that were not measured.

    Args:
        params: plain parameter trees.
        ranges: the measured ranges of each, by path.

    Returns:
        As many arrays whatever was measured: for each tree and each place of a range (n, 2), with
        n the number of weight slices for outputs, 1 for inputs.
    """
    arrays = {}
    for number, (tree, found) in enumerate(zip(params, ranges, strict=True)):
        for path in PATHS:
            count = _slices(tree) if path.startswith("xbar.adc") else 1
            pairs = found.get(path, np.full((count, 2), np.nan))
            arrays[f"ranges.{number}.{path}"] = np.array(pairs, dtype=np.float64)
    return arrays


def _slices(tree: dict[str, Any]) -> int:
    core = tree["core"]
    return core["bit_sliced"]["num_slices"] if core["style"] == CoreStyle.BITSLICED else 1


def ranges_of(arrays: Mapping[str, np.ndarray], trees: int) -> list[dict[str, np.ndarray]]:
    """The measured ranges among arrays of ``ranges_as_arrays``.

    Args:
        arrays: the arrays by name, among others.
        trees: of how many trees.

    Returns:
        A dictionary by path for each tree.
    """
    held = [
        {path: arrays[name] for path in PATHS if (name := f"ranges.{tree}.{path}") in arrays}
        for tree in range(trees)
    ]
    return [
        {path: np.array(pairs) for path, pairs in found.items() if np.isfinite(pairs).all()}
        for found in held
    ]


def random_bits(seed: int | None, stream: int) -> np.ndarray:
    """Whether there is a seed, the seed, and the stream: 64 bits each, as signed integers."""
    numbers = [int(seed is not None), seed or 0, stream]
    return np.array(numbers, dtype=np.uint64).view(np.int64)


def random_of(bits: Any) -> tuple[int | None, int]:
    """Seed and stream from ``random_bits``."""
    given, seed, stream = (int(n) for n in np.asarray(bits, dtype=np.int64).view(np.uint64))
    return (seed if given else None), stream


def _numbered(arrays: Mapping[str, np.ndarray], start: str) -> list[np.ndarray]:
    count = sum(name.startswith(start) for name in arrays)
    return [np.array(arrays[f"{start}{i}"]) for i in range(count)]
