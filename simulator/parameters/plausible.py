"""Values that no hardware has: allowed, but mostly a slip in the unit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from simulator.errors import warn_user

from .base_parameters import BaseParameters
from .crosssim_parameters import CrossSimParameters
from .effects import converts
from .paired_parameters import BasePairedParameters
from .xbar_parameters import ADCParameters, DACParameters


def unusual_values(params: CrossSimParameters) -> list[str]:
    """Find values outside of what hardware has, of whatever takes part in a product.

    Args:
        params: The tree.

    Returns:
        A sentence for each of them: path, value, unit, meaning, and what is usual.
    """
    return list(_below(params))


def warn_of_unusual(trees: Sequence[CrossSimParameters]) -> None:
    """Warn once of all values of some trees that no hardware has."""
    found = dict.fromkeys(sentence for tree in trees for sentence in unusual_values(tree))
    if found:
        warn_user("values that hardware does not have:\n  " + "\n  ".join(found))


def _below(node: BaseParameters) -> Iterator[str]:
    state = vars(node)
    if not _takes_part(node):
        return
    for name in (*node._specs, *node._set_extras()):
        spec = node._spec(name)
        if spec is not None and spec.usual is not None and not spec.is_usual(state[name]):
            low, high = spec.usual
            unit = f" {spec.unit}" if spec.unit else ""
            yield (
                f"{node._where(name)} = {state[name]:g}{unit} ({spec.doc}); usual are {low:g} to"
                f" {high:g}{unit}"
            )
    matched = isinstance(node, BasePairedParameters) and node.match
    for name in node._children:
        if not (matched and name == "vmm"):
            yield from _below(state[name])


def _takes_part(node: BaseParameters) -> bool:
    if isinstance(node, ADCParameters | DACParameters):
        return converts(node)
    return bool(vars(node).get("enable", True))
