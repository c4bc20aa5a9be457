"""Kernels for NumPy arrays, compiled by numba; the extra ``fast`` installs it."""
