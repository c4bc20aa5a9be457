"""Cells that drift, and parameters for them."""

from dataclasses import dataclass

import numpy as np

from simulator import CrossSimParameters, ModelError
from simulator.devices import Device

MEAN, SPREAD = 0.06, 0.02


@dataclass(frozen=True)
class FadingCell(Device):
    """G(t) = G0 (1 + t)^-nu with an exponent of its own for each cell."""

    def drifted(self, siemens, normal, cell):
        return siemens * (1.0 + cell.time) ** -(MEAN + SPREAD * normal)


@dataclass(frozen=True)
class SpreadingCell(Device):
    """A spread about the target that grows with time and contains that of programming."""

    drift_includes_programming = True

    def drift_sigma(self, siemens, cell):
        return siemens * (0.05 + 0.001 * cell.time)

    def programming_sigma(self, siemens, cell):
        return 0.05 * siemens

    def check_cell(self, cell):
        if cell.time > 100:
            raise ModelError("SpreadingCell knows 100 seconds")


def fading(model="FadingCell", seed=4, **changes):
    p = CrossSimParameters()
    p.simulation.seed = seed
    drift = p.xbar.device.drift_error
    drift.enable, drift.model = True, model
    for path, value in changes.items():
        p.update({path.replace("__", "."): value})
    return p


def with_error(p, model="NormalProportionalDevice", magnitude=0.1):
    error = p.xbar.device.programming_error
    error.enable, error.model = True, model
    if model == "NormalProportionalDevice":
        error.magnitude = magnitude
    return p


def matrix(shape=(12, 9)):
    return np.random.default_rng(1).uniform(-1, 1, shape)
