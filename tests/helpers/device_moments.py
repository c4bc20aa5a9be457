"""Draws for device models, and what drawn moments may be off."""

import numpy as np

from simulator.devices import Draw

U = 1e-6


def draw(shape, seed=5):
    rng = np.random.default_rng(seed)
    return Draw(lambda: rng.standard_normal(shape), lambda: rng.random(shape))


def moments_agree(drawn, mean, sigma):
    count = len(drawn)
    slack = 1e-12 * U
    assert np.all(np.abs(drawn.mean(axis=0) - mean) <= 5 * sigma / np.sqrt(count) + slack)
    # The variance of a sample variance of normals is 2 sigma^4 / (count - 1).
    error = 5 * sigma**2 * np.sqrt(2 / (count - 1))
    assert np.all(np.abs(drawn.var(axis=0, ddof=1) - sigma**2) <= error + slack**2)
