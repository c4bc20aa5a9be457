"""Array kernels: the arithmetic that runs over every cell or every converted value.

``reference`` is the plain definition in array code. Faster versions override single functions of
it and are held equal to it by tests.
"""

from simulator.kernels.reference import ReferenceKernels

__all__ = ["ReferenceKernels"]
