"""What was converted to which arrays, what was not, and why."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from torch import nn

from adapters.torch.conversion.convert import reason_to_stay, staying_modules
from adapters.torch.layers.layer import AnalogLayer
from adapters.torch.study.tables import table

HEADER = ("layer", "type", "matrix", "arrays", "style", "cells", "note")


@dataclass(frozen=True)
class Summary:
    """A table of layers; printing it shows the table, ``rows`` holds its entries."""

    rows: tuple[tuple[str, ...], ...]

    def __repr__(self) -> str:
        return table(HEADER, self.rows)


def summary(model: nn.Module) -> Summary:
    """A table of the layers of a model: their arrays, or why they stay digital.

    Args:
        model: any module, converted or not.

    Returns:
        What prints as the table. ``rows`` holds the entries as text: name and type of the layer,
        shapes of its matrices, number of arrays, core style, number of cells, and a note.
    """
    rows = []
    digital = {id(module) for _, module in staying_modules(model)}
    for name, module in model.named_modules():
        if isinstance(module, AnalogLayer):
            rows.append(_analog_row(name, module))
        elif id(module) in digital:
            reason = reason_to_stay(module) or "no parameters were given for it"
            has_weights = any(True for _ in module.parameters(recurse=False))
            note = f"digital: {reason}" if has_weights else "digital"
            rows.append((name, type(module).__name__, "", "", "", "", note))
    return Summary(tuple(rows))


def _analog_row(name: str, layer: AnalogLayer) -> tuple[str, ...]:
    cores = layer.arrays
    cells = sum(core.cell_count for core in cores)
    note = ""
    if any("bias" in parameter for parameter, _ in layer.named_parameters()):
        note = f"bias on {layer.bias_rows} lines" if layer.analog_bias else "digital bias"
    return (
        name, type(layer).__name__, _matrices([core.shape for core in cores]),
        str(sum(core.Ncores for core in cores)), cores[0].params.core.style.name, f"{cells:,}",
        note,
    )  # fmt: skip


def _matrices(shapes: list[tuple[int, int]]) -> str:
    """Shapes in words: equal neighbours are counted."""
    runs = [(shape, len(list(equal))) for shape, equal in itertools.groupby(shapes)]
    return ", ".join(
        f"{count} x {rows}x{cols}" if count > 1 else f"{rows}x{cols}"
        for (rows, cols), count in runs
    )
