"""Arrays whose inputs gate the cells: every output line is a ladder, solved without iteration."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from simulator.backend import numpy_backend
from simulator.kernels import ReferenceKernels
from simulator.quantities import Array, Conductances, Volts

# Inputs up to this size leave the access transistor off.
LEAST_INPUT = 1e-9


def currents(
    conductances: Conductances,
    supply_profile: np.ndarray,
    output_profile: np.ndarray,
    volts: Volts,
    xp: ModuleType = np,
) -> Any:
    """Output currents (..., m, B) of cells (..., p, m, n) gated by ``volts``.

    ``volts`` are inputs (..., n, B), or (..., p, n, B) where the cells of a pair see different
    ones; a cell whose input is zero is not connected. The profiles (n,) hold the resistance of the
    segment before each input (supply lines, driven before input 0) and after it (output line,
    grounded after input n-1), with terminals and unselected rows in the first or the last.
    """
    if volts.ndim < conductances.ndim:
        volts = volts[..., None, :, :]
    kernels = numpy_backend().kernels if xp is np else ReferenceKernels(xp)
    return kernels.ladders(conductances, supply_profile, output_profile, volts, LEAST_INPUT)


def moments(
    conductances: Conductances,
    variances: Array,
    supply_profile: np.ndarray,
    output_profile: np.ndarray,
    volts: Volts,
    xp: ModuleType = np,
) -> tuple[Any, Any]:
    """Output currents as `currents` gives them, and their variances.

    To first order in the spread of the cells, whose ``variances`` (..., p, m, n) are given.
    """
    if volts.ndim < conductances.ndim:
        volts = volts[..., None, :, :]
    kernels = numpy_backend().kernels if xp is np else ReferenceKernels(xp)
    profiles = supply_profile, output_profile
    return kernels.ladder_moments(conductances, variances, *profiles, volts, LEAST_INPUT)
