"""The look of figures: colours, lines, and how they are stored."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe and Ito's palette, told apart with any kind of colour vision.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
GREY = "#6b7280"
STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.labelcolor": "#111827",
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.grid": True,
    "grid.color": "#e5e7eb",
    "grid.linewidth": 0.8,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": "#374151",
    "ytick.labelcolor": "#374151",
    "legend.frameon": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "ohmcore",
}
GRID_BELOW = STYLE | {"axes.axisbelow": True}
# For words that stand on lines.
BEHIND_TEXT = {"facecolor": "white", "edgecolor": "none", "pad": 1}


@dataclass(frozen=True)
class Picture:
    """A figure for a page as SVG, with the text for those who cannot see it."""

    svg: bytes
    alt: str


def encoded(figure: Figure, kind: Literal["png", "svg"]) -> bytes:
    """Return `figure` as a file; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    metadata = {"Date": None} if kind == "svg" else None
    figure.savefig(buffer, format=kind, dpi=200, metadata=metadata)
    return buffer.getvalue()


def by_itself(plot: Callable[[Axes], None], height: float) -> bytes:
    """Return as SVG what `plot` draws, half a page wide and `height` inches high."""
    with mpl.rc_context(GRID_BELOW):
        figure = Figure(figsize=(5.4, height), layout="constrained")
        plot(figure.add_subplot())
        return encoded(figure, "svg")
