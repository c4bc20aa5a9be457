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


@compiled
def _extend_supplies(b, resistance):
    """A segment on each supply line."""
    for k in range(b.shape[0]):
        for q in range(b.shape[2]):
            b[k, k, q] += resistance


@compiled
def _keep(left, k, conductance, volts, least, kept):
    """What a cell is about to meet: see ``reference.ladder._Met``."""
    a, b, c, _, _, _, _, _ = left
    g, drive, seen, coupled = kept
    for q in range(volts.size):
        g[q] = conductance if abs(volts[q]) > least else 0.0
        drive[q] = volts[q] + a[k, q]
        seen[q] = 1 + c[k, q]
    for i in range(a.shape[0]):
        for q in range(volts.size):
            coupled[i, q] = b[max(k, i), min(k, i), q]


@compiled
def _remove_cell(k, kept, scale, leaving, t, across):
    """A cell undone from the right; ``across`` becomes its voltage."""
    g, drive, seen, coupled = kept
    for q in range(t.size):
        across[q] = scale * drive[q] - seen[q] * t[q]
    for i in range(leaving.shape[0]):
        for q in range(t.size):
            across[q] -= coupled[i, q] * leaving[i, q]
    for q in range(t.size):
        across[q] /= 1 + g[q] * coupled[k, q]
        leaving[k, q] += g[q] * across[q]


@compiled
def _retract_output(c, d, f, resistance, scale, leaving, t):
    """The segment of the output line on the right of the last cell of an input."""
    for q in range(t.size):
        fed = scale * d[q]
        for i in range(leaving.shape[0]):
            fed += c[i, q] * leaving[i, q]
        t[q] = (t[q] + resistance * fed) / (1 + resistance * f[q])


@compiled
def ladder_moments(start, stop, cells, variances, supply, output, volts, least, mean, variance):
    """As `ladders`, with the variances of the currents; see ``reference.ladder.ladder_moments``."""
    supplies, lines, inputs = cells.shape[1:]
    for task in range(start, stop):
        array, line = divmod(task, lines)
        for first in range(0, volts.shape[3], BLOCK):
            n = min(BLOCK, volts.shape[3] - first)
            a, c = np.zeros((supplies, n)), np.zeros((supplies, n))
            b, coupled = np.zeros((supplies, supplies, n)), np.empty((supplies, n))
            d, f = np.zeros(n), np.zeros(n)
            left = (a, b, c, d, f, np.empty(n), np.empty(n), np.empty(n))
            g, drive, seen = np.empty((3, inputs, supplies, n))
            near = np.empty((inputs, supplies, supplies, n))
            after_c, after = np.empty((inputs, supplies, n)), np.empty((2, inputs, n))
            for j in range(inputs):
                _extend_supplies(b, supply[j])
                for k in range(supplies):
                    x = volts[array, min(k, volts.shape[1] - 1), j, first : first + n]
                    conductance = cells[array, k, line, j]
                    kept = (g[j, k], drive[j, k], seen[j, k], near[j, k])
                    _keep(left, k, conductance, x, least, kept)
                    _add_cell(left, k, conductance, x, least, coupled)
                after_c[j], after[0, j], after[1, j] = c, d, f
                if output[j] != 0:
                    _extend_output(left, output[j])
            mean[array, line, first : first + n] = d
            total = variance[array, line, first : first + n]
            total[:] = 0.0
            driven, probed = np.zeros((supplies, n)), np.zeros((supplies, n))
            of_driven, of_probed = np.zeros(n), np.ones(n)
            across, answer = np.empty(n), np.empty(n)
            for j in range(inputs - 1, -1, -1):
                if output[j] != 0:
                    met = (after_c[j], after[0, j], after[1, j], output[j])
                    _retract_output(*met, 1.0, driven, of_driven)
                    _retract_output(*met, 0.0, probed, of_probed)
                for k in range(supplies - 1, -1, -1):
                    kept = (g[j, k], drive[j, k], seen[j, k], near[j, k])
                    _remove_cell(k, kept, 1.0, driven, of_driven, across)
                    _remove_cell(k, kept, 0.0, probed, of_probed, answer)
                    spread = variances[array, k, line, j]
                    for q in range(n):
                        if g[j, k, q] > 0:
                            total[q] += spread * (across[q] * answer[q]) ** 2
