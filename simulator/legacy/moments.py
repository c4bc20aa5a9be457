"""Mean and spread of a model that is only known as a function that draws random numbers.

NumPy's global generator is seeded around the function, so what it will draw is known beforehand.
Where its results are ``mean + spread * draw`` cell by cell for several seeds, both follow exactly;
read noise then needs no draw for every cell of every read. A result at a limit of the cell, beyond
which the engine lets none, only tells that the line lies beyond.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from simulator.errors import require_shape, warn_once
from simulator.legacy.numbers import numbers_of
from simulator.quantities import Array, Conductances

Effect = Callable[[Conductances], Conductances]
# Lowest and highest conductance of a cell in units of Gmax; None without a bound.
Limits = tuple[float, float | None]

# Two draws for mean and spread, one to see whether that is all; more while results are at a limit.
LEAST, MOST = 3, 64
# Cells whose lines are found at a time.
CELLS = 1 << 14
# Draws of all cells of an array, before those at a limit are drawn by themselves.
WHOLE = 4
# A cell that was at its limit so often is there for good.
ALWAYS = 24
# Sum of squares of draws about their mean, from which a slope is known well enough.
LEVER = 1e-6
SAMPLES = 64
# Between rounding to single precision and a law that is another one.
TOLERANCE = 1e-6
PROBES = (1, 2, 64, 64)
LARGEST_PROBE = 1.5
DRAWS: dict[str, Callable[[tuple[int, ...]], Array]] = {
    "normal": lambda shape: np.random.standard_normal(shape),  # noqa: NPY002
    "uniform": lambda shape: (np.random.random_sample(shape) - 0.5) * np.sqrt(12),  # noqa: NPY002
}


class Law(NamedTuple):
    """A distribution, and whether results stop at the limits of the cell."""

    distribution: str
    clips: bool


def law_of(effect: Effect, low: float, limits: Limits) -> Law | None:
    """The law of an effect, where it is ``mean + spread * draw`` cell by cell.

    An effect that clips elsewhere than at the limits, mixes draws or couples cells has no such law;
    nor has one that fails here, which will fail again, with its error, where it is used.

    Args:
        effect: Changes conductances by what it draws from NumPy's global generator.
        low: Conductance from which it is probed, in units of Gmax.
        limits: Limits of the cell, in units of Gmax.

    Returns:
        The law; None for an effect without one.
    """
    values = np.linspace(0.0, LARGEST_PROBE, np.prod(PROBES)).reshape(PROBES)
    # Off and on cells are the ends of what most arrays hold.
    values[..., 0], values[..., 1] = low, 1.0
    with contextlib.suppress(Exception):
        for clips in (False, True):
            for distribution in DRAWS:
                law = Law(distribution, clips)
                # Far beyond a limit nearly all results are at it, and no line shows.
                probes = np.clip(values, *limits) if clips else values
                if _fit(effect, probes, law, limits)[2].all():
                    return law
    return None


def moments(
    effect: Effect, values: Conductances, law: Law, limits: Limits, model: Any
) -> tuple[Conductances, Conductances]:
    """Mean and standard deviation of an effect for every cell, before its limits.

    Cells that do not follow the law get estimates, and a warning says so.

    Args:
        effect: Changes conductances by what it draws from NumPy's global generator.
        values: Conductances of the cells, in units of Gmax.
        law: Law of the effect, from `law_of`.
        limits: Limits of the cell, in units of Gmax.
        model: The model, for the warning.

    Returns:
        Means and standard deviations, in the shape of ``values``.
    """
    mean, spread, fits = _fit(effect, values, law, limits)
    if fits.all():
        return mean, spread
    name = type(model).__name__
    warn_once(
        ("sampled moments", name),
        f"{name}.read_noise follows no simple law for some of the cells; their mean and spread "
        f'are estimated from {SAMPLES} draws. simulation.read_noise_sampling = "per_device" '
        "draws every cell",
    )
    total, squares = np.zeros(values.shape), np.zeros(values.shape)
    for seed in range(SAMPLES):
        with numbers_of(seed + 0.25):
            shift = array_by_array(lambda _, array: effect(array), values, model) - values
        total += shift
        squares += shift**2
    shift = total / SAMPLES
    estimate = np.sqrt(np.maximum(squares / SAMPLES - shift**2, 0.0))
    return np.where(fits, mean, values + shift), np.where(fits, spread, estimate)


def array_by_array(
    effect: Callable[[Any, Conductances], Conductances], values: Conductances, model: Any
) -> Conductances:
    """Apply an effect to one array after the other, as CrossSim does.

    Args:
        effect: Called with the place of an array and its cells (rows, columns), a copy that it may
            change in place.
        values: Conductances of all arrays, (..., rows, columns).
        model: The model, for messages.

    Returns:
        What the effect returns, as float64, in the shape of ``values``.

    Raises:
        ModelError: The effect returns another shape.
    """
    out = np.array(values, dtype=np.float64)
    for place in np.ndindex(values.shape[:-2]):
        result = np.asarray(effect(place, np.array(values[place])))
        out[place] = require_shape(model, result, values[place].shape)
    return out


def _fit(
    effect: Effect, values: Conductances, law: Law, limits: Limits
) -> tuple[Array, Array, Array]:
    """Mean, spread, and which cells follow the law."""
    mean, spread = np.array(values, dtype=np.float64), np.zeros(values.shape)
    fits = np.zeros(values.shape, dtype=bool)
    for place in np.ndindex(values.shape[:-2]):
        mean[place], spread[place], fits[place] = _fit_array(effect, values[place], law, limits)
    return mean, spread, fits


def _fit_array(
    effect: Effect, values: Conductances, law: Law, limits: Limits
) -> tuple[Array, Array, Array]:
    """Mean, spread and fit of one array; draws until the line of every cell is known."""
    mean, spread = np.array(values, dtype=np.float64).ravel(), np.zeros(values.size)
    fits, pending = np.zeros(values.size, dtype=bool), np.arange(values.size)
    draws: list[Array] = []
    results: list[Array] = []
    for count in range(1, MOST + 1):
        # A law tells cells by their conductance alone: those that are left make an array too.
        whole_array = count <= WHOLE
        cells = values if whole_array else values.ravel()[pending].reshape(1, -1)
        draw, result = _drawn(effect, cells, law, count + 0.5)
        if result.shape != cells.shape:
            break
        picked = pending if whole_array else slice(None)
        draws.append(draw.ravel()[picked])
        results.append(result.ravel()[picked])
        if count < LEAST:
            continue
        z, y = np.array(draws), np.array(results)
        known, *line = _lines(z, y, law, limits)
        for whole, part in zip((mean, spread, fits), line, strict=True):
            whole[pending[known]] = part[known]
        pending = pending[~known]
        if not pending.size:
            break
        draws, results = list(z[:, ~known]), list(y[:, ~known])
    shape = values.shape
    return mean.reshape(shape), spread.reshape(shape), fits.reshape(shape)


def _drawn(
    effect: Effect, values: Conductances, law: Law, seed: float
) -> tuple[Array, Conductances]:
    with numbers_of(seed):
        draw = DRAWS[law.distribution](values.shape)
    with numbers_of(seed):
        result = np.asarray(effect(np.array(values)), dtype=np.float64)
    return draw, result


def _at_limit(results: Conductances, limits: Limits) -> Array:
    low, high = limits
    stopped = np.abs(results - low) <= TOLERANCE * low
    if high is not None:
        stopped |= np.abs(results - high) <= TOLERANCE * high
    return stopped


def _lines(z: Array, y: Array, law: Law, limits: Limits) -> list[Array]:
    """``_line`` for some cells after the others: what lies between stays in the cache."""
    parts = []
    for start in range(0, z.shape[1], CELLS):
        some_z, some_y = (part[:, start : start + CELLS] for part in (z, y))
        stopped = _at_limit(some_y, limits) if law.clips else None
        parts.append(_line(some_z, some_y, stopped, limits))
    return [np.concatenate(column) for column in zip(*parts, strict=True)]


def _line(
    z: Array, y: Array, stopped: Array | None, limits: Limits
) -> tuple[Array, Array, Array, Array]:
    """Straight lines through the results ``y`` of draws ``z``, both (draws, cells).

    Those ``stopped`` at a limit only have to lie beyond it. Returns which cells are known, their
    mean and spread, and which follow the law.
    """
    free = np.ones(y.shape, dtype=bool) if stopped is None else ~stopped
    number = free.sum(axis=0)
    share = free / np.maximum(number, 1)
    centre, level = (share * z).sum(axis=0), (share * y).sum(axis=0)
    off = np.where(free, z - centre, 0.0)
    lever = (off * off).sum(axis=0)
    slope = (off * (y - level)).sum(axis=0) / np.where(lever > 0, lever, 1.0)
    always = number == 0
    mean, spread = np.where(always, y[0], level - slope * centre), np.abs(slope)
    near = TOLERANCE * (np.abs(mean) + spread)
    expected = mean + slope * z
    good = np.abs(y - expected) <= near
    if stopped is None:
        return np.ones(number.shape, dtype=bool), mean, spread, good.all(axis=0)
    # As far as the line is known there.
    near = near * (1 + np.abs(z - centre) / np.sqrt(np.maximum(lever, LEVER)))
    is_high = y > limits[0] * (1 + TOLERANCE)
    beyond = np.where(is_high, expected >= y - near, expected <= y + near)
    known = np.where(always, len(y) >= ALWAYS, (number > 1) & (lever >= LEVER))
    return known, mean, spread, (good | (stopped & beyond)).all(axis=0)
