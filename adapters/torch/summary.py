"""What was converted to which arrays, what was not, and why."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from adapters.torch.convert import reason_to_stay
from adapters.torch.layer import AnalogLayer

HEADER = ("layer", "type", "matrix", "arrays", "style", "cells", "note")


@dataclass(frozen=True)
class Summary:
    """A table of layers; printing it shows the table, ``rows`` holds its entries."""

    rows: tuple[tuple[str, ...], ...]

    def __repr__(self) -> str:
        table = [HEADER, *self.rows]
        widths = [max(len(row[i]) for row in table) for i in range(len(HEADER))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in table
        ]
        lines.insert(1, "  ".join("-" * width for width in widths))
        return "\n".join(lines)


def summary(model: nn.Module) -> Summary:
    """One row for every layer: its arrays, or why it stays digital."""
    rows = []
    for name, module in model.named_modules():
        if isinstance(module, AnalogLayer):
            rows.append(_analog_row(name, module))
        elif not any(True for _ in module.children()):
            reason = reason_to_stay(module) or "no parameters were given for it"
            has_weights = any(True for _ in module.parameters(recurse=False))
            note = f"digital: {reason}" if has_weights else "digital"
            rows.append((name, type(module).__name__, "", "", "", "", note))
    return Summary(tuple(rows))


def _analog_row(name: str, layer: AnalogLayer) -> tuple[str, ...]:
    core, groups = layer.core, len(layer.arrays)
    rows, cols = core.shape
    cells = sum(state.size for c in layer.arrays for state in c.get_state()["cells"])
    times = f"{groups} x " if groups > 1 else ""
    note = ""
    if layer.bias is not None:
        note = f"bias on {layer.bias_rows} lines" if layer.analog_bias else "digital bias"
    return (
        name, type(layer).__name__, f"{times}{rows}x{cols}", str(groups * core.Ncores),
        core.params.core.style.name, f"{cells:,}", note,
    )  # fmt: skip
