"""Currents of arrays whose inputs gate the cells, compiled; `reference.ladder` defines them."""

from __future__ import annotations

import numpy as np

from simulator.kernels.cpu.compiling import compiled

# Vectors at a time: what lies left of the sweep stays in a near cache.
BLOCK = 256


@compiled
def _extend_output(left, resistance):
    """A segment on the output line."""
    a, b, c, d, f, y, _, _ = left
    share = y
    for q in range(d.size):
        share[q] = 1 / (1 + resistance * f[q])
        d[q] *= share[q]
        f[q] *= share[q]
    for k in range(a.shape[0]):
        for q in range(d.size):
            a[k, q] -= resistance * c[k, q] * d[q]
        for i in range(k + 1):
            for q in range(d.size):
                b[k, i, q] += resistance * c[k, q] * c[i, q] * share[q]
    for k in range(a.shape[0]):
        for q in range(d.size):
            c[k, q] *= share[q]


@compiled
def _add_cell(left, k, conductance, volts, least, coupled):
    """A cell between supply line ``k`` and the output line, gated by its inputs."""
    a, b, c, d, f, y, driven, drawn = left
    supplies = a.shape[0]
    for q in range(d.size):
        g = conductance if abs(volts[q]) > least else 0.0
        y[q] = g / (1 + g * b[k, k, q])
        seen = 1 + c[k, q]
        driven[q] = y[q] * (volts[q] + a[k, q])
        drawn[q] = y[q] * seen
        d[q] += seen * driven[q]
        f[q] += seen * drawn[q]
    for i in range(supplies):
        for q in range(d.size):
            coupled[i, q] = b[max(k, i), min(k, i), q]
    for i in range(supplies):
        for q in range(d.size):
            a[i, q] -= coupled[i, q] * driven[q]
            c[i, q] -= coupled[i, q] * drawn[q]
        for other in range(i + 1):
            for q in range(d.size):
                b[i, other, q] -= coupled[i, q] * y[q] * coupled[other, q]


@compiled
def ladders(start, stop, cells, supply, output, volts, least, out):
    """Currents of the output lines [start, stop), counted over all arrays.

    ``cells`` (arrays, supply lines, output lines, inputs), ``volts`` (arrays, supply lines or 1,
    inputs, vectors), ``supply`` and ``output`` (inputs,) the resistance of the segment before and
    after each input; ``out`` (arrays, output lines, vectors).
    """
    supplies, lines, inputs = cells.shape[1:]
    for task in range(start, stop):
        array, line = divmod(task, lines)
        for first in range(0, volts.shape[3], BLOCK):
            n = min(BLOCK, volts.shape[3] - first)
            a, c = np.zeros((supplies, n)), np.zeros((supplies, n))
            b, coupled = np.zeros((supplies, supplies, n)), np.empty((supplies, n))
            d, f = np.zeros(n), np.zeros(n)
            left = (a, b, c, d, f, np.empty(n), np.empty(n), np.empty(n))
            for j in range(inputs):
                for k in range(supplies):
                    for q in range(n):
                        b[k, k, q] += supply[j]
                for k in range(supplies):
                    drive = volts[array, min(k, volts.shape[1] - 1), j, first : first + n]
                    _add_cell(left, k, cells[array, k, line, j], drive, least, coupled)
                if output[j] != 0:
                    _extend_output(left, output[j])
            out[array, line, first : first + n] = d
