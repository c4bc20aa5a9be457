"""Sums over products of several operands, cores among them: each core multiplies on its arrays.

A contraction names the axes of its operands by labels, as in ``np.einsum``. The arrays of a core
compute a sum over its rows or over its columns; everything else is array code.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from simulator.core.arraylike import ArrayLike, numeric_array
from simulator.errors import ShapeError

if TYPE_CHECKING:
    from simulator.backend import Backend

Labels = tuple[int, ...]


@dataclass(frozen=True)
class Operand:
    """A core or an array, and the labels of its axes."""

    values: Any
    labels: Labels

    @property
    def is_core(self) -> bool:
        """True for what multiplies on arrays of cells."""
        return isinstance(self.values, ArrayLike)


@dataclass(frozen=True)
class CoreProduct:
    """One step: the core ``core`` sums over ``label`` with the operands ``group`` as its inputs.

    ``core`` and ``group`` are places among the operands. ``kept`` are the other labels of the
    inputs, and ``vectors`` is how many input vectors they number.
    """

    core: int
    label: int
    group: frozenset[int]
    kept: Labels
    vectors: int


def contract(operands: Sequence[Operand], output: Labels) -> Any | None:
    """The sum over all labels that are not in ``output``, with every core on its arrays.

    Where cores meet only each other, the last one counts as the matrix it holds. Of several orders
    the one that needs the fewest input vectors is taken.

    Returns:
        An array with the axes ``output``; None where the sum is no product with the rows or columns
        of the cores, such as one over both axes of a core.
    """
    backend = next(operand.values.backend for operand in operands if operand.is_core)
    on_device = any(isinstance(x.values, backend.xp.ndarray) for x in operands if not x.is_core)
    operands = _fitted(_last_core_read(operands), backend)
    sizes = {n: size for x in operands for n, size in zip(x.labels, x.values.shape, strict=True)}
    while any(operand.is_core for operand in operands):
        steps = list(_possible_steps(operands, output, sizes))
        if not steps:
            return None
        # Of steps with equally many vectors, the first.
        operands = _after(min(steps, key=lambda step: step.vectors), operands, sizes, backend)
    result = _digital(operands, output, backend)
    return result if on_device else backend.to_host(result)


def _last_core_read(operands: Sequence[Operand]) -> list[Operand]:
    """The operands with at least one array among them."""
    operands = list(operands)
    if all(operand.is_core for operand in operands):
        operands[-1] = replace(operands[-1], values=operands[-1].values.get_matrix())
    return operands


def _fitted(operands: Sequence[Operand], backend: Backend) -> list[Operand]:
    """Operands that agree in the length of every label.

    As in NumPy, an axis of length one goes with any length; it is left out here.
    """
    fitted = []
    lengths: dict[int, int] = {}
    for operand in operands:
        for label, size in zip(operand.labels, operand.values.shape, strict=True):
            lengths[label] = max(size, lengths.get(label, size))
    for operand in operands:
        if operand.is_core:
            fitted.append(operand)
            continue
        values, labels = numeric_array(operand.values, "input", backend), operand.labels
        stretched = [i for i, n in enumerate(labels) if values.shape[i] == 1 < lengths[n]]
        labels = tuple(n for i, n in enumerate(labels) if i not in stretched)
        fitted.append(Operand(values.squeeze(tuple(stretched)), labels))
    for operand in fitted:
        shape = tuple(operand.values.shape)
        if shape != tuple(lengths[label] for label in operand.labels):
            raise ShapeError(f"an operand of shape {shape} does not fit the others")
    return fitted


def _possible_steps(
    operands: list[Operand], output: Labels, sizes: dict[int, int]
) -> Iterator[CoreProduct]:
    for place, core in enumerate(operands):
        if not core.is_core or len(set(core.labels)) < len(core.labels):
            continue
        # The columns first: ``core @ x`` rather than ``x @ core``.
        for label in reversed(core.labels):
            holders = frozenset(
                i for i, x in enumerate(operands) if i != place and label in x.labels
            )
            if label in output or not holders:
                continue
            for group in (_connected(holders, operands), holders):
                step = _step(place, label, group, operands, output, sizes)
                if step is not None:
                    yield step


def _connected(group: frozenset[int], operands: list[Operand]) -> frozenset[int]:
    """The group, and all arrays that share labels with it, or with such arrays in turn."""
    while True:
        labels = {label for i in group for label in operands[i].labels}
        more = group | {
            i for i, x in enumerate(operands) if not x.is_core and not labels.isdisjoint(x.labels)
        }
        if more == group:
            return group
        group = more


def _step(
    place: int,
    label: int,
    group: frozenset[int],
    operands: list[Operand],
    output: Labels,
    sizes: dict[int, int],
) -> CoreProduct | None:
    """The step in which ``group`` drives a core; None where it is no matrix of inputs."""
    others = set(operands[place].labels) - {label}
    labels = {n: None for i in sorted(group) for n in operands[i].labels}
    if any(operands[i].is_core for i in group) or not others.isdisjoint(labels):
        return None
    rest = {n for i, x in enumerate(operands) if i not in group and i != place for n in x.labels}
    kept = tuple(n for n in labels if n != label and (n in output or n in rest))
    return CoreProduct(place, label, group, kept, math.prod(sizes[n] for n in kept))


def _after(
    step: CoreProduct, operands: list[Operand], sizes: dict[int, int], backend: Backend
) -> list[Operand]:
    """The operands with the product in place of the core and of those that drive it."""
    core = operands[step.core]
    inputs = [operands[i] for i in sorted(step.group)]
    lines = _digital(inputs, (step.label, *step.kept), backend)
    if step.kept:
        lines = lines.reshape(len(lines), step.vectors)
    driven_by_columns = core.labels[-1] == step.label
    product = (core.values if driven_by_columns else core.values.T) @ lines
    labels = (*(n for n in core.labels if n != step.label), *step.kept)
    product = backend.xp.asarray(product).reshape([sizes[n] for n in labels])
    rest = [x for i, x in enumerate(operands) if i not in step.group and i != step.core]
    return [*rest, Operand(product, labels)]


def _digital(operands: list[Operand], output: Labels, backend: Backend) -> Any:
    """The contraction of arrays."""
    number = {n: i for i, n in enumerate({n: None for x in operands for n in x.labels})}
    arguments: list[Any] = []
    for operand in operands:
        arguments += [operand.values, [number[n] for n in operand.labels]]
    return backend.xp.einsum(*arguments, [number[n] for n in output], optimize=len(operands) > 2)
