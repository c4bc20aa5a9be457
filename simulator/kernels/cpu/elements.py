"""Kernels that treat every element on its own, compiled; `reference` defines them."""

from __future__ import annotations

import numpy as np

from simulator.kernels.cpu.compiling import compiled

# Elements at a time: what lies between two steps stays in the nearest cache.
BLOCK = 1024


@compiled
def quantize(start, stop, values, gain, low, high, per_step, out):
    """Nearest of equidistant levels of the elements [start, stop), as ``quantize_scaled``."""
    part, levels = values[start:stop], out[start:stop]
    for j in range(levels.size):
        value = part[j] * gain
        value = low if value < low else value
        value = high if value > high else value
        levels[j] = np.rint((value - low) * per_step) / per_step + low


@compiled
def convert_in_place(start, stop, values, low, high, per_step, scale):
    """Scaled nearest levels in the place of the elements [start, stop)."""
    part = values[start:stop]
    for j in range(part.size):
        value = low if part[j] < low else part[j]
        value = high if value > high else value
        part[j] = (np.rint((value - low) * per_step) / per_step + low) * scale


@compiled
def digits(start, stop, values, largest, unit, digit_bits, out):
    """Digits of the elements [start, stop), as ``digits``: out (digits, elements).

    ``largest`` is the integer of full scale; ``unit`` is what a digit of 1 is worth.
    """
    mask = np.int32(2**digit_bits - 1)
    whole, signs = np.empty(BLOCK, np.int32), np.empty(BLOCK, values.dtype)
    for first in range(start, stop, BLOCK):
        part = values[first : min(first + BLOCK, stop)]
        for j in range(part.size):
            whole[j] = np.int32(np.rint(abs(part[j]) * largest))
            signs[j] = unit if part[j] > 0 else -unit
        for k in range(out.shape[0]):
            digit, shift = out[k, first : first + part.size], np.int32(k * digit_bits)
            for j in range(part.size):
                digit[j] = (whole[j] >> shift) & mask
            for j in range(part.size):
                digit[j] *= signs[j]


@compiled
def add_noise(start, stop, mean, variance, normals, out):
    """Means plus normals times standard deviations, for the elements [start, stop)."""
    kind = mean.dtype.type
    noisy, means = out[start:stop], mean[start:stop]
    squares, numbers = variance[start:stop], normals[start:stop]
    for j in range(noisy.size):
        noisy[j] = means[j] + np.sqrt(squares[j]) * kind(numbers[j])
