"""Parallel lines of nodes with loads to ground, each line joined to its port at one end.

Sweeps away from the port and back give all nodes of all lines at once. No sum of theirs has terms
of both signs, so that resistances and loads of zero are nothing special.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from types import ModuleType

import numpy as np

from simulator.quantities import Amps, Array, Conductances, Ohms, Volts


@dataclass(frozen=True)
class Chains:
    """Lines along the first axis; the port, a driver or a ground, lies before node 0.

    Args:
        loads: Conductance from every node to ground, (nodes, ...).
        segments: Resistance of the piece before each node, (nodes,).
        xp: Array module of the loads.
    """

    loads: Conductances
    segments: np.ndarray
    xp: ModuleType = np

    @cached_property
    def beyond(self) -> Conductances:
        """What each node sees of the nodes behind it, its own load not counted."""
        out = self.xp.zeros_like(self.loads)
        for k in range(len(out) - 2, -1, -1):
            total = self.loads[k + 1] + out[k + 1]
            out[k] = total / (1 + self.segments[k + 1] * total)
        return out

    @cached_property
    def before(self) -> Ohms:
        """Resistance that each node sees towards the port, its own load not counted."""
        out = self.xp.empty_like(self.loads)
        out[0] = self.segments[0]
        for k in range(1, len(out)):
            out[k] = self.segments[k] + out[k - 1] / (1 + self.loads[k - 1] * out[k - 1])
        return out

    def seen_by(self, cells: Conductances) -> Ohms:
        """Resistance to ground at each node with ``cells``, a part of the loads, taken away."""
        rest = self.loads - cells + self.beyond
        return self.before / (1 + self.before * rest)

    @cached_property
    def seen(self) -> Ohms:
        """Resistance to ground at each node, all loads in place."""
        return self.seen_by(self.xp.zeros_like(self.loads))

    @cached_property
    def outward(self) -> Array:
        """Voltage of each node over that of the one before it, when it is fed from there."""
        segments = self.segments.reshape(-1, *[1] * (self.loads.ndim - 1))
        return 1 / (1 + self.xp.asarray(segments) * (self.loads + self.beyond))

    @cached_property
    def inward(self) -> Array:
        """Voltage of each node over that of the one behind it, when it is fed from there."""
        own = self.before / (1 + self.loads * self.before)
        out = self.xp.zeros_like(own)
        for k, segment in enumerate(self.segments[1:]):
            out[k] = own[k] / self.xp.maximum(segment + own[k], np.finfo(float).tiny)
        return out

    def driven(self) -> Volts:
        """Voltages of the nodes for one volt at the port."""
        out = self.xp.empty_like(self.loads)
        out[0] = self.outward[0]
        for k in range(1, len(out)):
            out[k] = out[k - 1] * self.outward[k]
        return out

    def potentials(self, amps: Amps) -> Volts:
        """Voltages of the nodes when currents (nodes, ..., vectors) are fed into them."""
        total = (self.loads + self.beyond)[..., None]
        outward = self.outward[..., None]
        # What is fed in behind each node, as a current into it.
        out = amps.copy()
        for k in range(len(out) - 2, -1, -1):
            out[k] += out[k + 1] * outward[k + 1]
        out[0] *= self.segments[0] / (1 + self.segments[0] * total[0])
        for k in range(1, len(out)):
            out[k] = (out[k - 1] + self.segments[k] * out[k]) * outward[k]
        return out

    def spread(self, weights: Array) -> Array:
        """Weighted squares of the voltages at all other nodes, for one volt at each node."""
        near, far = self.xp.zeros_like(weights), self.xp.zeros_like(weights)
        for k in range(1, len(weights)):
            near[k] = self.inward[k - 1] ** 2 * (weights[k - 1] + near[k - 1])
        for k in range(len(weights) - 2, -1, -1):
            far[k] = self.outward[k + 1] ** 2 * (weights[k + 1] + far[k + 1])
        return near + far
