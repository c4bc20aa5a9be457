"""Parallel lines with loads, held to the inverse of their conductance matrix.

Tolerances: the inverse of a matrix loses what its smallest resistance takes, 1e-3 here, 1e-11.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.circuits.chains import Chains

ROUNDING = 1e-11


def grounded(loads, segments):
    """Voltage of every node (first axis) for a current into every node, the port at zero volts."""
    at = np.diag(loads + 1 / segments)
    for k in range(1, len(loads)):
        at[k - 1, k - 1] += 1 / segments[k]
        at[k - 1, k] -= 1 / segments[k]
        at[k, k - 1] -= 1 / segments[k]
    return np.linalg.inv(at)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.sampled_from([1e-3, 0.1, 10.0]))
def test_sweeps_give_what_the_matrix_gives(seed, nodes, scale):
    rng = np.random.default_rng(seed)
    loads = rng.uniform(0, 1, (nodes, 2)) * (rng.random((nodes, 2)) < 0.8)
    segments = rng.uniform(scale, 2 * scale, nodes)
    cells = loads * rng.random(loads.shape)
    weights = rng.random(loads.shape)
    chains = Chains(loads, segments)
    unit = np.broadcast_to(np.eye(nodes)[:, None], (nodes, 2, nodes)).copy()
    risen = chains.potentials(unit)
    for line in range(2):
        inverse = grounded(loads[:, line], segments)
        np.testing.assert_allclose(risen[:, line], inverse, atol=ROUNDING * scale)
        np.testing.assert_allclose(chains.seen[:, line], np.diag(inverse), rtol=ROUNDING)
        at_port = inverse[:, 0] / segments[0]
        np.testing.assert_allclose(chains.driven()[:, line], at_port, atol=ROUNDING)
        for k in range(nodes):
            fewer = loads[:, line].copy()
            fewer[k] -= cells[k, line]
            left = grounded(fewer, segments)[k, k]
            np.testing.assert_allclose(chains.seen_by(cells)[k, line], left, rtol=ROUNDING)
        others = (inverse / np.diag(inverse)) ** 2 * weights[:, line, None]
        others = others.sum(axis=0) - weights[:, line]
        np.testing.assert_allclose(chains.spread(weights)[:, line], others, atol=ROUNDING * nodes)


@pytest.mark.parametrize("segments", [[0.0, 0.0, 0.0], [0.0, 0.3, 0.0], [0.2, 0.0, 0.1]])
def test_segments_without_resistance_are_nothing_special(segments):
    loads, segments = np.array([[0.5], [0.0], [2.0]]), np.array(segments)
    chains, near = Chains(loads, segments), Chains(loads, np.maximum(segments, 1e-12))
    amps = np.eye(3)[:, None]
    for name in ("seen", "beyond", "before"):
        np.testing.assert_allclose(getattr(chains, name), getattr(near, name), atol=1e-11)
    np.testing.assert_allclose(chains.potentials(amps), near.potentials(amps), atol=1e-11)
    np.testing.assert_allclose(chains.driven(), near.driven(), atol=1e-11)
