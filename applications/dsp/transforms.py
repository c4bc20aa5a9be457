"""A Fourier transform and its inverse on a chip each of the same hardware, in single precision."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simulator import AnalogCore, CrossSimParameters

from .dft import DFT
from .hardware import fitted

# The hardware of the transform and that of its inverse, each with ranges of its own.
Pair = tuple[CrossSimParameters, CrossSimParameters]


def fitted_pair(
    params: CrossSimParameters,
    size: int,
    forward: Callable[[DFT], object],
    backward: Callable[[DFT], object],
) -> Pair:
    """Return `params` fitted to what `forward` does with the transform of `size`.

    And to what `backward` does with its inverse.
    """
    return (
        fitted(params, lambda p: _used(_transform(p, size), forward)),
        fitted(params, lambda p: _used(_transform(p, size, inverse=True), backward)),
    )


def on_chip(hardware: Pair, size: int, chip: int) -> tuple[DFT, DFT]:
    """Return the transform of `size` and its inverse, with errors that are those of `chip`."""
    forward, backward = hardware
    return (
        _transform(forward, size, stream=2 * chip),
        _transform(backward, size, inverse=True, stream=2 * chip + 1),
    )


def _transform(
    params: CrossSimParameters, size: int, inverse: bool = False, stream: int = 0
) -> DFT:
    return DFT(size, params, inverse=inverse, dtype=np.complex64, stream=stream)


def _used(transform: DFT, use: Callable[[DFT], object]) -> AnalogCore:
    use(transform)
    return transform.core
