"""Kernels for CuPy arrays, compiled for the GPU; the extras ``gpu12`` and ``gpu13`` install it."""
