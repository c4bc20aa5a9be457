"""Mean and spread of a model that is only known as a function that draws random numbers.

NumPy's global generator is seeded around the function, so what it will draw is known beforehand.
Where its results are ``mean + spread * draw`` cell by cell for several seeds, both follow exactly;
read noise then needs no draw for every cell of every read.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np

from simulator.errors import warn_once
from simulator.legacy.numbers import numbers_of

Effect = Callable[[Any], Any]

# Two for mean and spread, one to see whether that is all.
SEEDS = (1.5, 2.5, 3.5)
SAMPLES = 64
# Between rounding to single precision and a law that is another one.
TOLERANCE = 1e-6
PROBES = (1, 1, 64, 64)
LARGEST_PROBE = 1.5
LAWS: dict[str, Callable[[tuple[int, ...]], Any]] = {
    "normal": lambda shape: np.random.standard_normal(shape),  # noqa: NPY002
    "uniform": lambda shape: (np.random.random_sample(shape) - 0.5) * np.sqrt(12),  # noqa: NPY002
}


def law_of(effect: Effect, low: float) -> str | None:
    """The distribution of ``effect`` between ``low`` and beyond full scale; None for no such law.

    A law that clips, mixes draws or couples cells is none; nor is one that fails here, which it
    will again, with its error, where it is used.
    """
    values = np.linspace(low, LARGEST_PROBE, np.prod(PROBES)).reshape(PROBES)
    # Off and on cells are the ends of what most arrays hold.
    values[..., 0], values[..., 1] = low, 1.0
    with contextlib.suppress(Exception):
        for law in LAWS:
            if _fit(effect, values, law)[2].all():
                return law
    return None


def moments(effect: Effect, values: Any, law: str, name: str) -> tuple[Any, Any]:
    """Mean and standard deviation of ``effect`` for every cell of ``values``.

    Cells that do not follow the law get estimates, and a warning naming the model says so.
    """
    mean, spread, fits = _fit(effect, values, law)
    if fits.all():
        return mean, spread
    warn_once(
        ("sampled moments", name),
        f"{name}.read_noise follows no simple law for some of the cells; their mean and spread "
        f'are estimated from {SAMPLES} draws. simulation.read_noise_sampling = "per_device" '
        "draws every cell",
    )
    total, squares = np.zeros(values.shape), np.zeros(values.shape)
    for seed in range(SAMPLES):
        shift = _result(effect, values, seed + 0.25) - values
        total += shift
        squares += shift**2
    shift = total / SAMPLES
    estimate = np.sqrt(np.maximum(squares / SAMPLES - shift**2, 0.0))
    return np.where(fits, mean, values + shift), np.where(fits, spread, estimate)


def _result(effect: Effect, values: Any, seed: float) -> Any:
    with numbers_of(seed):
        return np.array(effect(np.array(values)), dtype=np.float64)


def _fit(effect: Effect, values: Any, law: str) -> tuple[Any, Any, Any]:
    """Mean, spread, and which cells follow the law; a straight line through several draws."""
    draws, results = [], []
    for seed in SEEDS:
        with numbers_of(seed):
            draws.append(LAWS[law](values.shape))
        results.append(_result(effect, values, seed))
        if results[-1].shape != values.shape:
            return values, values, np.zeros(values.shape, dtype=bool)
    # About their means, in place: these are several arrays of the size of the core.
    centre, level = sum(draws) / len(draws), sum(results) / len(results)
    for z, y in zip(draws, results, strict=True):
        z -= centre
        y -= level
    slope = sum(z * y for z, y in zip(draws, results, strict=True)) / sum(z * z for z in draws)
    mean, spread = level - slope * centre, np.abs(slope)
    errors = np.zeros(values.shape)
    for z, y in zip(draws, results, strict=True):
        np.maximum(errors, np.abs(y - slope * z), out=errors)
    return mean, spread, errors <= TOLERANCE * (np.abs(mean) + spread)
