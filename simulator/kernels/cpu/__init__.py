"""Kernels for NumPy arrays, compiled by numba; the extra ``fast`` installs it.

- ``kernels``: which of them runs when, shared out among threads; ``compiling``: how.
- ``elements``, ``random``, ``noise``, ``reading``, ``programming``, ``ladder``,
  ``line_moments``, ``pulses``: machine code for the kernels of the reference that are named alike.
"""
