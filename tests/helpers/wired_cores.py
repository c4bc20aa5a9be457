"""Parameters and matrices of cores with wire resistance."""

import numpy as np
from strategies import set_style

from simulator import CrossSimParameters

# The nodal solution loses what the smallest resistance takes from the matrix: see the solvers.
TOLERANCE = 1e-9


def wired(row=0.0, col=0.0, row_terminal=0.0, col_terminal=0.0, **changes):
    """Parameters with wires in ohms, cells of 10 to 100 kiloohms, and ``__`` for dots."""
    p = CrossSimParameters()
    p.simulation.seed = 3
    p.simulation.Verr_th_mvm = 1e-11
    p.xbar.device.Rmin, p.xbar.device.Rmax = 1e4, 1e5
    wires = p.xbar.array.parasitics
    wires.enable = True
    wires.Rp_row, wires.Rp_col = row, col
    wires.Rp_row_terminal, wires.Rp_col_terminal = row_terminal, col_terminal
    for path, value in changes.items():
        p.update({path.replace("__", "."): value})
    return p


def close(got, wanted, tolerance=TOLERANCE):
    return np.abs(got - wanted).max() <= tolerance * np.abs(wanted).max()


def matrix(shape, seed=5):
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, shape)


ACCURACY = 1e-9
OHMS = 40.0, 90.0, 300.0, 500.0
SOLVERS = ("auto", "effective", "iterative", "nodal")
STYLES = ("one_sided", "two_sided", "interleaved", "offset", "unit", "sliced_unit")


def hardware(style="one_sided", ohms=OHMS, solver="auto", **changes):
    p = wired(*ohms, simulation__parasitics_solver=solver, **changes)
    set_style(p, "one_sided" if style == "interleaved" else style)
    p.core.balanced.interleaved_posneg = style == "interleaved"
    return p


def nonlinear(p, model="CubicDevice", volts=0.8):
    p.xbar.device.nonlinear_IV.enable, p.xbar.device.nonlinear_IV.model = True, model
    p.xbar.device.Vread = volts
    return p
