"""What the tests of the solvers for wire resistance share: arrays, and dense networks of them."""

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from simulator.circuits.wires import Wires

# Faint wires cost nodal analysis its digits; they are held against the dense system.
RESISTANCES = st.one_of(st.just(0.0), st.floats(-5.0, 0.0).map(lambda x: 10.0**x))
WIRES = st.builds(Wires, RESISTANCES, RESISTANCES, RESISTANCES, RESISTANCES)


@dataclass(frozen=True)
class Array:
    """Cells (p, m, n) with wires, and what drives them: inputs (p, n, B) or outputs (m, B)."""

    cells: np.ndarray
    wires: Wires
    inputs: np.ndarray
    outputs: np.ndarray

    def volts(self, transposed):
        """Open-circuit voltages of the cells, as the iterative solvers take them."""
        return self.outputs[None, :, None, :] if transposed else self.inputs[:, None]

    def driven(self, transposed):
        """What drives the array, as the oracle takes it."""
        return self.outputs if transposed else self.inputs


@st.composite
def arrays(draw, largest=24, wires=WIRES):
    """Arrays with some cells that do not conduct, seeded: their values are generic."""
    p = draw(st.sampled_from([1, 2]))
    m, n = draw(st.integers(1, largest)), draw(st.integers(1, largest))
    off = draw(st.sampled_from([0.0, 0.2, 1.0]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    cells = rng.uniform(0.01, 1.0, (p, m, n)) * (rng.random((p, m, n)) >= off)
    return Array(cells, draw(wires), rng.normal(size=(p, n, 3)), rng.normal(size=(m, 3)))


def drop_matrix(p, m, n, wires, transposed):
    """P as a dense matrix over the cells in order (k, o, j), entry by entry from its definition.

    Two cells on one line share the resistance between them and the driver or the ground.
    """
    o, j = np.arange(m), np.arange(n)
    if transposed:
        inputs = m - np.maximum(o[:, None], o)
        outputs = np.minimum(j[:, None], j) + 1
    else:
        inputs = np.minimum(o[:, None], o) + 1
        outputs = n - np.maximum(j[:, None], j)
    inputs = wires.input_segment * inputs + wires.input_terminal
    outputs = wires.output_segment * outputs + wires.output_terminal
    same_input = np.einsum("kl,oq,ji->kojlqi", np.eye(p), inputs, np.eye(n))
    same_output = np.einsum("kl,oq,ji->kojlqi", np.ones((p, p)), np.eye(m), outputs)
    return (same_input + same_output).reshape(p * m * n, p * m * n)


def dense_currents(array, transposed):
    """Cell currents (p, m, n, B) from one dense system of all cells."""
    p, m, n = array.cells.shape
    drops = drop_matrix(p, m, n, array.wires, transposed)
    g = array.cells.reshape(-1)
    volts = np.broadcast_to(array.volts(transposed), (p, m, n, 3)).reshape(p * m * n, 3)
    v = np.linalg.solve(np.eye(p * m * n) + drops * g, volts)
    return (g[:, None] * v).reshape(p, m, n, 3)


def sensed(currents, transposed):
    """Output currents of cell currents (p, m, n, B): (m, B) of an MVM, (p, n, B) of a VMM."""
    return currents.sum(axis=1) if transposed else currents.sum(axis=(0, 2))


def assert_close(got, wanted, scale, tolerance):
    """Equal to ``tolerance`` of the largest value in ``scale``."""
    np.testing.assert_allclose(got, wanted, rtol=0, atol=tolerance * np.abs(scale).max())
