"""Kernels for CuPy arrays; the extras ``gpu12`` and ``gpu13`` install it.

- ``kernels``: which thread does what; ``cuda_functions.h``: what a thread does.
"""
