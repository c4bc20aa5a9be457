"""Array kernels: the arithmetic that runs over every cell or every converted value.

- ``reference``: the plain definition of every kernel, in array code.
- ``cpu``: kernels compiled by numba, which the extra ``fast`` installs; ``gpu``: by CuPy.
- ``programming``, ``reading``, ``naming``: what kernels are told, as numbers: how weights become
  cells, how currents become results, and the names of random numbers.
- ``layout``: how currents lie in memory; ``threads``: who shares the work on a CPU.

Compiled kernels override single functions of the reference and are held equal to it by tests. The
environment variable ``OHMCORE_KERNELS`` chooses those of the CPU: "auto" (the default), "reference"
or "numba".
"""

from __future__ import annotations

import importlib.util
import os

import numpy as np

from simulator.errors import NotSupportedError, ParameterError
from simulator.kernels.reference.kernels import ReferenceKernels

__all__ = ["ReferenceKernels", "cpu_kernels"]

CHOICES = ("auto", "reference", "numba")


def cpu_kernels() -> ReferenceKernels:
    """Kernels for NumPy arrays, as ``OHMCORE_KERNELS`` has it: compiled ones where there is numba.

    Raises NotSupportedError for "numba" without numba, ParameterError for an unknown name.
    """
    choice = os.environ.get("OHMCORE_KERNELS") or "auto"
    if choice not in CHOICES:
        raise ParameterError(f"OHMCORE_KERNELS is {choice!r}; allowed is one of {CHOICES}")
    found = choice != "reference" and importlib.util.find_spec("numba") is not None
    if choice == "numba" and not found:
        raise NotSupportedError(
            "OHMCORE_KERNELS is 'numba', but numba is not installed; install the extra fast"
        )
    if not found:
        return ReferenceKernels(np)
    from simulator.kernels.cpu.kernels import NumbaKernels

    return NumbaKernels(np)
