"""Wired arrays from Kirchhoff's laws alone: every node an unknown, Newton's method on all of them.

Dense and slow, for small arrays. `WiredCore` puts it into the plain model of the data path, so that
whole cores, converters included, have something independent to be held against.
"""

from dataclasses import dataclass

import numpy as np
from plain_model import PlainCore

from simulator.devices import Device

EVEN = 0.3


@dataclass(frozen=True)
class EvenDevice(Device):
    """Cells that rectify: I = G (V + 0.3 V^2), V in volts."""

    def current(self, siemens, volts, cell):
        return siemens * volts * (1.0 + EVEN * volts)

    def slope(self, siemens, volts, cell):
        return siemens * (1.0 + 2.0 * EVEN * volts)


# Current in amps and its derivative by the voltage, written down again.
LAWS = {
    None: lambda g, v: (g * v, g + 0 * v),
    "CubicDevice": lambda g, v: (g * (v - v**3 / 4), g * (1 - 0.75 * v**2)),
    "EvenDevice": lambda g, v: (g * (v + EVEN * v**2), g * (1 + 2 * EVEN * v)),
}


@dataclass(frozen=True)
class Ohms:
    """Resistances of the wires, all above zero between nodes; terminals may be zero."""

    row: float
    col: float
    row_terminal: float = 0.0
    col_terminal: float = 0.0

    @classmethod
    def of(cls, params):
        wires = params.xbar.array.parasitics
        if not wires.enable:
            return cls(0.0, 0.0)
        return cls(wires.Rp_row, wires.Rp_col, wires.Rp_row_terminal, wires.Rp_col_terminal)


def segments(shape, ohms, transposed, separate):
    """(node, other node or -1 - port, ohms) of every piece of wire; drivers are ports 0, 1, ...

    Nodes: (k, o, j) on input or supply lines, then (o, j) on output lines. The last port is ground.
    """
    p, m, n = shape
    upper = np.arange(p * m * n).reshape(shape)
    lower = p * m * n + np.arange(m * n).reshape(m, n)
    ground = -1 - (m if transposed else p * n)
    pieces = []

    def line(nodes, ohm, terminal, port):
        """A chain of nodes from a port on."""
        pieces.append((nodes[0], port, ohm + terminal))
        pieces.extend((b, a, ohm) for a, b in zip(nodes, nodes[1:]))

    for k in range(p):
        if separate:  # supply lines beside the output lines, at zero volts
            for o in range(m):
                line(upper[k, o], ohms.row, ohms.row_terminal, ground)
            continue
        for j in range(n):
            if transposed:
                line(upper[k, ::-1, j], ohms.row, ohms.row_terminal, ground)
            else:
                line(upper[k, :, j], ohms.row, ohms.row_terminal, -1 - (k * n + j))
    for o in range(m):
        if transposed:
            line(lower[o], ohms.col, ohms.col_terminal, -1 - o)
        else:
            line(lower[o, ::-1], ohms.col, ohms.col_terminal, ground)
    return pieces


def cell_amps(g, ohms, volts, law, transposed=False, separate=False):
    """Amps through all cells (p, m, n) from the driven line on, for one vector.

    ``g`` (p, m, n) in siemens; ``volts`` (p, n) for an MVM, (m,) for a VMM.
    """
    p, m, n = g.shape
    drive = volts.reshape(1, m, 1) if transposed else volts.reshape(p, 1, n)
    drive = np.broadcast_to(drive, g.shape)
    if ohms.row == ohms.col == 0:
        return law(g, drive)[0]
    size = p * m * n + m * n
    matrix, right = np.zeros((size, size)), np.zeros(size)
    ports = np.zeros(size) if separate else np.append(volts.ravel(), 0.0)
    for node, other, ohm in segments(g.shape, ohms, transposed, separate):
        matrix[node, node] += 1 / ohm
        if other < 0:
            right[node] += ports[-1 - other] / ohm
            continue
        matrix[other, other] += 1 / ohm
        matrix[node, other] -= 1 / ohm
        matrix[other, node] -= 1 / ohm
    upper = np.arange(p * m * n)
    lower = p * m * n + np.tile(np.arange(m * n), p)
    source, sink = (lower, upper) if transposed else (upper, lower)
    inner = (drive * separate).ravel()
    cells = (g * (np.abs(drive) > 1e-9) if separate else g).ravel()
    v = np.zeros(size)
    for _ in range(60):
        amps, slope = law(cells, inner + v[source] - v[sink])
        unbalanced = matrix @ v - right
        np.add.at(unbalanced, source, amps)
        np.subtract.at(unbalanced, sink, amps)
        jacobian = matrix.copy()
        for one, other, sign in (
            (source, source, 1), (sink, sink, 1), (source, sink, -1), (sink, source, -1)
        ):  # fmt: skip
            np.add.at(jacobian, (one, other), sign * slope)
        step = np.linalg.solve(jacobian, unbalanced)
        v -= step
        # Errors of later steps are squares of this one, or rounding.
        if np.abs(step).max() <= 1e-12 * np.abs(drive).max():
            break
    else:
        raise AssertionError("Newton's method on all nodes did not converge")
    return law(cells, inner + v[source] - v[sink])[0].reshape(g.shape)


class WiredCore(PlainCore):
    """The plain model of a core whose arrays obey Kirchhoff's laws and a law of their cells."""

    def __init__(self, matrix, params):
        super().__init__(matrix, params)
        node = params.xbar.device.nonlinear_IV
        self.law = LAWS[node.model if node.enable else None]
        self.wires = Ohms.of(params)
        self.separate = self.wires.row > 0 and not params.xbar.array.parasitics.current_from_input
        self.transposed = False

    def product(self, x, transposed=False):
        self.transposed = transposed
        return super().product(x, transposed)

    def array(self, g, phases):
        if self.transposed:
            g = g.swapaxes(-1, -2)
            if self.unit:  # the line is there, its driver at zero
                g = np.concatenate([self.unit_cells(g.shape[-1]), g], axis=2)
                phases = np.concatenate([0 * phases[:, :1], phases], axis=1)
        balanced, limit = self.p.core.balanced, self.p.xbar.array.Icol_max
        shared = self.paired and balanced.interleaved_posneg
        amps = np.array([
            [np.stack([self.lines(cells, u, shared) for u in phase.T], -1) for cells in g]
            for phase in phases
        ])  # fmt: skip
        if shared and self.transposed:
            amps = amps[:, :, :1] - amps[:, :, 1:]
        if limit > 0:
            amps = np.clip(amps, -limit, limit)
        if self.paired and balanced.subtract_current_in_xbar and amps.shape[2] == 2:
            amps = amps[:, :, :1] - amps[:, :, 1:]
        return amps

    def lines(self, *args):
        """Line currents (sides, lines) of one slice, in units of one full cell at full input.

        With the two arguments of the plain model: its lines of voltages.
        """
        if len(args) == 2:
            return super().lines(*args)
        cells, u, shared = args
        device = self.p.xbar.device
        unit = device.Vread / device.Rmin
        groups = [cells] if shared else [side[None] for side in cells]
        out = []
        for group in groups:
            volts = u * device.Vread
            if not self.transposed:
                volts = np.stack([volts, -volts][: len(group)])
            given = group / device.Rmin, self.wires, volts, self.law
            amps = cell_amps(*given, self.transposed, self.separate)
            out.append(amps.sum(axis=1) if self.transposed else amps.sum(axis=(0, 2))[None])
        return np.concatenate(out) / unit

    def multiply_with_scale(self, x, transposed=False):
        """The product, and the same with every term positive: what a relative error is of."""
        tiles = self.product(x, transposed)
        codes = {key: self.convert(tile, transposed) for key, tile in tiles.items()}
        sizes = {key: np.abs(tile.amps) for key, tile in tiles.items()}
        got = self.result(x, transposed, codes)
        return got, np.abs(self.result(x, transposed, sizes, magnitude=True)).max()
