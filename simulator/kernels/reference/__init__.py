"""The plain definition of every kernel, in array code that runs on NumPy and on CuPy."""

from simulator.kernels.reference.kernels import ReferenceKernels

__all__ = ["ReferenceKernels"]
