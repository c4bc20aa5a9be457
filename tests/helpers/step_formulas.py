"""Populations and single pulses of step devices in plain numbers, cell by cell.

A formula takes a device, the normals ``z`` of a cell by name, its weight, whether the pulse leads
up, and the variation ``xi`` of the step; it gives the weight after the pulse.
"""

import math

import numpy as np

from simulator.update import CellTrait, Draws

SHAPE = (6, 7)


class Numbers:
    """Fixed draws, by name."""

    def __init__(self, shape=SHAPE, seed=3):
        rng = np.random.default_rng(seed)
        self.shape = shape
        self.normal = {name: rng.standard_normal(shape) for name in CellTrait}
        self.uniform = {name: rng.random(shape) for name in CellTrait}

    def of(self, device):
        return device.fabricate(
            Draws(np, self.shape, self.normal.__getitem__, self.uniform.__getitem__)
        )

    def at(self, place):
        return {name.name: float(values[place]) for name, values in self.normal.items()}


def plain_population(device, z):
    """Bounds and steps of one cell whose normals are ``z``."""
    high = device.w_max * (1 + device.w_max_dtod * z["MAX_BOUND"])
    low = device.w_min * (1 + device.w_min_dtod * z["MIN_BOUND"])
    if device.dw_min_dtod_log_normal:
        gain = math.exp(device.dw_min_dtod * z["STEP"])
    else:
        gain = 1 + device.dw_min_dtod * z["STEP"]
    tilt = device.up_down_dtod * z["UP_DOWN"]
    up, down = gain + tilt, gain - tilt
    if device.up_down < 0:
        up += device.up_down
    else:
        down -= device.up_down
    up, down = device.dw_min * up, device.dw_min * down
    if device.enforce_consistency:
        up, down = abs(up), abs(down)
        if high < low:
            high, low = low, high
        high, low = abs(high), -abs(low)
    elif high < low:
        high = low = (high + low) / 2
    return high, low, up, down


def clip(value, low, high):
    return min(max(value, low), high)


def constant(device, z, w, up, xi):
    high, low, step_up, step_down = plain_population(device, z)
    step = (step_up if up else -step_down) * (1 + xi)
    return clip(w + step, low, high)


def linear(device, z, w, up, xi):
    high, low, step_up, step_down = plain_population(device, z)
    gamma = (
        device.gamma_up + device.gamma_up_dtod * z["FIRST_UP"]
        if up
        else device.gamma_down + device.gamma_down_dtod * z["FIRST_DOWN"]
    )
    gamma = gamma if device.allow_increasing else abs(gamma)
    top, bottom = (device.w_max, device.w_min) if device.mean_bound_reference else (high, low)
    if up:
        reference = bottom - device.reverse_offset if device.reverse_up else top
        slope, step = -gamma * step_up / reference, step_up
    else:
        reference = top + device.reverse_offset if device.reverse_down else bottom
        slope, step = -gamma * step_down / reference, step_down
    if device.mult_noise:
        moved = (slope * w + step) * (1 + xi)
    else:
        moved = slope * w + step * (1 + xi)
    return clip(w + moved if up else w - moved, low, high)


def soft(device, z, w, up, xi):
    high, low, step_up, step_down = plain_population(device, z)
    step = step_up * (1 - w / high) if up else -step_down * (1 - w / low)
    if device.mult_noise:
        step *= 1 + xi
    else:
        step += (step_up if up else -step_down) * xi
    return clip(w + step, low, high)


def plain_reference(device, z):
    """Rescaled bounds and the reference of a cell."""
    high, low, step_up, step_down = plain_population(device, z)
    high /= abs(1 + device.slope_up_dtod * z["FIRST_UP"])
    low /= abs(1 + device.slope_down_dtod * z["FIRST_DOWN"])
    reference = device.reference_mean + device.reference_std * z["REFERENCE"]
    if device.subtract_symmetry_point:
        reference += (step_up - step_down) / (step_up / high - step_down / low)
    return high, low, step_up, step_down, reference


def referenced(device, z, w, up, xi):
    high, low, step_up, step_down, reference = plain_reference(device, z)
    held = w + reference
    share = 1 - held / (high if up else low)
    share = share * (1 + xi) if device.mult_noise else share + xi
    held += step_up * share if up else -step_down * share
    return clip(held, low, high) - reference


def exponential(device, z, w, up, xi):
    high, low, step_up, step_down = plain_population(device, z)
    place = 2 * device.a * w / (high - low) + device.b
    if up:
        step = step_up * max(1 - device.A_up * math.exp(device.gamma_up * place), 0)
    else:
        step = step_down * max(1 - device.A_down * math.exp(-device.gamma_down * place), 0)
    if device.dw_min_std_add or device.dw_min_std_slope:
        step += xi * (abs(step) + device.dw_min_std_add + device.dw_min_std_slope * abs(w))
    else:
        step *= 1 + xi
    return clip(w + step if up else w - step, low, high)


def power(device, z, w, up, xi):
    high, low, step_up, step_down = plain_population(device, z)
    gain = 1 + device.pow_gamma_dtod * z["FIRST_UP"]
    tilt = device.pow_up_down_dtod * z["SECOND_UP_DOWN"]
    if up:
        gamma, share, step = min(device.pow_up_down, 0) + gain + tilt, high - w, step_up
    else:
        gamma, share, step = -max(device.pow_up_down, 0) + gain - tilt, w - low, step_down
    gamma *= device.pow_gamma
    gamma = abs(gamma) if device.enforce_consistency else gamma
    step *= (share / (high - low)) ** gamma * (1 + xi) if share > 0 else 0
    return clip(w + step if up else w - step, low, high)


def piecewise(device, z, w, up, xi):
    high, low, step_up, step_down = plain_population(device, z)
    nodes = device.piecewise_up if up else device.piecewise_down
    place = (w - low) / (high - low) * (len(nodes) - 1)
    below = min(int(place), max(len(nodes) - 2, 0))
    above = min(below + 1, len(nodes) - 1)
    gain = nodes[below] + (place - below) * (nodes[above] - nodes[below])
    step = (step_up if up else step_down) * gain * (1 + xi)
    return clip(w + step if up else w - step, low, high)
