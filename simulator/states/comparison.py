"""Parameters of a state beside those at hand: what differs, and whose count from now on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator.errors import InputError
from simulator.parameters import CrossSimParameters
from simulator.parameters.base_parameters import BaseParameters
from simulator.parameters.files import in_words
from simulator.parameters.model_parameters import ModelParameters
from simulator.parameters.paired_parameters import BasePairedParameters
from simulator.states.measured import (
    PATHS,
    RANGES,
    as_written,
    fields_at,
    node_at,
    put_fields,
    same_fields,
    with_ranges,
)

# How and where it is computed, and what is recorded: the same results to the accuracy promised.
COMPUTING = frozenset(
    f"simulation.{name}"
    for name in (
        "useGPU", "gpu_id", "memory_limit", "hide_convergence_msg", "disable_fast_balanced",
        "disable_fast_matmul", "disable_fast_nonlinear_IV", "Niters_max_parasitics", "Verr_th_mvm",
        "Verr_matmul_criterion", "relaxation_gamma", "parasitics_solver", "convolution",
        "analytics",
    )
)  # fmt: skip
# What an ideal ADC has no use for.
IDEAL_ADC = "IdealADC"
IDEAL_ADC_IGNORES = ("bits", "signed", "stochastic_rounding", *RANGES["xbar.adc"])
# A state holds these itself: the numbers that are drawn, and the time that the cells are at.
IN_STATE = ("simulation.seed", "xbar.device.time")
REMEDY = "strict=False takes those of the state"
_MISSING = object()


@dataclass(frozen=True)
class Difference:
    """A parameter that differs: its dotted path, the value in the state, and the one here."""

    path: str
    saved: Any
    here: Any

    def __str__(self) -> str:
        return f"{self.path}: {_words(self.saved)} in the state, {_words(self.here)} here"


def _words(value: Any) -> str:
    return "unset" if value is _MISSING else in_words(value)


def settled(
    here: Sequence[CrossSimParameters],
    written: Sequence[CrossSimParameters],
    ranges: Sequence[dict[str, Any]],
    strict: bool = True,
    remedy: str = REMEDY,
) -> list[CrossSimParameters]:
    """The parameters in force once a state is loaded.

    Measured ranges, seed and time are those of the state. A range counts as measured where the
    state says so, and here the user wrote the same as there, or nothing.

    Args:
        here: the parameters at hand, one tree, or one for each array.
        written: those of the state, as the user wrote them.
        ranges: the ranges that were measured there, by path; one dictionary for each tree.
        strict: False takes the parameters of the state, but for those that say how to compute.
        remedy: what can be done about parameters that differ, for the end of the message.

    Returns:
        New trees, one, or one for each array.

    Raises:
        InputError: with ``strict``, parameters that decide results and differ; it lists all.
    """
    count = max(len(here), len(written))
    pairs = [
        (_entry(here, i), _entry(written, i), _entry(ranges, i)) for i in range(count)
    ]  # fmt: skip
    if strict:
        require_same(
            [
                Difference(f"params[{i}].{d.path}" if count > 1 else d.path, d.saved, d.here)
                for i, (own, saved, found) in enumerate(pairs)
                for d in _beside(own, saved, found)
            ],
            remedy,
        )
    trees = [_taken(own, saved, found, strict) for own, saved, found in pairs]
    alone = len(here) == 1 and all(tree == trees[0] for tree in trees)
    return trees[:1] if alone else trees


def require_same(differences: Sequence[Difference], remedy: str = REMEDY) -> None:
    """Raise InputError that lists the differences, if there are any, and ends with the remedy."""
    if differences:
        raise InputError(
            "the state was saved with other parameters: "
            + "; ".join(map(str, differences))
            + f". {remedy}"
        )


def _entry(entries: Sequence[Any], number: int) -> Any:
    """What counts for one array: its own entry, or the one that all share."""
    if len(entries) == 1:
        return entries[0]
    if number >= len(entries):
        raise InputError(f"the parameters are those of {len(entries)} arrays; there are more")
    return entries[number]


def _beside(
    own: CrossSimParameters, written: CrossSimParameters, ranges: dict[str, Any]
) -> list[Difference]:
    """What differs in results, apart from ranges that are taken from the state."""
    saved, mine, default = with_ranges(written, ranges), as_written(own), CrossSimParameters()
    free = []
    for path in ranges:
        wrote = fields_at(mine, path)
        if same_fields(wrote, fields_at(written, path)) or same_fields(
            wrote, fields_at(default, path)
        ):
            free += [f"{path}.{name}" for name in RANGES[path.rpartition(".")[0]]]
    return [d for d in differences(saved, own) if d.path not in free]


def differences(saved: CrossSimParameters, here: CrossSimParameters) -> list[Difference]:
    """Parameters that decide results and differ, in the order of the tree.

    What is switched off in both trees decides nothing. Seed and time are not compared.
    """
    return list(_walk(saved, here, ""))


def _walk(saved: BaseParameters, here: BaseParameters, prefix: str) -> Iterator[Difference]:
    values, others = dict(saved.items()), dict(here.items())
    if "enable" in values and not values["enable"] and not others["enable"]:
        return
    unused = _unused(saved, here)
    for name in dict.fromkeys((*values, *others)):
        path = f"{prefix}{name}"
        if path in COMPUTING or path in IN_STATE or name in unused or _is_twin(saved, here, name):
            continue
        if name in saved._children:
            yield from _walk(values[name], others[name], path + ".")
            continue
        # A field of a model that was not set reads as its default.
        one, other = (getattr(node, name, _MISSING) for node in (saved, here))
        if not _same(one, other):
            yield Difference(path.replace("._match", ".match"), one, other)


def _unused(saved: BaseParameters, here: BaseParameters) -> Sequence[str]:
    """Fields that the models of both nodes do not use."""
    if isinstance(saved, ModelParameters) and saved.model == vars(here)["model"] == IDEAL_ADC:
        return IDEAL_ADC_IGNORES
    return ()


def _is_twin(saved: BaseParameters, here: BaseParameters, name: str) -> bool:
    """Whether a node says once more what its twin of the other direction says."""
    matched = isinstance(saved, BasePairedParameters) and saved.match and here.match
    return matched and name == "vmm"


def _same(one: Any, other: Any) -> bool:
    if one is _MISSING or other is _MISSING:
        return one is other
    if isinstance(one, list | np.ndarray) or isinstance(other, list | np.ndarray):
        return np.array_equal(np.asarray(one), np.asarray(other))
    return bool(one == other)


def _taken(
    own: CrossSimParameters,
    written: CrossSimParameters,
    ranges: dict[str, Any],
    strict: bool,
) -> CrossSimParameters:
    """One tree: ``own`` with what the state holds itself, or that of the state."""
    if strict:
        tree = as_written(own)
        for path in PATHS:
            put_fields(tree, path, fields_at(written, path))
        tree.update({path: node_at(written, path) for path in IN_STATE})
        return with_ranges(tree, ranges)
    tree = with_ranges(written, ranges)
    for path in COMPUTING:
        place, _, name = path.rpartition(".")
        setattr(node_at(tree, place), name, node_at(own, path))
    return tree
