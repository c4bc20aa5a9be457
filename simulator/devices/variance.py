"""Spread from device to device, told from that of repeated programmings of one device."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Components:
    """Two independent parts of a spread, as standard deviations in the unit of the values.

    ``device`` is that of the means of devices, ``cycle`` that of one device from programming to
    programming; ``_se`` are standard errors of normal parts, to first order. ``devices`` were
    measured ``count`` times in all.
    """

    device: float
    device_se: float
    cycle: float
    cycle_se: float
    devices: int
    count: int


def components(values: np.ndarray, devices: np.ndarray) -> Components | None:
    """Variance components of a one-way layout with random effects, balanced or not.

    Args:
        values: One measurement for each entry, (n,).
        devices: Name of the device of each, (n,).

    Returns:
        The estimates of the analysis of variance, a negative one set to 0; None for one device,
        or where no device was measured twice.
    """
    _, group, counts = np.unique(devices, return_inverse=True, return_counts=True)
    total, number = len(values), len(counts)
    if number < 2 or total == number:
        return None
    means = np.bincount(group, values) / counts
    within = ((values - means[group]) ** 2).sum() / (total - number)
    between = (counts * (means - values.mean()) ** 2).sum() / (number - 1)
    squares, cubes = float((counts**2).sum()), float((counts**3).sum())
    size = (total - squares / total) / (number - 1)
    among = max((between - within) / size, 0.0)
    within_se = within * math.sqrt(2 / (total - number))
    return Components(
        math.sqrt(among),
        _root_se(among, math.sqrt(_among_variance(among, within, total, number, squares, cubes))),
        math.sqrt(within),
        _root_se(within, within_se),
        number,
        total,
    )


def _among_variance(
    among: float, within: float, total: int, number: int, squares: float, cubes: float
) -> float:
    """Variance of the estimate of the variance among devices, of normal effects."""
    rest = total**2 - squares
    own = total * (total - 1) * (number - 1) / ((total - number) * rest) * within**2
    both = 2 * within * among
    alone = (total**2 * squares + squares**2 - 2 * total * cubes) / (total * rest) * among**2
    return 2 * total / rest * (own + both + alone)


def _root_se(variance: float, error: float) -> float:
    """Standard error of a standard deviation from that of the variance."""
    return error / (2 * math.sqrt(variance)) if variance else math.sqrt(error)
