"""Ranges of converters that were measured, beside those that a user wrote.

A tree remembers which of its ranges were measured, and what had been written in their place. So two
models that were built from the same parameters are known to be alike after one was calibrated, and
a state carries its ranges to the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.parameters import CrossSimParameters
from simulator.parameters.xbar_parameters import ADCRangeLimits

# Where ranges stand, and the fields that give one, in the order in which they are set.
RANGES = {
    "core.mapping.inputs": ("percentile", "min", "max"),
    "xbar.adc": ("adc_range_option", "calibrated_range"),
}
DIRECTIONS = ("mvm", "vmm")
PATHS = tuple(f"{place}.{direction}" for place in RANGES for direction in DIRECTIONS)
_RECORD = "_measured"
Fields = tuple[Any, ...]


def set_input_range(
    tree: CrossSimParameters, low: float, high: float, direction: str = "mvm"
) -> None:
    """Give a tree a measured range of inputs.

    Args:
        tree: is changed.
        low, high: limits in units of the inputs.
        direction: "mvm" or "vmm".
    """
    _set(tree, "core.mapping.inputs", direction, (None, float(low), float(high)))


def set_output_range(tree: CrossSimParameters, ranges: Any, direction: str = "mvm") -> None:
    """Give a tree a measured ``calibrated_range`` of its ADCs.

    Args:
        tree: is changed.
        ranges: (2,), or (slices, 2), in currents of one full cell at full input.
        direction: "mvm" or "vmm".
    """
    _set(tree, "xbar.adc", direction, (ADCRangeLimits.CALIBRATED, np.array(ranges, dtype=float)))


def _set(tree: CrossSimParameters, place: str, direction: str, values: Fields) -> None:
    path = f"{place}.{direction}"
    record = dict(vars(tree).get(_RECORD, {}))
    # Of a range that is measured again, what the user wrote stays known.
    written = record[path][0] if path in record and _holds(tree, path) else fields_at(tree, path)
    put_fields(tree, path, values)
    record[path] = (written, values)
    vars(tree)[_RECORD] = record


def measured_ranges(tree: CrossSimParameters) -> dict[str, np.ndarray]:
    """The measured ranges that are in force, by the path of their node.

    Returns:
        (n, 2): one pair of limits, or one for each weight slice. A range that the user has changed
        since is no measured one any more.
    """
    return {
        path: np.atleast_2d(np.asarray(_limits(values), dtype=float))
        for path, (_, values) in vars(tree).get(_RECORD, {}).items()
        if _holds(tree, path)
    }


def as_written(tree: CrossSimParameters) -> CrossSimParameters:
    """A copy with what the user wrote in the place of measured ranges."""
    copy = tree.copy()
    for path, (written, _) in vars(copy).pop(_RECORD, {}).items():
        if _holds(tree, path):
            put_fields(copy, path, written)
    return copy


def with_ranges(tree: CrossSimParameters, ranges: dict[str, Any]) -> CrossSimParameters:
    """A copy with measured ranges, as ``measured_ranges`` returns them."""
    copy = tree.copy()
    for path, pairs in ranges.items():
        place, _, direction = path.rpartition(".")
        pairs = np.array(pairs, dtype=float)
        if place == "xbar.adc":
            set_output_range(copy, pairs if len(pairs) > 1 else pairs[0], direction)
        else:
            set_input_range(copy, pairs[0, 0], pairs[0, 1], direction)
    return copy


def fields_at(tree: CrossSimParameters, path: str) -> Fields:
    """What gives the range at a node: percentile, min and max, or option and range."""
    node, names = node_at(tree, path), RANGES[path.rpartition(".")[0]]
    return tuple(node._copy_value(name, vars(node)[name]) for name in names)


def same_fields(one: Fields, other: Fields) -> bool:
    """Whether two ranges are given alike."""
    return all(
        (a is None) == (b is None) and np.array_equal(np.atleast_2d(a), np.atleast_2d(b))
        for a, b in zip(one, other, strict=True)
    )


def _holds(tree: CrossSimParameters, path: str) -> bool:
    """Whether a measured range is still the one in force."""
    return same_fields(fields_at(tree, path), vars(tree)[_RECORD][path][1])


def put_fields(tree: CrossSimParameters, path: str, values: Fields) -> None:
    """Set what gives the range at a node."""
    node = node_at(tree, path)
    for name, value in zip(RANGES[path.rpartition(".")[0]], values, strict=True):
        setattr(node, name, value)


def _limits(values: Fields) -> Any:
    return values[1:] if len(values) == 3 else values[1]


def node_at(tree: CrossSimParameters, path: str) -> Any:
    """The node, or the value, at a dotted path."""
    node: Any = tree
    for name in path.split("."):
        node = getattr(node, name)
    return node
