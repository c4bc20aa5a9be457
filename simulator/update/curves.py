"""Figures of fitted step devices, with units on the axes; they need matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.errors import ModelError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from simulator.update.ramps import RampFit

# Okabe and Ito's palette, told apart with any kind of colour vision.
UP, DOWN = "#0072B2", "#D55E00"
GREY = "#6b7280"
STYLE: dict[Any, Any] = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.grid": True,
    "grid.color": "#e5e7eb",
    "legend.frameon": False,
}
POINTS = 200


def plot_ramps(fit: RampFit) -> Figure:
    """Draw both ramps with the fitted model, and the steps of the model over the weight.

    Args:
        fit: What :func:`~simulator.update.from_ramps` returns.

    Returns:
        A matplotlib figure.

    Raises:
        ModelError: matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure as NewFigure
    except ImportError:
        raise ModelError("figures need matplotlib: pip install ohmcore[plot]") from None
    from simulator.update.ramps import cell_of

    with mpl.rc_context(STYLE):
        figure = NewFigure(figsize=(9.6, 3.9), layout="constrained")
        left, right = figure.subplots(1, 2)
        cell = cell_of(fit.device)
        grid = np.linspace(
            min(ramp.min() for ramp in fit.model), max(ramp.max() for ramp in fit.model), POINTS
        )
        for way, (colour, name) in enumerate(((UP, "up"), (DOWN, "down"))):
            left.plot(
                fit.pulses[way], fit.readings[way], ".", color=colour, markersize=2.5, alpha=0.5
            )
            left.plot(
                fit.pulses[way], fit.model[way], color=colour, linewidth=2, label=f"pulses {name}"
            )
            up = float(name == "up")
            steps = [fit.device.step_size(np.float64(w), up, cell) for w in grid]
            right.plot(grid, steps, color=colour, linewidth=2, label=f"step {name}")
        left.set(xlabel="pulses", ylabel="weight", title="Readings (points) and model")
        right.set(xlabel="weight", ylabel="step (weight)", title="What a pulse does")
        right.set_ylim(bottom=0)
        for axis in (left, right):
            axis.legend()
        figure.suptitle(
            f"{type(fit.device).__name__}: {fit.states:.0f} states", x=0.01, ha="left",
            weight="bold",
        )  # fmt: skip
    return figure
