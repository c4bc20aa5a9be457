"""What a converter does to currents: transfer curve and nonlinearity, as numbers and figures.

>>> from simulator.converters import SarADC
>>> from simulator.converters.curves import plot_linearity
>>> plot_linearity(SarADC(bits=8, sigma_capacitor=0.1), -1, 1).savefig("sar.png")

Figures need Matplotlib (extra ``plot``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator.backend import numpy_backend
from simulator.converters.adc import ADC
from simulator.errors import InputError
from simulator.randomness import Purpose, Stream

# A width of a code is known to one part in so many.
SAMPLES_PER_CODE = 256
MAX_SAMPLES = 1 << 22
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#6b7280"
UNIT = "(currents of a full cell)"


@dataclass(frozen=True)
class Transfer:
    """Inputs (samples,) and results (converters, samples), in currents of one full cell.

    ``step`` is the difference of neighbouring codes in that unit, one LSB; 0 for an ideal ADC.
    """

    amps: np.ndarray
    results: np.ndarray
    step: float

    @property
    def error(self) -> np.ndarray:
        """Result minus input in LSB; zeros for an ideal ADC."""
        difference = self.results - self.amps
        return difference / self.step if self.step else difference


@dataclass(frozen=True)
class Linearity:
    """Nonlinearity in LSB, (converters, codes), and the result that each code stands for, (codes,).

    From the width of every code as a ramp meets it (code density test, IEEE Std 1241), relative to
    the mean width, so without offset and gain error. The end codes, which have no width, are left
    out. ``inl`` is the sum of ``dnl`` up to the upper edge of a code; -1 in ``dnl`` is a missing
    code. Without codes for an ideal ADC.
    """

    levels: np.ndarray
    dnl: np.ndarray
    inl: np.ndarray


def transfer(
    adc: ADC, low: float, high: float, samples: int = 0, converters: int = 1, seed: int = 0
) -> Transfer:
    """What ``converters`` fabricated ones make of a ramp from ``low`` to ``high``.

    ``samples`` = 0 takes enough for every code. ``seed`` draws their mismatch; the first is that of
    the first outputs of a core with this ``simulation.seed``. Rounding is not stochastic here, and
    inputs have no noise. Raises InputError for limits that do not rise.
    """
    if not low < high:
        raise InputError(f"limits {low!r} and {high!r}; the first has to be below the second")
    count = samples or (1024 if adc.is_ideal else min(SAMPLES_PER_CODE * adc.codes, MAX_SAMPLES))
    # Between the ends, so that no sample lies on a threshold of an ideal converter.
    amps = low + (high - low) * (np.arange(count) + 0.5) / count
    if adc.is_ideal:
        return Transfer(amps, np.broadcast_to(amps, (converters, count)), 0.0)
    kernels, shape = numpy_backend().kernels, (converters, 1, 1, 1, 1)
    stream = Stream.open(numpy_backend(), seed, 0, Purpose.FABRICATION)

    def draw(numbers: range, group_size: int) -> Any:
        return stream.normal(numbers, 0, np.arange(converters).reshape(shape), 0)

    made = adc.fabricate(shape, draw, kernels)
    # A model of other rounding than stochastic ignores the dither; half is the nearest.
    dither = np.full((1, *shape, count), 0.5) if adc.stochastic_rounding else None
    last = () if made is None else (made,)
    ramp = np.broadcast_to(amps, (1, *shape, count))
    results = adc.convert(ramp, low, high, kernels, dither, *last).reshape(converters, count)
    return Transfer(amps, results, _step(results))


def _step(results: np.ndarray) -> float:
    """Difference of neighbouring codes: the smallest of those that are not rounding."""
    levels = np.unique(results)
    gaps = np.diff(levels)
    real = gaps[gaps > 1e-9 * np.abs(levels).max()] if gaps.size else gaps
    return float(real.min()) if real.size else 0.0


def linearity(
    adc: ADC, low: float, high: float, samples: int = 0, converters: int = 1, seed: int = 0
) -> Linearity:
    """Differential and integral nonlinearity; arguments as in :func:`transfer`."""
    curve = transfer(adc, low, high, samples, converters, seed)
    if curve.step == 0:
        none = np.zeros((converters, 0))
        return Linearity(np.zeros(0), none, none)
    first = curve.results.min()
    codes = np.rint((curve.results - first) / curve.step).astype(np.int64)
    count = int(codes.max()) + 1
    widths = np.stack([np.bincount(row, minlength=count) for row in codes])[:, 1:-1]
    mean = widths.mean(axis=1, keepdims=True) if widths.size else 1.0
    dnl = widths / mean - 1.0
    levels = first + curve.step * np.arange(1, count - 1)
    return Linearity(levels, dnl, np.cumsum(dnl, axis=1))


def plot_transfer(
    adc: ADC, low: float, high: float, samples: int = 0, converters: int = 1, seed: int = 0
) -> Any:
    """Results over the range, and how far they are from the input.

    Args:
        adc: the model.
        low, high: full-scale limits, in currents of one full cell.
        samples: inputs to convert; 0 takes as many as the bits ask for.
        converters: how many to make, each with its own mismatch.
        seed: of that mismatch.

    Returns:
        A matplotlib figure.
    """
    curve = transfer(adc, low, high, samples, converters, seed)
    figure, (upper, lower) = _figure(adc, "transfer curve", (3, 2))
    upper.plot(curve.amps, curve.amps, color=GREY, lw=1, ls="--", label="input")
    name = "result" if converters == 1 else f"results of {converters} converters"
    _lines(upper, curve.amps, curve.results, name)
    _lines(lower, curve.amps, curve.error, "")
    unit = "LSB" if curve.step else "full cells"
    if curve.step:
        upper.set_title(
            f"1 LSB = {curve.step:.4g} currents of a full cell", loc="right", fontsize=9, color=GREY
        )
        for edge in (-0.5, 0.5):
            lower.axhline(edge, color=GREY, lw=1, ls=":")
    upper.legend(loc="upper left")
    upper.set_ylabel(f"result {UNIT}")
    lower.set_ylabel(f"error ({unit})")
    lower.set_xlabel(f"input current {UNIT}")
    if np.abs(curve.error).max() < 0.6:
        lower.set_ylim(-0.75, 0.75)
    lower.set_xlim(low, high)
    return figure


def plot_linearity(
    adc: ADC, low: float, high: float, samples: int = 0, converters: int = 1, seed: int = 0
) -> Any:
    """The differential and the integral nonlinearity of every code.

    Args:
        adc: the model.
        low, high: full-scale limits, in currents of one full cell.
        samples: inputs to convert; 0 takes as many as the bits ask for.
        converters: how many to make, each with its own mismatch.
        seed: of that mismatch.

    Returns:
        A matplotlib figure.
    """
    found = linearity(adc, low, high, samples, converters, seed)
    figure, (upper, lower) = _figure(adc, "nonlinearity", (1, 1))
    for axes, values, name in ((upper, found.dnl, "DNL"), (lower, found.inl, "INL")):
        axes.axhline(0, color=GREY, lw=1)
        axes.set_ylabel(f"{name} (LSB)")
        if not values.size:
            axes.text(
                0.5, 0.5, "no codes between the ends of the range: nothing to compare",
                transform=axes.transAxes, ha="center", va="bottom", color=GREY,
            )  # fmt: skip
            axes.set_ylim(-1, 1)
            continue
        _lines(axes, found.levels, values, "", drawstyle="steps-mid")
        peak = np.abs(values).max()
        axes.set_title(f"largest |{name}| {peak:.3g} LSB", loc="right", fontsize=9, color=GREY)
        # Below a tenth of an LSB the curve is mostly the width of a sample.
        axes.set_ylim(*((-0.1, 0.1) if peak < 0.1 else (None, None)))
    lower.set_xlabel(f"result that the code stands for {UNIT}")
    lower.set_xlim(low, high)
    return figure


def _lines(axes: Any, x: np.ndarray, rows: np.ndarray, label: str, **style: Any) -> None:
    """One line for each converter: the first strong, the others thin behind it."""
    for place, row in reversed(list(enumerate(rows))):
        look = {"color": BLUE, "lw": 1.2} if place == 0 else {"color": ORANGE, "lw": 0.6}
        alpha = 1.0 if place == 0 else 0.6
        axes.plot(x, row, label=label if place == 0 else None, alpha=alpha, **look, **style)


def _figure(adc: ADC, what: str, heights: tuple[int, int]) -> Any:
    from matplotlib import pyplot

    # By pyplot, so that a notebook knows how to show it; closed, so that it is shown once.
    figure = pyplot.figure(figsize=(7.5, 5.5), layout="constrained")
    pyplot.close(figure)
    axes = figure.subplots(2, 1, sharex=True, height_ratios=heights)
    bits = "" if adc.is_ideal or adc.bits == 0 else f", {adc.bits} bits"
    axes[0].set_title(f"{type(adc).__name__}{bits}: {what}", loc="left", fontweight="bold")
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(color="#e5e7eb", lw=0.8)
        ax.set_axisbelow(True)
    figure.align_ylabels(axes)
    return figure, axes
