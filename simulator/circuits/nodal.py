"""The slow reference: Kirchhoff's current law at every node, solved as one sparse linear system.

Written from the drawing of the network alone, so that the fast solvers can be tested against it.
Nodes that a segment without resistance joins are one node. Wires whose resistance is below about
1e-6 of that of a cell cost accuracy here, because conductances are added up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator.circuits.wires import Wires


@dataclass(frozen=True)
class Solution:
    """Voltages and currents of p cells at each of m x n places, for B vectors.

    Cell currents flow from driver to ground. For a VMM the driven lines are the output lines.

    Args:
        cell_currents: Currents of the cells, (p, m, n, B).
        input_volts: Voltages of the nodes where cells meet their input lines, (p, m, n, B).
        output_volts: Voltages of the nodes where the cells of a place meet, (m, n, B).
        output_currents: Currents into virtual ground, (m, B), or (p, n, B) for a VMM.
    """

    cell_currents: np.ndarray
    input_volts: np.ndarray
    output_volts: np.ndarray
    output_currents: np.ndarray


@dataclass(frozen=True)
class _NodeChains:
    """Parallel lines, each a chain of nodes from one port; node 0 stands for the port itself."""

    count: int
    node: np.ndarray  # of each position along the line
    resistances: np.ndarray  # (nodes,), each on the port's side of its node

    @classmethod
    def of(cls, count: int, profile: np.ndarray, from_start: bool) -> _NodeChains:
        """Lines with the port before the first position, or else after the last."""
        steps = profile if from_start else profile[::-1]
        node = np.cumsum(steps > 0)
        return cls(count, node if from_start else node[::-1], steps[steps > 0])

    @property
    def nodes(self) -> int:
        return len(self.resistances)

    def numbers(self, first: int, port: int) -> np.ndarray:
        """Node numbers (count, positions): inner ones from ``first``, ports from ``port``."""
        line = np.arange(self.count)[:, None]
        return np.where(self.node > 0, first + line * self.nodes + self.node - 1, port + line)

    def edges(self, first: int, port: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Both ends and the conductance of each segment."""
        line = np.arange(self.count)[:, None]
        far = first + line * self.nodes + np.arange(self.nodes)
        near = np.where(np.arange(self.nodes) > 0, far - 1, port + line)
        conductances = np.broadcast_to(1 / self.resistances, far.shape)
        return far.ravel(), near.ravel(), conductances.ravel()


@dataclass(frozen=True)
class _Network:
    """Input lines (or supply lines) and output lines; inner nodes first, then all ports."""

    inputs: _NodeChains
    outputs: _NodeChains

    @property
    def inner(self) -> int:
        return self.inputs.count * self.inputs.nodes + self.outputs.count * self.outputs.nodes

    @property
    def size(self) -> int:
        return self.inner + self.inputs.count + self.outputs.count

    def input_numbers(self) -> np.ndarray:
        """Node numbers (input lines, positions)."""
        return self.inputs.numbers(0, self.inner)

    def output_numbers(self) -> np.ndarray:
        """Node numbers (output lines, positions)."""
        first = self.inputs.count * self.inputs.nodes
        return self.outputs.numbers(first, self.inner + self.inputs.count)

    def laplacian(self, sources: np.ndarray, sinks: np.ndarray, conductances: np.ndarray) -> Any:
        """Sparse matrix of all nodes; cells of given conductances join sources and sinks."""
        from scipy.sparse import coo_matrix

        first = self.inputs.count * self.inputs.nodes
        parts = [
            self.inputs.edges(0, self.inner),
            self.outputs.edges(first, self.inner + self.inputs.count),
            (sources.ravel(), sinks.ravel(), conductances.ravel()),
        ]
        one, other, value = (np.concatenate(part) for part in zip(*parts, strict=True))
        rows = np.concatenate([one, other, one, other])
        columns = np.concatenate([one, other, other, one])
        values = np.concatenate([value, value, -value, -value])
        return coo_matrix((values, (rows, columns)), shape=(self.size, self.size)).tocsc()

    def potentials(self, laplacian: Any, ports: np.ndarray, injected: np.ndarray) -> np.ndarray:
        """Voltages of all nodes (size, B) for given port voltages and currents into inner nodes."""
        from scipy.sparse.linalg import splu

        if self.inner == 0:
            return ports
        inner, outer = laplacian[: self.inner, : self.inner], laplacian[: self.inner, self.inner :]
        right = injected[: self.inner] - outer @ ports
        return np.concatenate([splu(inner.tocsc()).solve(np.ascontiguousarray(right)), ports])


def solve(
    conductances: np.ndarray, wires: Wires, volts: np.ndarray, transposed: bool = False
) -> Solution:
    """All voltages and currents of ohmic cells that are driven from their lines.

    Args:
        conductances: Of p cells at each of m x n places, (p, m, n).
        wires: Resistances of the wires.
        volts: At the input lines, (p, n, B); for a VMM at the output lines before input 0, (m, B).
        transposed: Whether the output lines are driven, as in a VMM; the input lines are then
            grounded after output m-1.
    """
    p, m, n = conductances.shape
    # The terminals stay with their lines, at the end where the driver or the ground is.
    input_profile, output_profile = wires.input_profile(m), wires.output_profile(n)
    if transposed:
        input_profile, output_profile = input_profile[::-1], output_profile[::-1]
    network = _Network(
        _NodeChains.of(p * n, input_profile, from_start=not transposed),
        _NodeChains.of(m, output_profile, from_start=transposed),
    )
    sources = network.input_numbers().reshape(p, n, m).transpose(0, 2, 1)
    sinks = np.broadcast_to(network.output_numbers(), (p, m, n))
    batch = volts.shape[-1]
    ports = np.zeros((p * n + m, batch))
    if transposed:
        ports[p * n :] = volts
    else:
        ports[: p * n] = volts.reshape(p * n, batch)
    laplacian = network.laplacian(sources, sinks, conductances)
    potentials = network.potentials(laplacian, ports, np.zeros((network.inner, batch)))
    input_volts, output_volts = potentials[sources], potentials[sinks[0]]
    currents = conductances[..., None] * (input_volts - output_volts)
    if transposed:
        return Solution(-currents, input_volts, output_volts, -currents.sum(axis=1))
    return Solution(currents, input_volts, output_volts, currents.sum(axis=(0, 2)))


def solve_separate(
    conductances: np.ndarray,
    supply_profile: np.ndarray,
    output_profile: np.ndarray,
    volts: np.ndarray,
    least_input: float = 1e-9,
) -> Solution:
    """All voltages and currents of cells on supply lines, which inputs switch on and off.

    Each output line has p supply lines parallel to it, driven before input 0. A cell conducts only
    where its input is on, and then ``I = g (x + s - t)`` with s and t the drops along its supply
    line and its output line.

    Args:
        conductances: Of p cells at each of m x n places, (p, m, n).
        supply_profile: Resistances along a supply line, (n,), each before its input.
        output_profile: Resistances along an output line, (n,), each after its input; both with
            terminals and unused inputs.
        volts: Inputs x, (n, B) or (p, n, B).
        least_input: Magnitude above which an input is on.
    """
    p, m, n = conductances.shape
    network = _Network(
        _NodeChains.of(p * m, supply_profile, from_start=True),
        _NodeChains.of(m, output_profile, from_start=False),
    )
    sources = network.input_numbers().reshape(p, m, n)
    sinks = np.broadcast_to(network.output_numbers(), (p, m, n))
    volts = np.broadcast_to(volts, (p, n, volts.shape[-1]))
    solved = []
    for x in np.moveaxis(volts, -1, 0)[:, :, None, :]:
        gated = conductances * (np.abs(x) > least_input)
        driven = (gated * x).ravel()
        injected = np.bincount(sinks.ravel(), driven, network.size)
        injected -= np.bincount(sources.ravel(), driven, network.size)
        laplacian = network.laplacian(sources, sinks, gated)
        ports = np.zeros((p * m + m, 1))
        potentials = network.potentials(laplacian, ports, injected[:, None])[:, 0]
        supply, output = potentials[sources], potentials[sinks[0]]
        currents = gated * (x + supply - output)
        solved.append((currents, supply, output, currents.sum(axis=(0, 2))))
    return Solution(*(np.stack(part, axis=-1) for part in zip(*solved, strict=True)))
