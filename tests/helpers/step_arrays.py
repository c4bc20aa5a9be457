"""Arrays of step devices as tests build them, and what they are updated with."""

from dataclasses import replace

import numpy as np

from simulator.update import (
    ConstantStep,
    ExpStep,
    LinearStep,
    PiecewiseStep,
    PowStep,
    PulsedArray,
    PulseParameters,
    SoftBounds,
    SoftBoundsReference,
)

SLOPES = {"gamma_up": 0.5, "gamma_down": 0.3, "mean_bound_reference": False}
# Those whose steps change linearly with the weight, which is what is compiled.
LINEAR = {
    "constant": ConstantStep(),
    "inconsistent": ConstantStep(enforce_consistency=False, dw_min_dtod=2.0, w_max_dtod=2.0),
    "linear": LinearStep(**SLOPES),
    "linear, additive": LinearStep(mult_noise=False, **SLOPES),
    "soft": SoftBounds(corrupt_devices_prob=0.1),
    "reference": SoftBoundsReference(subtract_symmetry_point=True, reference_std=0.1),
    "reference, relative": SoftBoundsReference(mult_noise=True, slope_up_dtod=0.1),
}
CURVED = {
    "exponential": ExpStep(),
    "power": PowStep(),
    "piecewise": PiecewiseStep(piecewise_up=(1, 2, 1), piecewise_down=(1, 1, 2)),
}
DEVICES = LINEAR | CURVED


def without_noise(device):
    return replace(device, dw_min_std=0.0)


def make(device=None, shape=(5, 7), pulses=None, **options):
    device = LINEAR["soft"] if device is None else device
    return PulsedArray(shape, device, pulses or PulseParameters(), **{"seed": 11, **options})


def vectors(count, shape, seed=0, dtype=np.float32):
    """Inputs and gradients, some of them zero."""
    rng = np.random.default_rng(seed)
    x, d = rng.normal(size=(count, shape[1])), rng.normal(size=(count, shape[0]))
    x[rng.random(x.shape) < 0.2], d[rng.random(d.shape) < 0.2] = 0, 0
    return x.astype(dtype), d.astype(dtype)


def same_state(one, other):
    one, other = one.get_state(), other.get_state()
    cells = one.pop("cells"), other.pop("cells")
    assert cells[0].keys() == cells[1].keys()
    assert all(np.array_equal(cells[0][name], cells[1][name]) for name in cells[0])
    assert np.array_equal(one.pop("weights"), other.pop("weights"))
    assert one == other


def by_array_code(array):
    """The array, which then uses no compiled code."""
    array._lines = lambda: None
    return array
