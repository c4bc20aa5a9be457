"""The plain definition of every kernel, in array code that runs on NumPy and on CuPy.

- ``kernels``: all of them, and the short ones themselves.
- ``philox``: the random generator; ``cells``: weights to cells; ``ladder``: gated arrays without
  iteration; ``pulses``: trains and the steps they cause.
"""

from simulator.kernels.reference.kernels import ReferenceKernels

__all__ = ["ReferenceKernels"]
