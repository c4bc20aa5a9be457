"""The figure of a report: one line for each layer, three views of it."""

from __future__ import annotations

import math
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import NullLocator

# From Okabe and Ito's palette, told apart with any kind of colour vision.
FINE, BAD, DAC, ADC = "#0072B2", "#D55E00", "#E69F00", "#009E73"
GREY, LINE = "#6b7280", "#e5e7eb"
# Smaller shares are drawn where none is.
LEAST_SHARE = 1e-6
SHARES = {LEAST_SHARE: "none", 1e-4: "0.01 %", 1e-2: "1 %", 1.0: "100 %"}
BAR, ROW_HEIGHT, MARGIN, WIDTH = 0.62, 0.28, 1.5, 11.0


def draw(layers: Any) -> Figure:
    """Signal-to-noise ratio, clipped shares, and used codes, from the first layer down."""
    figure = Figure(figsize=(WIDTH, MARGIN + ROW_HEIGHT * len(layers)), layout="constrained")
    axes = figure.subplots(1, 3, sharey=True, width_ratios=[3, 2, 2])
    colours = [BAD if layer.advice else FINE for layer in layers]
    _draw_snr(axes[0], layers, colours)
    _draw_clipped(axes[1], layers)
    _draw_codes(axes[2], layers, colours)
    for axis in axes:
        _dress(axis)
    axes[0].set_yticks(range(len(layers)), [layer.layer for layer in layers], fontsize=9)
    axes[0].set_ylim(len(layers) - 0.4, -0.6)
    bars = [Patch(color=FINE, label="fine"), Patch(color=BAD, label="something to change")]
    dots = axes[1].get_legend_handles_labels()[0]
    figure.legend(
        handles=[*bars, *dots], loc="outside lower center", ncols=4, frameon=False, fontsize=9
    )
    return figure


def _draw_snr(axis: Any, layers: Any, colours: list[str]) -> None:
    known = [layer.snr for layer in layers if math.isfinite(layer.snr)]
    for place, (layer, colour) in enumerate(zip(layers, colours, strict=True)):
        length = layer.snr
        if not math.isfinite(length):
            # An exact layer has no ratio; it gets the longest bar.
            length = max(known, default=1.0) if length > 0 else 0.0
        axis.barh(place, length, height=BAR, color=colour)
        _label(axis, max(length, 0.0), place, layer.snr_text)
    axis.margins(x=0.2)
    axis.set_title("Signal to noise against the digital layer")
    axis.set_xlabel("dB")


def _draw_clipped(axis: Any, layers: Any) -> None:
    for name, colour, marker in (("DAC", DAC, "o"), ("ADC", ADC, "s")):
        shares = [getattr(layer, f"{name.lower()}_clipped") for layer in layers]
        found = [(max(s, LEAST_SHARE), place) for place, s in enumerate(shares) if s is not None]
        if found:
            axis.plot(
                *zip(*found, strict=True), marker, color=colour, label=f"clipped by {name}s",
                markersize=5, alpha=0.85, clip_on=False, zorder=3,
            )  # fmt: skip
    axis.set_xscale("log")
    axis.set_xlim(LEAST_SHARE, 1.0)
    axis.set_xticks(list(SHARES), list(SHARES.values()))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_title("Clipped values")
    axis.set_xlabel("share of all")


def _draw_codes(axis: Any, layers: Any, colours: list[str]) -> None:
    for place, (layer, colour) in enumerate(zip(layers, colours, strict=True)):
        if layer.adc_codes is not None:
            share = layer.adc_codes / layer.adc_levels
            axis.barh(place, share, height=BAR, color=colour)
            _label(axis, share, place, f"{layer.adc_codes}")
    axis.set_xlim(0, 1.2)
    axis.set_xticks([0, 0.5, 1], ["0", "50 %", "100 %"])
    axis.set_title("ADC codes in use")
    axis.set_xlabel("of all codes")


def _label(axis: Any, length: float, place: int, words: str) -> None:
    axis.annotate(
        words, (length, place), (3, 0), textcoords="offset points", va="center", fontsize=8,
        color=GREY,
    )  # fmt: skip


def _dress(axis: Any) -> None:
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.spines["bottom"].set_color(GREY)
    axis.tick_params(axis="x", colors=GREY, labelsize=8)
    axis.tick_params(axis="y", length=0)
    axis.xaxis.label.set(color=GREY, fontsize=9)
    axis.set_title(axis.get_title(), loc="left", fontsize=10, fontweight="bold")
    axis.title.set_text("")
    axis.grid(axis="x", color=LINE, linewidth=0.8)
    axis.set_axisbelow(True)
