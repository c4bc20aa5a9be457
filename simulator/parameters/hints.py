"""Where in the tree a name is that somebody looked for elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING

from simulator import registry
from simulator.errors import nearest_names

if TYPE_CHECKING:
    from .base_parameters import BaseParameters

# Words of other simulators and of papers, and what they are called here.
SYNONYMS = {
    "sigma": ("magnitude",), "std": ("magnitude",), "alpha": ("magnitude",),
    "stddev": ("magnitude",), "nbits": ("bits",), "n_bits": ("bits",), "resolution": ("bits",),
    "precision": ("bits",), "ron": ("Rmin",), "r_on": ("Rmin",), "lrs": ("Rmin",),
    "gmax": ("Rmin",), "g_max": ("Rmin",), "roff": ("Rmax",), "r_off": ("Rmax",),
    "hrs": ("Rmax",), "gmin": ("Rmax",), "g_min": ("Rmax",), "on_off_ratio": ("Rmin", "Rmax"),
    "random_seed": ("seed",), "rng": ("seed",), "gpu": ("useGPU",), "device": ("model",),
    "noise": ("read_noise",), "error": ("programming_error",), "drift": ("drift_error",),
    "wire_resistance": ("Rp_row", "Rp_col"), "r_wire": ("Rp_row", "Rp_col"),
    "array_size": ("rows_max", "cols_max"), "rows": ("rows_max",), "cols": ("cols_max",),
    "tile_size": ("rows_max", "cols_max"), "slices": ("num_slices",), "enabled": ("enable",),
}  # fmt: skip
# More places than these are a search, not a hint.
MOST = 4


def hint(node: BaseParameters, name: str) -> str:
    """What to say of a name that ``node`` does not have: the nearest name here, and places of it.

    Returns:
        A question with a blank in front, or "" where nothing comes near.
    """
    own = [*node.names(), *node._extra_names()]
    meant = SYNONYMS.get(name.lower(), ())
    found = [known for known in meant if known in own] or nearest_names(name, own)
    if not set(meant).intersection(found):
        found += _places(node, {name.lower(), *(word.lower() for word in meant)})
    if not found:
        tree = {known.lower() for _, known in _leaves(node)}
        found = _places(node, set(get_close_matches(name.lower(), tree, n=1, cutoff=0.75)))
    if not found:
        return ""
    return f" Did you mean {' or '.join(map(repr, found[:MOST]))}?"


def _places(node: BaseParameters, names: set[str]) -> list[str]:
    """Paths of the parameters of these names, those below ``node`` first if there are any."""
    found = [f"{path}{name}" for path, name in _leaves(node) if name.lower() in names]
    below = [place for place in found if place.startswith(f"{node._prefix()}.")]
    return below or found


def _leaves(node: BaseParameters) -> Iterator[tuple[str, str]]:
    """Every parameter of the tree: the path of its node, with a dot behind, and its name."""
    root = node.root
    start = root._prefix()
    yield from _below(type(root), f"{start}." if start else "")


def _below(cls: type[BaseParameters], path: str) -> Iterator[tuple[str, str]]:
    kind = getattr(cls, "kind", "")
    for name in dict.fromkeys((*cls._specs, *(registry.fields(kind) if kind else ()))):
        if not name.startswith("_"):
            yield path, name
    for name, child in cls._children.items():
        yield path, name
        # Both directions have the same names: one of them is enough.
        if name != "vmm":
            yield from _below(child.node_class, f"{path}{name}.")
